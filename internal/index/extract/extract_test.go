package extract_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/index/extract"
	"siegel/internal/proto/document"
	"siegel/test/paper"
)

// TestMain is the child too: see childMain.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childMain(os.Args[1:]))
	}
	if len(os.Args) == 4 && os.Args[1] == "below" {
		other, _ := strconv.Atoi(os.Args[3])
		fmt.Print(attempts(os.Args[2], other))
		return
	}
	os.Exit(m.Run())
}

// childMain is a child as the product has it, with a reader of PDF that does what the
// document says; args are "child" and the path of pdftotext, or of nothing.
func childMain(args []string) int {
	given, confined, ok := extract.Achieved(args)
	if !ok {
		_ = extract.Confine(args)
	}
	if extract.Settle() != nil {
		return 1
	}
	c := extract.Child{PDF: obey, Confined: confined}
	if len(given) > 1 {
		c.PDF = extract.Pdftotext(given[1])
	}
	if c.Serve(os.Stdin, os.Stdout) != nil {
		return 1
	}
	return 0
}

// obey does what a document asks for.
func obey(pdf []byte, _ int) (string, error) {
	word := func(s string) bool { return bytes.Contains(pdf, []byte(s)) }
	switch {
	case word("hang"):
		select {}
	case word("spin"):
		for i := 0; ; i++ {
			if i < 0 {
				return "", nil
			}
		}
	case word("eat"):
		var kept [][]byte
		for len(kept) < 1000 {
			b := make([]byte, 16<<20)
			for i := range b {
				b[i] = 1
			}
			kept = append(kept, b)
		}
		return strconv.Itoa(len(kept)), nil
	case word("panic"):
		panic("a bug")
	case word("exit"):
		os.Exit(0)
	case word("who"):
		return strconv.Itoa(os.Getpid()), nil
	case word("attempt"):
		return obeyAttempts(strings.Fields(string(pdf)))
	case word("look"): // where it may not, and what it must
		_, master := os.ReadFile(string(bytes.Fields(pdf)[2]))
		_, err := net.Dial("tcp", "127.0.0.1:1")
		written := os.WriteFile(filepath.Join(os.TempDir(), "siegel-extract-test"), []byte("x"), 0o600)
		return fmt.Sprintf("read %v, dialled %v, written %v, environment %d", master == nil, !errors.Is(err, syscall.EPERM), written == nil, len(os.Environ())), nil
	}
	return "words", nil
}

