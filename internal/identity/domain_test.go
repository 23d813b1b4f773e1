package identity_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/identity/request"
	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// takes reports whether a process takes mail for a domain, and for whom.
func takes(h *house, id *identity.Identity, d mail.Domain) mail.TenantID {
	h.Helper()
	owner, err := id.Tenant(h.Context(), d)
	if err != nil && fault.Of(err) != fault.NotFound {
		h.Errorf("%s: %v", d, err)
	}
	return owner
}

// request returns a request as it is listed.
func (h *house) request(s *identity.Session, id mail.ID) identity.Request {
	h.Helper()
	for _, r := range must(h.id.Requests(h.Context(), s)) {
		if r.ID == id {
			return r
		}
	}
	h.Fatalf("there is no request %s", id)
	return identity.Request{}
}

// EX-06: a further domain is asked for by an administrator or a keeper, and a keeper who is
// somebody else approves it. With that, and not before, the tenant takes its mail, on every
// node at once, and seals it; the audit log says who and what.
func TestTakeDomain(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper, keeper2 := h.in("admin@a.test"), h.in("keeper@a.test"), h.in("keeper2@a.test")
	alpha, other := h.tenant("alpha"), h.another()
	must(h.id.AddAddress(ctx, keeper, "reader@a.test", "own@a.test"))
	exchange := must(h.id.AddSource(ctx, admin, source.Registration{Name: "exchange", Address: "journal@a.test", Networks: []string{"192.0.2.7"}, Form: mail.Reports}))
	seals := func(id *identity.Identity, a mail.Address) int {
		_, owners, err := id.Sealing(ctx, h.db.Tenant(alpha.ID), []mail.Address{a})
		h.ok(err)
		return len(owners)
	}
	if !takes(h, other, "new.test").IsZero() || seals(other, "own@a.test") != 1 {
		t.Fatal("before")
	}
	for what, s := range map[string]*identity.Session{"a reader": h.in("reader@a.test"), "an auditor": h.in("auditor@a.test")} {
		_, err := h.id.RequestDomain(ctx, s, "new.test")
		h.want(what+" asks", err, fault.Denied)
	}

	r := must(h.id.RequestDomain(ctx, admin, "new.test"))
	if r.Kind != request.Domain || r.Value != "new.test" || r.State != request.Open || r.RequesterEmail != "admin@a.test" || r.NotBefore != nil {
		t.Errorf("%+v", r)
	}
	_, err := h.id.RequestDomain(ctx, admin, "new.test")
	h.want("the same again", err, fault.Conflict)
	_, err = h.id.Approve(ctx, admin, r.ID)
	h.want("the administrator approves", err, fault.Denied)
	_, err = h.id.AddAddress(ctx, keeper, "reader@a.test", "her@new.test")
	h.want("an address in it", err, fault.Invalid)
	_, err = h.id.AddSource(ctx, admin, source.Registration{Name: "fresh", Address: "journal@new.test", Networks: []string{"192.0.2.8"}, Form: mail.Reports})
	h.want("a source in it", err, fault.Invalid)
	if !takes(h, other, "new.test").IsZero() {
		t.Error("a request takes mail")
	}
	if list := must(h.id.Requests(ctx, keeper)); len(list) != 1 || list[0].ID != r.ID || list[0].State != request.Open {
		t.Errorf("listed: %+v", list)
	}
	done := must(h.id.Approve(ctx, keeper, r.ID))
	if done.State != request.Approved || done.DeciderEmail != "keeper@a.test" || done.Decided == nil {
		t.Errorf("%+v", done)
	}
	// Processes that were there and one that begins agree, and so does the ledger.
	for what, id := range map[string]*identity.Identity{"this": h.id, "the other": other, "a new one": h.another()} {
		if takes(h, id, "new.test") != alpha.ID {
			t.Errorf("%s node refuses the domain's mail", what)
		}
	}
	must(h.id.AddAddress(ctx, keeper, "reader@a.test", "her@new.test"))
	if seals(other, "her@new.test") != 1 || seals(h.id, "her@new.test") != 1 || seals(other, "own@a.test") != 1 {
		t.Error("mail of the domain is not sealed to her")
	}
	if got := h.tenant("alpha").Domains; !slices.Equal(got, []mail.Domain{"a.test", "new.test"}) {
		t.Errorf("domains: %v", got)
	}
	if list := h.problems("alpha"); len(list) != 0 {
		t.Errorf("verified: %v", list)
	}

	// D17: sources go on, and one may deliver to an address of the new domain.
	if got := h.match("journal@a.test", source.Proof{Peer: at("192.0.2.7")}); got != exchange.ID.String() {
		t.Errorf("the source that was there: %s", got)
	}
	fresh := must(h.id.AddSource(ctx, admin, source.Registration{Name: "fresh", Address: "journal@new.test", Networks: []string{"192.0.2.8"}, Form: mail.Reports}))
	if got := h.match("journal@new.test", source.Proof{Peer: at("192.0.2.8")}); got != fresh.ID.String() {
		t.Errorf("a source of the new domain: %s", got)
	}

	// A keeper asks as well, and another one approves.
	own := must(h.id.RequestDomain(ctx, keeper, "keepers.test"))
	_, err = h.id.Approve(ctx, keeper, own.ID)
	h.want("his own request", err, fault.Denied)
	if !strings.Contains(text(err), "his own request") || !takes(h, h.id, "keepers.test").IsZero() {
		t.Errorf("%q", text(err))
	}
	must(h.id.Approve(ctx, keeper2, own.ID))
	_, err = h.id.Approve(ctx, keeper2, own.ID)
	h.want("approved twice", err, fault.Conflict)
	must(h.id.Reject(ctx, keeper, must(h.id.RequestDomain(ctx, admin, "rejected.test")).ID))
	must(h.id.Withdraw(ctx, admin, must(h.id.RequestDomain(ctx, admin, "rejected.test")).ID))
	if !takes(h, h.id, "rejected.test").IsZero() {
		t.Error("what was rejected is taken")
	}

	a, k, k2, on := admin.Person().String(), keeper.Person().String(), keeper2.Person().String(), alpha.ID.String()
	var got []string
	for _, e := range h.events(admin) {
		if strings.HasPrefix(e.What, "domain.") {
			got = append(got, strings.Join([]string{e.What, e.Who, e.Object, e.Old, e.New}, "|"))
		}
		if e.What == "domain.add" && (e.Detail["requester"] == nil || e.Detail["request"] == nil) {
			t.Errorf("detail: %v", e.Detail)
		}
		if strings.HasPrefix(e.What, "access.") {
			t.Errorf("a domain is told as access: %+v", e)
		}
	}
	want := []string{
		"domain.request|" + a + "|" + on + "||new.test", "domain.add|" + k + "|" + on + "||new.test",
		"domain.request|" + k + "|" + on + "||keepers.test", "domain.add|" + k2 + "|" + on + "||keepers.test",
		"domain.request|" + a + "|" + on + "||rejected.test", "domain.reject|" + k + "|" + on + "|rejected.test|",
		"domain.request|" + a + "|" + on + "||rejected.test", "domain.withdraw|" + a + "|" + on + "|rejected.test|",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events: %q", got)
	}
}

