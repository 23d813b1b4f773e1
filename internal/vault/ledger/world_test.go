package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/ledger/signing"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/clock"
)

// plain keeps keys as they are.
type plain struct{}

func (plain) SealLedgerKey(seed []byte) []byte         { return append([]byte("box"), seed...) }
func (plain) OpenLedgerKey(box []byte) ([]byte, error) { return append([]byte(nil), box[3:]...), nil }

// world is an instance with one tenant.
type world struct {
	t       testing.TB
	db      *db.DB
	place   *dbtest.Place
	ledger  *ledger.Ledger
	signer  *signing.Signer
	guard   *disk.Store
	points  *ledger.Checkpointer
	stamper *stamping.Queue
	tsa     *authority.Authority
	roots   stamp.Verifier
	clock   *clock.Clock
	tenant  db.Tenant
	n       int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, place: dbtest.New(t)}
	w.clock = clock.At(time.Date(2026, 11, 22, 14, 38, 18, 123000, time.UTC))
	w.open()
	var err error
	if w.guard, err = disk.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	k, err := signing.Create("test.example", plain{})
	if err != nil {
		t.Fatal(err)
	}
	if w.signer, err = signing.Open("test.example", k.Box, plain{}); err != nil {
		t.Fatal(err)
	}
	if w.tsa, err = authority.New(authority.Options{Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	w.roots = stamp.Verifier{Roots: w.tsa.Roots()}
	w.ledger = w.newLedger()
	w.tenant = w.db.Tenant(mail.NewID())
	w.build(w.tsa)
	ctx := t.Context()
	for _, x := range []struct {
		t   db.Tenant
		log string
	}{{w.db.Instance(), ledger.Instance}, {w.tenant, ledger.Message}, {w.tenant, ledger.Audit}} {
		if err := w.ledger.Ensure(ctx, x.t, x.log); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// newLedger returns a ledger that remembers nothing: another process.
func (w *world) newLedger() *ledger.Ledger {
	return ledger.New(ledger.Config{Instance: "test.example", Now: w.clock.Now, Signer: w.signer, Guard: w.guard, MAC: ledgertest.MAC{}})
}

func (w *world) open() {
	w.t.Helper()
	d, err := w.place.Open(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := d.Migrate(context.Background(), "ledger", ledger.Migrations()); err != nil {
		w.t.Fatal(err)
	}
	w.db = d
	w.t.Cleanup(func() { _ = d.Close() })
}

// build makes what works on the database.
func (w *world) build(a stamping.Authority) {
	w.points = ledger.NewCheckpointer(ledger.CheckpointerDeps{
		DB: w.db, Ledger: w.ledger, Now: w.clock.Now, Every: 10 * time.Minute, Log: slog.New(slog.DiscardHandler),
		Tenants: func(context.Context) ([]mail.TenantID, error) { return []mail.TenantID{w.tenant.ID()}, nil },
	})
	w.stamper = stamping.New(stamping.Deps{
		DB: w.db, Authority: a, Verifier: w.roots, Key: w.signer.Key(), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
}

// message returns a leaf with an entry like those of messages.
func (w *world) message() flow.Leaf {
	w.t.Helper()
	w.n++
	o := entry.Opening{Value: []byte{byte(w.n)}}
	text, err := entry.Entry{Kind: "message", ID: mail.NewID(), Time: mail.Time(w.clock.Now()), Size: int64(w.n), Fields: []entry.Field{
		{Name: "sha256", Commitment: o.Commit()},
	}}.Text()
	if err != nil {
		w.t.Fatal(err)
	}
	return flow.Leaf{Log: ledger.Message, Entry: text, Sealed: entry.Nothing()}
}

// add appends n messages.
func (w *world) add(n int) {
	w.t.Helper()
	var leaves []flow.Leaf
	for range n {
		leaves = append(leaves, w.message())
	}
	err := w.tenant.Update(w.t.Context(), func(tx *db.Tx) error {
		_, err := w.ledger.Append(w.t.Context(), tx, ledger.Message, leaves)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// exec changes rows behind everybody's back.
func (w *world) exec(t db.Tenant, query string, args ...any) {
	w.t.Helper()
	w.must(t.Update(w.t.Context(), func(tx *db.Tx) error {
		res, err := tx.Exec(w.t.Context(), query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errors.New("no row was changed"))
		}
		return nil
	}))
}

func (w *world) verification() ledger.Verification {
	return ledger.Verification{Key: w.signer.Key(), Guard: w.guard, Stamps: w.roots, Instance: w.db.Instance()}
}
