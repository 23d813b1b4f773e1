package demo_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/app/demo"
	"siegel/internal/kit/text"
)

// verifier builds the separate program.
func verifier(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "siegel-verify")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "siegel/cmd/siegel-verify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

// folder writes messages of all four kinds, some of them hardly messages.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, octets := range map[string]string{
		"a.eml":          "From: a@b.example\r\nTo: reader@demo.example\r\nSubject: first words\r\n\r\nhello\r\n",
		"b.txt":          "From x@y Thu Aug  1 2002\nFrom: x@y.example\nSubject: mbox line\n\nbody\n.\n..dots\n",
		"c.msg":          "no header\x00at all\xff\xfe\r\n",
		"d.raw":          "Subject: bare\nline\rends\n\n.\r\n.\n",
		"empty.eml":      "",
		"deep/e.EML":     "Subject: =?utf-8?q?M=C3=BCller?=\r\n\r\nStraße\r\n",
		"deep/large.eml": "Subject: large\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 100_000),
		"other.json":     "{}",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(octets), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The main job from end to end; started again it delivers nothing twice.
func TestDemo(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	o := demo.Options{
		Dir: filepath.Join(t.TempDir(), "data"), Messages: folder(t), Once: true, JSON: true, Verifier: verifier(t), Out: out,
		Say: func(s string, a ...any) string { return text.New().Say(text.German, s, a...) },
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for range 2 {
		if err := demo.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(out)
	for range 2 {
		var s demo.Summary
		if err := d.Decode(&s); err != nil {
			t.Fatal(err)
		}
		if s.Archived != 7 || s.Entries != 7 || s.Refused != 0 || s.Searched != 7 || s.Verified != 7 || len(s.People) != 4 || s.LMTP == "" {
			t.Fatalf("%+v", s)
		}
		for _, p := range s.People {
			if _, err := os.Stat(p.PasswordFile); err != nil {
				t.Error(err)
			}
		}
	}
	if d.More() {
		t.Fatal("more than a line of JSON was printed")
	}
}

// A demo whose messages are not there says so and fails.
func TestDemoWithoutMessages(t *testing.T) {
	err := demo.Run(t.Context(), demo.Options{
		Dir: filepath.Join(t.TempDir(), "data"), Messages: t.TempDir(), Once: true, JSON: true, Out: os.Stderr,
		Say: func(s string, _ ...any) string { return s }, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		t.Fatal("it succeeded")
	}
}
