package identity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// operation is something that a session may or may not do. It is tried with
// what does not exist, so that nothing happens where it is allowed.
type operation struct {
	name  string
	may   []identity.Role
	try   func(h *house, s *identity.Session) error
	own   func(h *house, s *identity.Session) error // the same for oneself; nil where there is no such thing
	allow []identity.Role                           // who may do it for himself
}

func operations() []operation {
	const nobody mail.Address = "nobody@a.test"
	ctx := context.Background()
	admins, keepers := []identity.Role{identity.Administrator}, []identity.Role{identity.Keeper}
	both := append(slices.Clone(admins), keepers...)
	email := func(s *identity.Session) mail.Address { return s.Account().Email }
	return []operation{
		{"requests", both, func(h *house, s *identity.Session) error { _, err := h.id.Requests(ctx, s); return err }, nil, nil},
		{"people", both, func(h *house, s *identity.Session) error { _, err := h.id.People(ctx, s); return err }, nil, nil},
		{
			"audit", append(slices.Clone(both), identity.Auditor),
			func(h *house, s *identity.Session) error {
				return h.id.Audit(ctx, s, 1, func(audit.Entry) error { return nil })
			}, nil, nil,
		},
		{
			"request a role", admins, func(h *house, s *identity.Session) error {
				_, err := h.id.RequestRole(ctx, s, nobody, identity.Keeper)
				return err
			},
			func(h *house, s *identity.Session) error {
				_, err := h.id.RequestRole(ctx, s, email(s), identity.Keeper)
				return err
			}, nil,
		},
		{
			"set a role", admins, func(h *house, s *identity.Session) error {
				_, err := h.id.SetRole(ctx, s, nobody, identity.Reader)
				return err
			},
			func(h *house, s *identity.Session) error {
				_, err := h.id.SetRole(ctx, s, email(s), identity.Reader)
				return err
			}, nil,
		},
		{
			"set a role that reads", admins, func(h *house, s *identity.Session) error {
				_, err := h.id.SetRole(ctx, s, nobody, identity.Auditor)
				return err
			},
			func(h *house, s *identity.Session) error {
				_, err := h.id.SetRole(ctx, s, email(s), identity.Auditor)
				return err
			}, nil,
		},
		{"approve", keepers, func(h *house, s *identity.Session) error { _, err := h.id.Approve(ctx, s, mail.NewID()); return err }, nil, nil},
		{
			"add an address", both, func(h *house, s *identity.Session) error {
				_, err := h.id.AddAddress(ctx, s, nobody, "x@a.test")
				return err
			},
			func(h *house, s *identity.Session) error {
				_, err := h.id.AddAddress(ctx, s, email(s), "x@a.test")
				return err
			}, nil,
		},
		{
			"remove an address", both, func(h *house, s *identity.Session) error { return h.id.RemoveAddress(ctx, s, nobody, "x@a.test") },
			func(h *house, s *identity.Session) error { return h.id.RemoveAddress(ctx, s, email(s), "x@a.test") }, both,
		},
		{"owner", keepers, func(h *house, s *identity.Session) error { _, err := h.id.Owner(ctx, s, nobody); return err }, nil, nil},
		{
			"invite", admins, func(h *house, s *identity.Session) error {
				_, _, err := h.id.Invite(ctx, s, "reader@a.test", identity.Reader)
				return err
			}, nil, nil,
		},
		{
			"reset", admins, func(h *house, s *identity.Session) error { _, err := h.id.Reset(ctx, s, nobody); return err },
			func(h *house, s *identity.Session) error { _, err := h.id.Reset(ctx, s, email(s)); return err }, nil,
		},
		{
			"remove", admins, func(h *house, s *identity.Session) error { return h.id.Remove(ctx, s, nobody) },
			func(h *house, s *identity.Session) error { return h.id.Remove(ctx, s, email(s)) }, nil,
		},
		{
			"change the password",
			[]identity.Role{identity.Administrator, identity.Keeper, identity.Auditor, identity.Reader},
			func(h *house, s *identity.Session) error { return h.id.ChangePassword(ctx, s, []byte("short")) }, nil, nil,
		},
	}
}

