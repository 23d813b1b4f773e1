package seal_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/seal"
)

// house is a vault over a real database and a real ledger, with one tenant.
type house struct {
	testing.TB
	db     *db.DB
	vault  *seal.Vault
	books  *ledgertest.Instance
	ledger *ledger.Ledger
	tenant db.Tenant
	at     time.Time
	alarms int
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return houseIn(t, dbtest.New(t))
}

func houseIn(t testing.TB, place *dbtest.Place) *house {
	t.Helper()
	h := &house{TB: t, at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	var err error
	if h.db, err = place.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.db.Close() })
	h.ok(h.db.Migrate(context.Background(), "ledger", ledger.Migrations()))
	h.ok(h.db.Migrate(context.Background(), "seal", seal.Migrations()))
	h.books = ledgertest.New(t, h.now)
	h.ledger = h.books.Ledger()
	h.vault = h.newVault()
	h.tenant = h.newTenant()
	return h
}

func (h *house) now() time.Time { return h.at }

// heard counts alarms.
func (h *house) heard(tenant mail.TenantID, err error) {
	if tenant != h.tenant.ID() || fault.Of(err) != fault.Damaged {
		h.Errorf("an alarm of tenant %s: %v", tenant, err)
	}
	h.alarms++
}

// without signs a person in whose access does not stand: she does not reach the
// holder, nobody is locked out, and it is heard.
func (h *house) without(what string, m member, holder mail.HolderID) {
	h.Helper()
	before := h.alarms
	if h.unlock(m).Holds(holder) {
		h.Errorf("%s: is followed", what)
	}
	if h.alarms == before {
		h.Errorf("%s: no alarm", what)
	}
}

// newVault returns a vault that remembers nothing: another process.
func (h *house) newVault() *seal.Vault {
	h.Helper()
	v, err := seal.New(seal.Config{Log: h.ledger, Arena: secret.NewArena(1024), Now: h.now, Derivations: 2, Alarm: h.heard})
	if err != nil {
		h.Fatal(err)
	}
	return v
}

// restart goes on with a vault and a ledger that remember nothing.
func (h *house) restart() {
	h.Helper()
	h.ledger = h.books.Ledger()
	h.vault = h.newVault()
}

func (h *house) newTenant() db.Tenant {
	h.Helper()
	t := h.db.Tenant(mail.NewID())
	h.update(t, func(tx *db.Tx) error {
		for _, log := range []string{"message", "audit"} {
			if err := h.ledger.Create(context.Background(), tx, log); err != nil {
				return err
			}
		}
		return nil
	})
	return t
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) want(what string, err error, kind fault.Kind) {
	h.Helper()
	if err == nil || fault.Of(err) != kind {
		h.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

func (h *house) update(t db.Tenant, f func(*db.Tx) error) {
	h.Helper()
	h.ok(t.Update(context.Background(), f))
}

// tamper changes rows as somebody with the database would.
func (h *house) tamper(query string, args ...any) {
	h.Helper()
	h.update(h.tenant, func(tx *db.Tx) error {
		res, err := tx.Exec(context.Background(), query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			h.Errorf("nothing was changed by %s (%v)", query, err)
		}
		return nil
	})
}

// member is a person with a code.
type member struct {
	holder mail.HolderID
	code   []byte
}

func (h *house) person() member { return h.personOf(h.tenant) }

func (h *house) personOf(t db.Tenant) member {
	h.Helper()
	m := member{code: mail.NewID().Bytes()}
	m.code = append(m.code, m.code[:seal.CodeSize-len(m.code)]...)
	lock, err := h.vault.PrepareLock(context.Background(), seal.ByInvitation, m.code)
	h.ok(err)
	h.update(t, func(tx *db.Tx) error {
		seed, err := h.vault.NewHolder(context.Background(), tx, seal.Person)
		if err != nil {
			return err
		}
		defer seed.Wipe()
		m.holder = seed.Holder
		return h.vault.Put(context.Background(), tx, lock, seed)
	})
	return m
}

// archive makes an archive holder that is granted to members.
func (h *house) archive(to ...member) (archive mail.HolderID) {
	h.Helper()
	h.update(h.tenant, func(tx *db.Tx) error {
		seed, err := h.vault.NewHolder(context.Background(), tx, seal.Archive)
		if err != nil {
			return err
		}
		defer seed.Wipe()
		archive = seed.Holder
		return h.give(tx, seed, to...)
	})
	return archive
}

func (h *house) give(tx *db.Tx, seed seal.Seed, to ...member) error {
	for _, m := range to {
		_, err := h.vault.Give(context.Background(), tx, seal.Grant{Seed: seed, Grantee: m.holder, Reason: "test", Scope: "all"})
		if err != nil {
			return err
		}
	}
	return nil
}

// newTerm starts a new term of a holder and gives it to members.
func (h *house) newTerm(holder mail.HolderID, to ...member) {
	h.Helper()
	h.update(h.tenant, func(tx *db.Tx) error {
		seed, err := h.vault.NewTerm(context.Background(), tx, holder)
		if err != nil {
			return err
		}
		defer seed.Wipe()
		return h.give(tx, seed, to...)
	})
}

func (h *house) unlock(m member) *seal.Session {
	h.Helper()
	s, err := h.vault.Unlock(context.Background(), h.tenant, m.holder, seal.ByInvitation, m.code)
	h.ok(err)
	h.Cleanup(s.Close)
	return s
}

// message is a message sealed to holders.
type message struct {
	id       mail.ID
	sealed   []byte
	evidence []byte
	opening  []byte
}

const plain = "From: a@example.org\r\nSubject: canary\r\n\r\nhello\r\n"

// seal seals one group of messages to the archive and to people.
func (h *house) seal(n int, archive mail.HolderID, people ...member) []message {
	h.Helper()
	list, err := h.trySeal(h.tenant, n, archive, people...)
	h.ok(err)
	return list
}

func (h *house) trySeal(t db.Tenant, n int, archive mail.HolderID, people ...member) ([]message, error) {
	var list []message
	var keys []flow.Key
	for range n {
		m := message{id: mail.NewID()}
		k := h.vault.NewKey(t.ID(), m.id, 202611)
		d := k.Data()
		var err error
		if m.sealed, err = d.Seal([]byte(plain)); err != nil {
			return nil, err
		}
		m.evidence, m.opening = d.SealEvidence([]byte("evidence")), d.SealOpening([]byte("opening"))
		if !archive.IsZero() {
			k.For(seal.Recipient{Holder: archive, Archive: true})
		}
		for _, p := range people {
			k.For(seal.Recipient{Holder: p.holder, Extra: []byte("own")})
		}
		keys = append(keys, k)
		list = append(list, m)
	}
	w, err := h.vault.Wrap(context.Background(), t, keys)
	if err != nil {
		return nil, err
	}
	return list, t.Update(context.Background(), func(tx *db.Tx) error { return w.Write(context.Background(), tx, nil) })
}

// read opens a message through a session and returns its octets.
func read(s *seal.Session, m message, archive mail.HolderID) (string, error) {
	o, err := s.Open(context.Background(), m.id, archive)
	if err != nil {
		return "", err
	}
	defer o.Close()
	r, err := o.Stream(bytes.NewReader(m.sealed), int64(len(plain)))
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func (h *house) reads(what string, s *seal.Session, m message, archive mail.HolderID) {
	h.Helper()
	if got, err := read(s, m, archive); err != nil || got != plain {
		h.Errorf("%s: %q, error %v", what, got, err)
	}
}
