package transfer_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// byHand runs what the document says about checking a part, in its folder.
func (h *house) byHand(part string) (said string, oks int) {
	h.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "import-export.md"))
	h.ok(err)
	_, script, ok := strings.Cut(string(doc), "```sh\n")
	script, _, end := strings.Cut(script, "```")
	if !ok || !end {
		h.Fatal("the document does not say how to check a part")
	}
	cmd := exec.CommandContext(h.Context(), "sh", "-c", script)
	cmd.Dir = part
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		h.Fatal(err)
	}
	var rest []string
	for line := range strings.Lines(string(out)) {
		if strings.HasSuffix(line, ": OK\n") {
			oks++
		} else {
			rest = append(rest, line)
		}
	}
	return strings.Join(rest, ""), oks
}

// What the document says about checking a part by hand is true: of messages that are
// files, of an mbox, of a manifest, and of each where an octet is another one.
func TestByHand(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	p.write("1.eml", p.has([]byte("Subject: one\n\nFrom the beginning\n>From the middle\n\xff\x00\n")))
	p.write("2.eml", p.has([]byte("Subject: two\r\n\r\nFrom: x\r\n\r\n\r\n")))
	p.write("3.eml", p.has([]byte("Subject: three\n\nno line end")))
	p.mbox("a.mbox", some(40)...)
	got, diag, _ := h.imports(p.dir)
	if got.Accepted != int64(len(p.distinct)) {
		t.Fatalf("%+v: %s", got, diag)
	}
	out := t.TempDir()
	for format, file := range map[string]string{"eml": "messages/*.eml", "mbox": "mail.mbox"} {
		to, secret := filepath.Join(out, format), filepath.Join(out, format+".secret")
		if _, diag, code := h.do("export", "--to", to, "--format", format, "--secret-file", secret, "--reason", "a test"); code != 0 {
			t.Fatalf("status %d: %s", code, diag)
		}
		part := filepath.Join(h.unpack(to, secret), "part-0001")
		said, oks := h.byHand(part)
		if format == "eml" && oks != len(p.distinct) || oks == 0 || said != "" {
			t.Errorf("%s: %d messages are files, and it said %q", format, oks, said)
		}
		list, err := filepath.Glob(filepath.Join(part, file))
		h.ok(err)
		for _, path := range []string{list[0], filepath.Join(part, "manifest.jsonl")} {
			whole, err := os.ReadFile(path)
			h.ok(err)
			changed := bytes.Replace(whole, []byte(`"arrived":"2`), []byte(`"arrived":"1`), 1)
			if bytes.Equal(changed, whole) {
				changed[len(changed)-3] ^= 1 // before the line end, and the empty line of an mbox
			}
			h.ok(os.WriteFile(path, changed, 0o600))
			if said, _ := h.byHand(part); said == "" {
				t.Errorf("%s was changed, and nothing says so", filepath.Base(path))
			}
			h.ok(os.WriteFile(path, whole, 0o600))
		}
	}
}
