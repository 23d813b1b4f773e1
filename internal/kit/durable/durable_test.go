package durable_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"siegel/internal/kit/durable"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone fails where a directory has anything but the names.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the directory has %q, want %q", got, names)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "", strings.Repeat("longer ", 10_000), "short"} {
		if err := durable.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != content {
			t.Fatalf("%d octets are there, want %d", len(got), len(content))
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	alone(t, dir, "file")
}

// A reader sees the old content or the new, never a part.
func TestWriteFileIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	contents := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 200_000)}
	if err := durable.WriteFile(path, []byte(contents[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := os.ReadFile(path)
			if err != nil || (string(b) != contents[0] && string(b) != contents[1]) {
				t.Errorf("a reader saw %d octets, error %v", len(b), err)
				return
			}
		}
	})
	for i := range 30 {
		if err := durable.WriteFile(path, []byte(contents[i%2]), 0o600); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wait.Wait()
}

// What exists is never overwritten, also when many try at once.
func TestCreateFileNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := durable.CreateFile(path, []byte("first"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := durable.CreateFile(path, []byte("second"), 0o600); !errors.Is(err, os.ErrExist) {
		t.Fatalf("a second file: %v", err)
	}
	if got := read(t, path); got != "first" {
		t.Fatalf("%q is there", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	race := filepath.Join(dir, "race")
	var wait sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wait.Go(func() {
			content := string(rune('a' + i))
			switch err := durable.CreateFile(race, []byte(content), 0o600); {
			case err == nil:
				won <- content
			case !errors.Is(err, os.ErrExist):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if len(won) != 1 || read(t, race) != <-won {
		t.Errorf("%d won, %q is there", len(won), read(t, race))
	}
	alone(t, dir, "file", "race")
	// A dangling link is a name that is taken, too.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	if err := durable.CreateFile(link, []byte("x"), 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a link: %v", err)
	}
}

// A failure leaves nothing, and the old file as it was.
func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	broken := errors.New("the source failed")
	err := durable.CreateFrom(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(bytes.Repeat([]byte("x"), 100_000))
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
	alone(t, dir)
	missing := filepath.Join(dir, "no", "file")
	if durable.WriteFile(missing, nil, 0o600) == nil || durable.CreateFile(missing, nil, 0o600) == nil ||
		durable.SyncDir(filepath.Dir(missing)) == nil || durable.Mkdir(missing, 0o700) == nil {
		t.Error("a directory that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if durable.WriteFile(filepath.Join(dir, "taken"), []byte("x"), 0o600) == nil {
		t.Error("a file took a directory's name")
	}
	alone(t, dir, "taken")
}

func TestMkdirTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	for range 2 {
		if err := durable.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if err := durable.SyncDir(dir); err != nil {
		t.Error(err)
	}
}
