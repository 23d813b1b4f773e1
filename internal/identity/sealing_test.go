package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// AU-26: mail is sealed to whom its addresses are assigned, and to nobody else.
func TestSealing(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	alpha := h.tenant("alpha")
	keeper := h.in("keeper@a.test")
	reader, reader2 := h.person(keeper, "reader@a.test"), h.person(keeper, "reader2@a.test")
	for _, a := range []mail.Address{"shared@a.test", "second@a.test"} {
		_, err := h.id.AddAddress(ctx, keeper, "reader@a.test", a)
		h.ok(err)
	}
	_, err := h.id.AddAddress(ctx, keeper, "reader2@a.test", "shared@a.test")
	h.ok(err)
	for name, c := range map[string]struct {
		addresses []mail.Address
		want      map[mail.HolderID]int // number of addresses
	}{
		"nobody":       {nil, nil},
		"no address":   {[]mail.Address{"", "@", "x"}, nil},
		"strangers":    {[]mail.Address{"a@elsewhere.test", "nobody@a.test", "reader@b.test"}, nil},
		"one":          {[]mail.Address{"reader@a.test"}, map[mail.HolderID]int{reader.Holder: 1}},
		"one twice":    {[]mail.Address{"reader@a.test", "reader@a.test"}, map[mail.HolderID]int{reader.Holder: 1}},
		"two of hers":  {[]mail.Address{"reader@a.test", "second@a.test"}, map[mail.HolderID]int{reader.Holder: 2}},
		"shared":       {[]mail.Address{"shared@a.test"}, map[mail.HolderID]int{reader.Holder: 1, reader2.Holder: 1}},
		"both, mixed":  {[]mail.Address{"x@y.z", "reader2@a.test", "reader@a.test", "shared@a.test"}, map[mail.HolderID]int{reader.Holder: 2, reader2.Holder: 2}},
		"not an owner": {[]mail.Address{"keeper@a.test", "admin@a.test"}, nil},
	} {
		archive, owners, err := h.id.Sealing(ctx, h.db.Tenant(alpha.ID), c.addresses)
		if err != nil || archive != alpha.Archive || len(owners) != len(c.want) {
			t.Errorf("%s: archive %v, owners %v, error %v", name, archive, owners, err)
		}
		for _, o := range owners {
			if len(o.Addresses) != c.want[o.Holder] {
				t.Errorf("%s: %v has %v", name, o.Holder, o.Addresses)
			}
		}
	}
	_, _, err = h.id.Sealing(ctx, h.db.Tenant(mail.NewID()), []mail.Address{"reader@a.test"})
	h.want("no such tenant", err, fault.NotFound)
	// Across tenants the same address is nobody's.
	_, owners, err := h.id.Sealing(ctx, h.db.Tenant(h.tenant("beta").ID), []mail.Address{"reader@a.test"})
	if err != nil || len(owners) != 0 {
		t.Errorf("in another tenant: %v, %v", owners, err)
	}
}