// EX-06, D15: every operation for every role, for others and for oneself:
// nobody serves himself.
func TestRoleMatrix(t *testing.T) {
	h := newHouse(t)
	for role, email := range map[identity.Role]mail.Address{
		identity.Administrator: "admin@a.test", identity.Keeper: "keeper@a.test", identity.Auditor: "auditor@a.test", identity.Reader: "reader@a.test",
	} {
		s := h.in(email)
		for _, op := range operations() {
			err := op.try(h, s)
			if denied := fault.Of(err) == fault.Denied && err != nil; denied == slices.Contains(op.may, role) {
				t.Errorf("%s: %s: %v", role, op.name, err)
			}
			if err != nil && fault.Of(err) == fault.Internal {
				t.Errorf("%s: %s: something fails inside: %v", role, op.name, err)
			}
			if op.own == nil {
				continue
			}
			err = op.own(h, s)
			if denied := fault.Of(err) == fault.Denied && err != nil; denied == slices.Contains(op.allow, role) {
				t.Errorf("%s for himself: %s: %v", role, op.name, err)
			}
		}
	}
	// Nothing happened.
	for _, p := range must(h.id.People(t.Context(), h.in("admin@a.test"))) {
		if p.State != identity.Active {
			t.Errorf("%s is %s", p.Email, p.State)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// D15: no request serves its requester, the keeper who decides, or an account
// that the requester made or reset in the last seven days; who was invited by
// the founding ceremony is exempt until a reset.
func TestSevenDays(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, admin2, keeper, keeper2 := h.in("admin@a.test"), h.in("admin2@a.test"), h.in("keeper@a.test"), h.in("keeper2@a.test")
	ask := func(by *identity.Session, who mail.Address) mail.ID {
		return must(h.id.RequestRole(ctx, by, who, identity.Auditor)).ID
	}
	decide := func(by *identity.Session, id mail.ID) error { _, err := h.id.Approve(ctx, by, id); return err }

	_, _, err := h.id.Invite(ctx, admin, "new@a.test", identity.Reader)
	h.ok(err)
	_, _, err = h.id.Invite(ctx, admin, "new2@a.test", identity.Reader)
	h.ok(err)
	mine := ask(admin, "new@a.test")
	h.want("at once", decide(keeper, mine), fault.Denied)
	h.ok(decide(keeper, ask(admin2, "new2@a.test"))) // another administrator asks
	h.clock.Advance(identity.CoolDown - time.Hour)
	h.want("after 6 d 23 h", decide(keeper, mine), fault.Denied)
	h.clock.Advance(time.Hour - time.Microsecond)
	h.want("a microsecond before", decide(keeper, mine), fault.Denied)
	h.clock.Advance(time.Microsecond)
	h.ok(decide(keeper, mine))
	h.want("twice", decide(keeper, mine), fault.Conflict)

	h.ok(decide(keeper, ask(admin, "reader@a.test"))) // invited by the founding ceremony
	_, err = h.id.Reset(ctx, admin, "reader2@a.test")
	h.ok(err)
	after := ask(admin, "reader2@a.test")
	h.want("a founder after a reset", decide(keeper, after), fault.Denied)
	h.clock.Advance(identity.CoolDown)
	h.ok(decide(keeper, after))
	// A reset starts the days again.
	_, err = h.id.Reset(ctx, admin, "new@a.test")
	h.ok(err)
	keeper = h.in("keeper@a.test") // the archive has a new term
	again := ask(admin, "new@a.test")
	h.want("after a reset", decide(keeper, again), fault.Denied)
	h.clock.Advance(identity.CoolDown)
	h.ok(decide(keeper, again))

	own := ask(admin, "keeper2@a.test")
	h.want("for the keeper himself", decide(keeper2, own), fault.Denied)
	if err := decide(keeper, own); err != nil {
		t.Errorf("by another keeper: %v", err)
	}
	if p := h.person(keeper, "keeper2@a.test"); p.Role != identity.Auditor {
		t.Errorf("role %s", p.Role)
	}
}

// A request takes nobody's last administrator away, though another one asked.
func TestLastAdministratorIsRequested(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	r := must(h.id.RequestRole(ctx, h.in("admin@a.test"), "admin2@a.test", identity.Auditor))
	must(h.id.SetRole(ctx, h.in("admin2@a.test"), "admin@a.test", identity.Reader))
	_, err := h.id.Approve(ctx, h.in("keeper@a.test"), r.ID)
	h.want("the last administrator", err, fault.Denied)
}

// Requests speak of people who are there when they are decided.
func TestRequestsOfTheGone(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	r := must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor))
	h.ok(h.id.Remove(ctx, admin, "reader@a.test"))
	_, err := h.id.Approve(ctx, keeper, r.ID)
	h.want("for who was removed", err, fault.Conflict)
	list := must(h.id.Requests(ctx, keeper))
	if len(list) != 1 || list[0].State != "withdrawn" {
		t.Errorf("%+v", list)
	}
	for _, role := range []identity.Role{identity.Administrator, identity.Reader, "root", ""} {
		_, err := h.id.RequestRole(ctx, admin, "reader2@a.test", role)
		h.want("a request for "+string(role), err, fault.Invalid)
	}
	for _, role := range []identity.Role{"root", ""} {
		_, err := h.id.SetRole(ctx, admin, "reader2@a.test", role)
		h.want("the role "+string(role), err, fault.Invalid)
		_, _, err = h.id.Invite(ctx, admin, "x@a.test", role)
		h.want("inviting as "+string(role), err, fault.Invalid)
	}
	for _, role := range []identity.Role{identity.Keeper, identity.Auditor} {
		_, _, err := h.id.Invite(ctx, admin, "x@a.test", role)
		h.want("inviting as "+string(role), err, fault.Invalid)
	}
}

// Codes of invitations work once and for two weeks; who has none learns nothing
// about an account.
func TestInvitations(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	invite := func(email mail.Address) string {
		_, code, err := h.id.Invite(ctx, admin, email, identity.Reader)
		h.ok(err)
		return code
	}
	accept := func(email mail.Address, code string) error {
		return h.id.Accept(ctx, "alpha", email, code, []byte(password))
	}
	code := invite("new@a.test")
	_, _, err := h.id.Invite(ctx, admin, "new@a.test", identity.Reader)
	h.want("inviting twice", err, fault.Conflict)
	_, err = h.id.SignIn(ctx, "alpha", "new@a.test", []byte(password))
	h.want("before accepting", err, fault.Denied)

	wrong := identity.FormatCode([]byte(strings.Repeat("x", 20)))
	unknown := accept("nobody@a.test", wrong)
	h.want("an unknown address", unknown, fault.Denied)
	h.same("a wrong code", accept("new@a.test", wrong), unknown)
	h.same("somebody who has accepted", accept("reader@a.test", wrong), unknown)
	h.same("another's code", accept("reader@a.test", code), unknown)
	h.same("another tenant", h.id.Accept(ctx, "beta", "new@a.test", code, []byte(password)), unknown)
	h.want("no code", accept("new@a.test", "abc"), fault.Invalid)
	h.want("a weak password", h.id.Accept(ctx, "alpha", "new@a.test", code, []byte("weak")), fault.Invalid)

	// Two at once with one code: one is late.
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- accept("new@a.test", code) }()
	}
	a, b := <-done, <-done
	if (a == nil) == (b == nil) {
		t.Errorf("one code, twice at once: %v, %v", a, b)
	}
	h.in("new@a.test")
	h.same("a used code", accept("new@a.test", code), unknown)

	late := invite("late@a.test")
	h.clock.Advance(identity.InvitationFor + time.Microsecond)
	err = accept("late@a.test", late)
	if fault.Of(err) != fault.Denied || !strings.Contains(text(err), "expired") {
		t.Errorf("an expired code: %v", err)
	}
	h.same("an expired one with a wrong code", accept("late@a.test", wrong), unknown)
	// A reset makes a new code, and the old one dies.
	fresh := must(h.id.Reset(ctx, admin, "late@a.test")).Code
	h.same("the old code after a reset", accept("late@a.test", late), unknown)
	h.clock.Advance(identity.InvitationFor)
	h.ok(accept("late@a.test", fresh))
}

