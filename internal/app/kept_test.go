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
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/node"
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
// messages, are refused with what to do, and nothing is changed. Two servers work on
// one database, and each knows of the other.
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
	refused("an empty one", "postgres.address", []byte(dbtest.Postgres(t).Address), fault.Damaged, "is empty or an old copy")
	must(t, a.Store.Delete(t.Context(), blob.Name(mail.TenantID{}.String()+"/fence"))) // of a store that a server alone used before
	refused("an empty one without a fence", "postgres.address", []byte(dbtest.Postgres(t).Address), fault.Damaged, "is empty, but there are sealed messages")

	first := opened(t, theirs, nil)
	second := filepath.Join(t.TempDir(), "data")
	must(t, os.CopyFS(second, os.DirFS(theirs)))
	for _, name := range []string{"master.key", "postgres.address", "s3.secret"} {
		must(t, os.Chmod(filepath.Join(second, name), 0o400))
	}
	must(t, os.Chmod(filepath.Join(second, "ledger.key"), 0o400))
	other := opened(t, second, nil)
	first.Node.Serve()
	other.Node.Serve()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		roll, err := first.Node.Roll(t.Context())
		must(t, err)
		if len(roll) == 2 && roll[0].Here != roll[1].Here && roll[0].State == node.Ready && roll[1].State == node.Ready {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the nodes do not know each other: %+v", roll)
		}
	}
	must(t, other.Close())
	roll, err := first.Node.Roll(t.Context())
	must(t, err)
	if len(roll) != 1 || !roll[0].Here {
		t.Errorf("after one left: %+v", roll)
	}
	must(t, first.Close())
	must(t, opened(t, second, nil).Close())
}
