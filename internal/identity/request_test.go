package identity_test

import (
	"slices"
	"strings"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Who looks at requests sees for whom they are, what they ask, who asked and who
// decided, and when the seven days end.
func TestRequestsSayWhat(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, admin2, keeper := h.in("admin@a.test"), h.in("admin2@a.test"), h.in("keeper@a.test")
	_, _, err := h.id.Invite(ctx, admin, "new@a.test", identity.Reader)
	h.ok(err)
	r := must(h.id.RequestRole(ctx, admin, "new@a.test", identity.Auditor))
	until := h.clock.Now().Add(identity.CoolDown)
	if r.Email != "new@a.test" || r.RequesterEmail != "admin@a.test" || r.NotBefore == nil || !r.NotBefore.Equal(until) {
		t.Errorf("the answer: %+v", r)
	}
	one := must(h.id.Requests(ctx, keeper))[0]
	if one.ID != r.ID || one.Email != r.Email || one.RequesterEmail != r.RequesterEmail || one.NotBefore == nil || one.Decided != nil || one.DeciderEmail != "" {
		t.Errorf("listed: %+v", one)
	}
	// The same twice, but another administrator, or something else.
	_, err = h.id.RequestRole(ctx, admin, "new@a.test", identity.Auditor)
	h.want("the same again", err, fault.Conflict)
	if !strings.Contains(text(err), "open") {
		t.Errorf("%q", text(err))
	}
	must(h.id.RequestRole(ctx, admin, "new@a.test", identity.Keeper))
	other := must(h.id.RequestRole(ctx, admin2, "new@a.test", identity.Auditor))
	if other.NotBefore != nil {
		t.Errorf("another's request waits until %v", other.NotBefore)
	}
	done := must(h.id.Approve(ctx, keeper, other.ID))
	if done.State != "approved" || done.Email != "new@a.test" || done.RequesterEmail != "admin2@a.test" || done.DeciderEmail != "keeper@a.test" || done.Decided == nil {
		t.Errorf("approved: %+v", done)
	}
}

// Requests are rejected by keepers and withdrawn by who made them; the next one
// may be the same.
func TestRejectAndWithdraw(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, admin2, keeper, keeper2 := h.in("admin@a.test"), h.in("admin2@a.test"), h.in("keeper@a.test"), h.in("keeper2@a.test")
	ask := func() mail.ID { return must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor)).ID }
	id := ask()
	for what, s := range map[string]*identity.Session{"an administrator": admin, "a reader": h.in("reader@a.test"), "an auditor": h.in("auditor@a.test")} {
		_, err := h.id.Reject(ctx, s, id)
		h.want(what+" rejects", err, fault.Denied)
	}
	for what, s := range map[string]*identity.Session{"another": admin2, "a keeper": keeper, "a reader": h.in("reader@a.test")} {
		_, err := h.id.Withdraw(ctx, s, id)
		h.want(what+" withdraws", err, fault.Denied)
	}
	for what, f := range map[string]func(mail.ID) error{
		"reject":   func(id mail.ID) error { _, err := h.id.Reject(ctx, keeper, id); return err },
		"withdraw": func(id mail.ID) error { _, err := h.id.Withdraw(ctx, admin, id); return err },
	} {
		h.want(what+" nothing", f(mail.NewID()), fault.NotFound)
	}
	if r := must(h.id.Withdraw(ctx, admin, id)); r.State != "withdrawn" || r.DeciderEmail != "admin@a.test" {
		t.Errorf("%+v", r)
	}
	_, err := h.id.Reject(ctx, keeper, id)
	h.want("rejecting what was withdrawn", err, fault.Conflict)
	second := ask()
	if r := must(h.id.Reject(ctx, keeper2, second)); r.State != "rejected" || r.Email != "reader@a.test" {
		t.Errorf("%+v", r)
	}
	_, err = h.id.Approve(ctx, keeper, second)
	h.want("approving what was rejected", err, fault.Conflict)
	if p := h.person(keeper, "reader@a.test"); p.Role != identity.Reader {
		t.Errorf("role %s", p.Role)
	}
	var got []string
	for _, e := range h.events(admin) {
		if e.What == "access.withdraw" || e.What == "access.reject" {
			got = append(got, e.What+" "+e.Old)
		}
	}
	if !slices.Equal(got, []string{"access.withdraw auditor", "access.reject auditor"}) {
		t.Errorf("events: %q", got)
	}
}

