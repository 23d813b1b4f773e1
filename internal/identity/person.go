package identity

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity/bound"
	"siegel/internal/identity/credential"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// State says how far an account is.
type State string

// The states.
const (
	Invited State = "invited" // has a code and no password yet
	Active  State = "active"
	Removed State = "removed"
)

// Person is an account of a tenant.
type Person struct {
	ID        mail.ID        `json:"id"`
	Email     mail.Address   `json:"email"` // for signing in
	Holder    mail.HolderID  `json:"holder"`
	Role      Role           `json:"role"`
	State     State          `json:"state"`
	Addresses []mail.Address `json:"addresses"` // whose mail is sealed to her

	madeBy       mail.ID // who invited or reset the account; zero, nobody, for the founding ceremony
	madeAt       time.Time
	invitedUntil time.Time
}

const selectPerson = `SELECT id, email, holder, role, state, made_by, made_at, invited_until FROM identity_person WHERE tenant = $1`

func scanPerson(row db.Scanner) (p Person, err error) {
	var id, holder, madeBy []byte
	var email, role, state string
	var madeAt, until int64
	if err := row.Scan(&id, &email, &holder, &role, &state, &madeBy, &madeAt, &until); err != nil {
		return p, err
	}
	var errs [3]error
	p.ID, errs[0] = mail.IDFrom(id)
	p.Holder, errs[1] = mail.IDFrom(holder)
	p.madeBy, errs[2] = mail.IDFrom(madeBy)
	p.Email, p.Role, p.State = mail.Address(email), Role(role), State(state)
	p.madeAt, p.invitedUntil = mail.FromMicros(madeAt), mail.FromMicros(until)
	return p, errors.Join(errs[:]...)
}

// person returns the account of an e-mail address that has not been removed.
func (i *Identity) person(ctx context.Context, t db.Tenant, email mail.Address) (Person, error) {
	p, err := scanPerson(t.QueryRow(ctx, selectPerson+` AND email = $2 AND state <> 'removed'`, email.String()))
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.Newf(fault.NotFound, "there is no person %s", email)
	}
	return p, err
}

// rower is a tenant's handle or a transaction.
type rower interface {
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

func personByID(ctx context.Context, q rower, id mail.ID) (Person, error) {
	p, err := scanPerson(q.QueryRow(ctx, selectPerson+` AND id = $2`, id.Bytes()))
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.New(fault.NotFound, "there is no such person")
	}
	return p, err
}

// still reads a person again in a transaction that changes her: whoever was
// removed meanwhile is not brought back.
func still(ctx context.Context, tx *db.Tx, p *Person) (err error) {
	if *p, err = personByID(ctx, tx, p.ID); err != nil {
		return err
	}
	if p.State == Removed {
		return errRemoved()
	}
	return nil
}

func errRemoved() error { return fault.New(fault.Conflict, "this person has been removed") }

