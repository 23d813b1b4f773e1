package visit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/audit"
	"siegel/internal/identity/brake"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/test/clock"
	"siegel/test/stand"
)

// house is a server's data directory with its own clock.
type house struct {
	*testing.T
	*app.App
	dir   string
	clock *clock.Clock
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	h := &house{T: t, dir: t.TempDir()}
	h.ok(stand.New(t.Context(), h.dir))
	h.clock = clock.At(time.Now())
	h.open()
	t.Cleanup(func() { h.ok(h.App.Close()) })
	return h
}

func (h *house) open() {
	h.Helper()
	a, err := stand.Open(context.Background(), app.Options{Dir: h.dir, Now: h.clock.Now})
	h.ok(err)
	h.App = a
}

// restart is what a crash or another node comes to: only the database is left.
func (h *house) restart() {
	h.Helper()
	h.ok(h.App.Close())
	h.open()
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

var here = visit.Visitor{Peer: netip.MustParseAddr("192.0.2.1"), Agent: "Firefox"}

func (h *house) signIn(v visit.Visitor, email string, password string) (visit.Entered, error) {
	return h.Visits.SignIn(h.Context(), v, "", mail.NewAddress(email), []byte(password))
}

// comes returns a visit that the test ends.
func (h *house) comes(cookie string) *visit.Visit {
	h.Helper()
	v, err := h.Visits.Return(h.Context(), here, cookie)
	h.ok(err)
	h.Cleanup(v.Release)
	return v
}

func (h *house) stays(what, cookie string) {
	h.Helper()
	v, err := h.Visits.Return(h.Context(), here, cookie)
	if err != nil {
		h.Errorf("%s: %v", what, err)
		return
	}
	v.Release()
}

func (h *house) gone(what, cookie string) {
	h.Helper()
	v, err := h.Visits.Return(h.Context(), here, cookie)
	if err == nil {
		v.Release()
	}
	if fault.Of(err) != fault.Locked {
		h.Errorf("%s: %v", what, err)
	}
}

// AU-01, AU-09: a browser comes back with its cookie, also to another process, with the
// keys of its person; each session is listed and ended alone.
func TestReturn(t *testing.T) {
	h := newHouse(t)
	one, err := h.signIn(here, stand.Keeper, stand.Password)
	h.ok(err)
	two, err := h.signIn(visit.Visitor{Peer: netip.MustParseAddr("2001:db8::1"), Agent: "Chrome\x00\u202e on a phone" + strings.Repeat("x", 500)}, stand.Keeper, stand.Password)
	h.ok(err)
	v := h.comes(one.Cookie)
	if !v.Unlocked().Holds(v.Archive()) {
		t.Error("the keeper does not hold the archive")
	}
	list, err := h.Visits.List(t.Context(), v)
	h.ok(err)
	if len(list) != 2 {
		t.Fatalf("%d sessions, want 2", len(list))
	}
	for _, l := range list {
		if l.ID == v.Ticket.ID && (l.Device != "Firefox" || l.Peer != "192.0.2.1") ||
			l.ID != v.Ticket.ID && (!strings.HasPrefix(l.Device, "Chrome on a phone") || len([]rune(l.Device)) != 200 || l.Peer != "2001:db8::1") {
			t.Errorf("listed as %q at %q", l.Device, l.Peer)
		}
	}
	v.Release()
	h.restart()
	h.stays("after a restart", one.Cookie)
	v = h.comes(one.Cookie)
	other := list[0].ID
	if other == v.Ticket.ID {
		other = list[1].ID
	}
	h.ok(h.Visits.End(t.Context(), v, other))
	h.gone("the one that was ended", two.Cookie)
	h.stays("the other", one.Cookie)
	if err := h.Visits.End(t.Context(), v, other); fault.Of(err) != fault.NotFound {
		t.Errorf("ended twice: %v", err)
	}
	// Nobody ends another's.
	reader, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	if err := h.Visits.End(t.Context(), h.comes(reader.Cookie), v.Ticket.ID); fault.Of(err) != fault.NotFound {
		t.Errorf("ended by another: %v", err)
	}
	h.ok(h.Visits.Leave(t.Context(), v))
	v.Release()
	h.gone("after leaving", one.Cookie)
	h.stays("the reader", reader.Cookie)
}

// What is no cookie of ours, or of nobody any more, opens nothing.
func TestForged(t *testing.T) {
	h := newHouse(t)
	e, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	for _, c := range []string{
		"", "x", e.Cookie[1:], e.Cookie + "A", e.Cookie + "\n", strings.Repeat("A", 43), strings.Repeat("A", 1<<20), strings.ToUpper(e.Cookie),
		e.Cookie[:len(e.Cookie)-1] + "_",
	} {
		if c != e.Cookie {
			h.gone("forged", c)
		}
	}
	h.stays("the right one", e.Cookie)
}

// AU-07: a page that asks by itself does not make a session last; whoever uses it does.
func TestPollsAreNoUse(t *testing.T) {
	h := newHouse(t)
	e, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	asks := here
	asks.Poll = true
	poll := func() error {
		v, err := h.Visits.Return(t.Context(), asks, e.Cookie)
		if err == nil {
			v.Release()
		}
		return err
	}
	for range 23 {
		h.clock.Advance(time.Hour)
		h.ok(poll())
	}
	h.stays("after 23 hours", e.Cookie) // this is a use
	for range 23 {
		h.clock.Advance(time.Hour)
		h.ok(poll())
	}
	h.clock.Advance(time.Hour + time.Minute)
	if err := poll(); fault.Of(err) != fault.Locked {
		t.Errorf("after 24:01 with polls only: %v", err)
	}
	h.gone("the session", e.Cookie)
}

// AU-07, AU-08: a session that rests for longer than the tenant's limit ends, using it
// makes it last, and no session lasts longer than 30 days.
func TestIdle(t *testing.T) {
	h := newHouse(t)
	e, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	h.clock.Advance(24*time.Hour - time.Minute)
	h.stays("after 23:59", e.Cookie)
	h.clock.Advance(24*time.Hour - time.Minute)
	h.stays("after 23:59 more", e.Cookie)
	h.clock.Advance(24*time.Hour + time.Minute)
	h.gone("after 24:01", e.Cookie)

	admin, err := h.signIn(here, "admin@"+stand.Domain, stand.Password)
	h.ok(err)
	e, err = h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	a, r := h.comes(admin.Cookie), h.comes(e.Cookie)
	if err := h.Visits.SetIdle(t.Context(), r.Session, 10*time.Minute); fault.Of(err) != fault.Denied {
		t.Errorf("a reader chooses: %v", err)
	}
	for _, d := range []time.Duration{0, -time.Hour, time.Minute, 31 * 24 * time.Hour} {
		if err := h.Visits.SetIdle(t.Context(), a.Session, d); fault.Of(err) != fault.Invalid {
			t.Errorf("%v: %v", d, err)
		}
	}
	h.ok(h.Visits.SetIdle(t.Context(), a.Session, 10*time.Minute))
	a.Release()
	r.Release()
	h.clock.Advance(9 * time.Minute)
	h.stays("after 9 minutes of 10", e.Cookie)
	h.clock.Advance(11 * time.Minute)
	h.gone("after 11 minutes of 10", e.Cookie)

	e, err = h.signIn(here, "admin@"+stand.Domain, stand.Password)
	h.ok(err)
	h.ok(h.Visits.SetIdle(t.Context(), h.comes(e.Cookie).Session, 30*24*time.Hour))
	for range 29 {
		h.clock.Advance(24 * time.Hour)
		h.stays("within 30 days", e.Cookie)
	}
	h.clock.Advance(24*time.Hour + time.Minute)
	h.gone("after 30 days", e.Cookie)
}

// OP-04: an account that is removed or reset has no session any more, anywhere; one
// whose password is changed has only the one in which that was done.
func TestAccountChanges(t *testing.T) {
	h := newHouse(t)
	one, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	two, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	h.ok(h.Identity.ChangePassword(t.Context(), h.comes(one.Cookie).Session, []byte("Another-1-password")))
	h.stays("where the password was changed", one.Cookie)
	h.gone("elsewhere", two.Cookie)
	admin, err := h.signIn(here, "admin@"+stand.Domain, stand.Password)
	h.ok(err)
	_, err = h.Identity.Reset(t.Context(), h.comes(admin.Cookie).Session, mail.NewAddress(stand.Reader))
	h.ok(err)
	h.gone("after a reset", one.Cookie)
	h.restart()
	h.gone("after a reset, at another node", one.Cookie)
}

// AU-06: five failures lock an account for 15 minutes, for the right password too, and
// the answer is the same where there is no such account.
func TestLock(t *testing.T) {
	h := newHouse(t)
	for _, email := range []string{stand.Reader, "nobody@" + stand.Domain} {
		for n := range 5 {
			if _, err := h.signIn(here, email, "Wrong-1-password"); fault.Of(err) != fault.Denied {
				t.Errorf("%s, failure %d: %v", email, n+1, err)
			}
		}
		_, err := h.signIn(here, email, stand.Password)
		held, ok := errors.AsType[*brake.Held](err)
		if !ok || fault.Of(err) != fault.Exhausted || held.Until.Sub(h.clock.Now()) > 15*time.Minute || held.Until.Sub(h.clock.Now()) < 14*time.Minute {
			t.Errorf("%s is not locked: %v", email, err)
		}
	}
	h.clock.Advance(15*time.Minute - time.Second)
	if _, err := h.signIn(here, stand.Reader, stand.Password); fault.Of(err) != fault.Exhausted {
		t.Errorf("at 14:59: %v", err)
	}
	h.clock.Advance(2 * time.Second)
	e, err := h.signIn(here, stand.Reader, stand.Password)
	if err != nil {
		t.Fatalf("at 15:01: %v", err)
	}
	// Failures from elsewhere do not lock out a device that signed in before.
	for range 6 {
		_, _ = h.signIn(visit.Visitor{Peer: netip.MustParseAddr("198.51.100.7")}, stand.Reader, "Wrong-1-password")
	}
	known := here
	known.Device = e.Device
	if _, err := h.signIn(known, stand.Reader, stand.Password); err != nil {
		t.Errorf("a known device: %v", err)
	}
	if _, err := h.signIn(here, stand.Reader, stand.Password); fault.Of(err) != fault.Exhausted {
		t.Errorf("another device: %v", err)
	}
	// Its failures are counted for itself, and it is known for this account only.
	for range 5 {
		_, _ = h.signIn(known, stand.Reader, "Wrong-1-password")
	}
	if _, err := h.signIn(known, stand.Reader, stand.Password); fault.Of(err) != fault.Exhausted {
		t.Errorf("a known device after five failures: %v", err)
	}
}

// AU-30, AU-06: what is tried while an account is locked is recorded as well: in the one event
// of these ten minutes, and the same whether the password was right. Where there is no such
// account as much is written.
func TestLockedAttempts(t *testing.T) {
	h := newHouse(t)
	h.clock.Advance(h.clock.Now().Truncate(10 * time.Minute).Add(10*time.Minute + time.Second).Sub(h.clock.Now()))
	locked := func(err error) bool {
		_, ok := errors.AsType[*brake.Held](err)
		return ok
	}
	for _, email := range []string{stand.Reader, "nobody@" + stand.Domain} {
		for range brake.Failures {
			if _, err := h.signIn(here, email, "Wrong-1-password"); err == nil || locked(err) {
				t.Fatalf("%s: %v", email, err)
			}
		}
		for _, password := range []string{stand.Password, "Wrong-1-password", stand.Password, "Wrong-1-password", ""} {
			if _, err := h.signIn(here, email, password); !locked(err) {
				t.Fatalf("%s: not locked: %v", email, err)
			}
		}
		// With a code as well, which is counted by itself.
		err := h.Visits.Accept(t.Context(), here, visit.Invited{Email: mail.NewAddress(email), Code: "babab-babab", Password: []byte(stand.Password)})
		if !locked(err) {
			t.Fatalf("%s: not locked: %v", email, err)
		}
	}
	var strangers, times, held int64
	h.ok(h.DB.Instance().QueryRow(t.Context(), `SELECT COUNT(*), SUM(times), SUM(held) FROM identity_attempt WHERE tenant = $1 AND owner = $2`,
		mail.TenantID{}.Bytes()).Scan(&strangers, &times, &held))
	if strangers != 2 || times != 11 || held != 6 {
		t.Errorf("of nobody: %d rows, %d times, %d held", strangers, times, held)
	}
	h.clock.Advance(brake.Lock + time.Second)
	_, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	admin, err := h.Identity.SignIn(t.Context(), "", mail.NewAddress("admin@"+stand.Domain), []byte(stand.Password))
	h.ok(err)
	defer admin.Close()
	var got []string
	h.ok(h.Identity.Audit(t.Context(), admin, math.MaxInt64, func(e audit.Entry) error {
		if e.What == "sign-in" && e.New == "refused" {
			got = append(got, fmt.Sprint(e.Detail["by"], " ", e.Detail["times"], " ", e.Detail["held"]))
		}
		return nil
	}))
	if slices.Sort(got); !slices.Equal(got, []string{"invitation 1 1", "password 10 5"}) {
		t.Errorf("events: %q", got)
	}
}

// AU-15: who tries one password at many accounts is stopped by where he comes from.
func TestNetwork(t *testing.T) {
	h := newHouse(t)
	from := func(s string) visit.Visitor { return visit.Visitor{Peer: netip.MustParseAddr(s)} }
	for n := range 30 {
		email := string(rune('a'+n)) + "x@" + stand.Domain
		if _, err := h.signIn(from("2001:db8:0:1::"+string(rune('a'+n%6))), email, "Wrong-1-password"); fault.Of(err) != fault.Denied {
			t.Fatalf("failure %d: %v", n+1, err)
		}
	}
	if _, err := h.signIn(from("2001:db8:0:1::77"), stand.Reader, stand.Password); fault.Of(err) != fault.Exhausted {
		t.Errorf("the same network: %v", err)
	}
	if _, err := h.signIn(from("2001:db8:0:2::77"), stand.Reader, stand.Password); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// Keys of a session that nobody uses leave the memory, and come back when it is used.
func TestRest(t *testing.T) {
	h := newHouse(t)
	e, err := h.signIn(here, stand.Keeper, stand.Password)
	h.ok(err)
	v := h.comes(e.Cookie)
	h.clock.Advance(time.Hour)
	h.ok(h.Visits.Sweep(t.Context()))
	if v.Unlocked().Closed() {
		t.Error("a session in use was closed")
	}
	v.Release()
	h.ok(h.Visits.Sweep(t.Context()))
	if v.Unlocked().Closed() {
		t.Error("a session was closed at once")
	}
	h.clock.Advance(6 * time.Minute)
	h.ok(h.Visits.Sweep(t.Context()))
	if !v.Unlocked().Closed() {
		t.Error("the keys of a session that rests are in memory")
	}
	h.stays("a session that rested", e.Cookie)
	h.ok(h.Visits.Expire(t.Context()))
	h.stays("a session that rested", e.Cookie)
}

// What is held stays open when nobody comes, and ends all the same when its person signs
// out; others borrow nothing of hers.
func TestHold(t *testing.T) {
	h := newHouse(t)
	e, err := h.signIn(here, stand.Reader, stand.Password)
	h.ok(err)
	v := h.comes(e.Cookie)
	release := v.Hold()
	v.Release()
	h.clock.Advance(time.Hour)
	h.ok(h.Visits.Sweep(t.Context()))
	if v.Unlocked().Closed() {
		t.Fatal("what is held was put away")
	}
	of := v.Whose()
	if list := h.Visits.Here(); len(list) != 1 || list[0] != of {
		t.Errorf("%v are here", list)
	}
	again, give := h.Visits.Borrow(of)
	if again != v.Session {
		t.Fatal("another session was borrowed")
	}
	release()
	release() // once counts
	h.clock.Advance(time.Hour)
	h.ok(h.Visits.Sweep(t.Context()))
	if v.Unlocked().Closed() {
		t.Error("what is borrowed was put away")
	}
	stranger := of
	stranger.Person = mail.NewID()
	if s, _ := h.Visits.Borrow(stranger); s != nil {
		t.Error("a stranger's session was borrowed")
	}
	h.ok(h.Visits.Leave(t.Context(), v))
	if !v.Unlocked().Closed() || len(h.Visits.Here()) != 0 {
		t.Error("signing out did not end it")
	}
	if s, _ := h.Visits.Borrow(of); s != nil {
		t.Error("what has ended was borrowed")
	}
	give()
	v.Hold()() // of what has ended: nothing
}
