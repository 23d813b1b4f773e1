package dir_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"siegel/cmd/siegel/transfer/dir"
)

func open(t *testing.T, path string) *dir.Dir {
	t.Helper()
	d, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// What was exchanged between finding and opening is not opened: neither by another file,
// nor by a link or a pipe, which nobody waits for.
func TestExchanged(t *testing.T) {
	for name, exchange := range map[string]func(path, other string) error{
		"file": func(path, _ string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"link": func(path, other string) error { return os.Symlink(other, path) },
		"pipe": func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
		"dir":  func(path, _ string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := open(t, path)
			other := filepath.Join(path, "other")
			for _, err := range []error{os.Mkdir(filepath.Join(path, "d"), 0o700), os.WriteFile(filepath.Join(path, "f"), nil, 0o600), os.Mkdir(other, 0o700)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, what := range []string{"d", "f"} {
				found, err := d.Lstat(what)
				if err != nil {
					t.Fatal(err)
				}
				// The old one stays, or its number would be given again.
				at := filepath.Join(path, what)
				if err := errors.Join(os.Rename(at, at+".old"), exchange(at, other)); err != nil {
					t.Fatal(err)
				}
				if f, err := d.Open(what, found); err == nil {
					t.Errorf("%s was opened as a file: %v", what, f.Close())
				}
				if sub, err := d.Enter(what, found); err == nil {
					t.Errorf("%s was opened as a folder: %v", what, sub.Close())
				}
				if f, err := dir.File(at, found); err == nil {
					t.Errorf("%s was opened by its path: %v", what, f.Close())
				}
			}
		})
	}
}

// Names come in order, however few are held at once.
func TestNames(t *testing.T) {
	path := t.TempDir()
	var want []string
	for i := range 3000 {
		name := fmt.Sprintf("%04d", i)
		want = append(want, name)
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, path)
	for _, most := range []int{100, 2999, 3000, 5000} {
		var got []string
		from, more := "0000", true
		for more {
			list, again, err := d.Names(from, from == "0000", most)
			if err != nil || len(list) > most {
				t.Fatal(len(list), err)
			}
			got, from, more = append(got, list...), list[len(list)-1], again
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d at once: %d names", most, len(got))
		}
	}
}
