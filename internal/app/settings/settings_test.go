package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"siegel/internal/app/settings"
)

type fields struct {
	Door struct {
		Listen []string `yaml:"listen"`
		Most   int      `yaml:"most"`
	} `yaml:"door"`
	Open bool `yaml:"open"`
}

func load(t testing.TB, text string) (fields, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var f fields
	f.Door.Most = 7
	return f, settings.Load(path, &f)
}

// Every problem has its field, and what has none has been read.
func TestEveryProblem(t *testing.T) {
	f, err := load(t, "door: {lisen: 1, most: many, listen: [a]}\nopen: perhaps\nelse: 1\n")
	want := []string{"door.lisen: there is no such field (line 1)", "door.most: line 1", "open: line 2", "else: there is no such field (line 3)"}
	if err == nil || len(strings.Split(err.Error(), "\n")) != len(want) {
		t.Fatalf("problems %v", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in %v", w, err)
		}
	}
	if len(f.Door.Listen) != 1 || f.Door.Most != 7 {
		t.Errorf("read %+v", f)
	}
}

// A field that stands twice is named with both lines, and hides no other problem.
func TestTwice(t *testing.T) {
	_, err := load(t, "door:\n  most: 1\n  most: 2\nopen: perhaps\ndoor:\n  listen: [a]\n")
	want := []string{"door.most: line 3 has this field a second time, after line 2;", "open: line 4", "door: line 5 has this field a second time, after line 1;"}
	if err == nil || len(strings.Split(err.Error(), "\n")) != len(want) {
		t.Fatalf("problems %v", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in %v", w, err)
		}
	}
}

// What is no configuration is not quoted.
func TestNoConfiguration(t *testing.T) {
	for _, text := range []string{"secret\xff", "secret\x00", "a: secret\x1b[2J", strings.Repeat("# secret\n", 1<<17), "secret", "- secret", "door: [secret"} {
		if _, err := load(t, text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range []string{"", "door:\n  most: 1\n", "door: &a {most: x}\nelse: *a\n", "? [a]\n: b\n", "\"\\x1b\": 1\n", "<<: {a: 1}\n", "a: 1\n---\nb: 2\n", "open: true\nopen: true\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := load(t, text)
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			t.Errorf("%q", err)
		}
	})
}
