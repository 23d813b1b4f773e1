package tally_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/flow/tally"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/test/clock"
)

// hall is the room over a real database and ledger.
type hall struct {
	testing.TB
	db     *db.DB
	books  *ledgertest.Instance
	ledger *ledger.Ledger
	tenant db.Tenant
	log    bytes.Buffer
	clock  *clock.Clock
}

func newHall(t testing.TB) *hall {
	t.Helper()
	h := &hall{TB: t, clock: clock.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))}
	ctx := context.Background()
	var err error
	h.db, err = dbtest.New(t).Open(ctx)
	h.ok(err)
	t.Cleanup(func() { h.ok(h.db.Close()) })
	h.ok(h.db.Migrate(ctx, "ledger", ledger.Migrations()))
	h.ok(h.db.Migrate(ctx, "tally", tally.Migrations()))
	h.books = ledgertest.New(t, h.clock.Now)
	h.ledger = h.books.Ledger()
	h.tenant = h.db.Tenant(mail.NewID())
	h.ok(h.tenant.Update(ctx, func(tx *db.Tx) error { return h.ledger.Create(ctx, tx, "audit") }))
	return h
}

func (h *hall) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// node is a process that counts.
func (h *hall) node() *tally.Room {
	return tally.New(tally.Deps{
		DB: h.db, Ledger: h.ledger, Now: h.clock.Now, Log: slog.New(slog.NewTextHandler(&h.log, nil)),
		Tenants: func(context.Context) ([]mail.TenantID, error) { return []mail.TenantID{h.tenant.ID()}, nil },
		Live: func(context.Context, mail.TenantID) (map[string]bool, error) {
			return map[string]bool{"few": true, "busy": true, "within": true, "office": true, "src": true}, nil
		},
	})
}

func (h *hall) count(r *tally.Room, list ...flow.Counted) {
	h.Helper()
	h.ok(h.tenant.Update(context.Background(), func(tx *db.Tx) error { return r.Count(context.Background(), tx, list) }))
}

func (h *hall) of(r *tally.Room, source string) tally.State {
	h.Helper()
	list, err := r.Of(context.Background(), h.tenant.ID())
	h.ok(err)
	for _, s := range list {
		if s.Source == source {
			return s
		}
	}
	h.Fatalf("nothing is counted of %s", source)
	return tally.State{}
}

// entries returns the entries of kind tally in the audit log.
func (h *hall) entries() (list []entry.Entry) {
	h.Helper()
	tree, err := h.ledger.Tree(context.Background(), h.tenant, "audit")
	h.ok(err)
	for i := range tree.Size {
		text, _, err := h.ledger.Entry(context.Background(), h.tenant, "audit", i)
		h.ok(err)
		e, err := entry.Parse(text)
		h.ok(err)
		if e.Kind == "tally" {
			list = append(list, e)
		}
	}
	return list
}

