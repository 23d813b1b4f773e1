package identity

import (
	"context"
	"errors"

	"siegel/internal/audit"
	"siegel/internal/identity/bound"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/opened"
	"siegel/internal/identity/ticket"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// still reads a person again in a transaction that changes her: whoever was
// removed meanwhile is not brought back.
func (i *Identity) still(ctx context.Context, tx *db.Tx, p *Person) (err error) {
	if *p, err = i.people.ByID(ctx, tx, p.ID); err != nil {
		return err
	}
	if p.State == Removed {
		return errRemoved()
	}
	return nil
}

func errRemoved() error { return fault.New(fault.Conflict, "this person has been removed") }

// People lists the tenant's accounts, removed ones too, for those who manage
// them. Those that are not as the ledger has them are Damaged.
func (i *Identity) People(ctx context.Context, s *Session) (list []Person, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	list, err = i.people.All(ctx, s.tenant)
	if err != nil {
		return nil, err
	}
	for k := range list {
		p := &list[k]
		p.Addresses, err = i.owners.Of(ctx, s.tenant, *p)
		if err := p.Note(err); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// newPerson makes an account whose seed lies under an invitation's code.
type newPerson struct {
	email mail.Address
	role  Role
	by    mail.ID
	lock  seal.Lock
}

// create writes the account and returns it.
func (i *Identity) create(ctx context.Context, b *db.Batch, tenant mail.TenantID, n newPerson) (Person, error) {
	if err := bound.Address(n.email); err != nil {
		return Person{}, err
	}
	now := i.Now()
	p := Person{ID: mail.NewID(), Email: n.email, Role: n.role, State: Invited, MadeBy: n.by}
	p.MadeAt, p.InvitedUntil, p.RaisedAt = mail.Time(now), mail.Time(now.Add(invitationFor)), mail.FromMicros(0)
	// The instance's rows come before a tenant's.
	_, err := b.Tenant(mail.TenantID{}).Exec(ctx, `INSERT INTO identity_login (tenant, email, owner, person) VALUES ($1, $2, $3, $4)`,
		p.Email.String(), tenant.Bytes(), p.ID.Bytes())
	if fault.Of(err) == fault.Conflict {
		return Person{}, bound.Taken(n.email)
	}
	if err != nil {
		return Person{}, err
	}
	tx := b.Tenant(tenant)
	seed, err := i.Vault.NewHolder(ctx, tx, seal.Person)
	if err != nil {
		return Person{}, err
	}
	defer seed.Wipe()
	if err := i.Vault.Put(ctx, tx, n.lock, seed); err != nil {
		return Person{}, err
	}
	p.Holder = seed.Holder
	err = i.people.Add(ctx, tx, &p)
	if fault.Of(err) == fault.Conflict {
		err = bound.Taken(n.email)
	}
	return p, err
}

// Invite makes an account as an administrator and returns the code that the
// person sets her password with. The account reads nothing yet: other roles
// than reader and administrator, and addresses, are requested afterwards. Who was
// removed may be invited again: as a new account, with a key of its own. An address that
// can be nobody's, or looks mistyped and is not confirmed, fails as [routing.Router.Meant] does.
func (i *Identity) Invite(ctx context.Context, s *Session, email mail.Address, role Role, confirmed ...mail.Domain) (p Person, code string, err error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return p, "", err
	}
	if err := role.Invitable(); err != nil {
		return p, "", err
	}
	if err := i.routes.Meant(ctx, s.tenant.ID(), email, confirmed); err != nil {
		return p, "", err
	}
	code, lock, err := i.invitation(ctx)
	if err != nil {
		return p, "", err
	}
	err = i.DB.Update(ctx, func(b *db.Batch) error {
		p, err = i.create(ctx, b, s.tenant.ID(), newPerson{email: email, role: role, by: s.person.ID, lock: lock})
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, b.Tenant(s.tenant.ID()), audit.Event{What: "person.invite", Who: s.person.ID.String(), Object: p.ID.String(), New: string(role)})
	})
	return p, code, err
}

// invitation makes a code and the lock that it opens.
func (i *Identity) invitation(ctx context.Context) (string, seal.Lock, error) {
	raw := credential.Random(seal.CodeSize)
	code := credential.FormatCode(raw)
	lock, err := i.Vault.PrepareLock(ctx, seal.ByInvitation, raw)
	return code, lock, err
}

// Renewed is an account after its reset.
type Renewed struct {
	Code  string         // that the person sets a new password with
	Ended []mail.Address // whose mail is sealed to her no longer
}

// Reset gives a person a new account key under a fresh code: for who forgot the
// password. What was sealed to her alone stays unreadable until a keeper
// re-grants it, archive access has to be given anew, and no new mail is sealed to
// her until a keeper assigns her addresses again: who resets an account could
// take the code himself. The last keeper is refused (kind Denied).
func (i *Identity) Reset(ctx context.Context, s *Session, email mail.Address) (out Renewed, err error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return out, err
	}
	p, err := i.people.At(ctx, s.tenant, email)
	if err != nil {
		return out, err
	}
	if p.ID == s.person.ID {
		return out, fault.New(fault.Denied, "nobody resets his own account; change your password instead")
	}
	code, lock, err := i.invitation(ctx)
	if err != nil {
		return out, err
	}
	out.Code = code
	err = i.DB.Update(ctx, func(b *db.Batch) error {
		if err := ticket.EndAll(ctx, b, s.tenant.ID(), p.ID, mail.ID{}); err != nil {
			return err
		}
		tx := b.Tenant(s.tenant.ID())
		if _, err := i.ending(ctx, tx, &p); err != nil {
			return err
		}
		seed, err := i.Vault.NewTerm(ctx, tx, p.Holder)
		if err != nil {
			return err
		}
		defer seed.Wipe()
		if err := i.takeArchive(ctx, tx, s.archive, p, s.person.ID, "account reset"); err != nil {
			return err
		}
		if err := i.Vault.RemoveLocks(ctx, tx, p.Holder, seal.ByPassword); err != nil {
			return err
		}
		if err := i.Vault.Put(ctx, tx, lock, seed); err != nil {
			return err
		}
		if out.Ended, err = i.unassignAll(ctx, tx, p, s.person.ID); err != nil {
			return err
		}
		was, now := p.Role, mail.Time(i.Now())
		if p.Role.HoldsArchive() {
			p.Role = Reader
		}
		p.State, p.MadeBy, p.MadeAt, p.InvitedUntil = Invited, s.person.ID, now, now.Add(invitationFor)
		if err := i.people.Change(ctx, tx, &p); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "person.reset", Who: s.person.ID.String(), Object: p.ID.String(),
			Old: string(was), New: string(p.Role),
		})
	})
	return out, i.endIf(err, s, p)
}

