package kept_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/app/kept"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/blob"
)

// EX-01: where the database is gone and objects are there, no empty one is begun in its
// place: only the old one opens them.
func TestNoDatabaseBesideOldObjects(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, kept.DirObjects, "tenant", "packs", "00", "pack"), "sealed")
	d, _, err := kept.OpenDatabase(t.Context(), kept.Database{}, dir, secret.Random())
	if d != nil || fault.Of(err) != fault.Damaged || !strings.Contains(sentence(err), "delete nothing") {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := os.Stat(filepath.Join(dir, kept.FileControl)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("control.db was made: %v", err)
	}
	// Where nothing is kept yet, it begins.
	for _, objects := range []bool{false, true} {
		dir := t.TempDir()
		if objects {
			if err := os.Mkdir(filepath.Join(dir, kept.DirObjects), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		d, _, err := kept.OpenDatabase(t.Context(), kept.Database{}, dir, secret.Random())
		if err != nil {
			t.Fatalf("empty objects %v: %v", objects, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		// The database of another master key is none that could be gone on with.
		if _, _, err := kept.OpenDatabase(t.Context(), kept.Database{}, dir, secret.Random()); fault.Of(err) != fault.Damaged || !strings.Contains(sentence(err), "master.key is not the one") {
			t.Errorf("with another key: %v", err)
		}
	}
}

func TestHolds(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		want bool
	}{{"missing", false}, {"empty", false}, {"full", true}} {
		if c.name != "missing" {
			if err := os.Mkdir(filepath.Join(dir, c.name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if c.want {
			write(t, filepath.Join(dir, c.name, "x"), "")
		}
		if got, err := kept.Holds(filepath.Join(dir, c.name)); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	if _, err := kept.Holds(filepath.Join(dir, "full", "x")); err == nil {
		t.Error("what cannot be looked into counts as empty")
	}
}

// store lists names, and then fails with err.
type store struct {
	names []blob.Name
	err   error
}

func (s store) List(_ context.Context, _ string, f func(blob.Name, int64) error) error {
	for _, n := range s.names {
		if err := f(n, 1); err != nil {
			return err
		}
	}
	return s.err
}

// Delete implements [blob.Lister]; nobody here asks for it.
func (store) Delete(context.Context, blob.Name) error { panic("an object was deleted") }

// Sealed messages are packs of any tenant; a store that fails is not one without them.
func TestSealed(t *testing.T) {
	failed := errors.New("the store fails")
	for _, c := range []struct {
		name string
		store
		want bool
		err  error
	}{
		{"nothing", store{}, false, nil},
		{"checkpoints alone", store{names: []blob.Name{"fence", "00/checkpoints/message", "00/checkpoints/packs"}}, false, nil},
		{"a pack", store{names: []blob.Name{"00/checkpoints/message", "00/packs/aa/x"}}, true, nil},
		{"a pack, then a failure", store{names: []blob.Name{"00/packs/aa/x"}, err: failed}, true, nil},
		{"a failure", store{names: []blob.Name{"fence"}, err: failed}, false, failed},
	} {
		if got, err := kept.Sealed(t.Context(), c.store); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// Files that the configuration names: what is wrong with them is said without their
// names, which are of the operator, and is to be mended.
func TestNamedFiles(t *testing.T) {
	dir := t.TempDir()
	file, none := filepath.Join(dir, "secret"), filepath.Join(dir, "canary")
	write(t, file, " word \n")
	if got, err := kept.Secret(file); got != "word" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, missing := kept.Secret(none)
	_, _, database := kept.OpenDatabase(t.Context(), kept.Database{Postgres: none}, dir, secret.Key{})
	at := kept.S3{Endpoint: "s3.invalid", Bucket: "b", Secret: file, Roots: none}
	_, roots := kept.OpenStore(t.Context(), at, dir)
	at.Roots = file // no certificate
	_, empty := kept.OpenStore(t.Context(), at, dir)
	for what, err := range map[string]error{"secret": missing, "database": database, "roots": roots, "no certificate": empty} {
		if fault.Of(err) != fault.Invalid || strings.Contains(sentence(err), "canary") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func sentence(err error) string { s, _ := fault.Sentence(err); return s }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
