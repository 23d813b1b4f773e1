package home_test

import (
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/app/home"
	"siegel/internal/mail"
)

// A process that opens the file of another one is at the same home, by whatever name;
// who has a copy of the file is not.
func TestOf(t *testing.T) {
	dir := t.TempDir()
	of := func(name string) mail.ID {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		id, err := home.Of(f)
		if err != nil || id.IsZero() {
			t.Fatalf("%v, %v", id, err)
		}
		return id
	}
	first := of("a")
	if of("b") == first {
		t.Error("two files are one home")
	}
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	if of("c") != first {
		t.Error("a file is another home than before")
	}
	if of("a") == first {
		t.Error("a new file has the home of another one")
	}
}
