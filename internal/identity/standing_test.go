package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// What says who may do what and where mail goes counts only as the newest entry
// of the audit log has it. Whoever can write the database and has no key of the
// instance could otherwise make himself a keeper, turn an approval or a domain to
// another, or forge a request. Each test fails where rows are not compared.

// problems returns what VerifyRows finds of a tenant, in a process that remembers
// nothing.
func (h *house) problems(name string) []error {
	h.Helper()
	t := h.db.Tenant(h.id1(name))
	entered := must(h.log.Standing(context.Background(), t, seal.AuditLog))
	return must(h.another().VerifyRows(context.Background(), t, entered))
}

// id1 returns a tenant's id also where its row is not what it should be.
func (h *house) id1(name string) mail.TenantID {
	h.Helper()
	var b []byte
	h.ok(h.db.Instance().QueryRow(context.Background(), `SELECT owner FROM identity_login WHERE tenant = $1 AND email LIKE $2`, "admin@"+name[:1]+".test").Scan(&b))
	return must(mail.IDFrom(b))
}

// instance changes rows of the instance by hand.
func (h *house) instance(query string, args ...any) {
	h.Helper()
	h.ok(h.db.Instance().Update(context.Background(), func(tx *db.Tx) error {
		res, err := tx.Exec(context.Background(), query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			h.Errorf("nothing was changed by %s (%v)", query, err)
		}
		return nil
	}))
}

// A changed column of an account: nobody signs in to it, acts with it or on it,
// the list says so, and nobody else is locked out.
func TestChangedAccount(t *testing.T) {
	for column, value := range map[string]any{
		"role": "compliance", "made_by": make([]byte, 16), "made_at": int64(1), "invited_until": int64(1),
		"holder": nil, "raised_by": bytes.Repeat([]byte{1}, 16), "raised_at": int64(1), "salt": make([]byte, 32), "entered": int64(1),
	} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			ctx := t.Context()
			admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
			if column == "made_by" { // the founding ceremony's is zero
				value = bytes.Repeat([]byte{1}, 16)
			}
			if column == "holder" {
				value = h.person(admin, "reader2@a.test").Holder.Bytes()
			}
			session := h.in("reader@a.test")
			h.tamper(`UPDATE identity_person SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND email = 'reader@a.test'`, value)
			_, err := h.id.SignIn(ctx, "", "reader@a.test", []byte(password))
			h.want("signing in", err, fault.Damaged)
			_, err = h.another().SignIn(ctx, "alpha", "reader@a.test", []byte(password))
			h.want("signing in after a restart", err, fault.Damaged)
			h.want("her old session", h.id.ChangePassword(ctx, session, []byte("Another-Horse-8")), fault.Damaged)
			_, err = h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor)
			h.want("a request for her", err, fault.Damaged)
			_, err = h.id.SetRole(ctx, admin, "reader@a.test", identity.Administrator)
			h.want("another role", err, fault.Damaged)
			_, err = h.id.Reset(ctx, admin, "reader@a.test")
			h.want("a reset", err, fault.Damaged)
			h.want("removing her", h.id.Remove(ctx, admin, "reader@a.test"), fault.Damaged)
			_, err = h.id.AddAddress(ctx, keeper, "reader@a.test", "more@a.test")
			h.want("an address", err, fault.Damaged)
			_, err = h.id.Owner(ctx, keeper, "reader@a.test")
			h.want("her mail", err, fault.Damaged)
			if p := h.person(admin, "reader@a.test"); p.State != identity.Damaged {
				t.Errorf("listed as %s", p.State)
			}
			if names := must(h.id.Names(ctx, admin)); names[session.Person()] != "" || names[admin.Person()] == "" {
				t.Error("the audit log names who is not known, or not who is")
			}
			if len(h.problems("alpha")) == 0 {
				t.Error("the rows verify")
			}
			// The others go on.
			h.in("reader2@a.test")
			if p := h.person(admin, "reader2@a.test"); p.State != identity.Active {
				t.Errorf("another is %s", p.State)
			}
			h.ok(h.id.Remove(ctx, admin, "auditor@a.test"))
		})
	}
}

