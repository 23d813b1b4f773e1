package attempt_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/identity/attempt"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
)

// mac is a MAC under a key that everybody knows.
type mac struct{}

func (mac) SignInMAC(b []byte) [32]byte { return sha256.Sum256(b) }

// house is a counter with a clock, and the events that it made.
type house struct {
	*testing.T
	*attempt.Counter
	at     time.Time
	events map[mail.TenantID][]audit.Event
	broken mail.TenantID // whose audit log takes nothing
}

var errBroken = errors.New("this audit log takes nothing")

// RecordIn implements [attempt.Trail].
func (h *house) RecordIn(_ context.Context, tx *db.Tx, e audit.Event) error {
	if tx.ID() == h.broken {
		return errBroken
	}
	h.events[tx.ID()] = append(h.events[tx.ID()], e)
	return nil
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, at: time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC), events: make(map[mail.TenantID][]audit.Event)}
	h.broken = mail.NewID()
	d, err := dbtest.New(t).Open(t.Context())
	h.ok(err)
	t.Cleanup(func() { _ = d.Close() })
	h.ok(d.Migrate(t.Context(), "identity", identity.Migrations()))
	h.Counter = attempt.New(attempt.Deps{DB: d, Trail: h, MAC: mac{}, Now: func() time.Time { return h.at }})
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// refuse counts n attempts.
func (h *house) refuse(n int, a attempt.Attempt) {
	h.Helper()
	for range n {
		h.ok(h.Refuse(h.Context(), a))
	}
}

// rows is how many rows are kept.
func (h *house) rows() (n int) {
	h.Helper()
	h.ok(h.DB.Instance().QueryRow(h.Context(), `SELECT COUNT(*) FROM identity_attempt WHERE tenant = $1`).Scan(&n))
	return n
}

// strangers is what Settle says.
func (h *house) strangers() attempt.Strangers {
	h.Helper()
	s, err := h.Settle(h.Context())
	h.ok(err)
	return s
}

// AU-30: attempts that were not looked at are in the same row and event, which says how many.
func TestHeldAttempts(t *testing.T) {
	h := newHouse(t)
	owner, one := mail.NewID(), attempt.Attempt{Person: mail.NewID(), Kind: "password"}
	one.Owner = owner
	h.refuse(5, one)
	one.Held = true
	h.refuse(200, one)
	one.Held = false
	h.refuse(1, one)
	if n := h.rows(); n != 1 {
		t.Errorf("%d rows", n)
	}
	h.ok(h.SettleTenant(h.Context(), owner))
	if e := h.events[owner]; len(e) != 1 || e[0].Detail["times"] != int64(206) || e[0].Detail["held"] != int64(200) {
		t.Errorf("%v", e)
	}
	// At addresses that nobody has they take no more room than others.
	for n := range attempt.MaxStrangers + 50 {
		h.refuse(1, attempt.Attempt{Email: mail.Address(fmt.Sprintf("s%d@a.test", n)), Kind: "password", Held: true})
	}
	if n := h.rows(); n > attempt.MaxStrangers+1 {
		t.Errorf("%d rows", n)
	}
	h.at = h.at.Add(attempt.Window)
	if s := h.strangers(); s.Times != attempt.MaxStrangers+50 {
		t.Errorf("%+v", s)
	}
}

// Attempts at a person become one event for each kind of secret and ten minutes,
// once, with their number and when the first and the last were.
func TestWindowsBecomeEvents(t *testing.T) {
	h := newHouse(t)
	owner, person := mail.NewID(), mail.NewID()
	by := func(kind string) attempt.Attempt { return attempt.Attempt{Owner: owner, Person: person, Kind: kind} }
	h.refuse(2, by("password"))
	h.refuse(1, by("invitation"))
	h.at = h.at.Add(9 * time.Minute)
	h.refuse(3, by("password"))
	if h.strangers() != (attempt.Strangers{}) || len(h.events) != 0 {
		t.Errorf("before the window has ended: %v", h.events)
	}
	h.at = h.at.Add(time.Minute) // the next window
	h.refuse(1, by("password"))
	h.strangers()
	h.strangers()
	var got []string
	for _, e := range h.events[owner] {
		got = append(got, fmt.Sprint(e.What, e.New, e.Who == person.String(), e.Detail))
	}
	want := []string{
		"sign-inrefusedtrue map[by:password first:2026-11-22T14:30:00Z last:2026-11-22T14:39:00Z times:5]",
		"sign-inrefusedtrue map[by:invitation first:2026-11-22T14:30:00Z last:2026-11-22T14:30:00Z times:1]",
	}
	if len(got) != 2 || (got[0] != want[0] || got[1] != want[1]) && (got[0] != want[1] || got[1] != want[0]) {
		t.Errorf("%q", got)
	}
	// Whoever reads the audit log gets the open window, too.
	h.ok(h.SettleTenant(h.Context(), owner))
	if n := len(h.events[owner]); n != 3 || h.rows() != 0 {
		t.Errorf("%d events, %d rows", n, h.rows())
	}
}

