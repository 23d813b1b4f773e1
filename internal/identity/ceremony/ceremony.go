// Package ceremony lets whom the operator invites found a tenant in a browser: with a
// code that serves once, within a day. The table has the code's hash only.
package ceremony

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"siegel/internal/identity"
	"siegel/internal/identity/credential"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// For is how long a code serves.
const For = 24 * time.Hour

// maxOpen is how many codes may wait at once.
const maxOpen = 100

// Deps is what the room works with.
type Deps struct {
	DB       *db.DB
	Identity *identity.Identity
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
		if _, err := tx.Exec(ctx, `DELETE FROM identity_ceremony WHERE tenant = $1 AND until < $2`, mail.Micros(r.Now())); err != nil {
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

// Admits fails with kind Denied where a code does not serve.
func (r *Room) Admits(ctx context.Context, code string) error {
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
	// A kit that nobody made is the last thing that Found looks at before it
	// changes anything: what else is wrong comes first.
	f.Kit, f.Words = mail.NewID(), nil
	if _, err := r.Identity.Found(ctx, f); fault.Of(err) != fault.NotFound {
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

// Found founds a tenant with a code, which serves once: of two who come with it one
// founds, and where it is refused the code serves again. It fails with kind Denied where the
// code does not serve, and otherwise as [identity.Identity.Found] does.
func (r *Room) Found(ctx context.Context, code string, f identity.Founding) (*identity.Founded, error) {
	name, err := nameOf(code)
	if err != nil {
		return nil, err
	}
	var until int64
	err = r.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `SELECT until FROM identity_ceremony WHERE tenant = $1 AND name = $2`, name).Scan(&until)
		if errors.Is(err, db.ErrNoRows) || err == nil && r.Now().After(mail.FromMicros(until)) {
			return errCode()
		}
		if err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `DELETE FROM identity_ceremony WHERE tenant = $1 AND name = $2`, name)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errCode(), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Who goes away now has his code used up all the same, so the tenant is founded.
	out, err := r.Identity.Found(context.WithoutCancel(ctx), f)
	if err != nil && !errors.Is(err, db.ErrUnknown) { // nothing was founded
		back := r.DB.Instance().Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO identity_ceremony (tenant, name, until) VALUES ($1, $2, $3)`, name, until)
			return err
		})
		return nil, errors.Join(err, back)
	}
	return out, err
}
