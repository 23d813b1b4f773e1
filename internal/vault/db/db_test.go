package db_test

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
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
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
	d, err := db.Open(context.Background(), path, key.Copy())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(context.Background(), "thing", tables); err != nil {
		t.Fatal(err)
	}
	return d
}

func fresh(t testing.TB) *db.DB {
	t.Helper()
	d := open(t, filepath.Join(t.TempDir(), "control.db"), secret.Random())
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func put(t testing.TB, h db.Tenant, id int, value string) {
	t.Helper()
	err := h.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), insertRow, id, value); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, h db.Tenant, id int) string {
	t.Helper()
	var v string
	switch err := h.QueryRow(t.Context(), selectRow, id).Scan(&v); {
	case errors.Is(err, db.ErrNoRows):
		return "none"
	case err != nil:
		t.Fatal(err)
	}
	return v
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
	_, err := db.Open(t.Context(), path, wrong)
	if fault.Of(err) != fault.Damaged {
		t.Fatalf("the wrong key: %v", err)
	}
	quiet(t, err, right, wrong)
	_, err = db.OpenProjection(t.Context(), path, wrong)
	if fault.Of(err) != fault.Damaged {
		t.Errorf("a projection with the wrong key: %v", err)
	}
	quiet(t, err, right, wrong)
	_, err = db.Open(t.Context(), filepath.Join(t.TempDir(), "no", "control.db"), right)
	if err == nil {
		t.Error("a directory that is not there")
	}
	quiet(t, err, right)
	dir := filepath.Join(t.TempDir(), "dir.db")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = db.Open(t.Context(), dir, right)
	if err == nil {
		t.Error("a directory is a database")
	}
	quiet(t, err, right)
	plain := filepath.Join(t.TempDir(), "plain.db")
	if err := os.WriteFile(plain, []byte("SQLite format 3\x00"+strings.Repeat("x", 8192)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = db.Open(t.Context(), plain, right); fault.Of(err) != fault.Damaged {
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
	dir := t.TempDir()
	d := open(t, filepath.Join(dir, "control.db"), secret.Random())
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
	write, _ := d.Pools()
	if _, err := write.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
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
	write, read := fresh(t).Pools()
	for name, pool := range map[string]*sql.DB{"writer": write, "reader": read} {
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
	if _, err := read.ExecContext(t.Context(), `DELETE FROM thing_row`); err == nil {
		t.Error("a reader's connection writes")
	}
	p, err := db.OpenProjection(t.Context(), filepath.Join(t.TempDir(), "p.db"), secret.Random())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var got int
	if err := p.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&got); err != nil || got != 1 {
		t.Errorf("a projection's synchronous is %d, error %v", got, err)
	}
}

// EV-12: a query of one tenant sees, changes and deletes no row of another.
func TestTenantsAreApart(t *testing.T) {
	d := fresh(t)
	a, b := d.Tenant(mail.NewID()), d.Tenant(mail.NewID())
	put(t, a, 1, "of a")
	put(t, b, 1, "of b")
	put(t, a, 2, "of a")
	if get(t, a, 1) != "of a" || get(t, b, 1) != "of b" || get(t, b, 2) != "none" || get(t, d.Instance(), 1) != "none" {
		t.Fatal("one tenant sees another's rows")
	}
	count := func(q func(context.Context, string, ...any) (*sql.Rows, error)) (n int) {
		rows, err := q(t.Context(), `SELECT value FROM thing_row WHERE tenant = $1`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count(a.Query) != 2 || count(b.Query) != 1 {
		t.Error("a list has another's rows")
	}
	err := d.Update(t.Context(), func(batch *db.Batch) error {
		ta, tb := batch.Tenant(a.ID()), batch.Tenant(b.ID())
		if count(ta.Query) != 2 || count(tb.Query) != 1 {
			t.Error("a list in a transaction has another's rows")
		}
		_, err := tb.Exec(t.Context(), `DELETE FROM thing_row WHERE tenant = $1`)
		return err
	})
	if err != nil || get(t, b, 1) != "none" || get(t, a, 1) != "of a" {
		t.Errorf("after b deleted all of its: %s, %s, error %v", get(t, a, 1), get(t, b, 1), err)
	}
	err = a.View(t.Context(), func(tx *db.Tx) error {
		if tx.ID() != a.ID() || count(tx.Query) != 2 {
			t.Error("a view of another tenant")
		}
		put(t, a, 3, "meanwhile")
		if count(tx.Query) != 2 {
			t.Error("a view moves")
		}
		if _, err := tx.Exec(t.Context(), insertRow, 4, "x"); err == nil {
			t.Error("a view writes")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A query that comes again is prepared once, and gives what it gave before.
func TestStatementsAreReused(t *testing.T) {
	d := fresh(t)
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
		if ready, wanted := d.Prepared(); ready != 2 || wanted != 0 {
			t.Fatalf("%d statements are prepared, %d wait, want 2", ready, wanted)
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

// A transaction is there whole or not at all, and says which kind of failure it
// was.
func TestOutcomes(t *testing.T) {
	d := fresh(t)
	h := d.Tenant(mail.NewID())
	ctx := t.Context()
	put(t, h, 1, "first")
	mine := fault.New(fault.Denied, "no")
	for name, c := range map[string]struct {
		f    func(*db.Tx) error
		want fault.Kind
	}{
		"a fault of the caller": {func(*db.Tx) error { return mine }, fault.Denied},
		"a wrapped fault":       {func(*db.Tx) error { return fmt.Errorf("room: %w", mine) }, fault.Denied},
		"a foreign error":       {func(*db.Tx) error { return errors.New("x") }, fault.Internal},
		"a row that exists":     {func(tx *db.Tx) error { _, err := tx.Exec(ctx, insertRow, 1, "again"); return err }, fault.Conflict},
		"a missing value":       {func(tx *db.Tx) error { _, err := tx.Exec(ctx, insertRow, 3, nil); return err }, fault.Conflict},
	} {
		err := h.Update(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, insertRow, 2, "half"); err != nil {
				return err
			}
			return c.f(tx)
		})
		if err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: %v, want kind %v", name, err, c.want)
		}
		if errors.Is(err, db.ErrUnknown) {
			t.Errorf("%s: the outcome is known", name)
		}
		if get(t, h, 2) != "none" || get(t, h, 1) != "first" {
			t.Errorf("%s: a half is there", name)
		}
	}
}

// A transaction that panics or is abandoned gives the one writing connection
// back: a handler that recovers must not stop the mail.
func TestWriterComesBack(t *testing.T) {
	d := fresh(t)
	h := d.Tenant(mail.NewID())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic got lost")
			}
		}()
		_ = h.Update(t.Context(), func(tx *db.Tx) error {
			_, _ = tx.Exec(t.Context(), insertRow, 1, "half")
			panic("a bug")
		})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := h.Update(ctx, func(*db.Tx) error { return nil }); err != nil {
		t.Fatalf("after a panic: %v", err)
	}
	if get(t, h, 1) != "none" {
		t.Error("a half is there")
	}
	gone, leave := context.WithCancel(t.Context())
	err := h.Update(gone, func(tx *db.Tx) error {
		_, err := tx.Exec(gone, insertRow, 2, "half")
		leave()
		return err
	})
	if err == nil {
		t.Error("a caller who left got an answer")
	}
	if err := h.Update(ctx, func(*db.Tx) error { return nil }); err != nil {
		t.Fatalf("after a caller left: %v", err)
	}
	if get(t, h, 2) != "none" {
		t.Error("an error was told and the row is there")
	}
}

// Writers take turns and readers go on, also from inside a transaction: many at
// once neither deadlock nor lose a row.
func TestManyAtOnce(t *testing.T) {
	d := fresh(t)
	tenants := []db.Tenant{d.Tenant(mail.NewID()), d.Tenant(mail.NewID()), d.Tenant(mail.NewID())}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wait sync.WaitGroup
	const each = 15
	for w := range 4 * db.Readers() {
		wait.Go(func() {
			h := tenants[w%len(tenants)]
			for i := range each {
				err := h.Update(ctx, func(tx *db.Tx) error {
					// The committed state can be read inside: no second transaction.
					var n int
					if err := tx.Committed().QueryRow(ctx, `SELECT COUNT(*) FROM thing_row WHERE tenant = $1`).Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, insertRow, w*each+i, "x")
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	total := 0
	for _, h := range tenants {
		var n int
		if err := h.QueryRow(ctx, `SELECT COUNT(*) FROM thing_row WHERE tenant = $1`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if want := 4 * db.Readers() * each; total != want {
		t.Errorf("%d rows, want %d", total, want)
	}
}

// Committed speaks of what was there before the transaction.
func TestCommittedSeesNothingNew(t *testing.T) {
	h := fresh(t).Tenant(mail.NewID())
	err := h.Update(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), insertRow, 1, "new"); err != nil {
			return err
		}
		if got := get(t, tx.Committed(), 1); got != "none" {
			t.Errorf("%s is committed already", got)
		}
		return nil
	})
	if err != nil || get(t, h, 1) != "new" {
		t.Errorf("%s, error %v", get(t, h, 1), err)
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
		d, err := db.Open(t.Context(), path, key.Copy())
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
	const pageSize = 4096
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
