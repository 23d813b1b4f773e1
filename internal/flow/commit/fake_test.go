package commit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"siegel/internal/flow"
	"siegel/internal/flow/commit"
	"siegel/internal/flow/tally"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/proto/pack"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/master"
)

// outcome is how a step of the commit ends.
type outcome int

const (
	stored       outcome = iota // done, reported as done
	lost                        // not done, reported as failed
	storedButErr                // done, reported as failed: the answer got lost
)

var errStep = errors.New("the step failed")

// script says how the next times of a step end; stored when it is used up.
type script struct {
	mu   sync.Mutex
	next []outcome
}

func (s *script) say(o ...outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, o...)
}

func (s *script) take() outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) == 0 {
		return stored
	}
	o := s.next[0]
	s.next = s.next[1:]
	return o
}

// do runs a step with the outcome that is its turn.
func (s *script) do(f func() error) error {
	switch s.take() {
	case lost:
		return errStep
	case storedButErr:
		if err := f(); err != nil {
			return err
		}
		return errStep
	default:
		return f()
	}
}

// store is an object store in memory.
type store struct {
	script
	gate chan struct{} // where not nil, a Put waits until it can take one
	err  error         // what every Put fails with, nil for none

	lock    sync.Mutex
	objects map[blob.Name][]byte // guarded by lock
	puts    atomic.Int64
}

func (s *store) Put(_ context.Context, n blob.Name, r io.Reader, size int64) error {
	s.puts.Add(1)
	if s.gate != nil {
		<-s.gate
	}
	if s.err != nil {
		return s.err
	}
	return s.do(func() error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if int64(len(b)) != size {
			return fmt.Errorf("%d octets came, %d were announced", len(b), size)
		}
		if s.object(n) != nil {
			return fault.New(fault.Conflict, "the object exists")
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		s.objects[n] = b
		return nil
	})
}

func (s *store) Get(_ context.Context, n blob.Name, offset, length int64) (io.ReadCloser, error) {
	b := s.object(n)
	if b == nil {
		return nil, fault.New(fault.NotFound, "there is no such object")
	}
	return io.NopCloser(io.NewSectionReader(bytes.NewReader(b), offset, length)), nil
}

func (s *store) Size(_ context.Context, n blob.Name) (int64, error) {
	b := s.object(n)
	if b == nil {
		return 0, fault.New(fault.NotFound, "there is no such object")
	}
	return int64(len(b)), nil
}

// object returns an object, nil where there is none.
func (s *store) object(n blob.Name) []byte {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.objects[n]
}

// keys and logs fail around the real ones.
type keys struct {
	script
	commit.Keys
	calls atomic.Int64
}

func (k *keys) Wrap(ctx context.Context, t db.Tenant, list []flow.Key) (w *seal.Wrapped, err error) {
	k.calls.Add(1)
	return w, k.do(func() error { w, err = k.Keys.Wrap(ctx, t, list); return err })
}

type logs struct {
	script
	commit.Ledger
}

func (l *logs) Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (first int64, err error) {
	return first, l.do(func() error { first, err = l.Ledger.Append(ctx, tx, log, leaves); return err })
}

const insertThing = `INSERT INTO thing_message (tenant, id, leaf, pack, start, length, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`

var tables = fstest.MapFS{"migrations/00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing_message (tenant BYTEA NOT NULL, id BYTEA NOT NULL, leaf BIGINT NOT NULL, pack BYTEA NOT NULL,
  start BIGINT NOT NULL, length BIGINT NOT NULL, body BYTEA NOT NULL, PRIMARY KEY (tenant, leaf));