// Who is removed leaves no open request behind: none for her, none of hers.
func TestRemoveEndsRequests(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, admin2 := h.in("admin@a.test"), h.in("admin2@a.test")
	must(h.id.RequestRole(ctx, admin, "admin2@a.test", identity.Auditor))
	must(h.id.RequestRole(ctx, admin2, "reader@a.test", identity.Auditor))
	must(h.id.RequestRole(ctx, admin, "reader2@a.test", identity.Auditor))
	h.ok(h.id.Remove(ctx, admin, "admin2@a.test"))
	states := make(map[mail.Address]string)
	for _, r := range must(h.id.Requests(ctx, admin)) {
		states[r.Email] = r.State
	}
	if states["admin2@a.test"] != "withdrawn" || states["reader@a.test"] != "withdrawn" || states["reader2@a.test"] != "open" {
		t.Errorf("%v", states)
	}
	n := 0
	for _, e := range h.events(admin) {
		if e.What == "access.withdraw" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
}

// A change that leaves one keeper says so.
func TestOneKeeperLeft(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	r := must(h.id.RequestRole(ctx, admin, "keeper2@a.test", identity.Auditor))
	if done := must(h.id.Approve(ctx, h.in("keeper@a.test"), r.ID)); done.Keepers != 1 {
		t.Errorf("approved: %+v", done)
	}
	r = must(h.id.RequestRole(ctx, admin, "keeper2@a.test", identity.Keeper))
	if done := must(h.id.Approve(ctx, h.in("keeper@a.test"), r.ID)); done.Keepers != 0 {
		t.Errorf("one more: %+v", done)
	}
	if c := must(h.id.SetRole(ctx, admin, "keeper2@a.test", identity.Reader)); c.Keepers != 1 || !c.Took {
		t.Errorf("set: %+v", c)
	}
}

// An administrator who makes another one and asks through him asks himself: for
// his own account and for those that he made.
func TestPuppets(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	_, code, err := h.id.Invite(ctx, admin, "puppet@a.test", identity.Administrator)
	h.ok(err)
	h.ok(h.id.Accept(ctx, "alpha", "puppet@a.test", code, []byte(password)))
	_, _, err = h.id.Invite(ctx, admin, "new@a.test", identity.Reader)
	h.ok(err)
	must(h.id.SetRole(ctx, admin, "reader2@a.test", identity.Administrator))
	until := h.clock.Now().Add(identity.CoolDown)
	for _, by := range []mail.Address{"puppet@a.test", "reader2@a.test"} {
		s := h.in(by)
		for _, who := range []mail.Address{"admin@a.test", "new@a.test"} {
			r, err := h.id.RequestRole(ctx, s, who, identity.Auditor)
			h.ok(err)
			if r.NotBefore == nil || !r.NotBefore.Equal(until) {
				t.Errorf("%s for %s: not before %v", by, who, r.NotBefore)
			}
			_, err = h.id.Approve(ctx, keeper, r.ID)
			h.want(by.String()+" for "+who.String(), err, fault.Denied)
		}
		// Others are served.
		r := must(h.id.RequestRole(ctx, s, "reader@a.test", identity.Auditor))
		if r.NotBefore != nil {
			t.Errorf("%s for another: not before %v", by, r.NotBefore)
		}
	}
	h.clock.Advance(identity.CoolDown)
	for _, r := range must(h.id.Requests(ctx, keeper)) {
		if r.RequesterEmail != "puppet@a.test" {
			continue
		}
		if _, err := h.id.Approve(ctx, keeper, r.ID); err != nil {
			t.Errorf("after seven days, for %s: %v", r.Email, err)
		}
	}
}
