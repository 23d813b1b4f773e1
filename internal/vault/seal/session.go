package seal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/stream"
)

// Session is what an unlocked person reaches: the seeds of her holder and of
// every holder that a path of grants leads to. The seeds lie in locked memory
// until Close. Use it from many goroutines.
type Session struct {
	vault  *Vault
	tenant db.Tenant
	person mail.HolderID

	mu      sync.Mutex
	seeds   map[holderTerm]secret.Key // guarded by mu
	batches map[mail.ID]secret.Key    // opened batch keys, bounded; guarded by mu
	release []func()                  // guarded by mu
	closed  bool                      // guarded by mu
}

type holderTerm struct {
	holder mail.HolderID
	term   int
}

// maxBatches bounds the batch keys a session remembers.
const maxBatches = 256

// Unlock opens a person's session with a password or a code. A wrong one, and a
// person without that kind of lock, give the same error of kind Denied after
// about the same time.
func (v *Vault) Unlock(ctx context.Context, t db.Tenant, person mail.HolderID, kind LockKind, given []byte) (*Session, error) {
	seed, err := v.unlock(ctx, t, person, kind, given)
	if err != nil {
		return nil, err
	}
	return v.open(ctx, t, seed)
}

// open starts a session from a seed, which it takes over.
func (v *Vault) open(ctx context.Context, t db.Tenant, seed Seed) (_ *Session, err error) {
	s := &Session{
		vault: v, tenant: t, person: seed.Holder,
		seeds: make(map[holderTerm]secret.Key), batches: make(map[mail.ID]secret.Key),
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.take(ctx, seed); err != nil {
		return nil, err
	}
	reached := []holderTerm{{seed.Holder, seed.Term}}
	for len(reached) > 0 {
		at := reached[0]
		reached = reached[1:]
		found, err := s.follow(ctx, at)
		if err != nil {
			return nil, err
		}
		reached = append(reached, found...)
	}
	return s, nil
}

// take checks that a seed belongs to the public key in the ledger and keeps it.
func (s *Session) take(ctx context.Context, seed Seed) error {
	want, err := s.vault.publicKey(ctx, s.tenant, seed.Holder, seed.Term)
	if err != nil {
		return err
	}
	got, err := public(seed.key)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want.Bytes()) {
		return fault.New(fault.Damaged, "a public key in the database is not that of its holder: somebody changed it")
	}
	held, release, err := s.vault.arena.Hold(seed.key)
	if err != nil {
		return fault.Because(fault.Exhausted, "too many sessions are open", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seeds[holderTerm{seed.Holder, seed.Term}] = held
	s.release = append(s.release, release)
	return nil
}

// follow opens the grants to one holder and returns what was new.
func (s *Session) follow(ctx context.Context, at holderTerm) (found []holderTerm, err error) {
	rows, err := s.tenant.Query(ctx, `SELECT id, holder, term, kind, scope, not_after, sealed FROM seal_grant
		WHERE tenant = $1 AND grantee = $2 AND grantee_term = $3`, at.holder.Bytes(), at.term)
	if err != nil {
		return nil, err
	}
	grants, err := collectGrants(rows)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		g.grantee, g.granteeTerm = at.holder, at.term
		to := holderTerm{g.holder, g.term}
		s.mu.Lock()
		_, known := s.seeds[to]
		own := s.seeds[at]
		s.mu.Unlock()
		if known || (g.notAfter != 0 && mail.Micros(s.vault.now()) > g.notAfter) {
			continue
		}
		plain, err := openWith(own, "a grant", grantInfo(s.tenant.ID(), g), g.sealed)
		if err != nil {
			return nil, err
		}
		key, err := secret.From(plain)
		if err != nil {
			return nil, stream.ErrDamaged("a grant")
		}
		if err := s.take(ctx, Seed{Holder: g.holder, Term: g.term, key: key}); err != nil {
			return nil, err
		}
		found = append(found, to)
	}
	return found, nil
}

func collectGrants(rows *sql.Rows) (grants []grantRow, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var g grantRow
		var id, holder []byte
		if err := rows.Scan(&id, &holder, &g.term, &g.kind, &g.scope, &g.notAfter, &g.sealed); err != nil {
			return nil, err
		}
		if g.id, err = mail.IDFrom(id); err != nil {
			return nil, err
		}
		if g.holder, err = mail.IDFrom(holder); err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	return grants, rows.Err()
}

// Close wipes every key. The session opens nothing afterwards.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, k := range s.batches {
		k.Wipe()
	}
	for _, f := range s.release {
		f()
	}
	clear(s.seeds)
	clear(s.batches)
	s.release = nil
}

// Person returns the holder of the person.
func (s *Session) Person() mail.HolderID { return s.person }

// Holds reports whether the session reaches a holder.
func (s *Session) Holds(holder mail.HolderID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.seeds {
		if at.holder == holder {
			return true
		}
	}
	return false
}

// seed lends a seed, or fails with kind Denied.
func (s *Session) seed(holder mail.HolderID, term int) (secret.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return secret.Key{}, fault.New(fault.Locked, "the session has ended, please sign in again")
	}
	k, ok := s.seeds[holderTerm{holder, term}]
	if !ok {
		return secret.Key{}, fault.New(fault.NotFound, "there is no such message for you")
	}
	return k, nil
}

// Seed returns a copy of a holder's seed of one term, to be granted on or
// locked anew. Wipe it afterwards.
func (s *Session) Seed(holder mail.HolderID, term int) (Seed, error) {
	k, err := s.seed(holder, term)
	if err != nil {
		return Seed{}, err
	}
	var c secret.Key
	k.Use(func(b []byte) { c, err = secret.From(append([]byte(nil), b...)) })
	return Seed{Holder: holder, Term: term, key: c}, err
}

// Terms returns the terms of a holder that the session reaches.
func (s *Session) Terms(holder mail.HolderID) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var terms []int
	for at := range s.seeds {
		if at.holder == holder {
			terms = append(terms, at.term)
		}
	}
	return terms
}

// OpenNote opens a note of [Vault.SealNote].
func (s *Session) OpenNote(n Note, kind string, id mail.ID) ([]byte, error) {
	k, err := s.seed(n.Holder, n.Term)
	if err != nil {
		return nil, err
	}
	return openWith(k, "a note", noteInfo(s.tenant.ID(), n.Holder, n.Term, kind, id), n.Sealed)
}

// purposeProjection labels the keys of projection files.
const purposeProjection secret.Purpose = "siegel/v1 projection"

// ProjectionKey returns the key of a projection file of a holder: derived from
// the seed of the holder's first term that the session holds and the file's
// salt.
func (s *Session) ProjectionKey(holder mail.HolderID, term int, salt []byte) (secret.Key, error) {
	k, err := s.seed(holder, term)
	if err != nil {
		return secret.Key{}, err
	}
	id := s.tenant.ID()
	return k.Derive(purposeProjection, salt, id[:], holder[:]), nil
}

// Newest returns a copy of a holder's seed of the newest term that the session
// reaches. Wipe it afterwards.
func (s *Session) Newest(holder mail.HolderID) (Seed, error) {
	terms := s.Terms(holder)
	if len(terms) == 0 {
		return s.Seed(holder, 0) // the right error
	}
	return s.Seed(holder, slices.Max(terms))
}