CREATE TABLE thing_deferred (tenant BYTEA NOT NULL, id BIGINT PRIMARY KEY, other BIGINT REFERENCES thing_deferred (id) DEFERRABLE INITIALLY DEFERRED);
`)}}

// mill is a commit room over a real database, vault and ledger, whose steps
// fail as told.
type mill struct {
	testing.TB
	room    *commit.Room
	db      *db.DB
	vault   *seal.Vault
	ledger  *ledger.Ledger
	store   *store
	keys    *keys
	logs    *logs
	tx      script
	txGate  chan struct{} // where not nil, a transaction waits until it can take one
	open    func()        // opens txGate; a test that failed opens it too, or nothing would end
	txs     atomic.Int64
	now     atomic.Int64 // microseconds
	stop    context.CancelFunc
	stopped chan error

	mu       sync.Mutex
	archives map[mail.TenantID]mail.HolderID // guarded by mu
	sealed   map[mail.ID][]byte              // guarded by mu
	texts    map[mail.ID][]byte              // guarded by mu
	taken    atomic.Int64                    // units that were prepared
	released atomic.Int64                    // units that were given back
	tally    *tally.Room
}

func newMill(t testing.TB, change ...func(*mill)) *mill {
	t.Helper()
	m := &mill{
		TB: t, store: &store{objects: make(map[blob.Name][]byte)}, archives: make(map[mail.TenantID]mail.HolderID),
		sealed: make(map[mail.ID][]byte), texts: make(map[mail.ID][]byte),
	}
	m.now.Store(mail.Micros(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)))
	var err error
	if m.db, err = dbtest.New(t).Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		name  string
		files fs.FS
	}{{"ledger", ledger.Migrations()}, {"seal", seal.Migrations()}, {"commit", commit.Migrations()}, {"tally", tally.Migrations()}, {"thing", tables}} {
		m.ok(m.db.Migrate(context.Background(), p.name, p.files))
	}
	m.ledger = ledgertest.New(t, m.clock).Ledger()
	arena := secret.NewArena(64)
	m.vault, err = seal.New(seal.Config{Log: m.ledger, Arena: arena, Now: m.clock, Derivations: 1})
	m.ok(err)
	path := filepath.Join(t.TempDir(), "master.key")
	m.ok(master.Create(path))
	held, err := master.Open(path, arena)
	m.ok(err)
	m.keys, m.logs = &keys{Keys: m.vault}, &logs{Ledger: m.ledger}
	for _, f := range change {
		f(m)
	}
	m.tally = tally.New(tally.Deps{DB: m.db, Ledger: m.ledger, Now: m.clock, Live: func(context.Context, mail.TenantID) (map[string]bool, error) { return nil, nil }})
	m.room = commit.New(commit.Deps{DB: m.db, Store: m.store, Keys: m.keys, Ledger: m.logs, MAC: held, Count: m.tally, Now: m.clock})
	m.room.Around(m.around)
	var ctx context.Context
	ctx, m.stop = context.WithCancel(context.Background())
	m.stopped = make(chan error, 1)
	go func() { m.stopped <- m.room.Run(ctx) }()
	m.open = sync.OnceFunc(func() {
		if m.txGate != nil {
			close(m.txGate)
		}
	})
	t.Cleanup(func() {
		m.open()
		m.stop()
		if err := <-m.stopped; err != nil {
			t.Error(err)
		}
		if taken, released := m.taken.Load(), m.released.Load(); taken != released {
			t.Errorf("%d units were taken, %d given back", taken, released)
		}
		m.ok(m.db.Close())
	})
	return m
}

// around loses the answers of transactions.
func (m *mill) around(transact commit.Transaction) commit.Transaction {
	return func(ctx context.Context, f func(*db.Batch) error) error {
		m.txs.Add(1)
		if m.txGate != nil {
			<-m.txGate
		}
		o := m.tx.take()
		if o == lost {
			return fmt.Errorf("%w: %w", db.ErrUnknown, errStep)
		}
		if err := transact(ctx, f); err != nil {
			return err
		}
		if o == storedButErr {
			return fmt.Errorf("%w: %w", db.ErrUnknown, errStep)
		}
		return nil
	}
}

func (m *mill) clock() time.Time        { return mail.FromMicros(m.now.Load()) }
func (m *mill) advance(d time.Duration) { m.now.Add(d.Microseconds()) }

func (m *mill) ok(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *mill) tenant() mail.TenantID {
	m.Helper()
	t := m.db.Tenant(mail.NewID())
	m.ok(t.Update(context.Background(), func(tx *db.Tx) error {
		for _, log := range []string{"message", "audit"} {
			if err := m.ledger.Create(context.Background(), tx, log); err != nil {
				return err
			}
		}
		seed, err := m.vault.NewHolder(context.Background(), tx, seal.Archive)
		seed.Wipe()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.archives[t.ID()] = seed.Holder
		return err
	}))
	return t.ID()
}

func (m *mill) newTerm(tenant mail.TenantID) {
	m.Helper()
	m.ok(m.db.Tenant(tenant).Update(context.Background(), func(tx *db.Tx) error {
		_, err := m.vault.NewTerm(context.Background(), tx, m.archives[tenant])
		return err
	}))
}

// body is a message in memory.
type body []byte

func (b body) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
func (b body) Size() int64                  { return int64(len(b)) }
func (b body) SHA256() [32]byte             { return sha256.Sum256(b) }

// passage makes a message ready for the commit.
func (m *mill) passage(tenant mail.TenantID, text string, change ...func(*flow.Passage)) *flow.Passage {
	m.Helper()
	p := &flow.Passage{
		ID: mail.NewID(), Tenant: tenant, Arrived: m.clock(), Body: body(text),
		Envelope: mail.Envelope{From: "a@example.org", To: []string{"b@example.com"}},
		Source:   mail.Source{Door: "lmtp", Peer: "192.0.2.1"},
	}
	key := m.vault.NewKey(tenant, p.ID, mail.Month(p.Arrived))
	m.mu.Lock()
	key.For(seal.Recipient{Holder: m.archives[tenant], Archive: true})
	m.mu.Unlock()
	sealed, err := key.Data().Seal([]byte(text))
	m.ok(err)
	sum := sha256.Sum256(sealed)
	e, err := entry.Entry{Kind: "message", ID: p.ID, Time: p.Arrived, Size: p.Body.Size()}.Text()
	m.ok(err)
	m.mu.Lock()
	m.sealed[p.ID], m.texts[p.ID] = sealed, e
	m.mu.Unlock()
	m.taken.Add(1)
	p.Units = []flow.Unit{{
		Objects: []flow.Object{{ID: p.ID, Kind: flow.ObjectMessage, Size: int64(len(sealed)), SHA256: sum, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(sealed)), nil
		}}},
		Keys: []flow.Key{key}, Leaves: []flow.Leaf{{Log: "message", Entry: e, Sealed: sum}},
		Rows: func(at flow.Place) []flow.Row {
			return []flow.Row{{Query: insertThing, Values: []any{
				p.ID.Bytes(), at.Leaves[0], at.Pack.Bytes(), at.Objects[0].Offset, at.Objects[0].Length, []byte(text),
			}}}
		},
		Release: func() { m.released.Add(1) },
	}}
	for _, f := range change {
		f(p)
	}
	return p
}

// send commits a message as a sender who waits.
func (m *mill) send(p *flow.Passage) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.room.Group(ctx, p) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("a sender never got an answer")
	}
}

// sendAll commits messages at once and returns their answers in order.
func (m *mill) sendAll(list []*flow.Passage) []error {
	errs := make([]error, len(list))
	var wait sync.WaitGroup
	for i, p := range list {
		wait.Go(func() { errs[i] = m.send(p) })
	}
	wait.Wait()
	return errs
}

// until waits for something that other goroutines do.
func (m *mill) until(what string, f func() bool) {
	m.Helper()
	for range 5000 {
		if f() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	m.Fatalf("never: %s", what)
}

// row is a message as it is kept.
type row struct {
	id, pack            mail.ID
	leaf, start, length int64
	body                string
}

// kept verifies everything that is kept of a tenant and returns it: each row has
// its leaf, its object, its wrap and its group, and nothing else is there.
func (m *mill) kept(tenant mail.TenantID) []row {
	m.Helper()
	t := m.db.Tenant(tenant)
	ctx := context.Background()
	rows, err := t.Query(ctx, `SELECT id, pack, leaf, start, length, body FROM thing_message WHERE tenant = $1 ORDER BY leaf`)
	m.ok(err)
	defer rows.Close()
	var list []row
	for rows.Next() {
		var r row
		var id, packID []byte
		m.ok(rows.Scan(&id, &packID, &r.leaf, &r.start, &r.length, &r.body))
		r.id, r.pack = mail.ID(id), mail.ID(packID)
		list = append(list, r)
	}
	m.ok(rows.Err())
	m.ok(rows.Close())
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make(map[mail.ID]bool)
	for i, r := range list {
		if seen[r.id] || r.leaf != int64(i) {
			m.Errorf("message %v is there twice, or has leaf %d instead of %d", r.id, r.leaf, i)
		}
		seen[r.id] = true
		m.ok(m.ledger.Has(ctx, t, "message", r.leaf, entry.LeafData(m.texts[r.id], sha256.Sum256(m.sealed[r.id]))))
		m.checkPack(tenant, r)
		var n int
		m.ok(t.QueryRow(ctx, `SELECT COUNT(*) FROM commit_group WHERE tenant = $1 AND pack = $2`, r.pack.Bytes()).Scan(&n))
		if n == 0 {
			m.Errorf("no group names pack %v", r.pack)
		}
	}
	for what, query := range map[string]string{
		"leaves":     `SELECT COUNT(*) FROM ledger_entry WHERE tenant = $1 AND log = 'message'`,
		"wraps":      `SELECT COUNT(*) FROM seal_wrap WHERE tenant = $1`,
		"references": `SELECT COUNT(*) FROM commit_retry WHERE tenant = $1`,
	} {
		var n int
		m.ok(t.QueryRow(ctx, query).Scan(&n))
		if n != len(list) && (what != "references" || n > len(list)) {
			m.Errorf("%d %s for %d messages", n, what, len(list))
		}
	}
	m.whole(tenant, int64(len(list)))
	return list
}

// whole checks that what is counted of the tenant's sources is what is kept (BX-01).
func (m *mill) whole(tenant mail.TenantID, kept int64) {
	m.Helper()
	w, err := m.tally.Whole(context.Background(), tenant, func(context.Context) (int64, error) { return kept, nil })
	m.ok(err)
	odd, err := m.tally.Odd(context.Background(), tenant)
	m.ok(err)
	if !w.Holds() || w.Sealed != kept || len(odd) > 0 {
		m.Errorf("%+v is counted of %d messages, %v", w, kept, odd)
	}
}

func (m *mill) checkPack(tenant mail.TenantID, r row) {
	m.Helper()
	whole := m.store.object(blob.PackName(tenant, r.pack))
	if whole == nil {
		m.Fatalf("pack %v is not in the store", r.pack)
	}
	if !bytes.Equal(whole[r.start:r.start+r.length], m.sealed[r.id]) {
		m.Errorf("message %v: other octets lie in the pack", r.id)
	}
	trailer := whole[len(whole)-pack.TrailerSize:]
	at, n, err := pack.Trailer(trailer, int64(len(whole)))
	m.ok(err)
	items, err := pack.Index(whole[at:at+n], trailer)
	m.ok(err)
	if len(items) > commit.MaxMessages {
		m.Errorf("a pack has %d messages", len(items))
	}
	for _, it := range items {
		if it.ID == r.id && (it.Offset != r.start || it.Length != r.length) {
			m.Errorf("message %v: the index of the pack says %d and %d", r.id, it.Offset, it.Length)
		}
	}
}
