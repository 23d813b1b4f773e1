package identity_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// EX-03, EX-06: what a founding takes is bounded, and a reader's address is one
// whose mail the tenant seals; who does not read by address may sign in with any.
func TestFoundingIsChecked(t *testing.T) {
	h := newHouse(t)
	try := func(change func(*identity.Founding)) error {
		f := identity.Founding{
			Name: "gamma", Domains: []mail.Domain{"c.test", "d.test"}, Administrators: []mail.Address{"a@c.test"}, Keepers: []mail.Address{"k@c.test"},
		}
		change(&f)
		_, err := h.id.Found(t.Context(), f)
		return err
	}
	many := func(n int) (list []mail.Address) {
		for i := range n {
			list = append(list, mail.Address(fmt.Sprintf("p%d@c.test", i)))
		}
		return list
	}
	for what, change := range map[string]func(*identity.Founding){
		"a reader of another domain": func(f *identity.Founding) { f.Readers = []mail.Address{"r@c.test", "r@elsewhere.test"} },
		"a reader of another tenant": func(f *identity.Founding) { f.Readers = []mail.Address{"r@a.test"} },
		"a reader of a subdomain":    func(f *identity.Founding) { f.Readers = []mail.Address{"r@x.c.test"} },
		"no name":                    func(f *identity.Founding) { f.Name = " " },
		"a long name":                func(f *identity.Founding) { f.Name = strings.Repeat("ü", 101) },
		"a name of two lines":        func(f *identity.Founding) { f.Name = "gamma\nlevel=ERROR" },
		"a name that is a path":      func(f *identity.Founding) { f.Name = "a/../b" },
		"a domain of one label":      func(f *identity.Founding) { f.Domains = append(f.Domains, "nodot") },
		"a keeper at localhost":      func(f *identity.Founding) { f.Keepers = []mail.Address{"k@localhost"} },
		"an auditor at a machine":    func(f *identity.Founding) { f.Auditors = []mail.Address{"u@[192.0.2.1]"} },
		"a long domain":              func(f *identity.Founding) { f.Domains = append(f.Domains, mail.Domain(strings.Repeat("x", 254))) },
		"many domains":               func(f *identity.Founding) { f.Domains = make([]mail.Domain, 1001) },
		"many people":                func(f *identity.Founding) { f.Auditors = many(1000) },
		"a long address": func(f *identity.Founding) {
			f.Auditors = []mail.Address{mail.Address(strings.Repeat("x", 999)) + "@c.test"}
		},
		"no address":                   func(f *identity.Founding) { f.Auditors = []mail.Address{"auditor"} },
		"an address with a line break": func(f *identity.Founding) { f.Auditors = []mail.Address{"a\r\nb@c.test"} },
	} {
		h.want(what, try(change), fault.Invalid)
	}
	// The kit is asked for next.
	h.want("foreign administrators, keepers, auditors", try(func(f *identity.Founding) {
		f.Administrators, f.Keepers, f.Auditors = []mail.Address{"a@x.test"}, []mail.Address{"k@a.test"}, []mail.Address{"u@y.test"}
		f.Readers, f.Name = []mail.Address{"r@c.test", "r@d.test"}, strings.Repeat("ü", 100)
	}), fault.NotFound)
}

// EX-06: strangers are invited as others are; who is of a domain that is almost one of the
// tenant's is invited where somebody confirmed that very domain.
func TestInvitationToMistypedDomain(t *testing.T) {
	h := newHouse(t)
	h.found("gamma", "clinic.test")
	h.found("delta", "xn--bcher-kva.test") // bücher.test
	invite := func(by, email mail.Address, confirmed ...mail.Domain) error {
		_, _, err := h.id.Invite(t.Context(), h.in("admin@"+by), email, identity.Reader, confirmed...)
		return err
	}
	for i, d := range []string{"clinic.test", "auditors.example", "klinik.clinic.test", "c.test", "a.test"} {
		h.ok(invite("clinic.test", mail.Address(fmt.Sprintf("p%d@%s", i, d))))
	}
	h.ok(invite("a.test", "new@b.test"))      // names of one letter are all alike
	h.ok(invite("a.test", "new@clinic.test")) // another tenant's
	for _, d := range []string{"clinc.test", "clinci.test", "klinic.test", "clinik.test", "klinik.test", "clinic.tset", "clinic.te", "clinic.test2"} {
		err := invite("clinic.test", mail.Address("anna@"+d))
		h.want(d, err, fault.Invalid)
		if fault.Field(err) != "confirm-domain" || !strings.Contains(text(err), d) || !strings.Contains(text(err), "clinic.test") {
			t.Errorf("%s: at %q: %s", d, fault.Field(err), text(err))
		}
	}
	// EX-17: domains are told as they are typed; one that may only look so, also in ASCII.
	for typed, want := range map[string]string{
		"anna@bucher.test": "bucher.test is no domain of this tenant, and looks like bücher.test:",
		"anna@BÜCHR.test":  "büchr.test is no domain of this tenant, and looks like bücher.test:",
		"anna@büсher.test": "büсher.test (xn--bher-0ra631c.test) is no domain of this tenant, and looks like bücher.test:", // с of Cyrillic
		"anna@bücher":      `"bücher" is no domain that others can send mail to`,
	} {
		if err := invite("xn--bcher-kva.test", mail.NewAddress(typed)); fault.Of(err) != fault.Invalid || !strings.HasPrefix(text(err), want) {
			t.Errorf("%s: %s", typed, text(err))
		}
	}
	// No confirmation makes a domain of what others could not deliver to.
	for _, d := range []mail.Domain{"clinictest", "localhost", "[192.0.2.1]", "192.0.2.1", "under_score.test", "ab--c.test", "xn--bcher-kv.test"} {
		err := invite("clinic.test", mail.Address("anna@"+d), d)
		h.want(d.String(), err, fault.Invalid)
		if fault.Field(err) != "" || !strings.Contains(text(err), d.String()) {
			t.Errorf("%s: at %q: %s", d, fault.Field(err), text(err))
		}
	}
	h.want("another one confirmed", invite("clinic.test", "anna@clinc.test", "clinik.test", ""), fault.Invalid)
	for _, p := range must(h.id.People(t.Context(), h.in("admin@clinic.test"))) {
		if strings.HasPrefix(p.Email.String(), "anna@") {
			t.Errorf("%s is there", p.Email)
		}
	}
	h.ok(invite("clinic.test", "anna@clinc.test", "clinc.test"))
}