// AU-01: a wrong password, an unknown address, an account without a password and
// another tenant's account get one answer; AU-30: attempts are in the audit log.
func TestSignIn(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	_, _, err := h.id.Invite(ctx, admin, "invited@a.test", identity.Reader)
	h.ok(err)
	try := func(tenant string, email mail.Address, p string) error {
		s, err := h.id.SignIn(ctx, tenant, email, []byte(p))
		if err == nil {
			s.Close()
		}
		return err
	}
	wrong := try("", "reader@a.test", "Wrong-Horse-7")
	h.want("a wrong password", wrong, fault.Denied)
	for what, err := range map[string]error{
		"unknown":          try("", "nobody@a.test", password),
		"invited":          try("", "invited@a.test", password),
		"of another":       try("beta", "reader@a.test", password),
		"no such tenant":   try("omega", "reader@a.test", password),
		"empty":            try("", "reader@a.test", ""),
		"control":          try("", "reader@a.test", "\x00"),
		"other case":       try("", "reader@a.test", strings.ToUpper(password)),
		"longer":           try("", "reader@a.test", password+" "),
		"unknown, empty":   try("", "nobody@a.test", ""),
		"unknown, control": try("", "nobody@a.test", "\x00"),
	} {
		h.same(what, err, wrong)
	}
	h.ok(try("", "reader@a.test", password))
	h.ok(try("alpha", "reader@a.test", password))
	h.same("an address of two tenants, none named", try("", "both@elsewhere.test", password), wrong)
	h.ok(try("alpha", "both@elsewhere.test", password))
	h.ok(try("beta", "both@elsewhere.test", password))
	reader := h.person(admin, "reader@a.test").ID
	ok, list := 0, h.events(admin)
	for _, e := range list {
		if e.What == "sign-in" && e.Who == reader.String() && e.New == "ok" && e.Detail["by"] == "password" {
			ok++
		}
	}
	_, refused := refusals(list, reader)
	if ok != 2 || refused != 5 {
		t.Errorf("%d sign-ins and %d refusals in the audit log", ok, refused)
	}
	// A failing database is no wrong password.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := h.id.SignIn(gone, "", "reader@a.test", []byte(password)); fault.Of(err) == fault.Denied || !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
}

