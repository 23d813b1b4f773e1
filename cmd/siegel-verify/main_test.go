package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/kit/text"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A report that cannot be written is no success; a refusal stays one.
func TestOutputLost(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	zip := verifier.Zip(i.Bundle(verifier.Sample{}))
	good := write(t, "b.zip", zip)
	zip[len(zip)/2] ^= 1
	bad := write(t, "bad.zip", zip)
	for name, want := range map[string]int{good: 2, bad: 1, "--help": 2, "--version": 2} {
		var said bytes.Buffer
		out := &sink{w: full{}}
		c := &cli{out: out, err: &said}
		if got := c.finish(c.run([]string{name}), out.err); got != want || !strings.Contains(said.String(), "cannot be written") {
			t.Errorf("%s: status %d, want %d: %s", name, got, want, said.String())
		}
	}
}

func TestBundle(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	other := verifier.NewInstance("archive.example.org", "forger", authority.Options{})
	zip := verifier.Zip(i.Bundle(verifier.Sample{}))
	good, key, roots := write(t, "b.zip", zip), write(t, "ledger.pub", []byte(i.Key.String()+"\n")), write(t, "roots.pem", stamp.Encode(i.TSA.Roots()))
	zip[len(zip)/2] ^= 1
	bad := write(t, "bad.zip", zip)
	otherKey := write(t, "other.pub", []byte(other.Key.String()))
	for _, tt := range []struct {
		args   []string
		lang   text.Lang
		status int
		want   string
	}{
		{[]string{good, "--ledger-key", key, "--tsa-roots", roots}, text.English, 0, "VERIFIED"},
		{[]string{"--ledger-key", key, good, "--tsa-roots", roots}, text.German, 0, "BESTÄTIGT"},
		{[]string{good}, text.English, 3, "NOT AUTHENTICATED"},
		{[]string{good}, text.English, 3, i.Key.Fingerprint()},
		{[]string{good}, text.English, 3, stamp.Fingerprint(i.TSA.Roots()[0])},
		{[]string{good}, text.English, 3, "ok       Siegel test timestamp authority, proves nothing stamped the checkpoint"},
		{[]string{good, "--ledger-key", key}, text.German, 3, "NICHT BEGLAUBIGT"},
		{[]string{good, "--ledger-key", otherKey, "--tsa-roots", roots}, text.English, 1, "REFUSED"},
		{[]string{bad, "--ledger-key", key, "--tsa-roots", roots}, text.German, 1, "ABGELEHNT"},
		{[]string{good, "--explain", "--ledger-key", key, "--tsa-roots", roots}, text.German, 0, "Bit für Bit"},
		{[]string{good, "--explain"}, text.English, 3, "Whether the archive has all messages"},
		{[]string{bad, "--explain"}, text.German, 1, "Das heißt nicht:"},
		{[]string{good, "--ledger-key", roots}, text.English, 2, ""},
		{[]string{good, "--tsa-roots", key}, text.English, 2, ""},
		{[]string{"absent.zip"}, text.English, 2, ""},
		{[]string{good, "--nonsense"}, text.English, 2, ""},
		{nil, text.German, 2, "siegel-verify prüft"},
		{[]string{"ledger"}, text.English, 2, "siegel-verify ledger DIR"},
		{[]string{"ledger", "--ledger-key", "absent.pub"}, text.German, 2, "siegel-verify ledger ORDNER"},
		{[]string{"ledger", "one", "two"}, text.English, 2, "siegel-verify ledger DIR"},
		{[]string{"--version"}, text.English, 0, "siegel-verify"},
		{[]string{"--help"}, text.English, 0, "public key of the ledger"},
		{[]string{"--help"}, text.German, 0, "Schlüssel des Journals"},
		{[]string{good, "--ledger-key", key, "--tsa-roots", roots}, text.German, 0, "im Journal der Instanz"},
	} {
		var out bytes.Buffer
		c := &cli{out: &out, err: &out, lang: tt.lang}
		if got := c.run(tt.args); got != tt.status || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q: status %d, want %d with %q:\n%s", tt.args, got, tt.status, tt.want, out.String())
		}
	}
	var out bytes.Buffer
	c := &cli{out: &out, err: &bytes.Buffer{}}
	if got := c.run([]string{"--json", good}); got != 3 {
		t.Errorf("status %d", got)
	}
	var r bundle.Report
	if err := json.Unmarshal(bytes.ReplaceAll(out.Bytes(), []byte(`"verdict": "consistent"`), []byte(`"verdict": 1`)), &r); err != nil || r.Facts.Size != int64(len(verifier.Message())) {
		t.Errorf("report %+v, %v", r.Facts, err)
	}
}

