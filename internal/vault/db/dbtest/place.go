package dbtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/kit/secret"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/postgres"
	"siegel/internal/vault/db/sqlite"
)

// Variable names the environment variable that says which database tests of rooms
// get: sqlite, which is also meant by none, or postgres.
const Variable = "SIEGEL_TEST_DATABASE"

// Place is where one control database lies. It can be opened, closed and opened
// again.
type Place struct {
	// Path is that of the SQLite file, empty for PostgreSQL.
	Path string
	// Address is that of the PostgreSQL database, empty for SQLite.
	Address string

	key secret.Key
}

// New returns an empty place of the database that the tests are run with. It
// goes with the test.
func New(t testing.TB) *Place {
	t.Helper()
	switch driver := os.Getenv(Variable); driver {
	case "", "sqlite":
		return SQLite(t)
	case "postgres":
		return Postgres(t)
	default:
		t.Fatalf("%s is %q, must be sqlite or postgres", Variable, driver)
		return nil
	}
}

// In returns an empty place that lasts beyond a test: a file in the folder, or a
// database that goes with the process.
func In(dir string) (*Place, error) {
	if os.Getenv(Variable) != "postgres" {
		return &Place{Path: filepath.Join(dir, "control.db"), key: secret.Random()}, nil
	}
	return Shared()
}

// Shared returns an empty PostgreSQL database that goes with the process.
func Shared() (*Place, error) {
	s, err := server()
	if err != nil || s == nil {
		return nil, errors.Join(errors.New("dbtest: no PostgreSQL server"), err)
	}
	name, err := s.create("")
	return &Place{Address: s.address(name)}, err
}

// Copy returns a place with what is in this one, which must be closed. It goes
// with the test.
func (p *Place) Copy(t testing.TB) *Place {
	t.Helper()
	if p.Address == "" {
		c := SQLite(t)
		c.key = p.key.Copy()
		b, err := os.ReadFile(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return c
	}
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return &Place{Address: s.database(t, p.Address[len(s.address("")):])}
}

// SQLite returns an empty place for a file.
func SQLite(t testing.TB) *Place {
	t.Helper()
	return &Place{Path: filepath.Join(t.TempDir(), "control.db"), key: secret.Random()}
}

// Postgres returns an empty database of the process's PostgreSQL server. The test
// is skipped where the machine has none.
func Postgres(t testing.TB) *Place {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		t.Skip("this machine has no PostgreSQL server: make deps-test installs one")
	}
	return &Place{Address: s.database(t, "")}
}

// Open opens the database.
func (p *Place) Open(ctx context.Context) (*db.DB, error) {
	if p.Address != "" {
		return postgres.Open(ctx, p.Address)
	}
	return sqlite.Open(ctx, p.Path, p.key.Copy())
}

// Fresh returns an open, empty database, which goes with the test.
func Fresh(t testing.TB) *db.DB {
	t.Helper()
	d, err := New(t).Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
