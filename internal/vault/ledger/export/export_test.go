package export_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/export"
	"siegel/internal/vault/ledger/ledgertest/stage"
)

// files returns what lies below a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is signed is written and verifies as a whole; what follows the newest
// checkpoint is left out, and so is a log without any, by name.
func TestWrite(t *testing.T) {
	s := stage.New(t)
	dir := filepath.Join(t.TempDir(), "out")
	unsigned, err := export.Write(t.Context(), s.Ledger, s.Tenant, s.Signer.Key(), dir)
	s.OK(err)
	if !slices.Equal(unsigned, []string{ledger.Message, ledger.Audit}) || len(files(t, dir)) != 1 {
		t.Errorf("of empty logs: %v, %v", unsigned, files(t, dir))
	}
	s.Add(300) // more than a tile
	s.Sign()
	s.Add(7)
	unsigned, err = export.Write(t.Context(), s.Ledger, s.Tenant, s.Signer.Key(), dir)
	s.OK(err)
	if !slices.Equal(unsigned, []string{ledger.Audit}) {
		t.Errorf("left out: %v", unsigned)
	}
	if got := files(t, dir)[layout.FileKey]; got != s.Signer.Key().String()+"\n" {
		t.Errorf("key %q", got)
	}
	found, err := layout.Verify(os.DirFS(filepath.Join(dir, ledger.Message)), s.Signer.Key())
	if err != nil || found.Checkpoint.Size != 300 || found.Checkpoints != 1 || found.Kinds["message"] != 300 {
		t.Errorf("%+v, %v", found, err)
	}
	// The instance's log is written the same way.
	own := filepath.Join(t.TempDir(), "own")
	if unsigned, err = export.Write(t.Context(), s.Ledger, s.DB.Instance(), s.Signer.Key(), own); err != nil || len(unsigned) != 0 {
		t.Fatal(unsigned, err)
	}
	if _, err := layout.Verify(os.DirFS(filepath.Join(own, ledger.Instance)), s.Signer.Key()); err != nil {
		t.Error(err)
	}
}

// An export over an earlier one, of a longer log too, is the same as one into an
// empty folder.
func TestWriteOverAnother(t *testing.T) {
	long, short := stage.New(t), stage.New(t)
	long.Add(600)
	long.Sign()
	short.Add(3)
	short.Sign()
	dir, fresh := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "fresh")
	for _, one := range []struct {
		s   *stage.Stage
		dir string
	}{{long, dir}, {short, dir}, {short, fresh}} {
		if _, err := export.Write(t.Context(), one.s.Ledger, one.s.Tenant, one.s.Signer.Key(), one.dir); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := files(t, dir), files(t, fresh); !maps.Equal(a, b) || len(a) < 5 {
		t.Errorf("%v\n%v", slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
	}
}

// What is of no export is never taken away, and nothing else is where there is
// such a thing.
func TestForeignFiles(t *testing.T) {
	s := stage.New(t)
	s.Add(3)
	s.Sign()
	for _, name := range []string{
		"letter.txt", "other/checkpoint", "message/notes.txt", "message/checkpoints/3.bak", "message/checkpoints/x", "message/tile/0/0000",
		"message/tile/entries/000.p/3.txt", "message/tile/more/000", "messages/checkpoint", "audit/tile/a/../../keep",
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if _, err := export.Write(t.Context(), s.Ledger, s.Tenant, s.Signer.Key(), dir); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.FromSlash(name)), "mine")
		before := files(t, dir)
		_, err := export.Write(t.Context(), s.Ledger, s.Tenant, s.Signer.Key(), dir)
		if fault.Of(err) != fault.Conflict || !maps.Equal(before, files(t, dir)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A link that has the name of a log leads elsewhere.
	dir, elsewhere := filepath.Join(t.TempDir(), "out"), t.TempDir()
	write(t, filepath.Join(elsewhere, "checkpoint"), "mine")
	write(t, filepath.Join(dir, layout.FileKey), "key")
	s.OK(os.Symlink(elsewhere, filepath.Join(dir, ledger.Message)))
	if _, err := export.Write(t.Context(), s.Ledger, s.Tenant, s.Signer.Key(), dir); fault.Of(err) != fault.Conflict {
		t.Error(err)
	}
	if got := files(t, elsewhere); got["checkpoint"] != "mine" || len(got) != 1 {
		t.Errorf("behind the link: %v", got)
	}
}

// Entries that are not what was signed are no export.
func TestDamaged(t *testing.T) {
	s := stage.New(t)
	s.Add(3)
	s.Sign()
	other := stage.New(t)
	if _, err := export.Write(t.Context(), s.Ledger, s.Tenant, other.Signer.Key(), filepath.Join(t.TempDir(), "a")); fault.Of(err) != fault.Damaged {
		t.Errorf("signed with another key: %v", err)
	}
	_, err := export.Write(t.Context(), s.Ledger, s.Tenant, s.Signer.Key(), filepath.Join(t.TempDir(), "above", strings.Repeat("x", 300)))
	if err == nil {
		t.Error("a name that no disk takes is written")
	}
}
