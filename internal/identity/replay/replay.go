// Package replay remembers for a day which requests of a person were carried out, so that
// a program that did not get the answer may ask again and nothing is done twice
// (draft-ietf-httpapi-idempotency-key-header). It lasts across nodes and restarts.
//
// A key is kept as a MAC, and so is what was asked: neither tells anything. An answer that
// has a secret, such as the code of an invitation, is not kept at all: who asks again hears
// that it was done.
//
// Nothing is done twice whatever breaks off: a request that began and whose end nobody
// noted is never begun again under its key.
package replay

import (
	"bytes"
	"context"
	"errors"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Bounds.
const (
	// For is how long a key is remembered.
	For = 24 * time.Hour
	// Patience is after what time nobody waits any more for a request's end.
	Patience = 5 * time.Minute
	// MostKeys is how many keys of a person are remembered at once.
	MostKeys = 10_000
	// MaxKey is how many characters a key has at most.
	MaxKey = 255
	// MaxAnswer is how many octets of an answer are kept at most.
	MaxAnswer = 64 << 10
)

// Why a request is not carried out. Each is in the chain of a fault.
var (
	ErrOther   = errors.New("replay: the key belongs to another request")
	ErrRunning = errors.New("replay: the request is being carried out")
	ErrSecret  = errors.New("replay: the request was carried out, and its answer had a secret")
	ErrUnknown = errors.New("replay: nobody knows whether the request was carried out")
)

// MAC authenticates octets under a key of the instance: master.Key.
type MAC interface {
	SignInMAC(b []byte) [32]byte
}

// Deps is what the shelf works with.
type Deps struct {
	DB  *db.DB
	MAC MAC
	Now func() time.Time
}

// Shelf remembers requests. Use it from many goroutines.
type Shelf struct{ Deps }

// New returns a shelf.
func New(d Deps) *Shelf { return &Shelf{d} }

// Ask is a request that may come twice.
type Ask struct {
	Person  mail.ID
	Key     string // of 1 to MaxKey characters
	Request []byte // all that makes it this one and no other
}

// Answer is what it was answered with.
type Answer struct {
	Status   int
	Location string
	Body     []byte
}

// states of a row.
const (
	running = iota
	answered
	secret
	unknown
)

func (s *Shelf) mac(t db.Tenant, what string, a Ask, b []byte) []byte {
	tenant := t.ID()
	sum := s.MAC.SignInMAC(tuple.Make("siegel/v1 replay "+what, tenant[:], a.Person[:], b))
	return sum[:]
}

func (s *Shelf) name(t db.Tenant, a Ask) []byte { return s.mac(t, "key", a, []byte(a.Key)) }

// Begin says whether a request is to be carried out: where it returns no answer and no
// error, the caller does and then calls exactly one of Keep, Done, Forget and Lose. Where it
// was carried out already, its answer comes back. Else it fails with ErrOther (kind
// Invalid), or ErrRunning, ErrSecret or ErrUnknown (kind Conflict), or with kind Exhausted
// where the person has too many keys.
func (s *Shelf) Begin(ctx context.Context, t db.Tenant, a Ask) (answer *Answer, err error) {
	now := s.Now()
	name, fingerprint := s.name(t, a), s.mac(t, "request", a, a.Request)
	err = t.Update(ctx, func(tx *db.Tx) error {
		answer = nil
		if _, err := tx.Exec(ctx, `DELETE FROM identity_replay WHERE tenant = $1 AND person = $2 AND began <= $3`, a.Person.Bytes(), mail.Micros(now.Add(-For))); err != nil {
			return err
		}
		var was []byte
		var state, began int64
		one := new(Answer)
		err := tx.QueryRow(ctx, `SELECT fingerprint, state, began, status, location, answer FROM identity_replay WHERE tenant = $1 AND person = $2 AND name = $3`,
			a.Person.Bytes(), name).Scan(&was, &state, &began, &one.Status, &one.Location, &one.Body)
		switch {
		case errors.Is(err, db.ErrNoRows):
			return s.begin(ctx, tx, a, name, fingerprint)
		case err != nil:
			return err
		case !bytes.Equal(was, fingerprint):
			return fault.Because(fault.Invalid, "this idempotency key was used for another request; use a new one", ErrOther)
		case state == answered:
			answer = one
			return nil
		}
		return refused(state, now.Sub(mail.FromMicros(began)))
	})
	return answer, err
}

// refused says why a request that began once does not begin again.
func refused(state int64, ago time.Duration) error {
	switch {
	case state == secret:
		return fault.Because(fault.Conflict, "this was done already; its answer had a secret, which is not kept", ErrSecret)
	case state == running && ago < Patience:
		return fault.Because(fault.Conflict, "the same request is being carried out at this moment", ErrRunning)
	}
	return fault.Because(fault.Conflict, "the same request broke off, and nobody knows whether it was carried out: look, and use a new idempotency key", ErrUnknown)
}

func (s *Shelf) begin(ctx context.Context, tx *db.Tx, a Ask, name, fingerprint []byte) error {
	var keys int64
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM identity_replay WHERE tenant = $1 AND person = $2`, a.Person.Bytes()).Scan(&keys); err != nil {
		return err
	}
	if keys >= MostKeys {
		return fault.Newf(fault.Exhausted, "%d idempotency keys a day are enough; please go on without one, or tomorrow", MostKeys)
	}
	_, err := tx.Exec(ctx, `INSERT INTO identity_replay (tenant, person, name, fingerprint, state, began, status, location, answer) VALUES ($1, $2, $3, $4, 0, $5, 0, '', $6)`,
		a.Person.Bytes(), name, fingerprint, mail.Micros(s.Now()), []byte{})
	return err
}

// Keep notes what a request was answered with. When it returns nil, that is durable.
func (s *Shelf) Keep(ctx context.Context, t db.Tenant, a Ask, with Answer) error {
	if len(with.Body) > MaxAnswer {
		return s.note(ctx, t, a, secret, Answer{Status: with.Status})
	}
	return s.note(ctx, t, a, answered, with)
}

// Done notes that a request was carried out, and nothing of its answer.
func (s *Shelf) Done(ctx context.Context, t db.Tenant, a Ask) error {
	return s.note(ctx, t, a, secret, Answer{})
}

// Lose notes that nobody knows whether a request was carried out.
func (s *Shelf) Lose(ctx context.Context, t db.Tenant, a Ask) error {
	return s.note(ctx, t, a, unknown, Answer{})
}

func (s *Shelf) note(ctx context.Context, t db.Tenant, a Ask, state int, with Answer) error {
	body := with.Body
	if body == nil {
		body = []byte{}
	}
	return t.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE identity_replay SET tenant = $1, state = $2, status = $3, location = $4, answer = $5 WHERE tenant = $1 AND person = $6 AND name = $7`,
			state, with.Status, with.Location, body, a.Person.Bytes(), s.name(t, a))
		return err
	})
}

// Forget forgets a request that was refused and changed nothing: it may be mended and sent
// again under its key.
func (s *Shelf) Forget(ctx context.Context, t db.Tenant, a Ask) error {
	return t.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM identity_replay WHERE tenant = $1 AND person = $2 AND name = $3`, a.Person.Bytes(), s.name(t, a))
		return err
	})
}

// Expire deletes a tenant's keys of more than a day ago. Call it now and then.
func (s *Shelf) Expire(ctx context.Context, t db.Tenant) error {
	return t.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM identity_replay WHERE tenant = $1 AND began <= $2`, mail.Micros(s.Now().Add(-For)))
		return err
	})
}