// BX-01: what is accepted, recognised and refused adds up by source, over nodes and
// hours.
func TestCounts(t *testing.T) {
	h := newHall(t)
	one, two := h.node(), h.node()
	h.count(one, flow.Counted{Source: "lmtp", Accepted: 3, References: 1, Octets: 300, Stored: 100, From: 0, To: 4},
		flow.Counted{Source: "src", Accepted: 2, Octets: 20, Stored: 10, Reports: 1, Undecodable: 1, From: 0, To: 4})
	h.count(two, flow.Counted{Source: "src", Accepted: 1, From: 5, To: 5})
	for range 3 {
		one.Refused(h.tenant.ID(), "src", mail.RefusedAuth)
		two.Refused(h.tenant.ID(), "src", mail.RefusedSize)
	}
	refuse := func(why mail.Refusal, end error) error {
		return h.tenant.Update(t.Context(), func(tx *db.Tx) error { return errors.Join(two.Refuse(t.Context(), tx, "src", why, 2), end) })
	}
	broken := errors.New("broken")
	if h.ok(refuse(mail.RefusedPolicy, nil)); !errors.Is(refuse(mail.RefusedPolicy, broken), broken) || refuse("no reason", nil) == nil {
		t.Error("a refusal without a reason, or of a transaction that broke, was counted")
	}
	one.Refused(h.tenant.ID(), "src", "no reason")
	one.Refused(mail.TenantID{}, "src", mail.RefusedAuth)
	h.ok(one.Flush(t.Context()))
	h.ok(two.Flush(t.Context()))
	h.ok(two.Flush(t.Context()))
	h.clock.Advance(24 * time.Hour)
	h.count(one, flow.Counted{Source: "src", References: 1, From: -1})
	h.clock.Advance(8 * 24 * time.Hour)
	two.Refused(h.tenant.ID(), "src", mail.RefusedLater)
	h.ok(two.Flush(t.Context()))
	s := h.of(one, "src")
	n, by := s.All.Refused()
	if s.All.Accepted != 3 || s.All.References != 1 || s.All.Octets != 20 || s.All.Reports != 1 || s.All.Undecodable != 1 || n != 9 ||
		by[mail.RefusedAuth] != 3 || by[mail.RefusedPolicy] != 2 || by[mail.RefusedSize] != 3 || by[mail.RefusedLater] != 1 {
		t.Errorf("all: %+v, %v", s.All, by)
	}
	if n, _ := s.Week.Refused(); n != 1 || s.Week.Accepted != 0 {
		t.Errorf("week: %+v", s.Week)
	}
	if n, _ := s.Today.Refused(); n != 1 || s.Today.References != 0 {
		t.Errorf("today: %+v", s.Today)
	}
	if want := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC); !s.Last.Equal(want) {
		t.Errorf("last: %v; a refusal is no arrival", s.Last)
	}
	if l := h.of(two, "lmtp"); l.All.Accepted != 3 || l.All.References != 1 || l.All.Stored != 100 {
		t.Errorf("%+v", l.All)
	}
	g, err := one.Growth(t.Context(), h.tenant.ID())
	h.ok(err)
	if g.Messages != 0 || g.Days != 1 {
		t.Errorf("%+v", g)
	}
	list, err := one.Of(t.Context(), mail.NewID())
	if err != nil || len(list) != 0 {
		t.Errorf("another tenant: %v, %v", list, err)
	}
}

// What is refused and cannot be written is kept for the next time.
func TestFlushFails(t *testing.T) {
	h := newHall(t)
	r := h.node()
	r.Refused(h.tenant.ID(), "src", mail.RefusedRoom)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Flush(ctx); err == nil {
		t.Fatal("written with a context that is done")
	}
	r.Refused(h.tenant.ID(), "src", mail.RefusedRoom)
	h.ok(r.Flush(t.Context()))
	if n, _ := h.of(r, "src").All.Refused(); n != 2 {
		t.Errorf("%d", n)
	}
}

// Run writes at its end what was refused until then.
func TestRun(t *testing.T) {
	h := newHall(t)
	r := h.node()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.Refused(h.tenant.ID(), "src", mail.RefusedPolicy)
	cancel()
	h.ok(<-done)
	if n, _ := h.of(r, "src").All.Refused(); n != 1 {
		t.Errorf("%d", n)
	}
}