// A changed password: the old one is out, what was readable is.
func TestChangePassword(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	s := h.in("reader@a.test")
	m := h.sealed(s.Account().Holder)
	const other = "Another-Horse-8"
	h.want("a weak one", h.id.ChangePassword(ctx, s, []byte("weak")), fault.Invalid)
	h.ok(h.id.ChangePassword(ctx, s, []byte(other)))
	_, err := h.id.SignIn(ctx, "", "reader@a.test", []byte(password))
	h.want("the old one", err, fault.Denied)
	again := must(h.id.SignIn(ctx, "", "reader@a.test", []byte(other)))
	defer again.Close()
	if !opens(again, m) {
		t.Error("mail is not readable any more")
	}
}

// Who is removed cannot sign in or do anything with a session that is open, and
// new mail is sealed to a key that is not his (OP-04).
func TestRemove(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, admin2, keeper2 := h.in("admin@a.test"), h.in("admin2@a.test"), h.in("keeper2@a.test")
	old := h.sealed()
	r := must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor))
	h.ok(h.id.Remove(ctx, admin, "keeper2@a.test"))
	h.ok(h.id.Remove(ctx, admin, "admin2@a.test"))
	fresh := h.sealed()
	if opens(keeper2, old) || opens(keeper2, fresh) {
		t.Errorf("the removed keeper's session reads old mail %v, new mail %v", opens(keeper2, old), opens(keeper2, fresh))
	}
	for _, email := range []mail.Address{"keeper@a.test", "auditor@a.test"} {
		if s := h.in(email); !opens(s, old) || !opens(s, fresh) {
			t.Errorf("%s does not read everything", email)
		}
	}
	_, err := h.id.SignIn(ctx, "", "keeper2@a.test", []byte(password))
	h.want("signing in", err, fault.Denied)
	_, err = h.id.Approve(ctx, keeper2, r.ID)
	h.want("approving", err, fault.Denied)
	_, _, err = h.id.Invite(ctx, admin2, "x@a.test", identity.Reader)
	h.want("inviting", err, fault.Denied)
	h.want("a new password", h.id.ChangePassword(ctx, keeper2, []byte(password)), fault.Locked)
	if p := h.person(admin, "keeper2@a.test"); p.State != identity.Removed {
		t.Errorf("state %s", p.State)
	}
	h.want("again", h.id.Remove(ctx, admin, "keeper2@a.test"), fault.NotFound)
	_, err = h.id.Reset(ctx, admin, "keeper2@a.test")
	h.want("resetting", err, fault.NotFound)
	_, _, err = h.id.Invite(ctx, admin, "keeper2@a.test", identity.Reader)
	h.ok(err) // as somebody new
	// The last keeper stays; one who has only been invited does not count.
	h.want("the last keeper", h.id.Remove(ctx, admin, "keeper@a.test"), fault.Denied)
	_, err = h.id.SetRole(ctx, admin, "keeper@a.test", identity.Reader)
	h.want("the last keeper as a reader", err, fault.Denied)
	// A reader's addresses go with her.
	h.ok(h.id.Remove(ctx, admin, "reader@a.test"))
	_, owners, err := h.id.Sealing(ctx, h.db.Tenant(h.tenant("alpha").ID), []mail.Address{"reader@a.test"})
	if err != nil || len(owners) != 0 {
		t.Errorf("mail is sealed to %v, error %v", owners, err)
	}
}

