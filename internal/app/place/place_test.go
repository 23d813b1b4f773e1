package place_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/app/place"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
)

// EX-19, EX-01: a directory is taken for what it is. What may hold an archive is never one
// that init may use, nor one that is told to be moved away.
func TestRefuse(t *testing.T) {
	const none fault.Kind = -1
	for _, c := range []struct {
		what         string
		files        []string // those that end with / are folders
		wanted, init fault.Kind
		say          string // what both sentences have
	}{
		{"missing", nil, fault.NotFound, none, ""},
		{"empty", []string{"/"}, fault.NotFound, none, ""},
		{"whole", []string{place.FileInstance}, fault.Conflict, fault.Conflict, "already"},
		{"whole, with others' files", []string{place.FileInstance, "photo.jpg"}, fault.Conflict, fault.Conflict, "already"},
		{"a database alone", []string{place.FileControl}, fault.Damaged, fault.Damaged, "delete nothing"},
		{"a database beside others' files", []string{place.FileControl, "photo.jpg"}, fault.Damaged, fault.Damaged, "delete nothing"},
		{"key and packs", []string{place.FileMaster, place.DirObjects + "/pack"}, fault.Damaged, fault.Damaged, "delete nothing"},
		{"key and packs beside others' files", []string{place.FileMaster, place.DirObjects + "/pack", "photo.jpg"}, fault.Damaged, fault.Damaged, "delete nothing"},
		{"packs alone", []string{place.DirObjects + "/pack"}, fault.Damaged, fault.Damaged, "delete nothing"},
		{"key and no packs", []string{place.FileMaster, place.DirObjects + "/"}, fault.Conflict, fault.Conflict, "interrupted"},
		{"begun", []string{place.FileMaster, place.FileLedgerKey, place.DirTemp + "/", durable.TempPrefix + "1"}, fault.Conflict, fault.Conflict, "interrupted"},
		{"others' files", []string{"photo.jpg"}, fault.NotFound, fault.Conflict, "files of something else"},
		{"a key among others' files", []string{place.FileMaster, "photo.jpg"}, fault.NotFound, fault.Conflict, "files of something else"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		for _, f := range c.files {
			path := filepath.Join(dir, f)
			if err := os.MkdirAll(filepath.Dir(path+"x"), 0o700); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(f, "/") {
				if err := os.MkdirAll(path, 0o700); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, wanted := range []bool{true, false} {
			want := c.init
			if wanted {
				want = c.wanted
			}
			err := place.Refuse(dir, wanted)
			if want == none && err == nil {
				continue
			}
			if s, _ := fault.Sentence(err); err == nil || fault.Of(err) != want || !strings.Contains(s, c.say) {
				t.Errorf("%s, wanted %v: %v, want kind %v", c.what, wanted, err, want)
			}
		}
		if got := place.Fresh(dir); got != (c.init == none) {
			t.Errorf("%s: fresh is %v", c.what, got)
		}
	}
}
