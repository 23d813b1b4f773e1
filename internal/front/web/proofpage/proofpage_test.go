package proofpage_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"siegel/internal/front/web/proofpage"
)

func page(t *testing.T) *proofpage.Page {
	t.Helper()
	p, err := proofpage.New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get asks for a path; fields are names and values of the request's header.
func get(t *testing.T, method, path string, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	page(t).ServeHTTP(w, r)
	return w
}

// body is what an answer says, unpacked.
func body(t *testing.T, w *httptest.ResponseRecorder) []byte {
	t.Helper()
	b := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// BX-02: one page, packed for who takes that, asked for again only where it is another,
// and a file to save that is the same with the verifier inside.
func TestServe(t *testing.T) {
	plain, packed, file := get(t, "GET", "/proof"), get(t, "GET", "/proof", "Accept-Encoding", "br;q=1.0, gzip;q=0.8"), get(t, "GET", "/proof.html", "Accept-Encoding", "gzip")
	b := body(t, plain)
	if !bytes.HasPrefix(b, []byte("<!doctype html>")) || !bytes.Equal(b, body(t, packed)) {
		t.Error("the pages differ")
	}
	if packed.Body.Len() > 40<<10 {
		t.Errorf("a page of %d octets is none that is quickly there", packed.Body.Len())
	}
	verifier := get(t, "GET", "/"+proofpage.VerifierName)
	wasm, ok := bytes.CutPrefix(body(t, verifier), []byte("document.getElementById('wasm').content.append('"))
	wasm, ended := bytes.CutSuffix(wasm, []byte("');\n"))
	sum := sha256.Sum256(body(t, verifier))
	if !ok || !ended || !bytes.Equal(body(t, verifier), body(t, get(t, "GET", "/x/"+proofpage.VerifierName, "Accept-Encoding", "gzip"))) || !strings.HasPrefix(verifier.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("the verifier is %.80s, %v", body(t, verifier), verifier.Header())
	}
	// The two forms differ in the verifier, and in that the light one may take it, by its hash.
	light := strings.Replace(string(b), `<template id="wasm" data-src="verifier.js" data-sum="sha256-`+base64.StdEncoding.EncodeToString(sum[:])+`">`, `<template id="wasm">`+string(wasm), 1)
	if light = strings.Replace(light, "script-src 'self' ", "script-src ", 1); light != string(body(t, file)) {
		t.Error("the file to save is another page")
	}
	if packed.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" || packed.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v, %v", plain.Header(), packed.Header())
	}
	if got := file.Header().Get("Content-Disposition"); got != `attachment; filename="siegel-proof.html"` || plain.Header().Get("Content-Disposition") != "" {
		t.Error(got)
	}
	for _, refused := range []string{"gzip;q=0", "gzip;q=0.000", "br", "identity"} {
		if r := get(t, "GET", "/proof", "Accept-Encoding", refused); r.Header().Get("Content-Encoding") != "" {
			t.Errorf("%q gets gzip", refused)
		}
	}
	if packed.Header().Get("ETag") == plain.Header().Get("ETag") {
		t.Error("two forms have one tag")
	}
	for _, r := range []*httptest.ResponseRecorder{plain, packed} {
		again := get(t, "GET", "/proof", "If-None-Match", r.Header().Get("ETag"), "Accept-Encoding", r.Header().Get("Content-Encoding"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Error(again.Code)
		}
	}
	if r := get(t, "HEAD", "/proof"); r.Code != http.StatusOK || r.Body.Len() != 0 {
		t.Error(r.Code)
	}
	if r := get(t, "POST", "/proof"); r.Code != http.StatusMethodNotAllowed {
		t.Error(r.Code)
	}
}

// The policy of the answer is the one that stands in the file; it names the one script
// and the one style by their hashes, and allows no connection.
func TestPolicy(t *testing.T) {
	for path, own := range map[string]string{"/proof": "'self' ", "/proof.html": ""} { // may it take a script from its server?
		policyOf(t, path, own)
	}
}

func policyOf(t *testing.T, path, own string) {
	t.Helper()
	r := get(t, "GET", path)
	b := string(body(t, r))
	policy := r.Header().Get("Content-Security-Policy")
	meta := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(b)
	if meta == nil || policy != meta[1]+"; frame-ancestors 'none'" {
		t.Fatalf("%q in the header, %q in the file", policy, meta)
	}
	for _, want := range []string{"default-src 'none'", "connect-src 'none'", "form-action 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains("; "+policy+";", "; "+want+";") {
			t.Errorf("%q is not in %q", want, policy)
		}
	}
	for _, never := range []string{"unsafe-inline", "'unsafe-eval'", "http:", "https:", "*"} {
		if strings.Contains(policy, never) {
			t.Errorf("%q is in %q", never, policy)
		}
	}
	for kind, tag := range map[string]string{"script-src": "script", "style-src": "style"} {
		m := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(b, -1)
		if len(m) != 1 {
			t.Fatalf("%d elements of %s", len(m), tag)
		}
		sum := sha256.Sum256([]byte(m[0][1]))
		if want := kind + " " + map[string]string{"script": own}[tag] + "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("%q is not in %q", want, policy)
		}
	}
	if bad := regexp.MustCompile(`(?i)\son[a-z]+=|\sstyle=|(src|href)="(https?:)?//`).FindString(b[:strings.Index(b, "<script>")]); bad != "" {
		t.Errorf("the page has %q", bad)
	}
	if strings.Count(policy, "'self'") != len(own)/len("'self' ") {
		t.Errorf("%s: %q", path, policy)
	}
	// It may stand behind a door that has set its own.
	w := httptest.NewRecorder()
	w.Header().Set("Content-Security-Policy", "default-src 'self'")
	page(t).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	if got := w.Header()["Content-Security-Policy"]; len(got) != 1 || got[0] != policy {
		t.Errorf("%q", got)
	}
}

// ML-16: the page that is carried is the one that these sources give, octet for octet.
func TestPageIsOfTheseSources(t *testing.T) {
	top, err := filepath.Abs(filepath.Join("..", "..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(env []string, args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = top, append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), env...)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	wasm, out := filepath.Join(dir, "verify.wasm"), filepath.Join(dir, "page.html.gz")
	run([]string{"GOOS=js", "GOARCH=wasm"}, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", wasm, "./cmd/siegel-verify/wasm")
	run(nil, "run", "./internal/front/web/proofpage/gen", "-wasm", wasm, "-exec", filepath.Join(run(nil, "env", "GOROOT"), "lib", "wasm", "wasm_exec.js"), "-out", out)
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("page.html.gz")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the page is not of these sources: run scripts/proofpage.sh (make deps does)")
	}
}
