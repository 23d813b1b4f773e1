package authority_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
)

func now() time.Time { return time.Date(2026, 11, 22, 14, 38, 18, 999_000_000, time.UTC) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A stamp says the time cut to seconds, a second of accuracy, and what was
// asked: the imprint, the nonce, the certificates or none.
func TestPost(t *testing.T) {
	a := must(authority.New(authority.Options{Now: now}))
	v := stamp.Verifier{Roots: a.Roots()}
	r := stamp.NewRequest(sha256.Sum256([]byte("text")), nil)
	answer := must(a.Post(t.Context(), must(r.Bytes())))
	raw, token, err := v.Response(answer, r)
	if err != nil {
		t.Fatal(err)
	}
	if !token.Time.Equal(now().Truncate(time.Second)) || token.Accuracy != time.Second || token.Nonce.Cmp(r.Nonce) != 0 || len(token.Chain) != 2 {
		t.Errorf("%+v", token)
	}
	if !authority.Made(token.Chain[0]) || !authority.Made(token.Chain[1]) || authority.Made(&x509.Certificate{}) {
		t.Error("its certificates are not known as those of a test")
	}
	other := stamp.NewRequest(r.Imprint, nil)
	if _, _, err := v.Response(answer, other); !errors.Is(err, stamp.ErrNonce) {
		t.Errorf("another nonce: %v", err)
	}
	if _, err := v.Verify(raw, sha256.Sum256([]byte("other")), nil); !errors.Is(err, stamp.ErrImprint) {
		t.Errorf("another imprint: %v", err)
	}
	bare := must((&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: r.Imprint[:]}).Marshal())
	parsed := must(timestamp.ParseResponse(must(a.Post(t.Context(), bare))))
	if parsed.AddTSACertificate || parsed.Nonce != nil {
		t.Errorf("neither certificates nor a nonce were asked for: %+v", parsed)
	}
}

