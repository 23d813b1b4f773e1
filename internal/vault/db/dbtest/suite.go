package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// tables are those of the suite.
func tables() fstest.MapFS {
	return fstest.MapFS{"migrations/00001_suite.sql": {Data: []byte(`-- +goose Up
CREATE TABLE db_thing (tenant BYTEA NOT NULL, id BIGINT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tenant, id));
`)}}
}

const (
	insertRow = `INSERT INTO db_thing (tenant, id, value) VALUES ($1, $2, $3)`
	selectRow = `SELECT value FROM db_thing WHERE tenant = $1 AND id = $2`
)

// Run runs the suite; place returns an empty one each time.
func Run(t *testing.T, place func(t testing.TB) *Place) {
	t.Helper()
	for _, one := range []struct {
		name string
		test func(t *testing.T, d *db.DB)
	}{
		{"tenants are apart", tenantsAreApart},
		{"many rows", manyRows},
		{"outcomes", outcomes},
		{"writer comes back", writerComesBack},
		{"many at once", manyAtOnce},
		{"committed sees nothing new", committedSeesNothingNew},
		{"takes turns", takesTurns},
		{"reads inside while all read", readsInside},
		{"abandoned commit", abandonedCommit},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, fresh(t, place(t))) })
	}
	t.Run("migrated together", func(t *testing.T) { migratedTogether(t, place(t)) })
	t.Run("opened again", func(t *testing.T) { openedAgain(t, place(t)) })
}

func open(t testing.TB, p *Place) *db.DB {
	t.Helper()
	d, err := p.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(context.Background(), "db", tables()); err != nil {
		t.Fatal(err)
	}
	return d
}

func fresh(t testing.TB, p *Place) *db.DB {
	t.Helper()
	d := open(t, p)
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

// Many rows in few statements are the rows that single ones would write, for any
// number of them; one that is there already leaves none.
func manyRows(t *testing.T, d *db.DB) {
	for _, n := range []int{0, 1, 2, 3, 31, 32, 33, 100} {
		h := d.Tenant(mail.NewID())
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{i, fmt.Sprint("row ", i)}
		}
		insert := func() error {
			return h.Update(t.Context(), func(tx *db.Tx) error { return tx.Insert(t.Context(), insertRow, rows) })
		}
		if err := insert(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if got := get(t, h, i); got != fmt.Sprint("row ", i) {
				t.Fatalf("%d rows: row %d is %q", n, i, got)
			}
		}
		if got := get(t, h, n); got != "none" {
			t.Errorf("%d rows: one more, %q", n, got)
		}
		returned(t, h, rows)
		if n == 0 {
			continue
		}
		rows = append([][]any{{n, "another"}}, rows...)
		if err := insert(); fault.Of(err) != fault.Conflict {
			t.Errorf("%d rows once more: %v", n, err)
		}
		if got := get(t, h, n); got != "none" {
			t.Errorf("%d rows: a part of what failed is there", n)
		}
	}
}

// returned inserts rows that are there, and some that are not, and looks at what comes
// back for each.
func returned(t *testing.T, h db.Tenant, there [][]any) {
	t.Helper()
	const insert = `INSERT INTO db_thing (tenant, id, value) VALUES ($1, $2, $3 || '!')
		ON CONFLICT (tenant, id) DO UPDATE SET value = db_thing.value || '?' RETURNING id, value`
	rows := slices.Clone(there)
	for i := range 5 {
		rows = append(rows, []any{1000 + i, fmt.Sprint("late ", i)})
	}
	got := make(map[string]string)
	err := h.Update(t.Context(), func(tx *db.Tx) error {
		err := tx.InsertReturning(t.Context(), insert, rows, func(r *sql.Rows) error {
			var id int
			var value string
			err := r.Scan(&id, &value)
			got[fmt.Sprint(id)] = value
			return err
		})
		if err != nil {
			return err
		}
		stop := errors.New("stop")
		err = tx.InsertReturning(t.Context(), insert, rows[:1], func(*sql.Rows) error { return stop })
		if !errors.Is(err, stop) {
			t.Errorf("what each returned is lost: %v", err)
		}
		// As it was, so that the caller finds what it wrote.
		for _, row := range there {
			if _, err := tx.Exec(t.Context(), `UPDATE db_thing SET tenant = $1, value = $2 WHERE tenant = $1 AND id = $3`, row[1], row[0]); err != nil {
				return err
			}
		}
		_, err = tx.Exec(t.Context(), `DELETE FROM db_thing WHERE tenant = $1 AND id >= 1000`)
		return err
	})
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d of %d rows came back: %v", len(got), len(rows), err)
	}
	for i, row := range rows {
		want := fmt.Sprint(row[1], "?")
		if i >= len(there) {
			want = fmt.Sprint(row[1], "!")
		}
		if value := got[fmt.Sprint(row[0])]; value != want {
			t.Errorf("row %v came back as %q, want %q", row[0], value, want)
		}
	}
}

