package db_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
)

const (
	insertRow = `INSERT INTO thing_row (tenant, id, value) VALUES ($1, $2, $3)`
	selectRow = `SELECT value FROM thing_row WHERE tenant = $1 AND id = $2`
)

func put(t testing.TB, h db.Tenant, id int, value string) {
	t.Helper()
	err := h.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), insertRow, id, value); return err })
	if err != nil {
		t.Fatal(err)
	}
}

// A query that comes again, with a statement that was kept, gives what is there now.
func TestStatementsAreReused(t *testing.T) {
	d, err := dbtest.SQLite(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Migrate(t.Context(), "thing", fstest.MapFS{"migrations/00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing_row (tenant BYTEA NOT NULL, id BIGINT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tenant, id));
`)}}); err != nil {
		t.Fatal(err)
	}
	a, b := d.Tenant(mail.NewID()), d.Tenant(mail.NewID())
	for i := range 5 {
		for _, h := range []db.Tenant{a, b} {
			err := h.Update(t.Context(), func(tx *db.Tx) error {
				if _, err := tx.Exec(t.Context(), insertRow, i, h.ID().String()); err != nil {
					return err
				}
				var v string
				if err := tx.QueryRow(t.Context(), selectRow, i).Scan(&v); err != nil || v != h.ID().String() {
					return fmt.Errorf("%q came back: %w", v, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	// A query that is wrong is not kept, and does not harm the others.
	for range 2 {
		err := a.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO thing_none (tenant) VALUES ($1)`)
			return err
		})
		if err == nil {
			t.Fatal("a table that is not there")
		}
		put(t, a, 100, "x")
		err = a.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM thing_row WHERE tenant = $1 AND id = $2`, 100)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