// Another e-mail address leads nobody into an account, and neither does a row that
// leads from an address to another account.
func TestChangedLogin(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.tamper(`UPDATE identity_person SET tenant = $1, email = 'mallory@a.test' WHERE tenant = $1 AND email = 'keeper2@a.test'`)
	h.instance(`UPDATE identity_login SET tenant = $1, email = 'mallory@a.test' WHERE tenant = $1 AND email = 'keeper2@a.test'`)
	_, err := h.id.SignIn(ctx, "", "mallory@a.test", []byte(password))
	h.want("another address", err, fault.Damaged)
	h = newHouse(t)
	h.instance(`UPDATE identity_login SET tenant = $1, person = zeroblob(16) WHERE tenant = $1 AND email = 'keeper2@a.test'`)
	_, err = h.id.SignIn(ctx, "", "keeper2@a.test", []byte(password))
	h.want("another account", err, fault.Damaged)
	if n := len(h.problems("alpha")); n != 2 { // what leads elsewhere, and that nothing leads to her
		t.Errorf("%d problems", n)
	}
	refused := 0 // AU-30: it is no sign-in, and it is not forgotten
	for _, e := range h.events(h.in("admin@a.test")) {
		if e.What == "sign-in" && e.New == "refused" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refused sign-ins", refused)
	}
	h = newHouse(t)
	h.instance(`DELETE FROM identity_login WHERE tenant = $1 AND email = 'keeper2@a.test'`)
	if n := len(h.problems("alpha")); n != 1 {
		t.Errorf("no row: %d problems", n)
	}
}

// An account from before its change, put back, is not what it was: neither who was
// removed nor who lost a role comes back so.
func TestAccountComesBack(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	h.tamper(`CREATE TEMP TABLE kept AS SELECT * FROM identity_person WHERE tenant = $1`)
	back := func(email mail.Address) {
		t.Helper()
		h.tamper(`DELETE FROM identity_person WHERE tenant = $1 AND email = $2`, email.String())
		h.tamper(`INSERT INTO identity_person SELECT * FROM kept WHERE tenant = $1 AND email = $2`, email.String())
	}
	h.ok(h.id.Remove(ctx, admin, "keeper2@a.test"))
	must(h.id.SetRole(ctx, admin, "auditor@a.test", identity.Reader))
	back("keeper2@a.test")
	back("auditor@a.test")
	_, err := h.id.SignIn(ctx, "", "auditor@a.test", []byte(password))
	h.want("with the old role", err, fault.Damaged)
	h.want("who was removed, again", h.id.Remove(ctx, admin, "keeper2@a.test"), fault.Damaged)
	if n := len(h.problems("alpha")); n != 3 { // and nothing leads to who was removed
		t.Errorf("%d problems", n)
	}
	// A keeper who is none does not count as the second one.
	_, err = h.id.SetRole(ctx, admin, "keeper@a.test", identity.Reader)
	h.want("the last keeper", err, fault.Denied)
}

