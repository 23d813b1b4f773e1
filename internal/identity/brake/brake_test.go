package brake_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/identity"
	"siegel/internal/identity/brake"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db/dbtest"
)

// mac is a MAC under a key that everybody knows.
type mac struct{}

func (mac) SignInMAC(b []byte) [32]byte { return sha256.Sum256(b) }

// house is a brake with a clock.
type house struct {
	*testing.T
	*brake.Brake
	at time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	h := &house{T: t, at: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)}
	d, err := dbtest.New(t).Open(t.Context())
	h.ok(err)
	t.Cleanup(func() { _ = d.Close() })
	h.ok(d.Migrate(t.Context(), "identity", identity.Migrations()))
	h.Brake = brake.New(brake.Deps{DB: d, MAC: mac{}, Now: func() time.Time { return h.at }})
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// looks reports whether an attempt is looked at.
func (h *house) looks(t brake.Try) bool {
	h.Helper()
	err := h.Begin(h.Context(), t)
	if held, ok := errors.AsType[*brake.Held](err); ok {
		if fault.Of(err) != fault.Exhausted || !held.Until.After(h.at) || held.Until.After(h.at.Add(brake.Lock)) {
			h.Errorf("held until %v by %v", held.Until, err)
		}
		return false
	}
	h.ok(err)
	return true
}

func account(n int) mail.Address { return mail.Address(fmt.Sprintf("a%d@a.example", n)) }

// AU-06: five failures lock an account for 15 minutes, also for who knows the password;
// a second before they are over it is locked, a second after not.
func TestFailures(t *testing.T) {
	h := newHouse(t)
	for n := range brake.Failures {
		if !h.looks(brake.Try{Email: account(1)}) {
			t.Fatalf("attempt %d is not looked at", n+1)
		}
	}
	if h.looks(brake.Try{Email: account(1)}) {
		t.Error("the sixth is looked at")
	}
	if !h.looks(brake.Try{Email: account(2)}) {
		t.Error("another account is locked")
	}
	h.at = h.at.Add(brake.Lock - time.Second)
	if h.looks(brake.Try{Email: account(1)}) {
		t.Error("a second before the end it is looked at")
	}
	h.at = h.at.Add(2 * time.Second)
	if !h.looks(brake.Try{Email: account(1)}) {
		t.Error("a second after the end it is locked")
	}
}

// Who signs in is counted anew, and comes from a device that failures from elsewhere do not
// lock out; failures at that device lock nobody else.
func TestDevice(t *testing.T) {
	h := newHouse(t)
	for range brake.Failures - 1 {
		h.looks(brake.Try{Email: account(1)})
	}
	device, err := h.Succeed(t.Context(), brake.Try{Email: account(1)})
	h.ok(err)
	for range brake.Failures + 3 {
		h.looks(brake.Try{Email: account(1)})
	}
	if h.looks(brake.Try{Email: account(1)}) || !h.looks(brake.Try{Email: account(1), Device: device}) {
		t.Error("her device is locked out, or the others are not")
	}
	if h.looks(brake.Try{Email: account(1), Device: "forged"}) {
		t.Error("a forged device is let in")
	}
	if again, err := h.Succeed(t.Context(), brake.Try{Email: account(1), Device: device}); err != nil || again != device {
		t.Errorf("the device is %q, was %q: %v", again, device, err)
	}
	for range brake.Failures {
		h.looks(brake.Try{Email: account(2), Device: device}) // it is nobody's device there
	}
	if h.looks(brake.Try{Email: account(2), Device: device}) {
		t.Error("a device of one account is known at another")
	}
}

// AU-15: a network that fails at many accounts is locked, and others are not; its IPv6
// addresses are one network.
func TestNetwork(t *testing.T) {
	h := newHouse(t)
	addr := func(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1::%x", n+1)) }
	for n := range brake.NetworkFailures {
		if !h.looks(brake.Try{Email: account(n), Peer: addr(n)}) {
			t.Fatalf("attempt %d is not looked at", n+1)
		}
	}
	if h.looks(brake.Try{Email: account(1000), Peer: addr(1000)}) {
		t.Error("the network goes on")
	}
	if !h.looks(brake.Try{Email: account(1000), Peer: netip.MustParseAddr("2001:db8:0:2::1")}) || !h.looks(brake.Try{Email: account(1001)}) {
		t.Error("others are locked as well")
	}
	h.at = h.at.Add(brake.Lock + time.Second)
	h.ok(h.Expire(t.Context()))
	if !h.looks(brake.Try{Email: account(1002), Peer: addr(3)}) {
		t.Error("it is locked for longer")
	}
}

// Who tries many passwords at once gets no more tries than who tries one after the other.
func TestAtOnce(t *testing.T) {
	h := newHouse(t)
	var looked atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			err := h.Begin(t.Context(), brake.Try{Email: account(1), Peer: netip.MustParseAddr("192.0.2.1")})
			switch kind := fault.Of(err); {
			case err == nil:
				looked.Add(1)
			case kind != fault.Exhausted && kind != fault.Busy && kind != fault.Conflict:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := looked.Load(); n == 0 || n > brake.Failures {
		t.Errorf("%d were looked at", n)
	}
	if h.looks(brake.Try{Email: account(1)}) {
		t.Error("it is not locked afterwards")
	}
}
