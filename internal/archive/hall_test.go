package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/flow/commit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/master"
	"siegel/internal/vault/seal/stream"
)

// hall is the archive over real rooms below: database, ledger, vault, audit,
// object store and commit. Only people are made up.
type hall struct {
	testing.TB
	db      *db.DB
	archive *archive.Archive
	trail   *audit.Trail
	store   *watchedStore
	room    *commit.Room
	ledger  *brittle
	spool   *stream.Spool
	temp    string
	tenant  db.Tenant
	holder  mail.HolderID // the archive
	people  map[mail.Address]mail.HolderID
	members map[string]*visitor
	at      atomic.Int64
	err     error // of Sealing, nil for none
}

// brittle is a ledger that fails when told.
type brittle struct {
	*ledger.Ledger
	broken atomic.Bool
}

var errBroken = errors.New("the ledger fails")

func (b *brittle) Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error) {
	if b.broken.Load() {
		return 0, errBroken
	}
	return b.Ledger.Append(ctx, tx, log, leaves)
}

// watchedStore says when somebody reads.
type watchedStore struct {
	*disk.Store
	got    func() // before each Get; may be nil
	gets   atomic.Int64
	change func([]byte) []byte // of what is read; may be nil
}

func (w *watchedStore) Get(ctx context.Context, n blob.Name, offset, length int64) (io.ReadCloser, error) {
	w.gets.Add(1)
	if w.got != nil {
		w.got()
	}
	r, err := w.Store.Get(ctx, n, offset, length)
	if err != nil || w.change == nil {
		return r, err
	}
	b, err := io.ReadAll(r)
	return io.NopCloser(bytes.NewReader(w.change(b))), errors.Join(err, r.Close())
}

// visitor is a person with a session.
type visitor struct {
	tenant  db.Tenant
	id      mail.ID
	archive mail.HolderID
	holder  mail.HolderID
	session *seal.Session
}

func (v *visitor) Tenant() db.Tenant       { return v.tenant }
func (v *visitor) Person() mail.ID         { return v.id }
func (v *visitor) Archive() mail.HolderID  { return v.archive }
func (v *visitor) Unlocked() *seal.Session { return v.session }

func (h *hall) Sealing(_ context.Context, _ db.Tenant, addresses []mail.Address) (mail.HolderID, []mail.Owner, error) {
	var owners []mail.Owner
	seen := make(map[mail.Address]bool)
	for _, a := range addresses {
		holder, ok := h.people[a]
		if !ok || seen[a] {
			continue
		}
		seen[a] = true
		i := slices.IndexFunc(owners, func(o mail.Owner) bool { return o.Holder == holder })
		if i < 0 {
			owners = append(owners, mail.Owner{Holder: holder})
			i = len(owners) - 1
		}
		owners[i].Addresses = append(owners[i].Addresses, a)
	}
	return h.holder, owners, h.err
}

func newHall(t testing.TB) *hall {
	t.Helper()
	h := &hall{TB: t, people: make(map[mail.Address]mail.HolderID), members: make(map[string]*visitor), temp: t.TempDir()}
	h.at.Store(mail.Micros(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)))
	ctx := context.Background()
	var err error
	h.db, err = dbtest.New(t).Open(ctx)
	h.ok(err)
	for name, files := range map[string]fs.FS{
		"ledger": ledger.Migrations(), "seal": seal.Migrations(), "audit": audit.Migrations(),
		"commit": commit.Migrations(), "archive": archive.Migrations(),
	} {
		h.ok(h.db.Migrate(ctx, name, files))
	}
	objects, err := disk.Open(filepath.Join(t.TempDir(), "objects"))
	h.ok(err)
	h.store = &watchedStore{Store: objects}
	arena, path := secret.NewArena(128), filepath.Join(t.TempDir(), "master.key")
	h.ok(master.Create(path))
	held, err := master.Open(path, arena)
	h.ok(err)
	h.ledger = &brittle{Ledger: ledgertest.New(t, h.now).Ledger()}
	vault, err := seal.New(seal.Config{Log: h.ledger, Arena: arena, Now: h.now, Derivations: 1})
	h.ok(err)
	h.trail = audit.New(h.ledger, held, vault, h.now)
	h.archive = archive.New(archive.Deps{DB: h.db, Store: h.store, Vault: vault, Trail: h.trail, People: h, Entries: h.ledger, Now: h.now, TempDir: h.temp})
	h.room = commit.New(commit.Deps{DB: h.db, Store: h.store, Keys: vault, Ledger: h.ledger, MAC: held, Now: h.now})
	h.spool = stream.NewSpool(vault.Codec, h.temp, 1<<20)
	h.tenant = h.db.Tenant(mail.NewID())
	h.settle(vault)
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- h.room.Run(running) }()
	t.Cleanup(func() {
		stop()
		h.ok(<-done)
		h.ok(h.db.Close())
	})
	return h
}