// A role that reads is taken away at once, with a new term of the archive.
func TestTakeRole(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, auditor, keeper := h.in("admin@a.test"), h.in("auditor@a.test"), h.in("keeper@a.test")
	old := h.sealed()
	if r, err := h.id.SetRole(ctx, admin, "auditor@a.test", identity.Reader); r.Request != nil || !r.Took || r.Keepers != 0 || err != nil {
		t.Fatalf("%v, %v", r, err)
	}
	fresh := h.sealed()
	if opens(auditor, old) || opens(auditor, fresh) {
		t.Error("the open session of who lost the role reads on")
	}
	if !opens(keeper, old) || opens(keeper, fresh) {
		t.Error("an open session reads the new term, or lost the old one")
	}
	if s := h.in("auditor@a.test"); opens(s, old) || opens(s, fresh) || s.Account().Role != identity.Reader {
		t.Error("a new session of the former auditor reads the archive")
	}
	if s := h.in("keeper@a.test"); !opens(s, old) || !opens(s, fresh) {
		t.Error("the keeper does not read both terms")
	}
	// Given back, all terms come with it.
	r, err := h.id.SetRole(ctx, admin, "auditor@a.test", identity.Auditor)
	if err != nil || r.Request == nil {
		t.Fatalf("%v, %v", r, err)
	}
	_, err = h.id.Approve(ctx, h.in("keeper@a.test"), r.Request.ID)
	h.ok(err)
	if s := h.in("auditor@a.test"); !opens(s, old) || !opens(s, fresh) {
		t.Error("the auditor does not read both terms again")
	}
}

