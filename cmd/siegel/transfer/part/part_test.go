package part_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"siegel/cmd/siegel/transfer/part"
	"siegel/internal/proto/parcel"
)

// Parts appear when they are whole, never in the place of another, and what an
// interrupted run left goes.
func TestParts(t *testing.T) {
	for name, begin := range map[string]func(path string) (parcel.Tree, error){
		"folder": part.Folder,
		"zip":    func(path string) (parcel.Tree, error) { return part.Zip(path+".zip", "secret") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, parcel.Name(1))
			first, err := begin(path)
			if err != nil {
				t.Fatal(err)
			}
			w, err := first.Create("messages/x.eml")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if list, _ := filepath.Glob(path + "*"); len(list) != 0 {
				t.Errorf("%q before it is whole", list)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if list, _ := filepath.Glob(path + "*"); len(list) != 1 {
				t.Errorf("%q", list)
			}
			second, err := begin(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := second.Close(); !errors.Is(err, os.ErrExist) {
				t.Errorf("a part takes the place of another: %v", err)
			}
			if err := second.Abort(); err != nil {
				t.Error(err)
			}
			if _, err := begin(filepath.Join(dir, parcel.Name(2))); err != nil {
				t.Fatal(err)
			}
			if err := part.Sweep(dir, 2); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("%v, %v", entries, err)
			}
		})
	}
}

// A folder whose name looks like a pattern is swept itself, and no other is.
func TestSweepTakesNamesAsTheyAre(t *testing.T) {
	base := t.TempDir()
	names := []string{"part-0001", "part-0002.zip", ".tmp-part-0002.zip", "part-00020", "export.json"}
	for _, dir := range []string{"a [1]", "a 1"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(base, dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := part.Sweep(filepath.Join(base, "a [1]"), 2); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{"a [1]": {"export.json", "part-0001", "part-00020"}, "a 1": {".tmp-part-0002.zip", "export.json", "part-0001", "part-0002.zip", "part-00020"}} {
		entries, err := os.ReadDir(filepath.Join(base, dir))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", dir, got, want)
		}
	}
}
