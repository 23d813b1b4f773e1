package index_test

import (
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/identity"
	"siegel/internal/index/attached"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/test/stand"
)

// claims takes every message of a world as a server does that then ends.
func claims(t *testing.T, a *app.App, s *identity.Session, w *world) {
	t.Helper()
	for text := range w.ids {
		id, err := mail.ParseID(text)
		if err != nil {
			t.Fatal(err)
		}
		month := a.Now().UTC().Year()*100 + int(a.Now().UTC().Month())
		err = s.Tenant().Update(t.Context(), func(tx *db.Tx) error {
			_, ok, err := attached.Claim(t.Context(), tx, month, id, false, a.Now())
			if err == nil && !ok {
				t.Error("it is not to be had")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Two never read one message; numbers are those of the month, in the order of commits;
// what is not there gets no record.
func TestClaims(t *testing.T) {
	w := newWorld(t)
	_, s := w.open(stand.Keeper)
	defer w.stop()
	ctx, tenant := t.Context(), s.Tenant()
	now := time.Now()
	claim := func(id mail.ID, again bool, at time.Time) (c attached.Claimed, ok bool) {
		t.Helper()
		err := tenant.Update(ctx, func(tx *db.Tx) (err error) {
			c, ok, err = attached.Claim(ctx, tx, 202601, id, again, at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return c, ok
	}
	one, two, gone := mail.NewID(), mail.NewID(), mail.NewID()
	if c, ok := claim(one, false, now); !ok || c.Tries != 1 {
		t.Error(c, ok)
	}
	if _, ok := claim(one, false, now.Add(9*time.Minute)); ok {
		t.Error("claimed twice")
	}
	busy, err := attached.Busy(ctx, tenant, []mail.ID{one, two}, now)
	if err != nil || !busy[one] || busy[two] {
		t.Error(busy, err)
	}
	if c, ok := claim(one, false, now.Add(11*time.Minute)); !ok || c.Tries != 2 {
		t.Error(c, ok)
	}
	if err := attached.Release(ctx, tenant, []mail.ID{one}); err != nil {
		t.Fatal(err)
	}
	if c, ok := claim(one, false, now); !ok || c.Tries != 2 {
		t.Error("given back:", c, ok)
	}
	claim(two, false, now)
	for _, list := range [][]attached.Row{{{Message: one, Box: []byte("x")}}, {{Message: gone, Box: []byte("y")}, {Message: two}}} {
		if err := attached.Put(ctx, tenant, 202601, list, time.UnixMicro(0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := claim(one, false, now); ok {
		t.Error("claimed though there is a record")
	}
	if c, ok := claim(one, true, now); !ok || c.Tries != 1 {
		t.Error("once more:", c, ok)
	}
	if r, err := attached.Get(ctx, tenant, one); err != nil || r.Seq != 1 || string(r.Box) != "x" {
		t.Error(r, err)
	}
	for id, want := range map[mail.ID]int64{two: 3, gone: 0} {
		if r, err := attached.Get(ctx, tenant, id); err != nil || r.Seq != want || r.Box != nil {
			t.Error(r, err)
		}
	}
	heads, err := attached.Heads(ctx, tenant)
	if err != nil || len(heads) != 1 || heads[202601] != 3 {
		t.Error(heads, err)
	}
	rows, err := attached.Since(ctx, tenant, 202601, 1, 10)
	if err != nil || len(rows) != 1 || rows[0].Message != two {
		t.Error(rows, err)
	}
	// Also where everything was deleted, numbers grow.
	err = tenant.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM index_attachments WHERE tenant = $1`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	claim(one, false, now)
	if err := attached.Put(ctx, tenant, 202601, []attached.Row{{Message: one, Box: []byte("z")}}, now); err != nil {
		t.Fatal(err)
	}
	if r, err := attached.Get(ctx, tenant, one); err != nil || r.Seq <= now.UnixMicro()-1 {
		t.Error(r, err)
	}
}
