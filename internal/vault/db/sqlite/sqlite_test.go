package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/db/sqlite"
)

var tables = fstest.MapFS{"migrations/00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing_row (tenant BYTEA NOT NULL, id BIGINT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tenant, id));
`)}}

const (
	insertRow = `INSERT INTO thing_row (tenant, id, value) VALUES ($1, $2, $3)`
	selectRow = `SELECT value FROM thing_row WHERE tenant = $1 AND id = $2`
)

func open(t testing.TB, path string, key secret.Key) *db.DB {
	t.Helper()
	d, err := sqlite.Open(context.Background(), path, key.Copy())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(context.Background(), "thing", tables); err != nil {
		t.Fatal(err)
	}
	return d
}

func put(t testing.TB, h db.Tenant, id int, value string) {
	t.Helper()
	err := h.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), insertRow, id, value); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func keyHex(k secret.Key) (s string) {
	k.Use(func(b []byte) { s = hex.EncodeToString(b) })
	return s
}

// CR-05: without the right key the file is not readable, and neither key nor
// address stands in the error.
func TestWrongKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	right, wrong := secret.Random(), secret.Random()
	d := open(t, path, right)
	put(t, d.Tenant(mail.NewID()), 1, "x")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), path, wrong)
	if fault.Of(err) != fault.Damaged {
		t.Fatalf("the wrong key: %v", err)
	}
	quiet(t, err, right, wrong)
	_, err = sqlite.OpenProjection(t.Context(), path, wrong)
	if fault.Of(err) != fault.Damaged {
		t.Errorf("a projection with the wrong key: %v", err)
	}
	quiet(t, err, right, wrong)
	_, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no", "control.db"), right)
	if err == nil {
		t.Error("a directory that is not there")
	}
	quiet(t, err, right)
	dir := filepath.Join(t.TempDir(), "dir.db")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), dir, right)
	if err == nil {
		t.Error("a directory is a database")
	}
	quiet(t, err, right)
	plain := filepath.Join(t.TempDir(), "plain.db")
	if err := os.WriteFile(plain, []byte("SQLite format 3\x00"+strings.Repeat("x", 8192)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = sqlite.Open(t.Context(), plain, right); fault.Of(err) != fault.Damaged {
		t.Errorf("a file that is not ours: %v", err)
	}
	// The right one opens it still.
	d = open(t, path, right)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func quiet(t *testing.T, err error, keys ...secret.Key) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for u := err; u != nil; u = errors.Unwrap(u) {
		text += fmt.Sprintf("%+v %#v", u, u)
	}
	bad := []string{"raw:", "key=", "cipher=", "file:/", "file:%", "_journal", "linked against"}
	for _, k := range keys {
		bad = append(bad, keyHex(k)[:12])
	}
	for _, s := range bad {
		if strings.Contains(strings.ToLower(text), s) {
			t.Errorf("the error shows %q: %s", s, text)
		}
	}
}

// CR-05, CR-13: no file of the database has a SQLite header or anything
// readable, while it is open (the WAL is full) and closed.
func TestNoPlaintextInFiles(t *testing.T) {
	dir, key := t.TempDir(), secret.Random()
	d := open(t, filepath.Join(dir, "control.db"), key)
	canary := "canary-7f3a91c2"
	for i := range 50 {
		put(t, d.Tenant(mail.NewID()), i, strings.Repeat(canary, 20))
	}
	scan := func(least int) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) < least {
			t.Fatalf("%d files, want %d, error %v", len(entries), least, err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{"SQLite format 3", canary, "thing_row", "CREATE TABLE"} {
				if bytes.Contains(b, []byte(s)) {
					t.Errorf("%s has %q", e.Name(), s)
				}
			}
		}
	}
	scan(3) // the file, its WAL, its shared memory
	if _, err := sqlite.Connect(t, filepath.Join(dir, "control.db"), key.Copy()).Write.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
	scan(1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	scan(1)
}

// The transaction that was acknowledged survives a power cut only with
// synchronous=FULL, which the driver would turn to NORMAL by itself.
func TestDurable(t *testing.T) {
	d := sqlite.Connect(t, filepath.Join(t.TempDir(), "control.db"), secret.Random())
	for name, pool := range map[string]*sql.DB{"writer": d.Write, "reader": d.Read, "reader inside": d.Inside} {
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "secure_delete": "1", "temp_store": "2"} {
			var got string
			if err := pool.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if pragma == "temp_store" { // compiled in: 0 means the default, which is memory
				var n int
				if err := pool.QueryRowContext(t.Context(), `SELECT sqlite_compileoption_used('TEMP_STORE=2')`).Scan(&n); err != nil || n != 1 {
					t.Errorf("%s: temporary tables could go to a file (%d, %v)", name, n, err)
				}
				continue
			}
			if got != want {
				t.Errorf("%s: %s is %s, want %s", name, pragma, got, want)
			}
		}
	}
	if _, err := d.Write.ExecContext(t.Context(), `CREATE TABLE thing_row (id BIGINT)`); err != nil {
		t.Fatal(err)
	}
	for name, pool := range map[string]*sql.DB{"reader": d.Read, "reader inside": d.Inside} {
		if _, err := pool.ExecContext(t.Context(), `DELETE FROM thing_row`); err == nil {
			t.Errorf("a %s writes", name)
		}
	}
	p, err := sqlite.OpenProjection(t.Context(), filepath.Join(t.TempDir(), "p.db"), secret.Random())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var got int
	if err := p.Write.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&got); err != nil || got != 1 {
		t.Errorf("a projection's synchronous is %d, error %v", got, err)
	}
}

// EV-07, CR-06: an octet that changed on the disk is found when it is read, as
// damage, whichever page it is in.
func TestFlippedByte(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "control.db")
	key := secret.Random()
	d := open(t, path, key)
	h := d.Tenant(mail.NewID())
	for i := range 200 {
		put(t, h, i, strings.Repeat("value ", 50))
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := func(path string) error {
		d, err := sqlite.Open(t.Context(), path, key.Copy())
		if err != nil {
			return err
		}
		defer d.Close()
		rows, err := d.Tenant(h.ID()).Query(t.Context(), `SELECT id, value FROM thing_row WHERE tenant = $1`)
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if n != 200 {
			return fmt.Errorf("%d rows", n)
		}
		return nil
	}
	const pageSize = 2048
	found, pages := 0, len(good)/pageSize
	for page := range pages {
		for _, at := range []int{0, 17, 1000, pageSize - 1} {
			if page == 0 && at < 24 {
				continue // salt and header of the file: see TestWrongKey
			}
			b := bytes.Clone(good)
			b[page*pageSize+at] ^= 0x10
			p := filepath.Join(t.TempDir(), "changed.db")
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
			err := all(p)
			if err == nil {
				continue // a page that this query does not read
			}
			found++
			if fault.Of(err) != fault.Damaged {
				t.Fatalf("octet %d of page %d: %v", at, page, err)
			}
		}
	}
	if found < 2*pages { // the rows fill most of the file
		t.Errorf("%d changes were found in %d pages", found, pages)
	}
}

func TestSuite(t *testing.T) { dbtest.Run(t, dbtest.SQLite) }

// A new file has small pages. One that was made with others keeps them and works.
func TestPageSize(t *testing.T) {
	size := func(path string, key secret.Key) (n int) {
		t.Helper()
		d := sqlite.Connect(t, path, key)
		for _, c := range []*sql.DB{d.Write, d.Read} {
			if err := c.QueryRowContext(t.Context(), "PRAGMA page_size").Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	dir, key := t.TempDir(), secret.Random()
	if n := size(filepath.Join(dir, "new.db"), key.Copy()); n != 2048 {
		t.Errorf("pages of %d octets", n)
	}
	path := filepath.Join(dir, "old.db")
	old, err := sqlite.OpenProjection(t.Context(), path, key.Copy())
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Write.ExecContext(t.Context(), `CREATE TABLE thing_old (id BIGINT)`)
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	if n := size(path, key.Copy()); n != 16384 {
		t.Errorf("pages of %d octets where the file had 16384", n)
	}
	d := open(t, path, key)
	put(t, d.Tenant(mail.NewID()), 1, "x")
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
