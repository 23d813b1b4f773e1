package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/db/postgres"
)

func TestSuite(t *testing.T) { dbtest.Run(t, dbtest.Postgres) }

// CR-01: to another machine only where its certificate is checked, and no error
// shows an address.
func TestAddress(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://siegel:canary@db.example/siegel":                           "sslmode=verify-full",
		"postgres://siegel:canary@db.example/siegel?sslmode=disable":           "sslmode=verify-full",
		"postgres://siegel:canary@db.example/siegel?sslmode=prefer":            "sslmode=verify-full",
		"postgres://siegel:canary@db.example/siegel?sslmode=require":           "sslmode=verify-full",
		"host=192.0.2.1 user=siegel password=canary dbname=siegel":             "sslmode=verify-full",
		"postgres://siegel:canary@localhost,db.example/siegel?sslmode=disable": "sslmode=verify-full",
		"postgres://siegel:canary@db.example:port/siegel?sslmode=verify-full":  "cannot be read",
		"canary": "cannot be read",
		"postgres://siegel:canary@db.example/siegel?sslmode=verify-full&sslrootcert=/nope/canary": "cannot be read",
	} {
		_, err := postgres.Open(t.Context(), address)
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
		quiet(t, err)
	}
	// One that is right, of a machine that is not there.
	_, err := postgres.Open(t.Context(), "postgres://siegel:canary@127.0.0.1:1/canary?sslmode=verify-full")
	if fault.Of(err) != fault.Busy {
		t.Errorf("nobody listens: %v", err)
	}
	quiet(t, err)
}

// What is wrong at the start is said so that it can be mended.
func TestStart(t *testing.T) {
	address := dbtest.Postgres(t).Address
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(t.Context(), `DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN`); err != nil {
		t.Fatal(err)
	}
	for what, one := range map[string]struct{ address, want string }{
		"no database":       {strings.Replace(address, "dbname=", "dbname=canary", 1), "no database of the name"},
		"nobody":            {strings.Replace(address, "user=siegel", "user=canary", 1), "refuses the user"},
		"a guest":           {strings.Replace(address, "user=siegel", "user=guest", 1), "may not make tables"},
		"PostgreSQL's own":  {address[:strings.Index(address, "dbname=")] + "dbname=postgres", "PostgreSQL's own database"},
		"no socket is here": {"host=/nowhere user=siegel dbname=siegel", "cannot be reached"},
	} {
		_, err := postgres.Open(t.Context(), one.address)
		want := fault.Invalid
		if one.want == "cannot be reached" {
			want = fault.Busy
		}
		if err == nil || fault.Of(err) != want || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v, want %s", what, err, one.want)
			continue
		}
		quiet(t, err)
	}
	if err := postgres.CheckAddress("foo bar"); fault.Of(err) != fault.Invalid {
		t.Errorf("foo bar: %v", err)
	}
	if err := postgres.CheckAddress(address); err != nil {
		t.Error(err)
	}
}

// Whatever ends the connection of a transaction, and whichever statement comes after
// it, the caller hears that the database cannot be reached and tries again.
func TestBrokenInside(t *testing.T) {
	d, err := postgres.Open(t.Context(), dbtest.Postgres(t).Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	var answer string
	for what, statement := range map[string]string{
		"ended":     `SELECT pg_terminate_backend(pg_backend_pid()) WHERE $1::bytea IS NOT NULL`,
		"idle":      `SELECT set_config('idle_in_transaction_session_timeout', '50', true) WHERE $1::bytea IS NOT NULL`,
		"not ended": `SELECT 1 WHERE $1::bytea IS NOT NULL`,
	} {
		for later := range 3 {
			err := d.Instance().Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), statement)
				time.Sleep(200 * time.Millisecond)
				for range later {
					err = tx.QueryRow(t.Context(), `SELECT 'here' WHERE $1::bytea IS NOT NULL`).Scan(&answer)
				}
				return err
			})
			// The first is told nothing when only the time runs out, and commits.
			if want := what == "not ended"; (err == nil) != want || !want && fault.Of(err) != fault.Busy {
				t.Errorf("%s, statement %d after it: %v", what, later, err)
			}
		}
	}
	if answer != "here" {
		t.Error("nothing was answered")
	}
}

func quiet(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for u := err; u != nil; u = errors.Unwrap(u) {
		text += fmt.Sprintf("%+v %#v", u, u)
	}
	for _, s := range []string{"canary", "db.example", "127.0.0.1"} {
		if strings.Contains(text, s) {
			t.Errorf("the error shows %q: %s", s, text)
		}
	}
}