// EV-12: a query of one tenant sees, changes and deletes no row of another.
func tenantsAreApart(t *testing.T, d *db.DB) {
	a, b := d.Tenant(mail.NewID()), d.Tenant(mail.NewID())
	put(t, a, 1, "of a")
	put(t, b, 1, "of b")
	put(t, a, 2, "of a")
	if get(t, a, 1) != "of a" || get(t, b, 1) != "of b" || get(t, b, 2) != "none" || get(t, d.Instance(), 1) != "none" {
		t.Fatal("one tenant sees another's rows")
	}
	count := func(q func(context.Context, string, ...any) (*sql.Rows, error)) (n int) {
		rows, err := q(t.Context(), `SELECT value FROM db_thing WHERE tenant = $1`)
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
		_, err := tb.Exec(t.Context(), `DELETE FROM db_thing WHERE tenant = $1`)
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

// A transaction is there whole or not at all, and says which kind of failure it
// was.
func outcomes(t *testing.T, d *db.DB) {
	h := d.Tenant(mail.NewID())
	ctx := t.Context()
	put(t, h, 1, "first")
	mine := fault.New(fault.Denied, "the control database is busy")
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
func writerComesBack(t *testing.T, d *db.DB) {
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
func manyAtOnce(t *testing.T, d *db.DB) {
	tenants := []db.Tenant{d.Tenant(mail.NewID()), d.Tenant(mail.NewID()), d.Tenant(mail.NewID())}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wait sync.WaitGroup
	const each = 15
	for w := range 40 {
		wait.Go(func() {
			h := tenants[w%len(tenants)]
			for i := range each {
				err := h.Update(ctx, func(tx *db.Tx) error {
					// The committed state can be read inside: no second transaction.
					var n int
					if err := tx.Committed().QueryRow(ctx, `SELECT COUNT(*) FROM db_thing WHERE tenant = $1`).Scan(&n); err != nil {
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
		if err := h.QueryRow(ctx, `SELECT COUNT(*) FROM db_thing WHERE tenant = $1`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if want := 40 * each; total != want {
		t.Errorf("%d rows, want %d", total, want)
	}
}

// Committed speaks of what was there before the transaction.
func committedSeesNothingNew(t *testing.T, d *db.DB) {
	h := d.Tenant(mail.NewID())
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

// What a transaction has read of a tenant's rows holds until it ends: two that
// count and then insert do not both see the same count.
func takesTurns(t *testing.T, d *db.DB) {
	h := d.Tenant(mail.NewID())
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 10 {
				err := h.Update(t.Context(), func(tx *db.Tx) error {
					var n int
					if err := tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM db_thing WHERE tenant = $1`).Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec(t.Context(), insertRow, n, "x")
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
	if get(t, h, 79) != "x" || get(t, h, 80) != "none" {
		t.Error("two transactions read the same count")
	}
}

// Readers that hold all connections and wait for a writer do not keep him from
// reading what is committed.
func readsInside(t *testing.T, d *db.DB) {
	h := d.Tenant(mail.NewID())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			err := h.View(ctx, func(*db.Tx) error {
				return h.Update(ctx, func(tx *db.Tx) error {
					if _, err := tx.Exec(ctx, insertRow, i, "x"); err != nil {
						return err
					}
					return tx.Committed().View(ctx, func(old *db.Tx) error {
						err := old.QueryRow(ctx, selectRow, i).Scan(new(string))
						if errors.Is(err, db.ErrNoRows) {
							return nil
						}
						return fmt.Errorf("what is not committed is there: %w", err)
					})
				})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// Who leaves while his transaction ends is told no or that nobody knows, and never
// no where the rows are there.
func abandonedCommit(t *testing.T, d *db.DB) {
	h := d.Tenant(mail.NewID())
	for i := range 200 {
		ctx, leave := context.WithCancel(t.Context())
		err := h.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, insertRow, i, "x")
			go func() {
				time.Sleep(time.Duration(i*5) * time.Microsecond)
				leave()
			}()
			return err
		})
		leave()
		switch there := get(t, h, i) == "x"; {
		case err == nil && !there:
			t.Fatalf("%d was acknowledged and is gone", i)
		case err != nil && there && !errors.Is(err, db.ErrUnknown):
			t.Fatalf("%d was refused and is there: %v", i, err)
		}
	}
}

// Nodes that start at the same time make the tables once.
func migratedTogether(t *testing.T, p *Place) {
	first := open(t, p) // a node that made the file before
	defer first.Close()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			d, err := p.Open(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if err := d.Migrate(t.Context(), "db", tables()); err != nil {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// Rows are there when the database is opened again.
func openedAgain(t *testing.T, p *Place) {
	id := mail.NewID()
	d := open(t, p)
	put(t, d.Tenant(id), 1, "kept")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Tenant(id).Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), insertRow, 2, "x"); return err }); err == nil {
		t.Error("a closed database writes")
	}
	if got := get(t, fresh(t, p).Tenant(id), 1); got != "kept" {
		t.Error(got)
	}
}