// An account that was made up, and one whose row is gone.
func TestForgedAndMissingAccount(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	h.tamper(`INSERT INTO identity_person SELECT tenant, zeroblob(16), 'forged@a.test', holder, 'administrator', state, made_by, made_at, invited_until,
		raised_by, raised_at, salt, entered FROM identity_person WHERE tenant = $1 AND email = 'reader@a.test'`)
	h.instance(`INSERT INTO identity_login SELECT tenant, 'forged@a.test', owner, zeroblob(16) FROM identity_login WHERE tenant = $1 AND email = 'reader@a.test'`)
	_, err := h.id.SignIn(ctx, "", "forged@a.test", []byte(password))
	h.want("a made-up account", err, fault.Damaged)
	if p := h.person(admin, "forged@a.test"); p.State != identity.Damaged || len(h.problems("alpha")) != 1 {
		t.Errorf("listed as %s, problems %v", p.State, h.problems("alpha"))
	}
	h.ok(h.id.Remove(ctx, admin, "auditor@a.test")) // it is in nobody's way

	h = newHouse(t)
	admin = h.in("admin@a.test")
	h.tamper(`DELETE FROM identity_person WHERE tenant = $1 AND email = 'reader@a.test'`)
	h.instance(`DELETE FROM identity_login WHERE tenant = $1 AND email = 'reader@a.test'`)
	if n := len(h.problems("alpha")); n != 1 {
		t.Errorf("a missing account: %d problems", n)
	}
	h.want("taking access away", h.id.Remove(ctx, admin, "auditor@a.test"), fault.Damaged)
}

// A request that is not as it was asked is not approved, and who looks sees it.
func TestChangedRequest(t *testing.T) {
	for what, change := range map[string]string{
		"for another":        `UPDATE identity_request SET tenant = $1, person = (SELECT id FROM identity_person WHERE tenant = $1 AND email = 'reader2@a.test') WHERE tenant = $1`,
		"of another":         `UPDATE identity_request SET tenant = $1, requester = (SELECT id FROM identity_person WHERE tenant = $1 AND email = 'admin2@a.test') WHERE tenant = $1`,
		"something else":     `UPDATE identity_request SET tenant = $1, value = 'compliance' WHERE tenant = $1`,
		"another kind":       `UPDATE identity_request SET tenant = $1, kind = 'address', value = 'boss@a.test' WHERE tenant = $1`,
		"earlier":            `UPDATE identity_request SET tenant = $1, created = 1 WHERE tenant = $1`,
		"entered earlier":    `UPDATE identity_request SET tenant = $1, entered = 1 WHERE tenant = $1`,
		"decided":            `UPDATE identity_request SET tenant = $1, state = 'rejected', decided = 1 WHERE tenant = $1`,
		"without a salt":     `UPDATE identity_request SET tenant = $1, salt = zeroblob(1) WHERE tenant = $1`,
		"with a new id":      `UPDATE identity_request SET tenant = $1, id = zeroblob(16) WHERE tenant = $1`,
		"decided by another": `UPDATE identity_request SET tenant = $1, decided_by = requester WHERE tenant = $1`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			ctx := t.Context()
			admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
			must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor))
			h.tamper(change)
			list := must(h.id.Requests(ctx, keeper))
			if len(list) != 1 || list[0].State != "damaged" || len(h.problems("alpha")) == 0 {
				t.Errorf("listed: %+v, problems %v", list, h.problems("alpha"))
			}
			_, err := h.id.Approve(ctx, keeper, list[0].ID)
			h.want("approving", err, fault.Damaged)
			_, err = h.id.Reject(ctx, keeper, list[0].ID)
			h.want("rejecting", err, fault.Damaged)
			_, err = h.id.Withdraw(ctx, admin, list[0].ID)
			h.want("withdrawing", err, fault.Damaged)
			// Another request is approved.
			good := must(h.id.RequestRole(ctx, admin, "keeper2@a.test", identity.Auditor))
			_, err = h.id.Approve(ctx, keeper, good.ID)
			h.ok(err)
		})
	}
}