// endIf closes the sessions of a person whose account a transaction has changed,
// or may have, and returns the transaction's error.
func (i *Identity) endIf(err error, s *Session, p Person) error {
	if err == nil || errors.Is(err, db.ErrUnknown) {
		i.open.End(opened.Whose{Tenant: s.tenant.ID(), Person: p.ID})
	}
	return err
}

// Remove ends an account: locks, grants and addresses go, and who held the
// archive makes it start a new term. What was sealed to the person stays sealed.
func (i *Identity) Remove(ctx context.Context, s *Session, email mail.Address) error {
	if err := i.must(ctx, s, Administrator); err != nil {
		return err
	}
	p, err := i.people.At(ctx, s.tenant, email)
	if err != nil {
		return err
	}
	if p.ID == s.person.ID {
		return fault.New(fault.Denied, "nobody removes himself; another administrator can")
	}
	return i.endIf(i.DB.Update(ctx, func(b *db.Batch) error { return i.remove(ctx, b, s, &p) }), s, p)
}

func (i *Identity) remove(ctx context.Context, b *db.Batch, s *Session, p *Person) error {
	// The instance's rows come before a tenant's.
	if err := ticket.EndAll(ctx, b, s.tenant.ID(), p.ID, mail.ID{}); err != nil {
		return err
	}
	if _, err := b.Tenant(mail.TenantID{}).Exec(ctx, `DELETE FROM identity_login WHERE tenant = $1 AND email = $2 AND owner = $3`,
		p.Email.String(), s.tenant.ID().Bytes()); err != nil {
		return err
	}
	tx := b.Tenant(s.tenant.ID())
	if _, err := i.ending(ctx, tx, p); err != nil {
		return err
	}
	if err := i.takeArchive(ctx, tx, s.archive, *p, s.person.ID, "person removed"); err != nil {
		return err
	}
	for _, kind := range []seal.LockKind{seal.ByPassword, seal.ByInvitation} {
		if err := i.Vault.RemoveLocks(ctx, tx, p.Holder, kind); err != nil {
			return err
		}
	}
	if _, err := i.unassignAll(ctx, tx, *p, s.person.ID); err != nil {
		return err
	}
	if err := i.withdrawAll(ctx, tx, s, *p); err != nil {
		return err
	}
	p.State = Removed
	if err := i.people.Change(ctx, tx, p); err != nil {
		return err
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{What: "person.remove", Who: s.person.ID.String(), Object: p.ID.String(), Old: string(p.Role)})
}

