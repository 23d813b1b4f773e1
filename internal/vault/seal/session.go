package seal

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/hybrid"
	"siegel/internal/vault/seal/stream"
)

// Session is what an unlocked person reaches: the seeds of her holder and of
// every holder that a path of grants leads to. The seeds lie in locked memory
// until Close. Use it from many goroutines.
type Session struct {
	vault  *Vault
	tenant db.Tenant
	person mail.HolderID

	// Closing waits until nobody uses a key: a slot of the arena soon holds
	// somebody else's.
	mu      sync.RWMutex
	seeds   map[holderTerm]secret.Key // guarded by mu
	batches map[batchTerm]secret.Key  // opened batch keys, bounded; guarded by mu
	release []func()                  // guarded by mu
	ended   []func()                  // what Close calls when the keys are gone; guarded by mu
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
		seeds: make(map[holderTerm]secret.Key), batches: make(map[batchTerm]secret.Key),
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	// Where the log itself is what is damaged, that is said, and not that a key is.
	if _, err := v.log.Newest(ctx, t, AuditLog, seed.Holder); err != nil {
		seed.Wipe()
		return nil, err
	}
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
	return s, s.watch(ctx)
}

// watch raises an alarm where a grant of a holder that the session reaches does
// not stand in the ledger, whoever it is for: whenever somebody who holds an
// archive signs in it is heard that somebody else tries to give it away. He
// signs in all the same: what gives nothing must not lock out those whose access
// stands.
func (s *Session) watch(ctx context.Context) error {
	reached := make(map[mail.HolderID]bool)
	s.mu.RLock()
	for at := range s.seeds {
		reached[at.holder] = at.holder != s.person
	}
	s.mu.RUnlock()
	for holder, given := range reached {
		if !given {
			continue
		}
		rows, err := s.tenant.Query(ctx, selectGrants+` AND holder = $2`, holder.Bytes())
		if err != nil {
			return err
		}
		grants, err := collectGrants(rows)
		if err != nil {
			return err
		}
		for _, g := range grants {
			if _, err := s.vault.follows(ctx, s.tenant, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// take checks that a seed belongs to the public key in the ledger and keeps it.
func (s *Session) take(ctx context.Context, seed Seed) error {
	defer seed.Wipe() // does nothing when the arena has it
	want, err := s.vault.termKey(ctx, s.tenant, seed.Holder, seed.Term)
	if err != nil {
		return err
	}
	got, err := hybrid.Public(seed.key)
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
	rows, err := s.tenant.Query(ctx, selectGrants+` AND grantee = $2 AND grantee_term = $3 ORDER BY leaf`, at.holder.Bytes(), at.term)
	if err != nil {
		return nil, err
	}
	grants, err := collectGrants(rows)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		to := holderTerm{g.holder, g.term}
		s.mu.Lock()
		_, known := s.seeds[to]
		own := s.seeds[at]
		s.mu.Unlock()
		if known || (g.notAfter != 0 && mail.Micros(s.vault.now()) > g.notAfter) {
			continue
		}
		if ok, err := s.vault.follows(ctx, s.tenant, g); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		plain, err := hybrid.Open(own, "a grant", grantInfo(s.tenant.ID(), g), g.sealed)
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

// Close wipes every key. The session opens nothing afterwards.
func (s *Session) Close() {
	for _, f := range s.wipe() {
		f()
	}
}

// AtClose has f called once when the session is closed, at once where it is closed
// already: who keeps something open under a key of the session closes it then. f may
// be called from any goroutine, and must not wait for somebody who closes sessions.
func (s *Session) AtClose(f func()) {
	s.mu.Lock()
	if !s.closed {
		s.ended = append(s.ended, f)
		f = nil
	}
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// wipe wipes every key and returns who wants to hear of it.
func (s *Session) wipe() []func() {
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
	ended := s.ended
	s.ended = nil
	return ended
}

// Closed reports whether the session has ended.
func (s *Session) Closed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed
}

// Person returns the holder of the person.
func (s *Session) Person() mail.HolderID { return s.person }

// Holds reports whether the session reaches a holder.
func (s *Session) Holds(holder mail.HolderID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for at := range s.seeds {
		if at.holder == holder {
			return true
		}
	}
	return false
}

// lend calls f with a seed, which f must not keep: the session is not closed
// before f returns. Without the seed it fails with kind NotFound, or Locked
// where the session has ended.
func (s *Session) lend(holder mail.HolderID, term int, f func(secret.Key) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed()
	}
	k, ok := s.seeds[holderTerm{holder, term}]
	if !ok {
		return fault.New(fault.NotFound, "there is no such message for you")
	}
	return f(k)
}

func errClosed() error {
	return fault.New(fault.Locked, "the session has ended, please sign in again")
}

// reaches fails as lend does.
func (s *Session) reaches(holder mail.HolderID, term int) error {
	return s.lend(holder, term, func(secret.Key) error { return nil })
}

// Seed returns a copy of a holder's seed of one term, to be granted on or
// locked anew. Wipe it afterwards.
func (s *Session) Seed(holder mail.HolderID, term int) (Seed, error) {
	seed := Seed{Holder: holder, Term: term}
	err := s.lend(holder, term, func(k secret.Key) error { seed.key = k.Copy(); return nil })
	return seed, err
}

// Terms returns the terms of a holder that the session reaches.
func (s *Session) Terms(holder mail.HolderID) []int {
	s.mu.RLock()
	defer s.mu.RUnlock()
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
	var plain []byte
	err := s.lend(n.Holder, n.Term, func(k secret.Key) (err error) {
		plain, err = hybrid.Open(k, "a note", noteInfo(s.tenant.ID(), n.Holder, n.Term, kind, id), n.Sealed)
		return err
	})
	return plain, err
}

// purposeProjection labels the keys of projection files.
const purposeProjection secret.Purpose = "siegel/v1 projection"

// ProjectionKey returns the key of a projection file of a holder: derived from
// the seed of the holder's first term that the session holds and the file's
// salt.
func (s *Session) ProjectionKey(holder mail.HolderID, term int, salt []byte) (secret.Key, error) {
	id := s.tenant.ID()
	var key secret.Key
	err := s.lend(holder, term, func(k secret.Key) error {
		key = k.Derive(purposeProjection, salt, id[:], holder[:])
		return nil
	})
	return key, err
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