// What no domain can be, what looks like the tenant's and what is a tenant's already is
// refused where it is asked for; of another tenant's domain no more is said than that.
func TestDomainRefused(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	long := must(h.id.RequestDomain(ctx, admin, "clinic.test"))
	must(h.id.Approve(ctx, keeper, long.ID))
	for _, c := range []struct {
		domain, confirmed mail.Domain
		kind              fault.Kind
		field, words      string
	}{
		{"", "", fault.Invalid, "domain", ""},
		{"new", "", fault.Invalid, "domain", ""},
		{"127.0.0.1", "", fault.Invalid, "domain", ""},
		{"-a.test", "", fault.Invalid, "domain", ""},
		{"a.test", "", fault.Conflict, "domain", "of this tenant already"},
		{"b.test", "", fault.Conflict, "domain", "belongs to a tenant already"},
		{"clinc.test", "", fault.Invalid, "confirm-domain", "looks like clinic.test"},
		{"clinc.test", "clinik.test", fault.Invalid, "confirm-domain", "looks like clinic.test"},
	} {
		_, err := h.id.RequestDomain(ctx, admin, c.domain, c.confirmed)
		h.want(string(c.domain), err, c.kind)
		if fault.Field(err) != c.field || !strings.Contains(text(err), c.words) || strings.Contains(text(err), "beta") {
			t.Errorf("%q: at %q: %s", c.domain, fault.Field(err), text(err))
		}
	}
	r := must(h.id.RequestDomain(ctx, admin, "clinc.test", "clinc.test"))
	if r.State != request.Open {
		t.Errorf("%+v", r)
	}
	// Whose row is gone is not free, as at a founding.
	must(h.id.RequestDomain(ctx, admin, "free.test"))
	h.instance(`DELETE FROM identity_domain WHERE tenant = $1 AND domain = 'b.test'`)
	stolen := must(h.id.RequestDomain(ctx, admin, "b.test"))
	_, err := h.id.Approve(ctx, keeper, stolen.ID)
	h.want("a domain that the other's log has", err, fault.Damaged)
	if got := h.request(admin, stolen.ID); got.State != request.Open {
		t.Errorf("after a failure: %+v", got)
	}
}