// What is no request is answered with a rejection, which no verifier takes for a
// stamp.
func TestRejection(t *testing.T) {
	a := must(authority.New(authority.Options{Now: now}))
	r := stamp.NewRequest(sha256.Sum256([]byte("text")), nil)
	good := must(r.Bytes())
	for name, b := range map[string][]byte{
		"nothing": nil, "garbage": []byte("garbage"), "cut": good[:len(good)-1], "an answer": must(a.Post(t.Context(), good)),
	} {
		answer, err := a.Post(t.Context(), b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, _, err := (stamp.Verifier{Roots: a.Roots()}).Response(answer, r); !errors.Is(err, stamp.ErrStatus) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 3161 section 3.4.
func TestHTTP(t *testing.T) {
	a := must(authority.New(authority.Options{Now: now}))
	r := stamp.NewRequest(sha256.Sum256([]byte("text")), nil)
	good := must(r.Bytes())
	const query = "application/timestamp-query"
	for name, tt := range map[string]struct {
		method, kind string
		body         []byte
		status       int
	}{
		"query":        {http.MethodPost, query, good, http.StatusOK},
		"garbage":      {http.MethodPost, query, []byte("x"), http.StatusOK}, // a rejection is an answer
		"get":          {http.MethodGet, query, good, http.StatusBadRequest},
		"another type": {http.MethodPost, "text/plain", good, http.StatusBadRequest},
		"too large":    {http.MethodPost, query, make([]byte, stamp.MaxToken+1), http.StatusBadRequest},
	} {
		q := httptest.NewRequest(tt.method, "/", bytes.NewReader(tt.body))
		q.Header.Set("Content-Type", tt.kind)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, q)
		if w.Code != tt.status {
			t.Errorf("%s: status %d", name, w.Code)
		}
		if w.Code == http.StatusOK && w.Header().Get("Content-Type") != "application/timestamp-reply" {
			t.Errorf("%s: type %q", name, w.Header().Get("Content-Type"))
		}
		_, _, err := stamp.Verifier{Roots: a.Roots()}.Response(must(io.ReadAll(w.Body)), r)
		if (err == nil) != (name == "query") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The files come in one order, the root last, and are never overwritten.
func TestCreateInOrder(t *testing.T) {
	order := []string{"tsa.key", "chain.pem", "root.pem"}
	for at, stop := range order {
		dir := t.TempDir()
		write(t, dir, map[string][]byte{stop: []byte("mine")})
		if err := authority.Create(dir, now()); err == nil {
			t.Errorf("%s was overwritten", stop)
		}
		for i, name := range order {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if i < at && err != nil || i == at && string(b) != "mine" || i > at && !os.IsNotExist(err) {
				t.Errorf("%s is in the way: %s is %d octets, %v", stop, name, len(b), err)
			}
		}
	}
}

// Open refuses what is not whole; an authority that was opened has no root's key
// to sign lists with.
func TestOpen(t *testing.T) {
	for name, harm := range map[string]map[string][]byte{
		"nothing":     nil,
		"no PEM":      {"tsa.key": []byte("x")},
		"no key":      {"tsa.key": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")},
		"no chain":    {"chain.pem": []byte("x")},
		"a short one": {"chain.pem": nil}, // becomes the root alone
	} {
		dir := filepath.Join(t.TempDir(), "tsa")
		if err := authority.Create(dir, now()); err != nil {
			t.Fatal(err)
		}
		for file, b := range harm {
			if b == nil {
				b = must(os.ReadFile(filepath.Join(dir, "root.pem")))
			}
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
			write(t, dir, map[string][]byte{file: b})
		}
		a, err := authority.Open(dir, now)
		if (err == nil) != (harm == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if _, err := a.Fetch(t.Context(), "https://lists.example/"); err == nil {
				t.Error("a list was signed with a key that is forgotten")
			}
		}
	}
	if _, err := authority.Open(t.TempDir(), now); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

// EV-03: with nothing but the files of Create, openssl takes the stamps of what
// Open made of them, and no other.
func TestOpenSSLAgrees(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("skipped: openssl is not installed")
	}
	dir := filepath.Join(t.TempDir(), "tsa")
	if err := authority.Create(dir, now()); err != nil {
		t.Fatal(err)
	}
	a := must(authority.Open(dir, now))
	stranger := must(authority.New(authority.Options{Now: now}))
	work := t.TempDir()
	openssl := func(args ...string) error {
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	write(t, work, map[string][]byte{"text": []byte("text"), "other": []byte("other"), "strange.pem": stamp.Encode(stranger.Roots())})
	if err := openssl("ts", "-query", "-data", "text", "-sha256", "-cert", "-out", "query"); err != nil {
		t.Fatal(err)
	}
	query := must(os.ReadFile(filepath.Join(work, "query")))
	answer := must(a.Post(t.Context(), query))
	flipped := bytes.Clone(answer)
	flipped[len(flipped)-1] ^= 1
	write(t, work, map[string][]byte{
		"answer": answer, "flipped": flipped, "rejected": must(a.Post(t.Context(), []byte("x"))),
		"strange": must(stranger.Post(t.Context(), query)),
	})
	root, chain, at := filepath.Join(dir, "root.pem"), filepath.Join(dir, "chain.pem"), fmt.Sprint(now().Unix())
	for name, tt := range map[string]struct {
		answer, roots string
		against       []string
		ok            bool
	}{
		"its query":        {"answer", root, []string{"-queryfile", "query"}, true},
		"its data":         {"answer", root, []string{"-data", "text"}, true},
		"other data":       {"answer", root, []string{"-data", "other"}, false},
		"other roots":      {"answer", "strange.pem", []string{"-data", "text"}, false},
		"other authority":  {"strange", root, []string{"-data", "text"}, false},
		"a flipped bit":    {"flipped", root, []string{"-data", "text"}, false},
		"a rejected query": {"rejected", root, []string{"-data", "text"}, false},
	} {
		args := append([]string{"ts", "-verify", "-in", tt.answer, "-CAfile", tt.roots, "-untrusted", chain, "-attime", at}, tt.against...)
		if err := openssl(args...); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A certificate that is not, and only, for timestamps is refused by us and by
// openssl (RFC 3161 section 2.3).
func TestRefusedCertificates(t *testing.T) {
	for name, o := range map[string]authority.Options{
		"for servers":  {Now: now, Usage: x509.ExtKeyUsageServerAuth},
		"not critical": {Now: now, NotCritical: true},
	} {
		a := must(authority.New(o))
		r := stamp.NewRequest(sha256.Sum256([]byte("text")), nil)
		answer := must(a.Post(t.Context(), must(r.Bytes())))
		if _, _, err := (stamp.Verifier{Roots: a.Roots()}).Response(answer, r); !errors.Is(err, stamp.ErrSigner) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := exec.LookPath("openssl"); err != nil {
			continue
		}
		dir := t.TempDir()
		write(t, dir, map[string][]byte{"text": []byte("text"), "answer": answer, "root.pem": stamp.Encode(a.Roots())})
		cmd := exec.CommandContext(t.Context(), "openssl", "ts", "-verify", "-in", "answer", "-data", "text", "-CAfile", "root.pem", "-attime", fmt.Sprint(now().Unix()))
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s: openssl takes it: %s", name, out)
		}
	}
}