// EX-06: a tenant that was founded when names were not looked at works as before, also for
// whom it invites; nobody else is invited by such a name.
func TestEarlierNamesWork(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	for _, one := range []struct{ name, domain string }{{"a/../b", "nodot"}, {" \u202e", "under_score.test"}} {
		h.foundBy(one.name, one.domain, h.id.FoundEarlier)
		admin := must(h.id.SignIn(ctx, one.name, mail.Address("admin@"+one.domain), []byte(password)))
		p, code, err := h.id.Invite(ctx, admin, mail.Address("anna@"+one.domain), identity.Reader)
		h.ok(err)
		h.ok(h.id.Accept(ctx, one.name, p.Email, code, []byte(password)))
		keeper := must(h.id.SignIn(ctx, one.name, mail.Address("keeper@"+one.domain), []byte(password)))
		_, err = h.id.AddAddress(ctx, keeper, p.Email, mail.Address("sales@"+one.domain))
		h.ok(err)
		if list := must(h.id.People(ctx, admin)); len(list) != 5 {
			t.Errorf("%d people", len(list))
		}
		if got := must(h.id.Named(ctx, one.name)); len(got.Domains) != 1 || got.Domains[0].String() != one.domain {
			t.Errorf("%q has the domains %q", one.name, got.Domains)
		}
		if owner := must(h.id.Tenant(ctx, mail.Domain(one.domain))); owner != must(h.id.Named(ctx, one.name)).ID {
			t.Errorf("mail for %s goes to %s", one.domain, owner)
		}
		_, _, err = h.id.Invite(ctx, admin, "otto@other", identity.Reader)
		h.want("somebody else", err, fault.Invalid)
	}
}

// EX-03: addresses that people type later are bounded too.
func TestAddressesAreChecked(t *testing.T) {
	h := newHouse(t)
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	long := mail.Address(strings.Repeat("x", 999)) + "@a.test"
	_, _, err := h.id.Invite(t.Context(), admin, long, identity.Reader)
	h.want("inviting", err, fault.Invalid)
	_, err = h.id.AddAddress(t.Context(), keeper, "reader@a.test", long)
	h.want("an address", err, fault.Invalid)
	_, err = h.id.AddAddress(t.Context(), admin, "reader@a.test", long)
	h.want("asking for an address", err, fault.Invalid)
	_, err = h.id.AddAddress(t.Context(), keeper, "reader@a.test", "@a.test")
	h.want("no address", err, fault.Invalid)
}

// CR-05: errors that speak of an address tell it the user and not the log.
func TestErrorsWithoutAddresses(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	const canary mail.Address = "canary@a.test"
	_, _, err := h.id.Invite(ctx, admin, canary, identity.Reader)
	h.ok(err)
	errs := make(map[string]error)
	_, _, errs["inviting twice"] = h.id.Invite(ctx, admin, canary, identity.Reader)
	errs["removing who is not there"] = h.id.Remove(ctx, admin, "no-"+canary)
	errs["an address that is not hers"] = h.id.RemoveAddress(ctx, keeper, canary, canary)
	_, errs["a foreign address"] = h.id.AddAddress(ctx, keeper, canary, "canary@elsewhere.test")
	_, _, errs["no address"] = h.id.Invite(ctx, admin, "canary", identity.Reader)
	_, errs["no role"] = identity.ParseRole("canary")
	_, errs["named twice"] = h.id.Found(ctx, identity.Founding{Name: "g", Domains: []mail.Domain{"g.test"}, Administrators: []mail.Address{canary}, Keepers: []mail.Address{canary}})
	for what, err := range errs {
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).Error("it failed", "error", err, "text", fmt.Sprintf("%v %+v %#v", err, err, err))
		}
		if err == nil || strings.Contains(log.String(), "canary") {
			t.Errorf("%s: the log says %s", what, log.String())
		}
		if !strings.Contains(text(err), "canary") {
			t.Errorf("%s: the user reads %s", what, text(err))
		}
	}
}