// An assignment that a hand puts into the database makes nobody a reader, and
// keeps nobody's mail out; where one that stands was changed mail is refused until
// somebody looks (security-model.md, "Keys are in the ledger").
func TestChangedAssignment(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	alpha := h.db.Tenant(h.tenant("alpha").ID)
	keeper := h.in("keeper@a.test")
	reader, reader2 := h.person(keeper, "reader@a.test"), h.person(keeper, "reader2@a.test")
	// The process that has proven whose mail it is goes on with that, whatever the
	// rows say, until something is entered in the log.
	knows := func(what string) {
		t.Helper()
		_, owners, err := h.id.Sealing(ctx, alpha, []mail.Address{"reader@a.test"})
		if err != nil || len(owners) != 1 || owners[0].Holder != reader.Holder {
			t.Errorf("%s: who knew better says %v, %v", what, owners, err)
		}
	}
	refuse := func(what string, a mail.Address) {
		t.Helper()
		knows(what)
		_, _, err := h.another().Sealing(ctx, alpha, []mail.Address{a})
		h.want(what, err, fault.Damaged)
	}
	ignore := func(what string, a mail.Address, readers int) {
		t.Helper()
		knows(what)
		before := h.alarms.Load()
		_, owners, err := h.another().Sealing(ctx, alpha, []mail.Address{a})
		if err != nil || len(owners) != readers || h.alarms.Load() == before {
			t.Errorf("%s: %v, %v, %d alarms", what, owners, err, h.alarms.Load()-before)
		}
	}
	good := func() {
		t.Helper()
		_, owners, err := h.id.Sealing(ctx, alpha, []mail.Address{"reader@a.test"})
		if err != nil || len(owners) != 1 {
			t.Fatalf("%v, %v", owners, err)
		}
	}
	good()
	set := func(column string, value any) {
		h.tamper(`UPDATE identity_address SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND person = $3`, value, reader.ID.Bytes())
	}
	set("holder", reader2.Holder.Bytes())
	refuse("another holder", "reader@a.test")
	set("holder", reader.Holder.Bytes())
	good()
	set("address", "boss@a.test")
	refuse("another address", "boss@a.test")
	set("address", "reader@a.test")
	good()
	// A copy for somebody else, and one that is made up.
	h.tamper(`INSERT INTO identity_address (tenant, address, person, holder, id, salt, entered)
		SELECT $1, address, $2, $3, id, salt, entered FROM identity_address WHERE tenant = $1 AND person = $4`,
		reader2.ID.Bytes(), reader2.Holder.Bytes(), reader.ID.Bytes())
	ignore("a copy for another", "reader@a.test", 1)
	h.tamper(`DELETE FROM identity_address WHERE tenant = $1 AND address = 'reader@a.test' AND person = $2`, reader2.ID.Bytes())
	good()
	h.tamper(`INSERT INTO identity_address (tenant, address, person, holder, id, salt, entered) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		"boss@a.test", reader2.ID.Bytes(), reader2.Holder.Bytes(), mail.NewID().Bytes(), bytes.Repeat([]byte{1}, 32), 0)
	ignore("a made-up one", "boss@a.test", 0)
	var was []byte
	h.ok(alpha.QueryRow(ctx, `SELECT id FROM identity_address WHERE tenant = $1 AND person = $2 AND address = 'reader@a.test'`, reader.ID.Bytes()).Scan(&was))
	for column, value := range map[string]any{"salt": make([]byte, 32), "entered": int64(1)} {
		var was any
		h.ok(alpha.QueryRow(ctx, `SELECT `+column+` FROM identity_address WHERE tenant = $1 AND person = $2 AND address = 'reader@a.test'`, reader.ID.Bytes()).Scan(&was))
		set(column, value)
		_, _, err := h.another().Sealing(ctx, alpha, []mail.Address{"reader@a.test"})
		h.want("another "+column, err, fault.Damaged)
		set(column, was)
	}
	set("id", mail.NewID().Bytes())
	ignore("another id", "reader@a.test", 0)
	h.tamper(`UPDATE identity_address SET tenant = $1, id = $2 WHERE tenant = $1 AND person = $3`, was, reader.ID.Bytes())
	set("salt", []byte{1})
	_, _, err := h.another().Sealing(ctx, alpha, []mail.Address{"reader@a.test"})
	h.want("no salt", err, fault.Damaged)
}

// An address that was taken away and comes back from an older copy of the
// database makes nobody a reader again.
func TestUnassignedComesBack(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	alpha := h.db.Tenant(h.tenant("alpha").ID)
	keeper := h.in("keeper@a.test")
	reader := h.person(keeper, "reader@a.test")
	var holder, id, salt []byte
	var entered int64
	h.ok(alpha.QueryRow(ctx, `SELECT holder, id, salt, entered FROM identity_address WHERE tenant = $1 AND address = 'reader@a.test'`).
		Scan(&holder, &id, &salt, &entered))
	h.ok(h.id.RemoveAddress(ctx, keeper, "reader@a.test", "reader@a.test"))
	sealing := func(i *identity.Identity) error {
		_, owners, err := i.Sealing(ctx, alpha, []mail.Address{"reader@a.test"})
		if err == nil && len(owners) != 0 {
			t.Errorf("%d owners", len(owners))
		}
		return err
	}
	h.ok(sealing(h.id))
	h.tamper(`INSERT INTO identity_address (tenant, address, person, holder, id, salt, entered) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		"reader@a.test", reader.ID.Bytes(), holder, id, salt, entered)
	h.ok(sealing(h.id))
	h.ok(sealing(h.another()))
	if h.alarms.Load() != 1 { // who knew that it was taken away did not even look
		t.Errorf("%d alarms", h.alarms.Load())
	}
	// Given again it is another assignment.
	h.tamper(`DELETE FROM identity_address WHERE tenant = $1 AND address = 'reader@a.test'`)
	_, err := h.id.AddAddress(ctx, keeper, "reader@a.test", "reader@a.test")
	h.ok(err)
	_, owners, err := h.id.Sealing(ctx, alpha, []mail.Address{"reader@a.test"})
	if err != nil || len(owners) != 1 {
		t.Errorf("given again: %v, %v", owners, err)
	}
}

