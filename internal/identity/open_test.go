package identity_test

import (
	"sync"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// OP-04, CR-15: what is done to an account ends its open sessions at once, all of
// them, and nobody else's: their keys are gone.
func TestSessionsEnd(t *testing.T) {
	for what, c := range map[string]struct {
		whose mail.Address
		do    func(h *house, admin *identity.Session) error
		stay  bool
	}{
		"remove": {"auditor@a.test", func(h *house, admin *identity.Session) error {
			return h.id.Remove(t.Context(), admin, "auditor@a.test")
		}, false},
		"reset": {"auditor@a.test", func(h *house, admin *identity.Session) error {
			_, err := h.id.Reset(t.Context(), admin, "auditor@a.test")
			return err
		}, false},
		"another role": {"auditor@a.test", func(h *house, admin *identity.Session) error {
			_, err := h.id.SetRole(t.Context(), admin, "auditor@a.test", identity.Administrator)
			return err
		}, false},
		"a requested role": {"reader@a.test", func(h *house, admin *identity.Session) error {
			r, err := h.id.RequestRole(t.Context(), admin, "reader@a.test", identity.Auditor)
			h.ok(err)
			_, err = h.id.Approve(t.Context(), h.in("keeper@a.test"), r.ID)
			return err
		}, false},
		"a refused removal": {"keeper@a.test", func(h *house, admin *identity.Session) error {
			h.ok(h.id.Remove(t.Context(), admin, "keeper2@a.test"))
			h.want("the last keeper", h.id.Remove(t.Context(), admin, "keeper@a.test"), fault.Denied)
			return nil
		}, true},
		"an address": {"reader@a.test", func(h *house, admin *identity.Session) error {
			_, err := h.id.AddAddress(t.Context(), h.in("keeper@a.test"), "reader@a.test", "x@a.test")
			return err
		}, true},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			admin, a, b, bystander := h.in("admin@a.test"), h.in(c.whose), h.in(c.whose), h.in("reader2@a.test")
			h.ok(c.do(h, admin))
			for _, s := range []*identity.Session{a, b} {
				seed, err := s.Unlocked().Newest(s.Account().Holder)
				seed.Wipe()
				if (err == nil) != c.stay || (err != nil && fault.Of(err) != fault.Locked) {
					t.Errorf("the session's key: %v", err)
				}
				if n := h.id.Open(s.Person()); (n > 0) != c.stay {
					t.Errorf("%d sessions are open", n)
				}
			}
			for _, s := range []*identity.Session{admin, bystander} {
				seed, err := s.Unlocked().Newest(s.Account().Holder)
				h.ok(err)
				seed.Wipe()
			}
		})
	}
}

// Sessions that are closed are forgotten, those of commands too.
func TestSessionsAreForgotten(t *testing.T) {
	h := newHouse(t)
	s := h.in("reader@a.test")
	if n := h.id.Open(mail.ID{}); n != 1 {
		t.Errorf("%d sessions are open", n)
	}
	s.Close()
	s.Close()
	_, err := h.id.SignIn(t.Context(), "", "reader@a.test", []byte("Wrong-Horse-7"))
	h.want("a wrong password", err, fault.Denied)
	if n := h.id.Open(mail.ID{}); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
}

// Who signs in while his account is removed has no session afterwards, whichever
// was first.
func TestSignInMeetsRemoval(t *testing.T) {
	h := newHouse(t)
	admin := h.in("admin@a.test")
	person := h.person(admin, "auditor@a.test").ID
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if s, err := h.id.SignIn(t.Context(), "", "auditor@a.test", []byte(password)); err == nil {
				t.Cleanup(s.Close)
			} else if fault.Of(err) != fault.Denied && fault.Of(err) != fault.NotFound {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if err := h.id.Remove(t.Context(), admin, "auditor@a.test"); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	if n := h.id.Open(person); n != 0 {
		t.Errorf("%d sessions of the removed are open", n)
	}
}

// OP-04 with several nodes: what another node does to an account ends its sessions
// here as soon as somebody looks, and nobody else's.
func TestSessionsEndElsewhere(t *testing.T) {
	h := newHouse(t)
	here := h.another()
	in := func(who mail.Address) *identity.Session {
		t.Helper()
		s, err := here.SignIn(t.Context(), "alpha", who, []byte(password))
		h.ok(err)
		t.Cleanup(s.Close)
		return s
	}
	gone, stays := in("auditor@a.test"), in("reader@a.test")
	h.ok(here.Sweep(t.Context()))
	if here.Open(gone.Person()) != 1 || here.Open(stays.Person()) != 1 {
		t.Fatal("sessions of people whose accounts are as they were ended")
	}
	h.ok(h.id.Remove(t.Context(), h.in("admin@a.test"), "auditor@a.test"))
	if here.Open(gone.Person()) != 1 {
		t.Fatal("the other node's register is the same")
	}
	h.ok(here.Sweep(t.Context()))
	if _, err := gone.Unlocked().Newest(gone.Account().Holder); fault.Of(err) != fault.Locked {
		t.Errorf("the key of a person who was removed elsewhere: %v", err)
	}
	if here.Open(gone.Person()) != 0 || here.Open(stays.Person()) != 1 {
		t.Error("the wrong sessions ended")
	}
}