// People lists the tenant's accounts, removed ones too, for those who manage
// them.
func (i *Identity) People(ctx context.Context, s *Session) (list []Person, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	t := s.tenant
	rows, err := t.Query(ctx, selectPerson+` ORDER BY email`)
	if err != nil {
		return nil, err
	}
	if list, err = db.Collect(rows, scanPerson); err != nil {
		return nil, err
	}
	for k := range list {
		if list[k].Addresses, err = i.addresses(ctx, t, list[k].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (i *Identity) addresses(ctx context.Context, t db.Tenant, person mail.ID) (list []mail.Address, err error) {
	rows, err := t.Query(ctx, `SELECT address FROM identity_address WHERE tenant = $1 AND person = $2 ORDER BY address`, person.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, scanAddress)
}

func scanAddress(row db.Scanner) (a mail.Address, err error) { return a, row.Scan(&a) }

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
	p := Person{ID: mail.NewID(), Email: n.email, Role: n.role, State: Invited}
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
	_, err = tx.Exec(ctx, `INSERT INTO identity_person (tenant, id, email, holder, role, state, made_by, made_at, invited_until, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, p.ID.Bytes(), p.Email.String(), p.Holder.Bytes(), string(p.Role),
		string(p.State), n.by.Bytes(), mail.Micros(now), mail.Micros(now.Add(invitationFor)), mail.Micros(now))
	if fault.Of(err) == fault.Conflict {
		return Person{}, errThere(n.email)
	}
	return p, err
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
		if err := still(ctx, tx, &p); err != nil {
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
		role := p.Role
		if role.holdsArchive() {
			role = Reader
		}
		now := i.Now()
		_, err = tx.Exec(ctx, `UPDATE identity_person SET tenant = $1, state = 'invited', role = $2, made_by = $3, made_at = $4,
			invited_until = $5 WHERE tenant = $1 AND id = $6`, string(role), s.person.ID.Bytes(), mail.Micros(now),
			mail.Micros(now.Add(invitationFor)), p.ID.Bytes())
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "person.reset", Who: s.person.ID.String(), Object: p.ID.String(),
			Old: string(p.Role), New: string(role),
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
	if err := still(ctx, tx, p); err != nil {
		return err
	}
	if err := i.lastOfRole(ctx, tx, *p); err != nil {
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
	if _, err := tx.Exec(ctx, `UPDATE identity_person SET tenant = $1, state = 'removed' WHERE tenant = $1 AND id = $2`, p.ID.Bytes()); err != nil {
		return err
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{What: "person.remove", Who: s.person.ID.String(), Object: p.ID.String(), Old: string(p.Role)})
}

// unassignAll ends that mail is sealed to a person and returns which addresses
// she had. Each end is an event.
func (i *Identity) unassignAll(ctx context.Context, tx *db.Tx, p Person, by mail.ID) ([]mail.Address, error) {
	rows, err := tx.Query(ctx, `SELECT address FROM identity_address WHERE tenant = $1 AND person = $2 ORDER BY address`, p.ID.Bytes())
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scanAddress)
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
	id, err := i.unassign(ctx, tx, p, a)
	if err != nil {
		return err
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{
		What: "person.address.remove", Who: by.String(), Object: p.ID.String(), Old: a.String(),
		Detail: map[string]any{"assignment": id.String()},
	})
}

// lastOfRole refuses to take away the last keeper or the last administrator;
// who has not accepted the invitation yet counts for nothing.
func (i *Identity) lastOfRole(ctx context.Context, tx *db.Tx, p Person) error {
	if p.Role != Keeper && p.Role != Administrator {
		return nil
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM identity_person WHERE tenant = $1 AND role = $2 AND state = 'active' AND id <> $3`,
		string(p.Role), p.ID.Bytes()).Scan(&n)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Newf(fault.Denied, "%s is the last person with the role %s; appoint another one first", p.Email, p.Role)
	}
	return nil
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

// intact fails with kind Damaged where a grant or an address stands in the ledger
// and its row is gone or another one: who takes access away would not see it, it
// would not end in the ledger, and would hold again as soon as the row is back.
// What the transaction itself did is not looked at.
func (i *Identity) intact(ctx context.Context, tx *db.Tx, archive mail.HolderID) error {
	if _, err := i.Vault.Term(ctx, tx, archive, seal.Archive); err != nil {
		return err
	}
	t := tx.Committed()
	standing, err := i.Log.Standing(ctx, t, seal.AuditLog)
	if err != nil {
		return err
	}
	grants, err := i.Vault.VerifyGrants(ctx, t, standing)
	if err != nil {
		return err
	}
	addresses, err := i.VerifyRows(ctx, t, standing)
	if err != nil {
		return err
	}
	return fault.Because(fault.Damaged, "who has access is not in the database as the ledger has it, so it cannot be taken away; verify the ledger",
		errors.Join(append(grants, addresses...)...))
}
