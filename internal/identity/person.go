package identity

import (
	"context"
	"errors"

	"siegel/internal/audit"
	"siegel/internal/identity/bound"
	"siegel/internal/identity/credential"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

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
	p := Person{ID: mail.NewID(), Email: n.email, Role: n.role, State: Invited, tenant: tenant, madeBy: n.by, stamp: i.book.NewStamp()}
	p.madeAt, p.invitedUntil, p.raisedAt = mail.Time(now), mail.Time(now.Add(invitationFor)), mail.FromMicros(0)
	// The instance's rows come before a tenant's.
	_, err := b.Tenant(mail.TenantID{}).Exec(ctx, `INSERT INTO identity_login (tenant, email, owner, person) VALUES ($1, $2, $3, $4)`,
		p.Email.String(), tenant.Bytes(), p.ID.Bytes())
	if fault.Of(err) == fault.Conflict {
		return Person{}, errThere(n.email)
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
	_, err = tx.Exec(ctx, `INSERT INTO identity_person (tenant, id, email, holder, role, state, made_by, made_at, invited_until,
		raised_by, raised_at, salt, entered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		p.ID.Bytes(), p.Email.String(), p.Holder.Bytes(), string(p.Role), string(p.State), p.madeBy.Bytes(), mail.Micros(p.madeAt),
		mail.Micros(p.invitedUntil), p.raisedBy.Bytes(), mail.Micros(p.raisedAt), p.stamp.Salt[:], p.stamp.At)
	if fault.Of(err) == fault.Conflict {
		return Person{}, errThere(n.email)
	}
	if err != nil {
		return Person{}, err
	}
	return p, i.book.Enter(ctx, tx, p.Row())
}

func errThere(email mail.Address) error {
	return fault.Newf(fault.Conflict, "there is a person %s already", email)
}

// Invite makes an account as an administrator and returns the code that the
// person sets her password with. The account reads nothing yet: other roles
// than reader and administrator, and addresses, are requested afterwards. Who was
// removed may be invited again: as a new account, with a key of its own.
func (i *Identity) Invite(ctx context.Context, s *Session, email mail.Address, role Role) (_ Person, code string, err error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return Person{}, "", err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return Person{}, "", err
	}
	if role.holdsArchive() {
		return Person{}, "", fault.New(fault.Invalid, "invite as reader or administrator; what reads the archive is requested afterwards and approved by a keeper")
	}
	code, lock, err := i.invitation(ctx)
	if err != nil {
		return Person{}, "", err
	}
	var p Person
	err = i.DB.Update(ctx, func(b *db.Batch) error {
		p, err = i.create(ctx, b, s.tenant.ID(), newPerson{email: email, role: role, by: s.person.ID, lock: lock})
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, b.Tenant(s.tenant.ID()), audit.Event{
			What: "person.invite", Who: s.person.ID.String(),
			Object: p.ID.String(), New: string(role),
		})
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
// take the code himself.
func (i *Identity) Reset(ctx context.Context, s *Session, email mail.Address) (out Renewed, err error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return out, err
	}
	p, err := i.person(ctx, s.tenant, email)
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
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := i.still(ctx, tx, &p); err != nil {
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
		if p.Role.holdsArchive() {
			p.Role = Reader
		}
		p.State, p.madeBy, p.madeAt, p.invitedUntil = Invited, s.person.ID, now, now.Add(invitationFor)
		if err := i.change(ctx, tx, &p); err != nil {
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
		i.open.end(account{s.tenant.ID(), p.ID})
	}
	return err
}

// Remove ends an account: locks, grants and addresses go, and who held the
// archive makes it start a new term. What was sealed to the person stays sealed.
func (i *Identity) Remove(ctx context.Context, s *Session, email mail.Address) error {
	if err := i.must(ctx, s, Administrator); err != nil {
		return err
	}
	p, err := i.person(ctx, s.tenant, email)
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
	if _, err := b.Tenant(mail.TenantID{}).Exec(ctx, `DELETE FROM identity_login WHERE tenant = $1 AND email = $2 AND owner = $3`,
		p.Email.String(), s.tenant.ID().Bytes()); err != nil {
		return err
	}
	tx := b.Tenant(s.tenant.ID())
	if err := i.still(ctx, tx, p); err != nil {
		return err
	}
	if _, err := i.lastOfRole(ctx, tx, *p); err != nil {
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
	if err := i.change(ctx, tx, p); err != nil {
		return err
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{What: "person.remove", Who: s.person.ID.String(), Object: p.ID.String(), Old: string(p.Role)})
}

// lastOfRole refuses to take away the last keeper or the last administrator, and
// returns how many are left. Who has not accepted the invitation yet counts for
// nothing, nor does a row that the ledger does not know.
func (i *Identity) lastOfRole(ctx context.Context, tx *db.Tx, p Person) (left int, err error) {
	if p.Role != Keeper && p.Role != Administrator {
		return 0, nil
	}
	rows, err := tx.Query(ctx, selectPerson+` AND role = $2 AND state = 'active' AND id <> $3`, string(p.Role), p.ID.Bytes())
	if err != nil {
		return 0, err
	}
	others, err := db.Collect(rows, scanPerson)
	if err != nil {
		return 0, err
	}
	for _, o := range others {
		if ok, err := i.book.Stands(ctx, o.Row()); err != nil {
			return 0, err
		} else if ok {
			left++
		}
	}
	if left == 0 {
		return 0, fault.Newf(fault.Denied, "%s is the last person with the role %s; appoint another one first", p.Email, p.Role)
	}
	return left, nil
}

// takeArchive revokes a person's grants of the archive and starts a new term of
// it, sealed to whoever holds it still and to recovery. Nothing happens where
// the person held none.
func (i *Identity) takeArchive(ctx context.Context, tx *db.Tx, archive mail.HolderID, p Person, by mail.ID, reason string) error {
	if err := i.intact(ctx, tx, archive); err != nil {
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
