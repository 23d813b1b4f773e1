// Package ceremony lets whom the operator invites found a tenant in a browser: with a
// code that serves once, within a day. The table has the code's hash only.
//
// Every node can go on with a ceremony. What it keeps for an hour, the recovery kit until
// its words come back and the answer to the founding in case it gets lost, opens only with
// the code, the id of the kit, which nobody has but whom it was shown to, and the master key
// together: the operator has made the code and has the key, and must not come to the
// archive by them.
package ceremony

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"siegel/internal/identity"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// For is how long a code serves.
const For = 24 * time.Hour

// maxOpen is how many codes may wait at once.
const maxOpen = 100

// Keys makes the keys of what is kept: seal/master.
type Keys interface {
	CeremonyKey(code, kit secret.Key, name [32]byte) secret.Key
}

// Deps is what the room works with.
type Deps struct {
	DB       *db.DB
	Identity *identity.Identity
	Locks    recovery.Locker
	Keys     Keys
	Now      func() time.Time
}

// Room is the room. Use it from many goroutines.
type Room struct{ Deps }

// New returns the room.
func New(d Deps) *Room { return &Room{d} }

// Invitation is a code, which is shown once.
type Invitation struct {
	Code  string    `json:"code"`
	Until time.Time `json:"until"`
}

// Invite makes a code. It fails with kind Exhausted where too many wait.
func (r *Room) Invite(ctx context.Context) (Invitation, error) {
	raw := credential.Random(seal.CodeSize)
	defer clear(raw)
	out := Invitation{Code: credential.FormatCode(raw), Until: r.Now().Add(For).UTC().Truncate(time.Second)}
	name := sha256.Sum256(raw)
	err := r.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		if err := r.expireIn(ctx, tx); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM identity_ceremony WHERE tenant = $1`).Scan(&n); err != nil {
			return err
		}
		if n >= maxOpen {
			return fault.New(fault.Exhausted, "too many invitations to found a tenant wait; they end after a day")
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_ceremony (tenant, name, until) VALUES ($1, $2, $3)`, name[:], mail.Micros(out.Until))
		return err
	})
	return out, err
}

// errCode is the one answer to a wrong code, a used one and one that has ended.
func errCode() error {
	return fault.At("code", fault.New(fault.Denied, "this code is wrong, has been used or has ended; the operator makes a new one with siegel tenant ceremony"))
}

// admits fails with kind Denied where a code does not serve.
func (r *Room) admits(ctx context.Context, code string) error {
	name, err := nameOf(code)
	if err != nil {
		return err
	}
	var until int64
	err = r.DB.Instance().QueryRow(ctx, `SELECT until FROM identity_ceremony WHERE tenant = $1 AND name = $2`, name).Scan(&until)
	if errors.Is(err, db.ErrNoRows) || err == nil && r.Now().After(mail.FromMicros(until)) {
		return errCode()
	}
	return err
}

func nameOf(code string) ([]byte, error) {
	raw, err := credential.ParseCode(code)
	if err != nil {
		return nil, fault.At("code", err)
	}
	defer clear(raw)
	sum := sha256.Sum256(raw)
	return sum[:], nil
}

// Check fails where a founding would be refused, before there is a kit.
func (r *Room) Check(ctx context.Context, f identity.Founding) error {
	if err := f.Check(); err != nil {
		return err
	}
	list, err := r.Identity.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.Name == f.Name {
			return fault.At("name", fault.Newf(fault.Conflict, "there is a tenant %q already", f.Name))
		}
		for _, d := range f.Domains {
			if slices.Contains(t.Domains, d) {
				return fault.At("domains", fault.Newf(fault.Conflict, "the domain %s belongs to a tenant already", d))
			}
		}
	}
	return nil
}

// Found founds a tenant with a code and a kit that Kit has made: of two who come with the
// code one founds, and where it is refused code and kit serve again. Who asks for the same
// once more within an hour, because the answer got lost, gets the same answer.
//
// It fails with kind Denied where the code does not serve, with kind NotFound where no such
// kit waits, as [recovery.ErrWords] where the words are others, as Check does, and otherwise
// as [identity.Identity.FoundBy] does.
func (r *Room) Found(ctx context.Context, code string, f identity.Founding) (*identity.Founded, error) {
	t, err := r.token(code, f.Kit)
	if err != nil {
		return nil, err
	}
	defer t.key.Wipe()
	if out, err := r.again(ctx, t, f); out != nil || err != nil {
		return out, err
	}
	out, err := r.found(ctx, code, t, f)
	if err != nil {
		// The same may have been asked for twice at once.
		if out, bad := r.again(ctx, t, f); out != nil && bad == nil {
			return out, nil
		}
	}
	return out, err
}

func (r *Room) found(ctx context.Context, code string, t token, f identity.Founding) (*identity.Founded, error) {
	if err := r.admits(ctx, code); err != nil {
		return nil, err
	}
	if err := r.Check(ctx, f); err != nil {
		return nil, err
	}
	raw, err := r.confirmed(ctx, t, f.Words)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	lock, err := r.Locks.PrepareLock(ctx, seal.ByRecovery, raw)
	if err != nil {
		return nil, err
	}
	form, err := formOf(f)
	if err != nil {
		return nil, err
	}
	// Who goes away now finds the tenant founded, and asks for the answer again.
	return r.Identity.FoundBy(context.WithoutCancel(ctx), identity.Rite{
		Founding: f, Lock: lock,
		Also: func(ctx context.Context, b *db.Batch, out *identity.Founded) error {
			return r.settle(ctx, b.Tenant(mail.TenantID{}), t, answered{form, *out})
		},
	})
}