func TestLedger(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	log := &verifier.Log{Origin: "archive.example.org/000102030405060708090a0b0c0d0e0f/1"}
	dir := t.TempDir()
	put := func(name string, b []byte) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var leaves, texts []byte
	var edge checkpoint.Edge
	for n := range int64(3) {
		text, err := entry.Entry{Kind: "audit", ID: [16]byte{byte(n)}, Time: verifier.Begin()}.Text()
		if err != nil {
			t.Fatal(err)
		}
		e := layout.Entry{Index: n, Text: text, Sealed: entry.Nothing(), Leaf: entry.LeafData(text, entry.Nothing())}
		log.Add(text, e.Sealed)
		edge.Add(n+1, entry.RecordHash(e.Leaf))
		leaves, texts = layout.AppendLeaf(leaves, e), layout.AppendText(texts, e)
	}
	put("audit/checkpoint", i.Sign(log, 3))
	put("audit/checkpoints/2", i.Sign(log, 2))
	put("audit/tile/0/000.p/3", edge.Partial(3)[0].Data)
	put("audit/tile/entries/000.p/3", leaves)
	put("audit/tile/texts/000.p/3", texts)
	put("ledger.vkey", []byte(i.Key.String()+"\n"))
	key := write(t, "ledger.pub", []byte(i.Key.String()+"\n"))
	lang := text.English
	run := func(status int, want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		c := &cli{out: &out, err: &out, lang: lang}
		if got := c.run(append([]string{"ledger", dir}, args...)); got != status || !strings.Contains(out.String(), want) {
			t.Errorf("status %d, want %d with %q:\n%s", got, status, want, out.String())
		}
	}
	run(0, "3 entries, 2 signed checkpoints", "--ledger-key", key)
	run(0, `"audit": 3`, "--ledger-key", key, "--json")
	run(0, "warning  message: this log is not in the folder", "--ledger-key", key)
	run(0, "that you gave: audit\n", "--ledger-key", key)
	run(3, i.Key.Fingerprint())
	run(3, "NOT AUTHENTICATED: audit.")
	put("audit/more", nil)
	run(1, "more does not belong", "--ledger-key", key)
	if err := os.Remove(filepath.Join(dir, "audit", "more")); err != nil {
		t.Fatal(err)
	}
	texts[20] ^= 1
	put("audit/tile/texts/000.p/3", texts)
	run(1, "entry 0 is not", "--ledger-key", key)
	run(1, `"error_de": "Eintrag 0 ist nicht`, "--ledger-key", key, "--json")
	lang = text.German
	run(1, "Eintrag 0 ist nicht der eingetragene", "--ledger-key", key)
	run(1, "ABGELEHNT", "--ledger-key", key)
	run(2, "es gibt keine Datei und keinen Ordner absent\n", "--ledger-key", "absent")
	run(2, "ist kein öffentlicher Schlüssel eines Journals", "--ledger-key", write(t, "x", []byte("x")))
	run(2, "es gibt keine Option --nonsense; siegel-verify --help sagt, was es annimmt", "--nonsense")
	run(2, "die Option --ledger-key braucht einen Wert", "--ledger-key")
	if err := os.Remove(filepath.Join(dir, "audit", "checkpoint")); err != nil {
		t.Fatal(err)
	}
	run(1, "die Datei fehlt\n", "--ledger-key", key)
	lang = text.English
	run(2, "there is no file or folder absent\n", "--ledger-key", "absent")
	run(2, "there is no option --nonsense; siegel-verify --help", "--nonsense")
}

