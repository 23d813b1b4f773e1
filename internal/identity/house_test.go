package identity_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/identity"
	"siegel/internal/identity/attempt"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/master"
	"siegel/test/clock"
)

// What derives keys is slow on purpose, so the founding ceremony runs once: two
// tenants with their people, in a directory that each test copies.

const password = "Correct-Horse-7"

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type template struct {
	dir   string
	place *dbtest.Place
	kits  map[string]identity.Kit // by tenant
	err   error
}

// founding makes the template once.
var founding = sync.OnceValue(func() (tpl template) {
	dir, err := os.MkdirTemp("", "identity-test-*")
	if err != nil {
		return template{err: err}
	}
	tpl = template{dir: dir, kits: make(map[string]identity.Kit)}
	defer func() {
		if r := recover(); r != nil {
			tpl.err = fmt.Errorf("the founding ceremony: %v", r)
		}
	}()
	if tpl.err = master.Create(filepath.Join(dir, "master.key")); tpl.err != nil {
		return tpl
	}
	h := &house{fail: func(err error) { panic(err) }, kits: tpl.kits}
	if tpl.place, tpl.err = dbtest.In(dir); tpl.err != nil {
		return tpl
	}
	h.open(dir, tpl.place)
	h.found("alpha", "a.test")
	h.found("beta", "b.test")
	tpl.err = h.db.Close()
	return tpl
})

func TestMain(m *testing.M) {
	code := m.Run()
	if tpl := founding(); tpl.dir != "" {
		_ = os.RemoveAll(tpl.dir)
	}
	os.Exit(code)
}

// house is identity over a real database, vault, ledger and audit trail.
type house struct {
	alarms atomic.Int64
	testing.TB
	fail  func(error)
	db    *db.DB
	vault *seal.Vault
	books *ledgertest.Instance
	mac   attempt.MAC
	log   *ledger.Ledger
	trail *audit.Trail
	id    *identity.Identity
	kits  map[string]identity.Kit
	clock *clock.Clock
}

func newHouse(t testing.TB) *house {
	t.Helper()
	tpl := founding()
	if tpl.err != nil {
		t.Fatal(tpl.err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "objects"), os.DirFS(filepath.Join(tpl.dir, "objects"))); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"master.key": 0o400, "objects.key": 0o600} {
		b, err := os.ReadFile(filepath.Join(tpl.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, mode); err != nil {
			t.Fatal(err)
		}
	}
	h := &house{TB: t, kits: tpl.kits}
	h.fail = func(err error) { t.Helper(); t.Fatal(err) }
	h.open(dir, tpl.place.Copy(t))
	t.Cleanup(func() { _ = h.db.Close() })
	return h
}

func (h *house) open(dir string, place *dbtest.Place) {
	h.clock = clock.At(began)
	ctx := context.Background()
	arena := secret.NewArena(512)
	held, err := master.Open(filepath.Join(dir, "master.key"), arena)
	h.ok(err)
	h.db, err = place.Open(ctx)
	h.ok(err)
	h.ok(h.db.Migrate(ctx, "ledger", ledger.Migrations()))
	h.ok(h.db.Migrate(ctx, "seal", seal.Migrations()))
	h.ok(h.db.Migrate(ctx, "audit", audit.Migrations()))
	h.ok(h.db.Migrate(ctx, "identity", identity.Migrations()))
	h.books, err = ledgertest.In(filepath.Join(dir, "objects"), h.clock.Now)
	h.ok(err)
	h.log = h.books.Ledger()
	h.vault, err = seal.New(seal.Config{Log: h.log, Arena: arena, Now: h.clock.Now, Derivations: 2, Work: seal.Work{Passes: 1, Memory: 8 << 10, Cost: 4}, Alarm: h.heard})
	h.ok(err)
	h.mac = held
	h.trail = audit.New(h.log, held, h.vault, h.clock.Now)
	h.id = h.another()
}

// another returns the room of a process that remembers nothing of the ledger.
func (h *house) another() *identity.Identity {
	return identity.New(identity.Deps{DB: h.db, Vault: h.vault, Log: h.books.Ledger(), Trail: h.trail, MAC: h.mac, Now: h.clock.Now, Alarm: h.heard})
}

// heard counts alarms.
func (h *house) heard(mail.TenantID, error) { h.alarms.Add(1) }

func (h *house) ok(err error) {
	if h.TB != nil {
		h.Helper()
	}
	if err != nil {
		h.fail(err)
	}
}