// Two tenants ask for one domain, and both keepers approve at once: one has it, the other's
// request stays open, and no mail goes astray.
func TestDomainAtOnce(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	for _, d := range []mail.Domain{"one.test", "two.test", "three.test"} {
		a := must(h.id.RequestDomain(ctx, h.in("admin@a.test"), d))
		b := must(h.id.RequestDomain(ctx, h.in("admin@b.test"), d))
		ka, kb := h.in("keeper@a.test"), h.in("keeper@b.test")
		var errs [2]error
		var both sync.WaitGroup
		both.Go(func() { _, errs[0] = h.id.Approve(ctx, ka, a.ID) })
		both.Go(func() { _, errs[1] = h.another().Approve(ctx, kb, b.ID) })
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || fault.Of(errors.Join(errs[:]...)) != fault.Conflict {
			t.Fatalf("%s: %v", d, errs)
		}
		winner, open := "alpha", "beta"
		if errs[0] != nil {
			winner, open = open, winner
		}
		if takes(h, h.id, d) != h.tenant(winner).ID {
			t.Errorf("%s is not %s's", d, winner)
		}
		for name, one := range map[string]struct {
			s  *identity.Session
			id mail.ID
		}{"alpha": {ka, a.ID}, "beta": {kb, b.ID}} {
			if got := h.request(one.s, one.id); (got.State == request.Open) != (name == open) {
				t.Errorf("%s: the request of %s is %s", d, name, got.State)
			}
			if list := h.problems(name); len(list) != 0 {
				t.Errorf("%s: %v", name, list)
			}
		}
	}
}

// D15: who asked and who approves are two only where neither made the other within seven
// days, and no third made both.
func TestDomainOfOneHand(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	_, code, err := h.id.Invite(ctx, admin, "late@a.test", identity.Reader)
	h.ok(err)
	h.ok(h.id.Accept(ctx, "alpha", "late@a.test", code, []byte(password)))
	must(h.id.Approve(ctx, keeper, must(h.id.RequestRole(ctx, h.in("admin2@a.test"), "late@a.test", identity.Keeper)).ID))
	late := h.in("late@a.test")
	r := must(h.id.RequestDomain(ctx, admin, "new.test"))
	until := h.clock.Now().Add(identity.CoolDown)
	_, err = h.id.Approve(ctx, late, r.ID)
	h.want("a keeper whom he made", err, fault.Denied)
	if !strings.Contains(text(err), "one hand") {
		t.Error(text(err))
	}
	if got := h.request(late, r.ID); got.NotBefore == nil || !got.NotBefore.Equal(until) {
		t.Errorf("for her: %v", got.NotBefore)
	}
	for what, s := range map[string]*identity.Session{"another keeper": keeper, "who asked": admin} {
		if got := h.request(s, r.ID); got.NotBefore != nil {
			t.Errorf("for %s: %v", what, got.NotBefore)
		}
	}
	h.clock.Advance(identity.CoolDown)
	must(h.id.Approve(ctx, late, r.ID))
	if takes(h, h.id, "new.test") != h.tenant("alpha").ID {
		t.Error("it is not taken")
	}
	// Who is removed leaves no request of a domain behind.
	other := must(h.id.RequestDomain(ctx, h.in("admin2@a.test"), "other.test"))
	h.ok(h.id.Remove(ctx, h.in("admin@a.test"), "admin2@a.test"))
	_, err = h.id.Approve(ctx, keeper, other.ID)
	h.want("of who was removed", err, fault.Conflict)
}