// Many doors ask at once, all for addresses that nobody has verified yet: they
// must not wait for each other's connections.
func TestSealingDoesNotDeadlock(t *testing.T) {
	h := newHouse(t)
	keeper := h.in("keeper@a.test")
	var addresses []mail.Address
	for i := range 30 {
		a := mail.Address(fmt.Sprintf("a%d@a.test", i))
		addresses = append(addresses, a)
		_, err := h.id.AddAddress(t.Context(), keeper, "reader@a.test", a)
		h.ok(err)
	}
	alpha := h.db.Tenant(h.tenant("alpha").ID)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	room := h.another()
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			if _, owners, err := room.Sealing(ctx, alpha, addresses); err != nil || len(owners) != 1 {
				t.Errorf("%v, %v", owners, err)
			}
			if _, err := room.Tenants(ctx); err != nil {
				t.Error(err)
			}
			if _, err := room.People(ctx, keeper); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// Which holder is the archive of a tenant stands in a row of the instance: with
// another holder there, nobody signs in, so nobody's notes are sealed to it, and a
// session from before takes nothing away amiss.
func TestAnotherArchive(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin := h.in("admin@a.test")
	reader := h.person(h.in("keeper@a.test"), "reader@a.test")
	alpha := h.tenant("alpha")
	set := func(archive mail.HolderID) {
		h.ok(h.db.Instance().Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE identity_tenant SET tenant = $1, archive = $2 WHERE tenant = $1 AND id = $3`, archive.Bytes(), alpha.ID.Bytes())
			return err
		}))
	}
	set(reader.Holder)
	_, err := h.id.SignIn(ctx, "", "keeper@a.test", []byte(password))
	h.want("signing in", err, fault.Damaged)
	h.ok(h.id.Remove(ctx, admin, "auditor@a.test")) // it knows the right one
	set(alpha.Archive)
	h.in("keeper@a.test")
}

// A grant or an address whose row is hidden while it should be taken away would
// not end in the ledger, and would hold when the row is put back: nothing is
// taken away then, and everybody hears why.
func TestHiddenWhileTakenAway(t *testing.T) {
	for what, hide := range map[string]string{
		"the grant is gone":      `DELETE FROM seal_grant WHERE tenant = $1 AND grantee = $2`,
		"the grant is another's": `UPDATE seal_grant SET tenant = $1, grantee = id WHERE tenant = $1 AND grantee = $2`,
		"the address is gone":    `DELETE FROM identity_address WHERE tenant = $1 AND holder <> $2`,
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			ctx := t.Context()
			admin := h.in("admin@a.test")
			auditor := h.person(admin, "auditor@a.test")
			h.tamper(hide, auditor.Holder.Bytes())
			h.want("removed", h.id.Remove(ctx, admin, "auditor@a.test"), fault.Damaged)
			_, err := h.id.SetRole(ctx, admin, "auditor@a.test", identity.Reader)
			h.want("another role", err, fault.Damaged)
			_, err = h.id.Reset(ctx, admin, "auditor@a.test")
			h.want("reset", err, fault.Damaged)
		})
	}
}

// A keeper whose session is older than the archive's term gives nothing: whom he
// gave the old terms alone could not read what comes, and nobody would notice.
func TestApproveWithOldTerms(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	admin, keeper := h.in("admin@a.test"), h.in("keeper@a.test")
	r, err := h.id.RequestRole(ctx, admin, "reader@a.test", identity.Auditor)
	h.ok(err)
	h.ok(h.id.Remove(ctx, admin, "auditor@a.test"))
	_, err = h.id.Approve(ctx, keeper, r.ID)
	h.want("an old session", err, fault.Conflict)
	_, err = h.id.Approve(ctx, h.in("keeper@a.test"), r.ID)
	h.ok(err)
	if s := h.in("reader@a.test"); !opens(s, h.sealed()) {
		t.Error("what comes cannot be read")
	}
}

// A row of a grant or an address that stands for nothing, whoever wrote it, keeps
// nobody from access or from taking it away: it goes, and each that goes is an
// event. Whoever the row was for gets nothing with the next term.
func TestStrays(t *testing.T) {
	for what, take := range map[string]func(h *house, admin *identity.Session) error{
		"removed": func(h *house, admin *identity.Session) error {
			return h.id.Remove(t.Context(), admin, "auditor@a.test")
		},
		"another role": func(h *house, admin *identity.Session) error {
			_, err := h.id.SetRole(t.Context(), admin, "auditor@a.test", identity.Reader)
			return err
		},
		"repaired": func(h *house, admin *identity.Session) error {
			n, err := h.id.Repair(t.Context(), admin)
			if n != 3 {
				t.Errorf("%d rows went", n)
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			ctx := t.Context()
			admin := h.in("admin@a.test")
			reader := h.person(admin, "reader@a.test")
			for _, id := range [][]byte{mail.NewID().Bytes(), admin.Person().Bytes()} {
				h.tamper(`INSERT INTO seal_grant (tenant, id, holder, term, grantee, grantee_term, kind, scope, not_after, giver, sealed, entry, salt, opening, opening_term, leaf, created)
					SELECT $1, $2, holder, term, $3, 1, kind, scope, not_after, giver, sealed, entry, substr(salt, 1, 1), opening, opening_term, leaf, created
					FROM seal_grant WHERE tenant = $1 AND holder = $4 LIMIT 1`, id, reader.Holder.Bytes(), h.tenant("alpha").Archive.Bytes())
			}
			h.tamper(`INSERT INTO identity_address (tenant, address, person, holder, id, salt, entered)
				SELECT $1, address, $2, $3, id, salt, entered FROM identity_address WHERE tenant = $1 AND address = 'reader@a.test'`,
				admin.Person().Bytes(), admin.Account().Holder.Bytes())

			before := h.alarms.Load()
			if !h.in("keeper@a.test").Unlocked().Holds(h.tenant("alpha").Archive) {
				t.Fatal("the keeper is locked out")
			}
			if h.alarms.Load() == before {
				t.Error("no alarm")
			}
			h.ok(take(h, admin))
			n := 0
			for _, e := range h.events(h.in("keeper@a.test")) {
				if e.What == "access.repair" {
					n++
				}
			}
			if n != 3 {
				t.Errorf("%d events", n)
			}
			before = h.alarms.Load()
			id := h.sealed()
			if opens(h.in("reader@a.test"), id) {
				t.Error("who had a row of nothing reads")
			}
			if !opens(h.in("keeper@a.test"), id) {
				t.Error("the keeper does not read")
			}
			if h.alarms.Load() != before {
				t.Error("an alarm about what has gone")
			}
			if _, owners, err := h.id.Sealing(ctx, admin.Tenant(), []mail.Address{"reader@a.test"}); err != nil || len(owners) != 1 {
				t.Errorf("%v, %v", owners, err)
			}
		})
	}
}