// A request that was made up, in another administrator's name; one that was
// rejected and comes back open; one whose row is gone; and one whose account or
// requester is not what it was.
func TestForgedRequest(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, admin2, keeper := h.in("admin@a.test"), h.in("admin2@a.test"), h.in("keeper@a.test")
	reader := h.person(admin, "reader@a.test")
	id := mail.NewID()
	h.tamper(`INSERT INTO identity_request (tenant, id, person, requester, kind, value, state, created, decided, decided_by, salt, entered)
		VALUES ($1, $2, $3, $4, 'role', 'auditor', 'open', 1, 0, zeroblob(16), $5, 1)`, id.Bytes(), reader.ID.Bytes(), admin2.Person().Bytes(), bytes.Repeat([]byte{1}, 32))
	_, err := h.id.Approve(ctx, keeper, id)
	h.want("a forged one", err, fault.Damaged)
	h.tamper(`DELETE FROM identity_request WHERE tenant = $1`)

	r := must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor))
	h.tamper(`CREATE TEMP TABLE asked AS SELECT * FROM identity_request WHERE tenant = $1`)
	must(h.id.Reject(ctx, keeper, r.ID))
	h.tamper(`DELETE FROM identity_request WHERE tenant = $1`)
	if n := len(h.problems("alpha")); n != 1 {
		t.Errorf("its row is gone: %d problems", n)
	}
	h.want("taking access away while it is gone", h.id.Remove(ctx, admin, "auditor@a.test"), fault.Damaged)
	h.tamper(`INSERT INTO identity_request SELECT * FROM asked WHERE tenant = $1`)
	_, err = h.id.Approve(ctx, keeper, r.ID)
	h.want("open again", err, fault.Damaged)

	// Who is to be served, and who asked, must be who they were.
	for _, email := range []mail.Address{"reader2@a.test", "admin@a.test"} {
		h := newHouse(t)
		admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
		r := must(h.id.RequestRole(ctx, admin, "reader2@a.test", identity.Auditor))
		h.tamper(`UPDATE identity_person SET tenant = $1, made_at = 1 WHERE tenant = $1 AND email = $2`, email.String())
		_, err = h.id.Approve(ctx, keeper, r.ID)
		h.want(email.String()+" changed", err, fault.Damaged)
		if list := must(h.id.Requests(ctx, keeper)); list[0].State != "damaged" {
			t.Errorf("listed: %+v", list[0])
		}
		_, err = h.id.Reject(ctx, keeper, r.ID) // what is not carried out may end
		h.ok(err)
	}
}

// Who turned the approval to a holder of his own would be given the archive.
func TestApproveForAnotherHolder(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	r := must(h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor))
	h.tamper(`UPDATE identity_person SET tenant = $1, holder = $2 WHERE tenant = $1 AND email = 'reader@a.test'`, h.person(admin, "reader2@a.test").Holder.Bytes())
	_, err := h.id.Approve(ctx, keeper, r.ID)
	h.want("approving", err, fault.Damaged)
	_, err = h.another().Approve(ctx, keeper, r.ID)
	h.want("approving after a restart", err, fault.Damaged)
	if s := h.in("reader2@a.test"); opens(s, h.sealed()) {
		t.Error("another reads the archive")
	}
}

// A session that was opened before its row was changed has no say.
func TestSessionOfAChangedAccount(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	h.tamper(`UPDATE identity_person SET tenant = $1, raised_at = 1 WHERE tenant = $1 AND email = 'admin@a.test'`)
	_, err := h.id.People(ctx, admin)
	h.want("listing", err, fault.Damaged)
	_, _, err = h.id.Invite(ctx, admin, "new@a.test", identity.Reader)
	h.want("inviting", err, fault.Damaged)
}