// A reset: the old password and an open session are worth nothing for what comes
// after, and who had access has to be given it again.
func TestReset(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	open := h.in("auditor@a.test")
	old := h.sealed()
	code := must(h.id.Reset(ctx, admin, "auditor@a.test")).Code
	fresh := h.sealed(open.Account().Holder)
	if opens(open, fresh) {
		t.Error("the open session reads what comes after the reset")
	}
	if err := h.id.ChangePassword(ctx, open, []byte(password)); err == nil {
		t.Error("the old session puts its own password")
	}
	_, err := h.id.SignIn(ctx, "", "auditor@a.test", []byte(password))
	h.want("the old password", err, fault.Denied)
	const other = "Another-Horse-8"
	h.ok(h.id.Accept(ctx, "alpha", "auditor@a.test", code, []byte(other)))
	s := must(h.id.SignIn(ctx, "", "auditor@a.test", []byte(other)))
	defer s.Close()
	if s.Account().Role != identity.Reader || opens(s, old) || !opens(s, fresh) {
		t.Errorf("after the reset: role %s, old mail %v, new mail %v", s.Account().Role, opens(s, old), opens(s, fresh))
	}
	if err := h.id.ChangePassword(ctx, open, []byte(password)); err == nil {
		t.Error("the old session puts its own password after it")
	}
	again := must(h.id.SignIn(ctx, "", "auditor@a.test", []byte(other)))
	again.Close()
	h.want("its role", h.id.Audit(ctx, open, 1, nil), fault.Denied)
}

// EV-12: ids and addresses of another tenant are answered like what does not
// exist.
func TestTenantsAreApart(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	otherAdmin := h.in("admin@b.test")
	r := must(h.id.RequestRole(ctx, otherAdmin, "reader@b.test", identity.Auditor))
	const there, nowhere mail.Address = "reader@b.test", "nobody@b.test"
	type answer func(mail.Address) error
	for name, f := range map[string]answer{
		"request": func(a mail.Address) error { _, err := h.id.RequestRole(ctx, admin, a, identity.Keeper); return err },
		"role":    func(a mail.Address) error { _, err := h.id.SetRole(ctx, admin, a, identity.Reader); return err },
		"reset":   func(a mail.Address) error { _, err := h.id.Reset(ctx, admin, a); return err },
		"remove":  func(a mail.Address) error { return h.id.Remove(ctx, admin, a) },
		"address": func(a mail.Address) error { _, err := h.id.AddAddress(ctx, keeper, a, "x@a.test"); return err },
		"take":    func(a mail.Address) error { return h.id.RemoveAddress(ctx, keeper, a, "x@a.test") },
		"owner":   func(a mail.Address) error { _, err := h.id.Owner(ctx, keeper, a); return err },
	} {
		h.want(name, f(there), fault.NotFound)
		h.same(name, f(there), f(nowhere))
	}
	_, foreign := h.id.Approve(ctx, keeper, r.ID)
	_, none := h.id.Approve(ctx, keeper, mail.NewID())
	h.want("another tenant's request", foreign, fault.NotFound)
	h.same("requests", foreign, none)
	for _, p := range must(h.id.People(ctx, admin)) {
		if p.Email.Domain() == "b.test" {
			t.Errorf("%s is listed", p.Email)
		}
	}
	if list := must(h.id.Requests(ctx, keeper)); len(list) != 0 {
		t.Errorf("requests of another tenant: %+v", list)
	}
	for _, e := range h.events(admin) {
		if e.Object == r.Person.String() || e.Who == otherAdmin.Person().String() {
			t.Errorf("an event of another tenant: %+v", e)
		}
	}
	_, err := h.id.AddAddress(ctx, keeper, "reader@a.test", "x@b.test")
	h.want("an address of another tenant's domain", err, fault.Invalid)
	_, unknown := h.id.AddAddress(ctx, keeper, "reader@a.test", "x@nowhere.test")
	h.same("domains", err, unknown)
	// The session of one holds nothing of the other.
	if s := h.in("keeper@b.test"); opens(s, h.sealed()) || s.Unlocked().Holds(h.tenant("alpha").Archive) {
		t.Error("another tenant's keeper reads")
	}
}