// An hour that has passed becomes one entry for each source, also where two nodes
// enter it at once; what comes later is of another hour; and a row that a hand changes
// is found.
func TestEntries(t *testing.T) {
	h := newHall(t)
	nodes := []*tally.Room{h.node(), h.node(), h.node()}
	h.count(nodes[0], flow.Counted{Source: "a", Accepted: 1, From: 0, To: 1}, flow.Counted{Source: "b", Accepted: 1, From: 0, To: 1})
	h.clock.Advance(time.Hour)
	for _, r := range nodes {
		h.ok(r.Enter(t.Context(), h.tenant.ID()))
	}
	if n := len(h.entries()); n != 0 {
		t.Errorf("%d entries before the hour has settled", n)
	}
	h.clock.Advance(5 * time.Minute)
	var wait sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, r := range nodes {
		wait.Go(func() { errs[i] = r.Enter(t.Context(), h.tenant.ID()) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil && fault.Of(err) != fault.Busy {
			t.Error(err)
		}
	}
	h.ok(nodes[0].Enter(t.Context(), h.tenant.ID()))
	list := h.entries()
	if len(list) != 2 {
		t.Fatalf("%d entries for two sources", len(list))
	}
	// The text is that of docs/formats/entry.md.
	var salt []byte
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT salt FROM tally_hour WHERE tenant = $1 AND source = 'a'`).Scan(&salt))
	o := entry.Opening{Salt: entry.Hash(salt), Value: []byte("a 2026-11-22T12:00:00Z accepted 1 references 0 octets 0 reports 0 undecodable 0 auth 0 recipient 0 policy 0 size 0 room 0 later 0")}
	if list[0].Check("tally", o) != nil && list[1].Check("tally", o) != nil {
		t.Error("another text was entered")
	}
	// A node whose clock is late.
	h.clock.Advance(-time.Hour)
	h.count(nodes[1], flow.Counted{Source: "a", Accepted: 1, From: 2, To: 2})
	h.clock.Advance(time.Hour)
	problems := func() int {
		t.Helper()
		_, list, err := nodes[2].Verify(t.Context(), h.tenant)
		h.ok(err)
		return len(list)
	}
	if s := h.of(nodes[0], "a"); s.All.Accepted != 2 || problems() != 0 {
		t.Errorf("%+v", s.All)
	}
	h.clock.Advance(3 * time.Hour)
	h.ok(nodes[0].Enter(t.Context(), h.tenant.ID()))
	if n := len(h.entries()); n != 3 || problems() != 0 {
		t.Errorf("%d entries, %d problems", n, problems())
	}
	for i, change := range []string{"accepted = 5", "refs = 1", "r_auth = 1", "hour = 0", "at = 1", "leaf = 99", "source = 'c'"} {
		kept := fmt.Sprintf("kept%d", i)
		h.tamper(`CREATE TEMP TABLE `+kept+` AS SELECT * FROM tally_hour WHERE tenant = $1`, `UPDATE tally_hour SET tenant = $1, `+change+` WHERE tenant = $1 AND source = 'b'`)
		if n := problems(); n != 1 {
			t.Errorf("%s: %d problems", change, n)
		}
		h.tamper(`DELETE FROM tally_hour WHERE tenant = $1`, `INSERT INTO tally_hour SELECT * FROM `+kept+` WHERE tenant = $1`)
	}
}

// tamper changes rows by hand.
func (h *hall) tamper(queries ...string) {
	h.Helper()
	h.ok(h.tenant.Update(context.Background(), func(tx *db.Tx) error {
		for _, q := range queries {
			if _, err := tx.Exec(context.Background(), q); err != nil {
				return err
			}
		}
		return nil
	}))
}

// The counts of all sources are those of the message log, and where they are not,
// that is said with the hour.
func TestWhole(t *testing.T) {
	h := newHall(t)
	r := h.node()
	entries := int64(7)
	size := func(context.Context) (int64, error) { return entries, nil }
	check := func(what string, sealed, log, odd int64) {
		t.Helper()
		w, err := r.Whole(t.Context(), h.tenant.ID(), size)
		h.ok(err)
		problems, err := r.Odd(t.Context(), h.tenant.ID())
		h.ok(err)
		if w.Sealed != sealed || w.Log != log || w.Holds() != (sealed == log) || int64(len(problems)) != odd {
			t.Errorf("%s: %+v, %v", what, w, problems)
		}
	}
	check("nothing is counted of older mail", 0, 0, 0)
	entries = 10
	h.count(r, flow.Counted{Source: "a", Accepted: 2, From: 7, To: 9}, flow.Counted{Source: "b", Accepted: 1, From: 7, To: 9})
	h.count(r, flow.Counted{Source: "b", References: 3, From: -1})
	check("all is counted", 3, 3, 0)
	h.clock.Advance(time.Hour)
	entries = 12
	check("two are not", 3, 5, 0)
	h.count(r, flow.Counted{Source: "a", Accepted: 1, From: 10, To: 11})
	check("one is not", 4, 5, 1)
	broken := errors.New("broken")
	if _, err := r.Whole(t.Context(), h.tenant.ID(), func(context.Context) (int64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// docs/operations.md: three times the longest gap of the fourteen days before the
// last arrival, an hour at least, a day where too few came to know.
func TestSilence(t *testing.T) {
	h := newHall(t)
	r := h.node()
	come := func(source string, gaps ...time.Duration) {
		t.Helper()
		for _, g := range gaps {
			h.clock.Advance(g)
			h.count(r, flow.Counted{Source: source, References: 1, From: -1})
		}
	}
	check := func(source string, usual time.Duration, alarm bool) {
		t.Helper()
		if s := h.of(r, source); s.Usual() != usual || s.Alarm != alarm {
			t.Errorf("%s: usual %v, silent for %v, alarm %v; want %v, %v", source, s.Usual(), s.SilentFor(), s.Alarm, usual, alarm)
		}
	}
	come("few", 0, time.Minute)
	check("few", 24*time.Hour, false)
	come("busy", 0, time.Minute, time.Minute, time.Minute)
	check("busy", time.Hour, false)
	h.clock.Advance(time.Hour)
	check("busy", time.Hour, false)
	h.clock.Advance(time.Second)
	check("busy", time.Hour, true)
	come("ended", 0, time.Minute, time.Minute)
	h.clock.Advance(2 * time.Hour)
	check("ended", time.Hour, false)               // nobody expects anything of it
	come("within", 0, 50*time.Minute, time.Minute) // a gap within an hour, or over its end
	check("within", 150*time.Minute, false)
	come("office", 0, time.Hour, 60*time.Hour, time.Minute)
	check("office", 180*time.Hour, false)
	h.clock.Advance(180 * time.Hour)
	check("office", 180*time.Hour, false)
	h.clock.Advance(time.Second)
	check("office", 180*time.Hour, true)
	h.clock.Advance(60 * 24 * time.Hour) // an alarm does not end by itself
	check("office", 180*time.Hour, true)
	come("office", 0, time.Hour, time.Hour, 2*time.Hour)
	check("office", 6*time.Hour, false) // what began before the fourteen days is no pattern
	for range 15 * 24 {
		come("office", time.Hour)
	}
	check("office", 3*time.Hour, false)
}

// The log says once that a source is silent, and again after it came back; nothing
// in it names anybody.
func TestSilenceIsSaid(t *testing.T) {
	h := newHall(t)
	r := h.node()
	turn := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		time.Sleep(300 * time.Millisecond)
		cancel()
		h.ok(<-done)
	}
	said := func() int { return strings.Count(h.log.String(), "silent for longer") }
	for range 3 {
		h.count(r, flow.Counted{Source: "src", References: 1, From: -1})
		h.clock.Advance(time.Minute)
	}
	turn()
	if said() != 0 {
		t.Error("an alarm without a reason")
	}
	h.clock.Advance(3 * time.Hour)
	turn()
	turn()
	if said() != 1 {
		t.Errorf("said %d times:\n%s", said(), h.log.String())
	}
	h.count(r, flow.Counted{Source: "src", References: 1, From: -1})
	h.clock.Advance(5 * time.Minute)
	turn()
	h.clock.Advance(12 * time.Hour)
	turn()
	if said() != 2 {
		t.Errorf("said %d times:\n%s", said(), h.log.String())
	}
}