// A domain leads to the tenant that it was founded for, or nowhere.
func TestChangedDomain(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	alpha, beta := h.tenant("alpha"), h.tenant("beta")
	sealing := func(name identity.Tenant, a mail.Address) error {
		_, _, err := h.id.Sealing(ctx, h.db.Tenant(name.ID), []mail.Address{a})
		return err
	}
	h.instance(`UPDATE identity_domain SET tenant = $1, owner = $2 WHERE tenant = $1 AND domain = 'a.test'`, beta.ID.Bytes())
	for what, i := range map[string]*identity.Identity{"": h.id, " after a restart": h.another()} {
		_, err := i.Tenant(ctx, "a.test")
		h.want("a domain of another"+what, err, fault.Damaged)
	}
	h.want("sealing", sealing(alpha, "reader@a.test"), fault.Damaged)
	if len(h.problems("alpha")) != 1 || len(h.problems("beta")) != 1 {
		t.Errorf("problems: %v, %v", h.problems("alpha"), h.problems("beta"))
	}
	// The others go on.
	if id, err := h.id.Tenant(ctx, "b.test"); err != nil || id != beta.ID {
		t.Errorf("%v, %v", id, err)
	}
	h.ok(sealing(beta, "reader@b.test"))
	h.instance(`UPDATE identity_domain SET tenant = $1, owner = $2 WHERE tenant = $1 AND domain = 'a.test'`, alpha.ID.Bytes())
	h.ok(sealing(alpha, "reader@a.test"))

	for what, change := range map[string]string{
		"made up":     `INSERT INTO identity_domain SELECT tenant, 'c.test', owner, id, salt, entered FROM identity_domain WHERE tenant = $1 AND domain = 'a.test'`,
		"of no one":   `INSERT INTO identity_domain SELECT tenant, 'c.test', zeroblob(16), zeroblob(16), salt, entered FROM identity_domain WHERE tenant = $1 AND domain = 'a.test'`,
		"a new salt":  `UPDATE identity_domain SET tenant = $1, domain = 'c.test', salt = zeroblob(32) WHERE tenant = $1 AND domain = 'a.test'`,
		"another one": `UPDATE identity_domain SET tenant = $1, domain = 'c.test' WHERE tenant = $1 AND domain = 'a.test'`,
	} {
		h := newHouse(t)
		h.instance(change)
		_, err := h.id.Tenant(ctx, "c.test")
		h.want(what, err, fault.Damaged)
		_, err = h.id.AddAddress(ctx, h.in("keeper@a.test"), "reader@a.test", "x@c.test")
		if err == nil {
			t.Errorf("%s: an address in it was assigned", what)
		}
	}
}

// A domain whose row is gone is not free for another tenant.
func TestMissingDomain(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.instance(`DELETE FROM identity_domain WHERE tenant = $1 AND domain = 'a.test'`)
	_, err := h.id.Tenant(ctx, "a.test")
	h.want("a domain that is gone", err, fault.NotFound)
	if len(h.problems("alpha")) != 1 {
		t.Errorf("problems: %v", h.problems("alpha"))
	}
	kit := must(h.id.NewKit(ctx))
	f := identity.Founding{
		Name: "gamma", Domains: []mail.Domain{"a.test"}, Administrators: []mail.Address{"admin@c.test"}, Keepers: []mail.Address{"keeper@c.test"},
		Kit: kit.ID, Words: words(kit),
	}
	_, err = h.id.Found(ctx, f)
	h.want("founding with it", err, fault.Damaged)
	h.instance(`DELETE FROM identity_tenant WHERE tenant = $1 AND name = 'alpha'`)
	if lost := must(h.id.Lost(ctx)); len(lost) != 1 || lost[0] != h.id1("alpha") {
		t.Errorf("lost: %v", lost)
	}
	_, err = h.id.Found(ctx, f)
	h.want("founding with it while the tenant is gone", err, fault.Damaged)
}

// A tenant's archive, recovery and name are those of its founding.
func TestChangedTenant(t *testing.T) {
	for _, column := range []string{"archive", "recovery", "name", "salt", "entered"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			ctx := t.Context()
			alpha := h.tenant("alpha")
			reader := h.person(h.in("keeper@a.test"), "reader@a.test")
			value, name := any(reader.Holder.Bytes()), "alpha"
			switch column {
			case "name":
				value, name = "gamma", "gamma"
			case "entered":
				value = int64(1)
			}
			h.instance(`UPDATE identity_tenant SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND id = $3`, value, alpha.ID.Bytes())
			_, err := h.id.Named(ctx, name)
			h.want("asked for by its name", err, fault.Damaged)
			_, err = h.id.SignIn(ctx, "", "keeper@a.test", []byte(password))
			h.want("signing in", err, fault.Damaged)
			_, _, err = h.another().Sealing(ctx, h.db.Tenant(alpha.ID), nil)
			h.want("sealing", err, fault.Damaged)
			if len(h.problems("alpha")) != 1 {
				t.Errorf("problems: %v", h.problems("alpha"))
			}
			h.in("keeper@b.test")
		})
	}
}

