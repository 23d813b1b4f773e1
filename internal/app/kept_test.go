package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

// scaled makes a data directory of an instance that works with PostgreSQL and S3.
func scaled(t *testing.T, name string) string {
	t.Helper()
	dbtest.Postgres(t) // or the test is skipped
	blobtest.S3(t)
	dir := filepath.Join(t.TempDir(), "data")
	must(t, app.Init(app.InitOptions{Dir: dir, Name: name, Environment: config.Test, Now: time.Now}))
	must(t, stand.Scale(dir))
	return dir
}

// A database of another instance, and an empty one where there are sealed
// messages, are refused with what to do, and nothing is changed. Two servers do not
// have one database.
func TestDatabaseOfAnother(t *testing.T) {
	ours, theirs := scaled(t, "ours.example"), scaled(t, "theirs.example")
	for _, dir := range []string{ours, theirs} {
		a := opened(t, dir, nil)
		must(t, stand.Found(t.Context(), a))
		must(t, a.Close())
	}
	refused := func(what, file string, octets []byte, kind fault.Kind, want string) {
		t.Helper()
		was, err := os.ReadFile(filepath.Join(ours, file))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(ours, file), octets, 0o600))
		a, err := stand.Open(t.Context(), app.Options{Dir: ours})
		if fault.Of(err) != kind || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
		if err == nil {
			must(t, a.Close())
		}
		must(t, os.WriteFile(filepath.Join(ours, file), was, 0o600))
	}
	address, err := os.ReadFile(filepath.Join(theirs, "postgres.address"))
	must(t, err)
	refused("another's", "postgres.address", address, fault.Invalid, "belongs to the instance theirs.example")
	refused("no address", "postgres.address", []byte("foo bar"), fault.Invalid, "database.postgres: the address")
	a := opened(t, ours, nil)
	must(t, a.Store.Put(t.Context(), "a/packs/b", strings.NewReader("x"), 1))
	must(t, a.Close())
	refused("an empty one", "postgres.address", []byte(dbtest.Postgres(t).Address), fault.Damaged, "is empty, but there are sealed messages")

	first := opened(t, theirs, nil)
	second := filepath.Join(t.TempDir(), "data")
	must(t, os.CopyFS(second, os.DirFS(theirs)))
	for _, name := range []string{"master.key", "postgres.address", "s3.secret"} {
		must(t, os.Chmod(filepath.Join(second, name), 0o400))
	}
	if _, err := stand.Open(t.Context(), app.Options{Dir: second}); fault.Of(err) != fault.Busy {
		t.Errorf("a second server: %v", err)
	}
	must(t, first.Close())
	must(t, opened(t, second, nil).Close())
}
