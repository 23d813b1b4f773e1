package identity_test

import (
	"slices"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
)

// Who resets an account could take its code himself: no mail is sealed to it
// until a keeper assigns its addresses again.
func TestResetEndsAddresses(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	_, err := h.id.AddAddress(ctx, keeper, "reader@a.test", "office@a.test")
	h.ok(err)
	alpha := h.db.Tenant(h.tenant("alpha").ID)
	reads := func(a mail.Address) bool {
		_, owners, err := h.id.Sealing(ctx, alpha, []mail.Address{a})
		h.ok(err)
		return len(owners) > 0
	}
	both := []mail.Address{"office@a.test", "reader@a.test"}
	if out := must(h.id.Reset(ctx, admin, "reader@a.test")); !slices.Equal(out.Ended, both) {
		t.Errorf("ended: %v", out.Ended)
	}
	p, ended := h.person(admin, "reader@a.test"), 0
	for _, e := range h.events(admin) {
		if e.What == "person.address.remove" && e.Object == p.ID.String() && e.Who == admin.Person().String() && e.Detail["assignment"] != nil {
			ended++
		}
	}
	if reads(both[0]) || reads(both[1]) || len(p.Addresses) != 0 || ended != 2 {
		t.Errorf("after the reset: %v, %v, addresses %v, %d events", reads(both[0]), reads(both[1]), p.Addresses, ended)
	}
	standing := must(h.log.Standing(ctx, alpha, seal.AuditLog))
	if problems := must(h.id.VerifyRows(ctx, alpha, standing)); len(problems) != 0 {
		t.Errorf("rows and ledger differ: %v", problems)
	}
	_, err = h.id.AddAddress(ctx, keeper, "reader@a.test", "reader@a.test")
	h.ok(err)
	if !reads("reader@a.test") {
		t.Error("a keeper cannot assign the address again")
	}
	// An account without addresses has none to end.
	if out := must(h.id.Reset(ctx, admin, "reader@a.test")); len(out.Ended) != 1 {
		t.Errorf("ended: %v", out.Ended)
	}
	if out := must(h.id.Reset(ctx, admin, "reader@a.test")); len(out.Ended) != 0 {
		t.Errorf("ended: %v", out.Ended)
	}
}

// Who was removed comes back as somebody new: what was sealed to the former
// account stays closed, and the former one stays listed.
func TestInviteAgain(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	was := h.person(admin, "reader@a.test")
	old := h.sealed(was.Holder)
	h.ok(h.id.Remove(ctx, admin, "reader@a.test"))
	p, code, err := h.id.Invite(ctx, admin, "reader@a.test", identity.Reader)
	h.ok(err)
	if p.ID == was.ID || p.Holder == was.Holder {
		t.Errorf("the new account is the old one: %+v", p)
	}
	_, _, err = h.id.Invite(ctx, admin, "reader@a.test", identity.Reader)
	h.want("twice", err, fault.Conflict)
	h.ok(h.id.Accept(ctx, "alpha", "reader@a.test", code, []byte(password)))
	_, err = h.id.AddAddress(ctx, keeper, "reader@a.test", "reader@a.test")
	h.ok(err)
	s := h.in("reader@a.test")
	if opens(s, old) || !opens(s, h.sealed(p.Holder)) {
		t.Error("the new account reads old mail, or none")
	}
	var states []identity.State
	for _, one := range must(h.id.People(ctx, admin)) {
		if one.Email == "reader@a.test" {
			states = append(states, one.State)
		}
	}
	slices.Sort(states)
	if !slices.Equal(states, []identity.State{identity.Active, identity.Removed}) {
		t.Errorf("listed: %v", states)
	}
	h.ok(h.id.Remove(ctx, admin, "reader@a.test"))
	_, _, err = h.id.Invite(ctx, admin, "reader@a.test", identity.Reader)
	h.ok(err)
}

// The last keeper is not reset, as she is not removed (AU-03): whoever forgot the
// password needs the recovery kit first.
func TestResetLastKeeper(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	h.ok(h.id.Remove(ctx, admin, "keeper2@a.test"))
	before := len(h.events(admin))
	_, err := h.id.Reset(ctx, admin, "keeper@a.test")
	h.want("the last keeper", err, fault.Denied)
	p := h.person(admin, "keeper@a.test")
	if p.Role != identity.Keeper || p.State != identity.Active || len(h.events(admin)) != before {
		t.Errorf("a reset that was refused changed %+v", p)
	}
	if !opens(h.in("keeper@a.test"), h.sealed()) {
		t.Error("the keeper does not hold the archive any more")
	}
}