// unassignAll ends that mail is sealed to a person and returns which addresses
// she had. Each end is an event.
func (i *Identity) unassignAll(ctx context.Context, tx *db.Tx, p Person, by mail.ID) ([]mail.Address, error) {
	list, err := i.owners.Names(ctx, tx, p.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if err := i.removeAddress(ctx, tx, p, a, by); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// removeAddress ends that mail with one address is sealed to a person.
func (i *Identity) removeAddress(ctx context.Context, tx *db.Tx, p Person, a mail.Address, by mail.ID) error {
	id, err := i.owners.Unassign(ctx, tx, p, a)
	if err != nil {
		return err
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{
		What: "person.address.remove", Who: by.String(), Object: p.ID.String(), Old: a.String(),
		Detail: map[string]any{"assignment": id.String()},
	})
}

// ending reads a person again in a transaction that ends what her role gives her,
// and returns how many are left with it. It refuses the last one.
func (i *Identity) ending(ctx context.Context, tx *db.Tx, p *Person) (left int, err error) {
	if err := i.still(ctx, tx, p); err != nil {
		return 0, err
	}
	return i.lastOfRole(ctx, tx, *p)
}

// lastOfRole refuses to take away the last keeper or the last administrator, and
// returns how many are left.
func (i *Identity) lastOfRole(ctx context.Context, tx *db.Tx, p Person) (left int, err error) {
	if p.Role != Keeper && p.Role != Administrator {
		return 0, nil
	}
	left, err = i.people.Others(ctx, tx, p)
	if err != nil {
		return 0, err
	}
	if left == 0 {
		return 0, bound.Last(p.Email, p.Role, p.Role == Keeper)
	}
	return left, nil
}

// takeArchive revokes a person's grants of the archive and starts a new term of
// it, sealed to whoever holds it still and to recovery. Nothing happens where
// the person held none.
func (i *Identity) takeArchive(ctx context.Context, tx *db.Tx, archive mail.HolderID, p Person, by mail.ID, reason string) error {
	if _, err := i.mend(ctx, tx, archive, by); err != nil {
		return err
	}
	n, err := i.Vault.Revoke(ctx, tx, archive, p.Holder)
	if err != nil || n == 0 {
		return err
	}
	rest, err := i.Vault.Grantees(ctx, tx, archive)
	if err != nil {
		return err
	}
	seed, err := i.Vault.NewTerm(ctx, tx, archive)
	if err != nil {
		return err
	}
	defer seed.Wipe()
	for _, g := range rest {
		if _, err := i.Vault.Give(ctx, tx, seal.Grant{Seed: seed, Grantee: g, Giver: by, Reason: "new term: " + reason, Scope: "all"}); err != nil {
			return err
		}
	}
	return nil
}
