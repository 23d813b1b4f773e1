package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// The founding ceremony makes administrators who read nothing, keepers and
// auditors who hold the archive, readers who read their own (D15, AU-26).
func TestFounded(t *testing.T) {
	h := newHouse(t)
	reader := h.in("reader@a.test")
	message := h.sealed(reader.Account().Holder)
	for email, c := range map[mail.Address]struct {
		role        identity.Role
		holds, mine bool
	}{
		"admin@a.test":   {identity.Administrator, false, false},
		"keeper@a.test":  {identity.Keeper, true, true},
		"auditor@a.test": {identity.Auditor, true, true},
		"reader@a.test":  {identity.Reader, false, true},
		"reader2@a.test": {identity.Reader, false, false},
	} {
		s := h.in(email)
		if s.Account().Role != c.role || s.Unlocked().Holds(s.Archive()) != c.holds || opens(s, message) != c.mine {
			t.Errorf("%s: role %s, holds the archive %v, reads it %v", email, s.Account().Role, s.Unlocked().Holds(s.Archive()), opens(s, message))
		}
		if s.TenantName() != "alpha" || s.Tenant().ID() != h.tenant("alpha").ID || s.Person() != s.Account().ID {
			t.Errorf("%s: the session is of %s", email, s.TenantName())
		}
	}
	people, err := h.id.People(t.Context(), h.in("keeper@a.test"))
	h.ok(err)
	if len(people) != 8 {
		t.Errorf("%d people", len(people))
	}
	for _, p := range people {
		if (len(p.Addresses) == 1) != (p.Role == identity.Reader) || p.State != identity.Active {
			t.Errorf("%s: addresses %v, state %s", p.Email, p.Addresses, p.State)
		}
	}
}

// The recovery kit is confirmed by typing words back; it serves one tenant, and
// another try after a failure.
func TestConfirmKit(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	kit, err := h.id.NewKit(ctx)
	h.ok(err)
	f := identity.Founding{
		Name: "gamma", Domains: []mail.Domain{"c.test"}, Administrators: []mail.Address{"admin@c.test"},
		Keepers: []mail.Address{"keeper@c.test"}, Kit: kit.ID, Words: words(kit),
	}
	try := func(change func(*identity.Founding)) error {
		g := f
		change(&g)
		_, err := h.id.Found(ctx, g)
		return err
	}
	for name, c := range map[string]struct {
		change func(*identity.Founding)
		want   fault.Kind
	}{
		"no words":          {func(f *identity.Founding) { f.Words = nil }, fault.Invalid},
		"one word":          {func(f *identity.Founding) { f.Words = f.Words[:1] }, fault.Invalid},
		"another word":      {func(f *identity.Founding) { f.Words = []string{f.Words[0], "babab"} }, fault.Invalid},
		"changed places":    {func(f *identity.Founding) { f.Words = []string{f.Words[1], f.Words[0]} }, fault.Invalid},
		"another kit":       {func(f *identity.Founding) { f.Kit = mail.NewID() }, fault.NotFound},
		"no name":           {func(f *identity.Founding) { f.Name = "  " }, fault.Invalid},
		"a long name":       {func(f *identity.Founding) { f.Name = strings.Repeat("x", 101) }, fault.Invalid},
		"no domain":         {func(f *identity.Founding) { f.Domains = nil }, fault.Invalid},
		"no such domain":    {func(f *identity.Founding) { f.Domains = []mail.Domain{"a@b"} }, fault.Invalid},
		"no administrator":  {func(f *identity.Founding) { f.Administrators = nil }, fault.Invalid},
		"no keeper":         {func(f *identity.Founding) { f.Keepers = nil }, fault.Invalid},
		"three keepers":     {func(f *identity.Founding) { f.Keepers = []mail.Address{"1@c.test", "2@c.test", "3@c.test"} }, fault.Invalid},
		"named twice":       {func(f *identity.Founding) { f.Readers = []mail.Address{"admin@c.test"} }, fault.Invalid},
		"no address":        {func(f *identity.Founding) { f.Administrators = []mail.Address{"admin"} }, fault.Invalid},
		"a name that is":    {func(f *identity.Founding) { f.Name = "alpha" }, fault.Conflict},
		"a domain that is":  {func(f *identity.Founding) { f.Domains = append(f.Domains, "b.test") }, fault.Conflict},
		"the domain, twice": {func(f *identity.Founding) { f.Domains = []mail.Domain{"c.test", "c.test"} }, fault.Conflict},
	} {
		h.want(name, try(c.change), c.want)
	}
	if list, err := h.id.Tenants(ctx); err != nil || len(list) != 2 {
		t.Fatalf("%d tenants after refused foundings, error %v", len(list), err)
	}
	// Two at once with one kit: it serves one of them.
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for i, name := range []string{"gamma", "delta"} {
		wait.Go(func() {
			errs[i] = try(func(f *identity.Founding) {
				f.Name, f.Domains = name, []mail.Domain{mail.Domain(name + ".test")}
				f.Words = []string{" " + strings.ToUpper(f.Words[0]), f.Words[1] + " "} // as people type
			})
		})
	}
	wait.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("one kit for two tenants: %v, %v", errs[0], errs[1])
	}
	h.want("a used kit", try(func(*identity.Founding) {}), fault.NotFound)
}