func (h *house) want(what string, err error, kind fault.Kind) {
	h.Helper()
	if err == nil || fault.Of(err) != kind {
		h.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

// same fails where two errors read differently.
func (h *house) same(what string, a, b error) {
	h.Helper()
	fa, aa := fault.Sentence(a)
	fb, ab := fault.Sentence(b)
	if a == nil || b == nil || fault.Of(a) != fault.Of(b) || fa != fb || len(aa) != len(ab) {
		h.Errorf("%s: %v and %v differ", what, a, b)
	}
}

func words(k identity.Kit) (list []string) {
	for _, at := range k.WordsAsked {
		list = append(list, k.Words[at-1])
	}
	return list
}

// found makes a tenant whose people have all accepted; alpha has two of each
// and an auditor.
func (h *house) found(name, domain string) { h.foundBy(name, domain, h.id.Found) }

func (h *house) foundBy(name, domain string, found func(context.Context, identity.Founding) (*identity.Founded, error)) {
	ctx := context.Background()
	kit, err := h.id.NewKit(ctx)
	h.ok(err)
	h.kits[name] = kit
	at := func(names ...string) (list []mail.Address) {
		for _, n := range names {
			list = append(list, mail.Address(n+"@"+domain))
		}
		return list
	}
	f := identity.Founding{
		Name: name, Domains: []mail.Domain{mail.Domain(domain)}, Administrators: at("admin"), Keepers: at("keeper"),
		Auditors: []mail.Address{"both@elsewhere.test"}, Readers: at("reader"), Kit: kit.ID, Words: words(kit),
	}
	if name == "alpha" {
		f.Administrators, f.Keepers = at("admin", "admin2"), at("keeper", "keeper2")
		f.Auditors, f.Readers = append(f.Auditors, at("auditor")...), at("reader", "reader2")
	}
	out, err := found(ctx, f)
	h.ok(err)
	for _, inv := range out.Invitations {
		h.ok(h.id.Accept(ctx, name, inv.Email, inv.Code, []byte(password)))
	}
}

// in signs a person of tenant alpha (or of another, named by the domain) in.
func (h *house) in(email mail.Address) *identity.Session {
	h.Helper()
	s, err := h.id.SignIn(context.Background(), "", email, []byte(password))
	h.ok(err)
	h.Cleanup(s.Close)
	return s
}

func (h *house) tenant(name string) identity.Tenant {
	h.Helper()
	t, err := h.id.Named(context.Background(), name)
	h.ok(err)
	return t
}

// tamper changes rows of tenant alpha by hand.
func (h *house) tamper(query string, args ...any) {
	h.Helper()
	h.ok(h.db.Tenant(h.tenant("alpha").ID).Update(context.Background(), func(tx *db.Tx) error {
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

// events returns what a session reads of the audit trail, oldest first.
func (h *house) events(s *identity.Session) (list []audit.Entry) {
	h.Helper()
	h.ok(h.id.Audit(context.Background(), s, math.MaxInt64, func(e audit.Entry) error { list = append([]audit.Entry{e}, list...); return nil }))
	return list
}

// sealed seals a message to the archive and says through whom a session can
// open it.
func (h *house) sealed(to ...mail.HolderID) mail.ID {
	h.Helper()
	t := h.tenant("alpha")
	id := mail.NewID()
	k := h.vault.NewKey(t.ID, id, 202611)
	k.For(seal.Recipient{Holder: t.Archive, Archive: true})
	for _, holder := range to {
		k.For(seal.Recipient{Holder: holder})
	}
	handle := h.db.Tenant(t.ID)
	w, err := h.vault.Wrap(context.Background(), handle, []flow.Key{k})
	h.ok(err)
	h.ok(handle.Update(context.Background(), func(tx *db.Tx) error { return w.Write(context.Background(), tx, nil) }))
	return id
}

func opens(s *identity.Session, id mail.ID) bool {
	o, err := s.Unlocked().Open(context.Background(), id, s.Archive())
	if err == nil {
		o.Close()
	}
	return err == nil
}

func (h *house) person(s *identity.Session, email mail.Address) identity.Person {
	h.Helper()
	list, err := h.id.People(context.Background(), s)
	h.ok(err)
	for _, p := range list {
		if p.Email == email {
			return p
		}
	}
	h.Fatalf("there is no %s", email)
	return identity.Person{}
}

var errNone = errors.New("no error")

// text is what a user reads of an error.
func text(err error) string {
	if err == nil {
		return errNone.Error()
	}
	format, args := fault.Sentence(err)
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return strings.ToLower(format)
}