// packedAgain is a bundle as a program for ZIP files writes it.
func packedAgain(t *testing.T, b []byte, keep func(name string) bool) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		if !keep(f.Name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(to, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// many is a ZIP of so many files that reading its directory would cost memory.
func many(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := range 30_000 {
		if _, err := w.Create(fmt.Sprintf("%d/manifest.txt", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// odd is a ZIP with a damaged file whose name has what a format would replace.
func odd(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	to, err := w.CreateHeader(&zip.FileHeader{Name: "%d%s/manifest.txt", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(to, "content"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(out.Bytes(), []byte("content"), []byte("damaged"), 1)
}

// What is no bundle is told apart, so that who has it knows what to do.
func TestWhatItIs(t *testing.T) {
	i := verifier.NewInstance("archive.example.org", "ledger", authority.Options{})
	good := verifier.Zip(i.Bundle(verifier.Sample{}))
	flipped := bytes.Clone(good)
	flipped[bytes.Index(good, []byte("Hello, this is"))] ^= 1
	damaged := bytes.Clone(good)
	damaged[bytes.Index(good, []byte("siegel/v1 message"))] ^= 1
	all := func(string) bool { return true }
	pem, err := i.Key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		octets []byte
		en, de string
	}{
		{"text", []byte("root:x:0:0:root:/root:/bin/bash\n"), "FAILED   This is no ZIP file, and so no proof bundle\n\nNO PROOF BUNDLE: nothing was checked. A proof bundle is one ZIP file", "keine ZIP-Datei"},
		{"mail", []byte("From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n"), "the message alone, or one file out of a bundle, shows nothing", "das Schreiben allein oder eine einzelne Datei"},
		{"json", []byte("{\"verdict\": \"verified\"}\n"), "NO PROOF BUNDLE: nothing was checked", "KEIN BEWEISPAKET: es wurde nichts geprüft"},
		{"nothing", nil, "FAILED   This file is empty", "Diese Datei ist leer, also kein Beweispaket"},
		{"half", good[:len(good)/2], "cut or damaged on the way; fetch it again\n\nREFUSED", "gekürzt oder beschädigt; holen Sie sie noch einmal\n\nABGELEHNT"},
		{"cut", good[:len(good)-9], "cut or damaged", "gekürzt oder beschädigt"},
		{"again", packedAgain(t, good, all), "take the original", "nehmen Sie das Original"},
		{"other", packedAgain(t, good, func(n string) bool { return n == "entry.txt" }), "manifest.txt is not in it\n\nNO PROOF BUNDLE", "manifest.txt fehlt darin\n\nKEIN BEWEISPAKET"},
		{"damaged", damaged, "entry.txt", "unterwegs beschädigt"},
		{"many", many(t), "no proof bundle: it has more files", "aber kein Beweispaket: so viele"},
		{"percent", odd(t), `in "%d%s/manifest.txt"; fetch`, `in "%d%s/manifest.txt"; holen`},
		{"message", flipped, "The message is not the one", "Die Nachricht ist nicht die"},
	} {
		path := write(t, tt.name+".zip", tt.octets)
		for lang, want := range map[text.Lang]string{text.English: tt.en, text.German: tt.de} {
			var out bytes.Buffer
			c := &cli{out: &out, err: &out, lang: lang}
			if got := c.run([]string{path}); got != 1 || !strings.Contains(out.String(), want) {
				t.Errorf("%s: status %d, want 1 with %q:\n%s", tt.name, got, want, out.String())
			}
			if words := out.String(); strings.Contains(words, "one spelling") {
				t.Errorf("%s: our own errors are no sentences for people:\n%s", tt.name, words)
			}
		}
	}
	// The same in plain sentences says it once, and has no steps.
	for _, tt := range []struct {
		lang text.Lang
		want string
	}{
		{text.English, "No proof bundle\n  This is no ZIP file, and so no proof bundle.\n  A proof bundle is one ZIP file"},
		{text.German, "Kein Beweispaket\n  Das ist keine ZIP-Datei, also kein Beweispaket.\n  Ein Beweispaket ist eine einzige"},
	} {
		var out bytes.Buffer
		c := &cli{out: &out, err: &out, lang: tt.lang}
		if got := c.run([]string{write(t, "a.eml", []byte("From: a@b.example\n\nx\n")), "--explain"}); got != 1 || !strings.HasPrefix(out.String(), tt.want) || strings.Contains(out.String(), "FAILED") || strings.Contains(out.String(), "FALSCH") {
			t.Errorf("status %d: %s", got, out.String())
		}
	}
	// A folder is no bundle, and a bundle is no folder.
	dir, path := t.TempDir(), write(t, "b.zip", good)
	for _, tt := range []struct {
		lang text.Lang
		args []string
		want string
	}{
		{text.English, []string{dir}, dir + " is a folder; give the ZIP file"},
		{text.German, []string{dir, "--json"}, dir + " ist ein Ordner; geben Sie die ZIP-Datei"},
		{text.English, []string{"ledger", path}, path + " is no folder; the folder of an exported ledger is wanted"},
		{text.German, []string{"ledger", path}, path + " ist kein Ordner"},
	} {
		var out, said bytes.Buffer
		c := &cli{out: &out, err: &said, lang: tt.lang}
		if got := c.run(tt.args); got != 2 || !strings.HasPrefix(said.String(), "siegel-verify: "+tt.want) || out.Len() > 0 {
			t.Errorf("%v: status %d: %s%s", tt.args, got, out.String(), said.String())
		}
	}
	var out bytes.Buffer
	c := &cli{out: &out, err: &out, lang: text.English}
	if got := c.run([]string{write(t, "b.zip", good), "--ledger-key", write(t, "ledger.pem", pem)}); got != 2 || !strings.Contains(out.String(), "give ledger.pub") {
		t.Errorf("status %d: %s", got, out.String())
	}
}

// The verifier has no connections and no C, and what it imports is short enough
// to be read.
func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for dep := range strings.Lines(string(b)) {
		dep = strings.TrimSpace(dep)
		switch {
		case dep == "net/http", dep == "os/exec", dep == "database/sql", dep == "runtime/cgo":
			t.Errorf("it depends on %s", dep)
		case strings.HasPrefix(dep, "siegel/"):
			ours++
		case strings.HasPrefix(dep, "vendor/"), strings.HasPrefix(dep, "golang.org/x/mod/sumdb"), strings.HasPrefix(dep, "golang.org/x/crypto/cryptobyte"):
		case strings.Contains(strings.Split(dep, "/")[0], "."):
			t.Errorf("it depends on %s", dep)
		}
	}
	if ours > 12 {
		t.Errorf("it depends on %d of our packages", ours)
	}
}

func TestBuildsWithoutC(t *testing.T) {
	for _, env := range [][]string{{"CGO_ENABLED=0"}, {"CGO_ENABLED=0", "GOOS=js", "GOARCH=wasm"}} {
		cmd := exec.Command("go", "vet", ".")
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", env, err, out)
		}
	}
}