// Kits that nobody confirms are forgotten: after an hour, and the oldest first
// where there are too many.
func TestKitsAreForgotten(t *testing.T) {
	h := newHouse(t)
	var ids []mail.ID
	for range identity.MaxKits + 5 {
		ids = append(ids, mail.NewID())
		h.id.PutKit(ids[len(ids)-1], h.clock.Now())
		h.clock.Advance(time.Second)
	}
	for i, id := range ids {
		if h.id.HasKit(id) != (i >= 5) {
			t.Errorf("kit %d of %d is remembered: %v", i, len(ids), h.id.HasKit(id))
		}
	}
	newest := ids[len(ids)-1]
	h.clock.Advance(identity.KitFor)
	_, err := h.id.Found(t.Context(), identity.Founding{
		Name: "x", Domains: []mail.Domain{"x.test"}, Administrators: []mail.Address{"a@x.test"}, Keepers: []mail.Address{"k@x.test"},
		Kit: newest, Words: []string{"a", "b"},
	})
	h.want("a kit after an hour", err, fault.NotFound)
	h.id.PutKit(mail.NewID(), h.clock.Now())
	if h.id.HasKit(newest) {
		t.Error("an expired kit is remembered")
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// A kit's file opens with its words, in any case and spacing, and with no
// others; a changed one does not open.
func TestKitFile(t *testing.T) {
	h := newHouse(t)
	kit := h.kits["alpha"]
	if len(kit.Words) != 10 || bytes.Contains(kit.File, []byte("code")) || bytes.Contains(kit.File, []byte(kit.Words[0])) {
		t.Fatalf("%d words, a file of %d octets", len(kit.Words), len(kit.File))
	}
	all := strings.Join(kit.Words, " ")
	if b, _ := identity.OpenKit(kit.File, "  "+strings.ToUpper(strings.Join(kit.Words, " \n"))+"\n"); len(b) != 20 {
		t.Errorf("%d octets came out", len(b))
	}
	for name, c := range map[string]struct {
		file  []byte
		words string
		want  fault.Kind
	}{
		"no words": {kit.File, " ", fault.Invalid},
		"no file":  {nil, all, fault.Invalid},
		"cut":      {kit.File[:len(kit.File)-1], all, fault.Damaged},
		"flipped":  {flip(kit.File, len(kit.File)-20), all, fault.Damaged},
		"costly":   {bytes.Replace(kit.File, []byte(" 15\n"), []byte(" 30\n"), 1), all, fault.Invalid},
	} {
		if b, kind := identity.OpenKit(c.file, c.words); b != nil || kind != c.want {
			t.Errorf("%s: %x, kind %v, want %v", name, b, kind, c.want)
		}
	}
}

// Where the last keeper forgot her password, the recovery kit carries out a request:
// the new keeper reads everything, also what came after the others were gone, the
// former one can be reset, and the use stands in the audit log.
func TestRecover(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	old := h.sealed()
	admin := h.in("admin@a.test")
	_, err := h.id.Reset(ctx, admin, "keeper2@a.test")
	h.ok(err)
	fresh := h.sealed()
	r, err := h.id.RequestRole(ctx, admin, "reader@a.test", identity.Keeper)
	h.ok(err)
	wrong, err := h.id.RequestRole(ctx, admin, "reader2@a.test", identity.Auditor)
	h.ok(err)
	alpha, beta := h.kits["alpha"], h.kits["beta"]
	all := strings.Join(alpha.Words, " ")
	h.want("wrong words", h.id.Recover(ctx, "alpha", r.ID, alpha.File, strings.Join(beta.Words, " ")), fault.Denied)
	err = h.id.Recover(ctx, "alpha", r.ID, beta.File, strings.Join(beta.Words, " "))
	if fault.Of(err) != fault.Denied || !strings.Contains(text(err), "another tenant") {
		t.Errorf("another tenant's kit: %v", err)
	}
	h.want("no words: nothing was tried", h.id.Recover(ctx, "alpha", r.ID, alpha.File, " "), fault.Invalid)
	h.want("no such tenant", h.id.Recover(ctx, "omega", r.ID, alpha.File, all), fault.NotFound)
	h.want("no such request", h.id.Recover(ctx, "alpha", mail.NewID(), alpha.File, all), fault.NotFound)
	h.want("a request for something else", h.id.Recover(ctx, "alpha", wrong.ID, alpha.File, all), fault.Invalid)
	h.ok(h.id.Recover(ctx, "alpha", r.ID, alpha.File, all))
	h.want("the same request again", h.id.Recover(ctx, "alpha", r.ID, alpha.File, all), fault.Conflict)
	s := h.in("reader@a.test")
	if s.Account().Role != identity.Keeper || !opens(s, old) || !opens(s, fresh) || !opens(s, h.sealed()) {
		t.Errorf("the new keeper has role %s and reads %v, %v", s.Account().Role, opens(s, old), opens(s, fresh))
	}
	used, approved := map[string]int{}, 0
	for _, e := range h.events(s) {
		if e.What == "recovery.use" && e.Who == "operator" {
			used[fmt.Sprint(e.New, " ", e.Detail["kind"], " ", e.Object == r.Person.String())]++
		}
		if e.What == "access.approve" && e.Who == "operator" && e.Old == "reader" && e.New == "compliance" {
			approved++
		}
	}
	// Every try is entered, and what became of it: wrong words and another tenant's
	// kit, a request that is not there, one for something else, the same again.
	want := map[string]int{
		"approved <nil> true": 1, "refused denied true": 2, "refused not-found false": 1, "refused invalid false": 1, "refused conflict true": 1,
	}
	if !maps.Equal(used, want) || approved != 1 {
		t.Errorf("uses %v and %d approvals in the audit log", used, approved)
	}
	_, err = h.id.Reset(ctx, admin, "keeper@a.test")
	h.ok(err)
	s = h.in("reader@a.test") // the archive has a new term
	// The new keeper can appoint others: he holds every term.
	r, err = h.id.RequestRole(ctx, admin, "auditor@a.test", identity.Keeper)
	h.ok(err)
	_, err = h.id.Approve(ctx, s, r.ID)
	h.ok(err)
}

// Doors ask where mail for a domain goes.
func TestRouting(t *testing.T) {
	h := newHouse(t)
	if id, err := h.id.Tenant(t.Context(), "a.test"); err != nil || id != h.tenant("alpha").ID {
		t.Errorf("%v, %v", id, err)
	}
	for _, d := range []mail.Domain{"", "c.test", "sub.a.test", "A.TEST"} {
		_, err := h.id.Tenant(t.Context(), d)
		h.want(string(d), err, fault.NotFound)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.id.Tenant(gone, "a.test"); fault.Of(err) == fault.NotFound || !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left hears that there is no such domain: %v", err)
	}
	_, err := h.id.Named(t.Context(), "")
	h.want("which of two tenants", err, fault.Invalid)
	_, err = h.id.Named(t.Context(), "omega")
	h.want("no such tenant", err, fault.NotFound)
}

// Where the answer to the commit of a founding got lost it is found out whether
// there is a tenant; the kit of one that may be there serves no other.
func TestFoundUnknown(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	n := 0
	try := func(update func(context.Context, func(*db.Batch) error) error) (identity.Founding, *identity.Founded, error) {
		n++
		kit, err := h.id.NewKit(ctx)
		h.ok(err)
		domain := fmt.Sprintf("unknown%d.test", n)
		f := identity.Founding{
			Name: domain, Domains: []mail.Domain{mail.NewDomain(domain)}, Administrators: []mail.Address{mail.NewAddress("admin@" + domain)},
			Keepers: []mail.Address{mail.NewAddress("keeper@" + domain)}, Kit: kit.ID, Words: words(kit),
		}
		h.id.Update(update)
		defer h.id.Update(h.db.Update)
		out, err := h.id.Found(ctx, f)
		return f, out, err
	}
	lost := func(err error) error { return errors.Join(db.ErrUnknown, err) }

	f, out, err := try(func(ctx context.Context, work func(*db.Batch) error) error { return lost(h.db.Update(ctx, work)) })
	if err != nil || len(out.Invitations) != 2 || h.id.HasKit(f.Kit) {
		t.Errorf("committed: %+v, %v, the kit waits: %v", out, err, h.id.HasKit(f.Kit))
	}
	h.ok(h.id.Accept(ctx, f.Name, out.Invitations[0].Email, out.Invitations[0].Code, []byte(password)))

	f, _, err = try(func(context.Context, func(*db.Batch) error) error { return lost(nil) })
	h.want("not committed", err, fault.Busy)
	_, err = h.id.Found(ctx, f)
	h.ok(err) // the kit serves another try

	// Nobody can say: the database does not answer any more.
	f, _, err = try(func(ctx context.Context, work func(*db.Batch) error) error {
		err := h.db.Update(ctx, work)
		h.ok(h.db.Close())
		return lost(err)
	})
	sentence, _ := fault.Sentence(err)
	if !errors.Is(err, db.ErrUnknown) || !strings.Contains(sentence, "siegel tenant list") || h.id.HasKit(f.Kit) {
		t.Errorf("unknown: %v, the kit waits: %v", err, h.id.HasKit(f.Kit))
	}
}
