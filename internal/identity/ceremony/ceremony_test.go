package ceremony_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/identity"
	"siegel/internal/identity/ceremony"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/test/clock"
	"siegel/test/stand"
)

// house is a server's data directory with its own clock.
type house struct {
	*testing.T
	*app.App
	clock *clock.Clock
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	h := &house{T: t, clock: clock.At(time.Now())}
	dir := t.TempDir()
	h.ok(stand.Init(dir))
	a, err := stand.Open(context.Background(), app.Options{Dir: dir, Now: h.clock.Now})
	h.ok(err)
	h.App = a
	t.Cleanup(func() { h.ok(a.Close()) })
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// node is another process's room on the same database: it has nothing in memory.
func (h *house) node() *ceremony.Room {
	people := identity.New(identity.Deps{DB: h.DB, Vault: h.Vault, Log: h.Ledger, Trail: h.Trail, MAC: h.Master, Now: h.clock.Now})
	return ceremony.New(ceremony.Deps{DB: h.DB, Identity: people, Locks: h.Vault, Keys: h.Master, Now: h.clock.Now})
}

func plan(name string) identity.Founding {
	domain := name + ".example"
	return identity.Founding{
		Name: name, Domains: []mail.Domain{mail.Domain(domain)}, Administrators: []mail.Address{mail.Address("it@" + domain)},
		Keepers: []mail.Address{mail.Address("k1@" + domain), mail.Address("k2@" + domain)}, Readers: []mail.Address{mail.Address("r@" + domain)},
	}
}

// shown makes a code and a kit, and what the person types.
func (h *house) shown(f identity.Founding) (code string, kit identity.Kit, asked identity.Founding) {
	h.Helper()
	i, err := h.node().Invite(h.Context())
	h.ok(err)
	kit, err = h.node().Kit(h.Context(), i.Code, f)
	h.ok(err)
	return i.Code, kit, typed(f, kit)
}

// typed is a plan with the words of a kit typed back.
func typed(f identity.Founding, kit identity.Kit) identity.Founding {
	f.Kit, f.Words = kit.ID, kit.Asks().Words
	return f
}

func (h *house) fails(what, code string, f identity.Founding, kind fault.Kind) {
	h.Helper()
	_ = h.why(what, code, f, kind) // the kind says enough
}

// why returns the error with which a founding fails.
func (h *house) why(what, code string, f identity.Founding, kind fault.Kind) error {
	h.Helper()
	out, err := h.node().Found(h.Context(), code, f)
	if out != nil || fault.Of(err) != kind {
		h.Errorf("%s: %+v, %v, want %v", what, out, err, kind)
	}
	return err
}

// rows counts what is kept.
func (h *house) rows(table string) (n int) {
	h.Helper()
	h.ok(h.DB.Instance().QueryRow(h.Context(), `SELECT COUNT(*) FROM `+table+` WHERE tenant = $1`).Scan(&n))
	return n
}

// OP-04, EX-18: a kit that was made at one node serves the founding at another, and opens
// the tenant's recovery holder.
func TestNodes(t *testing.T) {
	h := newHouse(t)
	f := plan("alpha")
	code, kit, f := h.shown(f)
	out, err := h.node().Found(t.Context(), code, f)
	h.ok(err)
	if len(out.Invitations) != 4 || out.Tenant.Name != "alpha" {
		t.Fatalf("%+v", out)
	}
	h.ok(h.Identity.Accept(t.Context(), "alpha", "k1@alpha.example", invitation(out, "k1@alpha.example"), []byte(stand.Password)))
	raw, err := credential.OpenKit(kit.File, strings.Join(kit.Words, " "))
	h.ok(err)
	tenant, err := h.Identity.Named(t.Context(), "alpha")
	h.ok(err)
	s, err := h.Vault.Unlock(t.Context(), h.DB.Tenant(tenant.ID), tenant.Recovery, seal.ByRecovery, raw)
	h.ok(err)
	defer s.Close()
	if !s.Holds(tenant.Archive) {
		t.Error("the kit does not open the archive")
	}
}

func invitation(out *identity.Founded, email mail.Address) string {
	for _, i := range out.Invitations {
		if i.Email == email {
			return i.Code
		}
	}
	return ""
}

// EX-18: who asks for the same once more, because the answer got lost, gets the same answer
// at every node for an hour; who asks in another way learns nothing.
func TestAgain(t *testing.T) {
	h := newHouse(t)
	code, _, f := h.shown(plan("alpha"))
	first, err := h.node().Found(t.Context(), code, f)
	h.ok(err)
	h.clock.Advance(59 * time.Minute)
	g := f
	g.Words = []string{" " + strings.ToUpper(f.Words[0]), f.Words[1] + " "} // as people type
	second, err := h.node().Found(t.Context(), code, g)
	h.ok(err)
	if one, two := said(h, first), said(h, second); one != two || !strings.Contains(one, `"code"`) {
		t.Errorf("the answer is another one: %s %s", one, two)
	}
	for what, change := range map[string]func(*identity.Founding){
		"another name":   func(f *identity.Founding) { f.Name = "beta" },
		"another reader": func(f *identity.Founding) { f.Readers = append([]mail.Address{"x@alpha.example"}, f.Readers...) },
		"other roles": func(f *identity.Founding) {
			f.Keepers, f.Readers = f.Keepers[:1], append(f.Readers[:1:1], f.Keepers[1])
		},
		"another word":    func(f *identity.Founding) { f.Words = []string{f.Words[0], "babab"} },
		"no words":        func(f *identity.Founding) { f.Words = nil },
		"another kit":     func(f *identity.Founding) { f.Kit = mail.NewID() },
		"the kit of zero": func(f *identity.Founding) { f.Kit = mail.ID{} },
	} {
		g := f
		change(&g)
		h.fails(what, code, g, fault.Denied)
	}
	wrong := h.why("another code", credential.FormatCode(credential.Random(seal.CodeSize)), f, fault.Denied)
	if _, err := h.node().Kit(t.Context(), code, plan("beta")); fault.Of(err) != fault.Denied || err.Error() != wrong.Error() {
		t.Errorf("a kit for a used code: %v", err)
	}
	h.clock.Advance(2 * time.Minute)
	late := h.why("after an hour", code, f, fault.Denied)
	if late.Error() != wrong.Error() {
		t.Errorf("a used code is told from a wrong one: %v, %v", late, wrong)
	}
	h.ok(h.Ceremony.Expire(t.Context()))
	if n := h.rows("identity_kit"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if list, err := h.Identity.Tenants(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d tenants, %v", len(list), err)
	}
}

func said(h *house, out *identity.Founded) string {
	h.Helper()
	text, err := json.Marshal(out)
	h.ok(err)
	return string(text)
}

// Of many who ask for the same at once all get the answer of the one founding; of two with
// kits of their own one founds.
func TestAtOnce(t *testing.T) {
	h := newHouse(t)
	code, _, f := h.shown(plan("alpha"))
	other, err := h.node().Kit(t.Context(), code, plan("beta"))
	h.ok(err)
	asked := []identity.Founding{f, f, f, typed(plan("beta"), other)}
	var wait sync.WaitGroup
	texts := make([]string, len(asked))
	for i, f := range asked {
		wait.Go(func() {
			out, err := h.node().Found(t.Context(), code, f)
			if err == nil {
				texts[i] = said(h, out)
			} else if kind := fault.Of(err); kind != fault.Denied && kind != fault.NotFound {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wait.Wait()
	list, err := h.Identity.Tenants(t.Context())
	h.ok(err)
	if len(list) != 1 {
		t.Fatalf("one code founded %d tenants", len(list))
	}
	if alpha := list[0].Name == "alpha"; texts[0] != texts[1] || texts[0] != texts[2] || (texts[0] != "") != alpha || (texts[3] != "") == alpha {
		t.Errorf("%s: %q", list[0].Name, texts)
	}
	if n := h.rows("identity_kit"); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}

// A founding that is refused uses nothing up: code and kit serve again.
func TestRefused(t *testing.T) {
	h := newHouse(t)
	code, _, f := h.shown(plan("alpha"))
	g := f
	g.Words = []string{f.Words[0], "babab"}
	if err := h.why("a wrong word", code, g, fault.Invalid); !errors.Is(err, recovery.ErrWords) {
		t.Errorf("nobody says that it is the words: %v", err)
	}
	g = f
	g.Keepers = nil
	if err := h.why("no keeper", code, g, fault.Invalid); errors.Is(err, recovery.ErrWords) {
		t.Errorf("it is not the words: %v", err)
	}
	g = f
	g.Kit = mail.NewID()
	h.fails("another kit", code, g, fault.NotFound)
	h.fails("another code", credential.FormatCode(credential.Random(seal.CodeSize)), f, fault.Denied)
	h.fails("no code", "x", f, fault.Invalid)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if out, err := h.node().Found(gone, code, f); out != nil || err == nil {
		t.Errorf("who has gone: %+v, %v", out, err)
	}
	if list, err := h.Identity.Tenants(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("%d tenants, %v", len(list), err)
	}
	if _, err := h.node().Found(t.Context(), code, f); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// Kits are forgotten after an hour, codes after a day, and of one code's kits the newest stay.
func TestExpiry(t *testing.T) {
	h := newHouse(t)
	code, _, f := h.shown(plan("alpha"))
	h.clock.Advance(61 * time.Minute)
	h.fails("after an hour", code, f, fault.NotFound)
	var kits []identity.Kit
	for range 6 {
		h.clock.Advance(time.Second)
		k, err := h.node().Kit(t.Context(), code, plan("alpha"))
		h.ok(err)
		kits = append(kits, k)
	}
	if n := h.rows("identity_kit"); n != 4 {
		t.Errorf("%d kits of one code are kept", n)
	}
	h.fails("the oldest", code, typed(plan("alpha"), kits[1]), fault.NotFound)
	last := typed(plan("alpha"), kits[2])
	h.clock.Advance(24 * time.Hour)
	h.fails("after a day", code, last, fault.Denied)
	h.ok(h.Ceremony.Expire(t.Context()))
	if kits, codes := h.rows("identity_kit"), h.rows("identity_ceremony"); kits != 0 || codes != 0 {
		t.Errorf("%d kits and %d codes are left", kits, codes)
	}
}

// What is kept says nothing to who has the rows and the master key, nor to the operator, who
// has made the code: that opens nothing without the kit's id, which no row has.
func TestKept(t *testing.T) {
	h := newHouse(t)
	code, kit, f := h.shown(plan("alpha"))
	raw, err := credential.OpenKit(kit.File, strings.Join(kit.Words, " "))
	h.ok(err)
	typedCode, err := credential.ParseCode(code)
	h.ok(err)
	secrets := [][]byte{raw, typedCode, kit.ID.Bytes(), []byte(kit.ID.String()), []byte(code), []byte(f.Words[0]), []byte(f.Words[1])}
	look := func(when string) {
		t.Helper()
		var name, of, box []byte
		h.ok(h.DB.Instance().QueryRow(t.Context(), `SELECT name, ceremony, box FROM identity_kit WHERE tenant = $1`).Scan(&name, &of, &box))
		for i, s := range secrets {
			if all := fmt.Sprintf("%s %s %s %x", name, of, box, box); strings.Contains(all, string(s)) {
				t.Errorf("%s: secret %d stands in a row", when, i)
			}
		}
	}
	look("a kit")
	change := func(set string) {
		t.Helper()
		h.ok(h.DB.Instance().Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE identity_kit SET tenant = $1, `+set+` WHERE tenant = $1`)
			return err
		}))
	}
	change(`until = until + 1`)
	h.fails("a row with more time", code, f, fault.Damaged)
	change(`until = until - 1`)
	out, err := h.node().Found(t.Context(), code, f)
	h.ok(err)
	for _, i := range out.Invitations {
		secrets = append(secrets, []byte(i.Code), []byte(i.Email))
	}
	look("an answer")
	change(`until = until + 1`)
	h.fails("an answer with more time", code, f, fault.Damaged)
	change(`until = until - 1, founded = 0`)
	h.fails("an answer that is called a kit", code, f, fault.Denied)
	if bytes.Equal(raw, typedCode) {
		t.Error("the kit has the code of the ceremony")
	}
}