func reader(t *testing.T, limit time.Duration, args ...string) *extract.Reader {
	t.Helper()
	r := extract.New(extract.Config{Command: append([]string{os.Args[0], "child"}, args...), Time: limit})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func read(t *testing.T, r *extract.Reader, name string, octets []byte) document.Result {
	t.Helper()
	d, err := r.Document(t.Context(), name, "application/octet-stream", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for len(octets) > 0 {
		n := min(len(octets), 100_000)
		if m, err := d.Write(octets[:n]); m != n || err != nil {
			t.Fatal(m, err)
		}
		octets = octets[n:]
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return d.Result()
}

// One child reads one document after the other, whatever becomes of them.
func TestDocuments(t *testing.T) {
	r := reader(t, 0)
	for name, c := range map[string]struct {
		octets []byte
		want   document.Result
	}{
		"a.docx":  {paper.Docx("hello"), document.Result{Text: "hello"}},
		"b.rtf":   {paper.Rtf("Straße"), document.Result{Text: "Straße"}},
		"c.pdf":   {[]byte("%PDF-"), document.Result{Text: "words"}},
		"d.png":   {[]byte("\x89PNG"), document.Result{}},
		"e.zip":   {paper.Docx("x")[:50], document.Result{State: document.Damaged}},
		"f.txt":   {bytes.Repeat([]byte("w "), 1<<19), document.Result{Text: strings.Repeat("w ", 1<<19)}},
		"g.txt":   {bytes.Repeat([]byte("x"), 65<<20), document.Result{State: document.Large}},
		"h.empty": {nil, document.Result{}},
	} {
		if got := read(t, r, name, c.octets); got != c.want {
			t.Errorf("%s: state %q, cut %v, %.100q", name, got.State, got.Cut, got.Text)
		}
	}
}

// BX-07: a document that hangs its reader, runs for ever, takes all memory or ends it
// costs itself; the next one is read.
func TestHurt(t *testing.T) {
	for _, bad := range []string{"hang", "spin", "eat", "panic", "exit"} {
		t.Run(bad, func(t *testing.T) {
			limit := 2 * time.Second
			if bad == "eat" {
				limit = time.Minute // memory ends first
			}
			r := reader(t, limit)
			start := time.Now()
			if got := read(t, r, "bad.pdf", []byte("%PDF- "+bad)); got != (document.Result{State: document.Failed}) {
				t.Errorf("%+v", got)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			if got := read(t, r, "good.docx", paper.Docx("next")); got.Text != "next" {
				t.Errorf("the next one: %+v", got)
			}
		})
	}
}

// Who closes the session, or the server, ends the child in the middle of a document.
func TestCancel(t *testing.T) {
	r := reader(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	d, err := r.Document(ctx, "bad.pdf", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.Write([]byte("%PDF- hang"))
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	if err := d.Close(); err != nil || d.Result().State != document.Failed || time.Since(start) > 20*time.Second {
		t.Errorf("%v, %+v after %v", err, d.Result(), time.Since(start))
	}
	if _, err := r.Document(ctx, "a", "", 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A process that an attachment has taken over sees no other message: each has its own.
func TestOneMessage(t *testing.T) {
	r := reader(t, 0)
	part := "--b\r\nContent-Type: application/pdf\r\n\r\n%PDF- who\r\n"
	seen := make(map[string]bool)
	for range 2 {
		a, err := r.Message(t.Context(), func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part + part + "--b--\r\n")), nil
		})
		if err != nil || len(a.Texts) != 2 || a.Texts[0].Part != "1" || a.Texts[1].Part != "2" || a.Texts[0].Text != a.Texts[1].Text {
			t.Fatalf("%+v, %v", a, err)
		}
		seen[a.Texts[0].Text] = true
	}
	if len(seen) != 2 {
		t.Errorf("processes %v", seen)
	}
}

// Where no child can be started that is said, and nothing of any document.
func TestNone(t *testing.T) {
	for _, command := range [][]string{nil, {"/nonexistent"}, {"/bin/true"}, {"/bin/echo", "no frame at all, and longer than a frame's head"}} {
		r := extract.New(extract.Config{Command: command})
		if _, err := r.Document(t.Context(), "a", "", 1); !errors.Is(err, extract.ErrNone) {
			t.Errorf("%q: %v", command, err)
		}
	}
}

// CR-15: the child has no environment, no network, and where the kernel lets it, no files.
func TestConfined(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "x")
	r := reader(t, 0)
	able, err := r.Able(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", able)
	want := fmt.Sprintf("read %v, dialled %v, written false, environment 0", !able.Blind, !able.Offline)
	if got := read(t, r, "a.pdf", []byte("%PDF- look "+secret+" ")); got.Text != want {
		t.Errorf("%q, want %q", got.Text, want)
	}
}

// A process that hangs below the child ends with it.
func TestHelperHangs(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "pdftotext")
	mark := strconv.Itoa(100_000 + os.Getpid())
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsleep "+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := reader(t, 3*time.Second, script)
	if got := read(t, r, "a.pdf", paper.Pdf("x")); got.State != document.Failed {
		t.Errorf("%+v", got)
	}
	deadline := time.Now().Add(10 * time.Second)
	for runs(mark) {
		if time.Now().After(deadline) {
			t.Fatal("the helper runs on")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// runs reports whether a process of a command line runs.
func runs(word string) bool {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, l := range lines {
		if b, err := os.ReadFile(l); err == nil && bytes.Equal(b, []byte("sleep\x00"+word+"\x00")) {
			return true
		}
	}
	return false
}

// EX-04: PDF is read by pdftotext, from memory; one under a password says so.
func TestPDF(t *testing.T) {
	path, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Fatal("pdftotext is missing: scripts/deps.sh test")
	}
	r := reader(t, 0, path)
	able, err := r.Able(t.Context())
	if err != nil || !able.PDF {
		t.Fatal(able, err)
	}
	for name, c := range map[string]struct {
		octets []byte
		want   document.Result
	}{
		"words":    {paper.Pdf("Grüße aus Köln", "zweite Zeile"), document.Result{Text: "Grüße aus Köln\nzweite Zeile"}},
		"locked":   {paper.LockedPdf("x"), document.Result{State: document.Encrypted}},
		"broken":   {[]byte("%PDF-1.4\nnothing of it"), document.Result{State: document.Damaged}},
		"in a zip": {paper.Zip(paper.Member{Name: "a.pdf", Octets: paper.Pdf("inside")}), document.Result{Text: "a.pdf\n\ninside"}},
	} {
		got := read(t, r, "x.pdf", c.octets)
		got.Text = strings.TrimSpace(got.Text)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	d, err := r.Document(t.Context(), "x.pdf", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.Write(paper.Pdf(strings.Repeat("long ", 20)))
	if err := d.Close(); err != nil || !d.Result().Cut || len(d.Result().Text) != 10 {
		t.Errorf("%v, %+v", err, d.Result())
	}
	if able, err := reader(t, 0, "/nonexistent").Able(t.Context()); err != nil || able.PDF {
		t.Errorf("without pdftotext: %+v, %v", able, err)
	}
}