// The address of somebody that has the id of something else ends nothing else.
func TestAddressWithAnotherId(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	h.tamper(`UPDATE identity_address SET tenant = $1, id = $2 WHERE tenant = $1 AND address = 'reader@a.test'`, admin.Person().Bytes())
	h.want("taking it away", h.id.RemoveAddress(ctx, keeper, "reader@a.test", "reader@a.test"), fault.Damaged)
	h.in("admin@a.test")
	// It gives nothing, and that is heard (ADR 5).
	before := h.alarms.Load()
	if p := h.person(admin, "reader@a.test"); p.State != identity.Active || len(p.Addresses) != 0 {
		t.Errorf("listed as %s with %v", p.State, p.Addresses)
	}
	if o, err := h.id.Owner(ctx, keeper, "reader@a.test"); err != nil || len(o.Addresses) != 0 {
		t.Errorf("hers are %v, %v", o.Addresses, err)
	}
	if h.alarms.Load() == before {
		t.Error("no alarm")
	}
}

// Each change of an account is entered, so what stands is what the rows say.
func TestRowsStandAfterAll(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	_, code, err := h.id.Invite(ctx, admin, "new@a.test", identity.Administrator)
	h.ok(err)
	h.ok(h.id.Accept(ctx, "alpha", "new@a.test", code, []byte(password)))
	h.ok(h.id.ChangePassword(ctx, keeper, []byte("Another-Horse-8")))
	h.ok(h.id.ChangePassword(ctx, keeper, []byte(password)))
	must(h.id.SetRole(ctx, admin, "new@a.test", identity.Reader))
	must(h.id.SetRole(ctx, admin, "new@a.test", identity.Administrator))
	must(h.id.Reset(ctx, admin, "reader@a.test"))
	must(h.id.RequestRole(ctx, admin, "keeper2@a.test", identity.Auditor))
	r := must(h.id.RequestRole(ctx, admin, "reader2@a.test", identity.Auditor))
	must(h.id.Approve(ctx, keeper, r.ID))
	r = must(h.id.RequestRole(ctx, admin, "auditor@a.test", identity.Keeper))
	must(h.id.Reject(ctx, keeper, r.ID))
	h.ok(h.id.Remove(ctx, admin, "keeper2@a.test"))
	for _, name := range []string{"alpha", "beta"} {
		if list := h.problems(name); len(list) != 0 {
			t.Errorf("%s: %v", name, list)
		}
	}
	for _, p := range must(h.id.People(ctx, admin)) {
		if p.State == identity.Damaged {
			t.Errorf("%s is damaged", p.Email)
		}
	}
}

// What the check of a recipient's domain and of an account costs.
func BenchmarkStanding(b *testing.B) {
	h := newHouse(b)
	ctx := b.Context()
	alpha := h.db.Tenant(h.tenant("alpha").ID)
	b.Run("domain", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.id.Tenant(ctx, "a.test"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("row alone", func(b *testing.B) {
		for b.Loop() {
			var owner []byte
			if err := h.db.Instance().QueryRow(ctx, `SELECT owner FROM identity_domain WHERE tenant = $1 AND domain = $2`, "a.test").Scan(&owner); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{1, 10} {
		var list []mail.Address
		for k := range n {
			list = append(list, mail.Address(fmt.Sprintf("x%d@x%d.test", k, k)))
		}
		b.Run(fmt.Sprintf("sealing %d strangers", n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := h.id.Sealing(ctx, alpha, list); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