// settle makes a tenant with a keeper, and readers ann and bob.
func (h *hall) settle(vault *seal.Vault) {
	h.Helper()
	ctx := context.Background()
	h.ok(h.tenant.Update(ctx, func(tx *db.Tx) error {
		for _, log := range []string{"message", "audit"} {
			if err := h.ledger.Create(ctx, tx, log); err != nil {
				return err
			}
		}
		return nil
	}))
	codes := make(map[string][]byte)
	h.ok(h.tenant.Update(ctx, func(tx *db.Tx) error {
		given, err := vault.NewHolder(ctx, tx, seal.Archive)
		if err != nil {
			return err
		}
		defer given.Wipe()
		h.holder = given.Holder
		for i, name := range []string{"keeper", "ann", "bob"} {
			codes[name] = bytes.Repeat([]byte{byte(i + 1)}, seal.CodeSize)
			lock, err := vault.PrepareLock(ctx, seal.ByInvitation, codes[name])
			if err != nil {
				return err
			}
			seed, err := vault.NewHolder(ctx, tx, seal.Person)
			if err != nil {
				return err
			}
			defer seed.Wipe()
			if err := vault.Put(ctx, tx, lock, seed); err != nil {
				return err
			}
			h.members[name] = &visitor{tenant: h.tenant, id: mail.NewID(), archive: h.holder, holder: seed.Holder}
			h.people[mail.Address(name+"@example.com")] = seed.Holder
			if name == "keeper" {
				if _, err := vault.Give(ctx, tx, seal.Grant{Seed: given, Grantee: seed.Holder, Scope: "all"}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for name, v := range h.members {
		var err error
		v.session, err = vault.Unlock(ctx, h.tenant, v.holder, seal.ByInvitation, codes[name])
		h.ok(err)
		h.Cleanup(v.session.Close)
	}
}

func (h *hall) now() time.Time { return mail.FromMicros(h.at.Load()) }

func (h *hall) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *hall) want(what string, err error, kind fault.Kind) {
	h.Helper()
	if err == nil || fault.Of(err) != kind {
		h.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

// octets is a body in memory.
type octets []byte

func (b octets) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
func (b octets) Size() int64                  { return int64(len(b)) }
func (b octets) SHA256() [32]byte             { return sha256.Sum256(b) }

func (h *hall) passage(body flow.Body, from string, to ...string) *flow.Passage {
	return &flow.Passage{
		ID: mail.NewID(), Tenant: h.tenant.ID(), Arrived: mail.Time(h.now()), Body: body,
		Envelope: mail.Envelope{From: from, To: to}, Source: mail.Source{Door: "lmtp", Peer: mail.NewID().String()},
	}
}

// deliver archives a message and returns its id.
func (h *hall) deliver(body flow.Body, from string, to ...string) mail.ID {
	h.Helper()
	p := h.passage(body, from, to...)
	h.ok(h.archive.Prepare(context.Background(), p))
	h.ok(h.room.Group(context.Background(), p))
	return p.ID
}

// shown returns the octets that Show gives.
func (h *hall) shown(v *visitor, id mail.ID, reason string) ([]byte, error) {
	m, err := h.archive.Show(context.Background(), v, id, reason)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(m)
	if err == nil && (m.SHA256 != sha256.Sum256(b) || m.Size != int64(len(b)) || m.ID != id) {
		h.Errorf("message %v: hash or size differ from the octets", id)
	}
	return b, errors.Join(err, m.Close())
}
