package identity

import (
	"context"
	"errors"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity/bound"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/recovery"
	"siegel/internal/identity/request"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Founding is what the founding ceremony decides.
type Founding = bound.Founding

// Founded is the outcome.
type Founded struct {
	Tenant      Tenant
	Invitations []Invitation
}

// Invitation is a code for a person.
type Invitation struct {
	Email mail.Address `json:"email"`
	Role  Role         `json:"role"`
	Code  string       `json:"code"`
}

// Kit is a recovery kit as it is shown, once.
type Kit = recovery.Kit

// NewKit makes a recovery kit. It is remembered for an hour, until Found uses
// it; the code inside opens the recovery holder's lock.
func (i *Identity) NewKit(ctx context.Context) (Kit, error) { return i.kits.Make(ctx) }

// Found makes a tenant as FoundBy does, with a kit of NewKit.
func (i *Identity) Found(ctx context.Context, f Founding) (*Founded, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	k, err := i.kits.Take(f.Kit, f.Words)
	if err != nil {
		return nil, err
	}
	nothing := func(context.Context, *db.Batch, *Founded) error { return nil }
	out, err := i.FoundBy(ctx, Rite{Founding: f, Lock: k.Lock, Also: nothing})
	// The kit serves another try, but not where a tenant may have it.
	if err != nil && !errors.Is(err, db.ErrUnknown) {
		i.kits.Put(f.Kit, k)
	}
	return out, err
}

// Rite is by what a tenant is founded: the lock of a recovery kit that was confirmed, and
// what belongs to the founding and is written in its transaction.
type Rite struct {
	Founding
	Lock seal.Lock
	Also func(ctx context.Context, b *db.Batch, out *Founded) error
}

// FoundBy makes a tenant: domains, an administrator who holds nothing, one or two
// keepers, and the recovery kit. Whom it invites is exempt from the cooling-off
// of requests.
func (i *Identity) FoundBy(ctx context.Context, f Rite) (*Founded, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	return i.raise(ctx, f)
}

// raise makes a tenant of a founding that was checked.
func (i *Identity) raise(ctx context.Context, f Rite) (*Founded, error) {
	var people []invited
	out := &Founded{Tenant: Tenant{ID: mail.NewID(), Name: f.Name, Domains: f.Domains}}
	for _, group := range []struct {
		role Role
		list []mail.Address
	}{{Administrator, f.Administrators}, {Keeper, f.Keepers}, {Auditor, f.Auditors}, {Reader, f.Readers}} {
		for _, email := range group.list {
			code, lock, err := i.invitation(ctx)
			if err != nil {
				return nil, err
			}
			one := invited{Invitation{email, group.role, code}, lock}
			people, out.Invitations = append(people, one), append(out.Invitations, one.Invitation)
		}
	}
	if err := i.routes.Whole(ctx); err != nil {
		return nil, err
	}
	err := i.update(ctx, func(b *db.Batch) error { return i.found(ctx, b, out, f, people) })
	if errors.Is(err, db.ErrUnknown) {
		err = i.founded(context.WithoutCancel(ctx), out.Tenant.ID, err)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// How often, and how far apart, a tenant is looked for whose founding got no answer.
const foundTries, foundPause = 20, 250 * time.Millisecond

// founded finds out whether a tenant was founded where the answer to the commit got
// lost. It returns nil where it was, and an error that is [db.ErrUnknown] where nobody can say.
func (i *Identity) founded(ctx context.Context, id mail.TenantID, lost error) error {
	for range foundTries {
		switch _, err := i.routes.One(ctx, id); {
		case err == nil && i.DB.Barrier(ctx) == nil:
			return nil
		case fault.Of(err) == fault.NotFound && i.DB.Barrier(ctx) == nil: // it cannot come later
			return fault.New(fault.Busy, "the tenant was not founded, the database failed; try again")
		}
		time.Sleep(foundPause)
	}
	return fault.Because(fault.Internal, "it is not known whether the tenant was founded: keep the recovery kit, and see with siegel tenant list", lost)
}

// invited is a person of the founding ceremony.
type invited struct {
	Invitation
	lock seal.Lock
}

func (i *Identity) found(ctx context.Context, b *db.Batch, out *Founded, f Rite, people []invited) error {
	t := &out.Tenant
	tx := b.Tenant(t.ID)
	for _, log := range []string{"message", seal.AuditLog} {
		if err := i.Log.Create(ctx, tx, log); err != nil {
			return err
		}
	}
	archive, err := i.Vault.NewHolder(ctx, tx, seal.Archive)
	if err != nil {
		return err
	}
	defer archive.Wipe()
	recovery, err := i.Vault.NewHolder(ctx, tx, seal.Recovery)
	if err != nil {
		return err
	}
	defer recovery.Wipe()
	t.Archive, t.Recovery = archive.Holder, recovery.Holder
	if err := i.Vault.Put(ctx, tx, f.Lock, recovery); err != nil {
		return err
	}
	give := func(to mail.HolderID) error {
		_, err := i.Vault.Give(ctx, tx, seal.Grant{Seed: archive, Grantee: to, Reason: "founding ceremony", Scope: "all"})
		return err
	}
	if err := give(recovery.Holder); err != nil {
		return err
	}
	if err := i.routes.Found(ctx, b, t); err != nil {
		return err
	}
	if err := f.Also(ctx, b, out); err != nil {
		return err
	}
	for _, one := range people {
		p, err := i.create(ctx, b, t.ID, newPerson{email: one.Email, role: one.Role, lock: one.lock})
		if err != nil {
			return err
		}
		if one.Role.HoldsArchive() {
			if err := give(p.Holder); err != nil {
				return err
			}
		}
		if one.Role == Reader {
			if _, err := i.owners.Assign(ctx, tx, p, p.Email); err != nil {
				return err
			}
		}
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{
		What: "tenant.create", Who: audit.Operator, Object: t.ID.String(),
		Detail: map[string]any{"people": len(people), "keepers": len(f.Keepers)},
	})
}

// Recover approves a request for the role compliance with the recovery kit,
// where no keeper is left who could. A use that succeeds is in the audit log with
// what it did, in one transaction; every other one before it is answered, with what
// became of it.
func (i *Identity) Recover(ctx context.Context, tenant string, id mail.ID, file []byte, words string) error {
	t, err := i.Named(ctx, tenant)
	if err != nil {
		return err
	}
	handle := i.DB.Tenant(t.ID)
	err = i.recover(ctx, handle, t, id, file, words)
	if err == nil || errors.Is(err, credential.ErrNoWords) {
		return err
	}
	event := recovery.Use(id, recovery.Outcome(err))
	event.Detail["kind"] = fault.Of(err).String()
	if r, of := i.requests.ByID(ctx, handle, id); of == nil {
		event.Object = r.Person.String()
	}
	if bad := i.Trail.Record(context.WithoutCancel(ctx), handle, t.Archive, event); bad != nil {
		return bad
	}
	return err
}

func (i *Identity) recover(ctx context.Context, handle db.Tenant, t Tenant, id mail.ID, file []byte, words string) error {
	raw, err := credential.OpenKit(file, words)
	if err != nil {
		return err
	}
	unlocked, err := i.Vault.Unlock(ctx, handle, t.Recovery, seal.ByRecovery, raw)
	if fault.Of(err) == fault.Denied {
		return fault.New(fault.Denied, "this recovery kit belongs to another tenant")
	}
	if err != nil {
		return err
	}
	defer unlocked.Close()
	r, err := i.requests.ByID(ctx, handle, id)
	if err != nil {
		return err
	}
	if r.Kind != request.Role || Role(r.Value) != Keeper {
		return fault.New(fault.Invalid, "the recovery kit serves requests for the role compliance only")
	}
	s := &Session{tenant: handle, name: t.Name, archive: t.Archive, unlocked: unlocked, person: Person{Role: Keeper}, recovery: true}
	_, err = i.Approve(ctx, s, id)
	return err
}