// EV-05, AU-30: what was done stands in the audit log, with who, to whom, old
// and new; and no address does but those that are assigned.
func TestEventsOfEverything(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	p, code, err := h.id.Invite(ctx, admin, "new@a.test", identity.Reader)
	h.ok(err)
	h.ok(h.id.Accept(ctx, "alpha", "new@a.test", code, []byte(password)))
	_, err = h.id.SetRole(ctx, admin, "reader2@a.test", identity.Administrator)
	h.ok(err)
	r := must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor))
	_, err = h.id.Approve(ctx, keeper, r.ID)
	h.ok(err)
	q, err := h.id.AddAddress(ctx, admin, "reader@a.test", "x@a.test")
	if err != nil || q == nil {
		t.Fatal(q, err)
	}
	_, err = h.id.Approve(ctx, keeper, q.ID)
	h.ok(err)
	_, err = h.id.AddAddress(ctx, keeper, "reader@a.test", "x@a.test")
	h.want("an address twice", err, fault.Conflict)
	q, err = h.id.AddAddress(ctx, keeper, "reader@a.test", "y@a.test")
	if err != nil || q != nil {
		t.Fatal(q, err)
	}
	h.ok(h.id.RemoveAddress(ctx, admin, "reader@a.test", "y@a.test"))
	h.want("an address that is not hers", h.id.RemoveAddress(ctx, admin, "reader@a.test", "y@a.test"), fault.NotFound)
	h.ok(h.id.ChangePassword(ctx, keeper, []byte(password)))
	_, err = h.id.Reset(ctx, admin, "auditor@a.test")
	h.ok(err)
	h.ok(h.id.Remove(ctx, admin, "new@a.test"))

	a, k := admin.Person().String(), keeper.Person().String()
	reader, reader2, auditor := r.Person.String(), h.person(admin, "reader2@a.test").ID.String(), h.person(admin, "auditor@a.test").ID.String()
	var got []string
	for _, e := range h.events(admin) {
		got = append(got, strings.Join([]string{e.What, e.Who, e.Object, e.Old, e.New}, "|"))
		if s := strings.NewReplacer("x@a.test", "", "y@a.test", "").Replace(fmt.Sprint(e.Event)); strings.Contains(s, "@") {
			t.Errorf("an address is in an event: %s", s)
		}
	}
	for _, want := range [][]string{
		{"person.invite", a, p.ID.String(), "", "reader"},
		{"sign-in", p.ID.String(), "", "", "ok"},
		{"person.accept", p.ID.String(), p.ID.String(), "", ""},
		{"person.role", a, reader2, "reader", "administrator"},
		{"access.request", a, reader, "", "auditor"},
		{"access.approve", k, reader, "reader", "auditor"},
		{"access.request", a, reader, "", "x@a.test"},
		{"access.approve", k, reader, "", "x@a.test"},
		{"person.address.add", k, reader, "", "y@a.test"},
		{"person.address.remove", a, reader, "y@a.test", ""},
		{"person.password", k, k, "", ""},
		{"person.reset", a, auditor, "auditor", "reader"},
		{"person.remove", a, p.ID.String(), "reader", ""},
	} {
		at := slices.Index(got, strings.Join(want, "|"))
		if at < 0 {
			t.Fatalf("after the others there is no event %q in %q", want, got)
		}
		got = got[at+1:] // in this order
	}
	if len(got) != 0 {
		t.Errorf("more events: %q", got)
	}
}