// What was counted of a person is taken and entered in one transaction; of another
// person nothing is.
func TestTake(t *testing.T) {
	h := newHouse(t)
	owner, person, other := mail.NewID(), mail.NewID(), mail.NewID()
	h.refuse(4, attempt.Attempt{Owner: owner, Person: person, Kind: "password"})
	h.refuse(1, attempt.Attempt{Owner: owner, Person: other, Kind: "password"})
	lost := errors.New("lost")
	for _, want := range []error{lost, nil} {
		err := h.DB.Update(t.Context(), func(b *db.Batch) error {
			list, err := h.Take(t.Context(), b, owner, person)
			if err != nil || len(list) != 1 {
				t.Fatalf("%d tallies, %v", len(list), err)
			}
			return errors.Join(h.Enter(t.Context(), b.Tenant(owner), list), want)
		})
		if !errors.Is(err, want) {
			t.Fatal(err)
		}
	}
	if e := h.events[owner]; len(e) != 2 || e[1].Detail["times"] != int64(4) || h.rows() != 1 {
		t.Errorf("%v, %d rows", e, h.rows())
	}
}

// AU-01: addresses that nobody has leave a hundred rows in ten minutes and one for
// all others, nothing of their text, and go after thirty days.
func TestStrangers(t *testing.T) {
	h := newHouse(t)
	for n := range attempt.MaxStrangers + 50 {
		h.refuse(1, attempt.Attempt{Email: mail.Address(fmt.Sprintf("n%d@x.test", n)), Kind: "password"})
	}
	h.refuse(5, attempt.Attempt{Email: "n1@x.test", Kind: "password"}) // known: its row
	if n := h.rows(); n != attempt.MaxStrangers+1 {
		t.Errorf("%d rows", n)
	}
	var most int64
	h.ok(h.DB.Instance().QueryRow(t.Context(), `SELECT MAX(times) FROM identity_attempt WHERE tenant = $1`).Scan(&most))
	if most != 50 {
		t.Errorf("the row of all others counts %d", most)
	}
	if s := h.strangers(); s != (attempt.Strangers{}) {
		t.Errorf("the open window is told: %v", s)
	}
	h.at = h.at.Add(attempt.Window)
	if s := h.strangers(); s.Addresses != attempt.MaxStrangers+1 || s.Times != attempt.MaxStrangers+55 {
		t.Errorf("%+v", s)
	}
	if s := h.strangers(); s != (attempt.Strangers{}) {
		t.Errorf("told twice: %v", s)
	}
	h.at = h.at.Add(attempt.StrangersFor - attempt.Window)
	h.strangers()
	if n := h.rows(); n != attempt.MaxStrangers+1 {
		t.Errorf("on the last day %d rows are kept", n)
	}
	h.at = h.at.Add(time.Second)
	h.strangers()
	if n := h.rows(); n != 0 || len(h.events) != 0 {
		t.Errorf("after thirty days: %d rows, %v", n, h.events)
	}
}

// One tenant whose audit log takes nothing keeps the events of no other away, and
// loses none of its own.
func TestOneTenantsTrouble(t *testing.T) {
	h := newHouse(t)
	owners := []mail.TenantID{h.broken, mail.NewID(), mail.NewID()}
	for _, o := range owners {
		h.refuse(1, attempt.Attempt{Owner: o, Person: mail.NewID(), Kind: "password"})
	}
	h.at = h.at.Add(attempt.Window)
	if _, err := h.Settle(t.Context()); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	if len(h.events[owners[1]]) != 1 || len(h.events[owners[2]]) != 1 || h.rows() != 1 {
		t.Errorf("%v, %d rows", h.events, h.rows())
	}
	h.broken = mail.NewID() // mended
	h.strangers()
	if len(h.events[owners[0]]) != 1 || h.rows() != 0 {
		t.Errorf("%v, %d rows", h.events, h.rows())
	}
}

// More than a transaction takes is settled all the same.
func TestBatches(t *testing.T) {
	h := newHouse(t)
	owner := mail.NewID()
	for range attempt.Batch + 1 {
		h.refuse(1, attempt.Attempt{Owner: owner, Person: mail.NewID(), Kind: "password"})
	}
	h.ok(h.SettleTenant(t.Context(), owner))
	if n := len(h.events[owner]); n != attempt.Batch+1 || h.rows() != 0 {
		t.Errorf("%d events, %d rows", n, h.rows())
	}
}
