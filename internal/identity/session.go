package identity

import (
	"context"
	"errors"
	"slices"

	"siegel/internal/audit"
	"siegel/internal/identity/account"
	"siegel/internal/identity/attempt"
	"siegel/internal/identity/bound"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/ticket"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Session is a person who has signed in with her key. Close it. It is closed
// from elsewhere when her account is removed, reset or given another role: what
// needs a key fails with kind Locked from then on.
type Session struct {
	tenant   db.Tenant
	name     string // of the tenant
	archive  mail.HolderID
	person   Person
	recovery bool    // opened with the recovery kit, person is nobody
	ticket   mail.ID // that it came back with; zero where somebody has just signed in
	unlocked *seal.Session
	forget   func() // of the register; nil where the session is not in it
}

// who is the actor in the audit log.
func (s *Session) who() string {
	if s.recovery {
		return audit.Operator
	}
	return s.person.ID.String()
}

// Tenant returns the handle of the person's tenant.
func (s *Session) Tenant() db.Tenant { return s.tenant }

// Person returns the id of the person.
func (s *Session) Person() mail.ID { return s.person.ID }

// Account returns the person.
func (s *Session) Account() Person { return s.person }

// TenantName returns the name of the person's tenant.
func (s *Session) TenantName() string { return s.name }

// Archive returns the tenant's archive holder.
func (s *Session) Archive() mail.HolderID { return s.archive }

// Unlocked returns what opens keys.
func (s *Session) Unlocked() *seal.Session { return s.unlocked }

// Close forgets the keys. It may be called again.
func (s *Session) Close() {
	s.unlocked.Close()
	if s.forget != nil {
		s.forget()
	}
}

// must fails with kind Denied where the person has none of the roles, or is no
// longer who signed in: removed, reset, with another role.
func (i *Identity) must(ctx context.Context, s *Session, roles ...Role) error {
	if !slices.Contains(roles, s.person.Role) {
		return errRole(s.person.Role, roles)
	}
	if s.recovery {
		return nil
	}
	p, err := i.people.ByID(ctx, s.tenant, s.person.ID)
	if err != nil {
		return err
	}
	if p.State != Active || !same(p, s.person) {
		return errChanged()
	}
	return nil
}

func errRole(has Role, needed []Role) error {
	var args []any
	for _, r := range append(slices.Clone(needed), has) {
		args = append(args, r)
	}
	switch len(needed) {
	case 1:
		return fault.Newf(fault.Denied, "this needs the role %s; you have the role %s", args...)
	case 2:
		return fault.Newf(fault.Denied, "this needs the role %s or %s; you have the role %s", args...)
	default:
		return fault.Newf(fault.Denied, "this needs the role %s, %s or %s; you have the role %s", args...)
	}
}

// same reports whether an account is still what it was.
func same(p, o Person) bool {
	return p.State == o.State && p.Role == o.Role && p.MadeAt.Equal(o.MadeAt)
}

func errChanged() error {
	return fault.New(fault.Denied, "your account has changed meanwhile, please sign in again")
}

// errSignIn is the one answer to a wrong password, an unknown address and an
// address of several tenants of which none was named (AU-01). It depends on
// nothing that was typed.
func (i *Identity) errSignIn(ctx context.Context) error {
	var tenants int
	err := i.DB.Instance().QueryRow(ctx, `SELECT COUNT(*) FROM identity_tenant WHERE tenant = $1`).Scan(&tenants)
	if err != nil {
		return err
	}
	if tenants > 1 {
		return fault.New(fault.Denied, "the address or the password is wrong; if you belong to several tenants, name one")
	}
	return fault.New(fault.Denied, "the address or the password is wrong")
}

// SignIn opens a session with a password. tenant is the name of a tenant, or
// empty where the address belongs to one only. Every attempt is recorded (AU-30):
// one that succeeds as an event of the tenant's audit log, one that fails in a
// count that becomes one. A wrong password, an address that nobody has, an
// account without a password and an address of several tenants of which none is
// named take the same time and get the same answer, of kind Denied.
func (i *Identity) SignIn(ctx context.Context, tenant string, email mail.Address, password []byte) (*Session, error) {
	s, err := i.unlock(ctx, tenant, email, seal.ByPassword, password)
	if errors.Is(err, errNoKey) {
		return nil, i.errSignIn(ctx)
	}
	return s, err
}

var errNoKey = errors.New("identity: wrong password or code")

// unlock opens the key of a person and records the attempt. Whatever the reason
// why it does not open, it takes the same steps: two reads, one derivation, one
// transaction with the same statements.
func (i *Identity) unlock(ctx context.Context, tenant string, email mail.Address, kind seal.LockKind, given []byte) (*Session, error) {
	if bound.Address(email) != nil {
		email = "" // nobody has it, and it may be anything
	}
	t, p, err := i.login(ctx, tenant, email)
	if err != nil {
		return nil, err
	}
	if len(given) > credential.MaxPassword {
		given = nil // nobody has a longer one
	}
	handle := i.DB.Tenant(t.ID)
	unlocked, err := i.Vault.Unlock(ctx, handle, p.Holder, kind, given)
	refuse := func() error {
		// Who does not wait for the answer has tried all the same, and so has who
		// knew the password where something else kept the session from opening.
		refused := attempt.Attempt{Owner: t.ID, Person: p.ID, Email: email, Kind: string(kind)}
		return i.attempts.Refuse(context.WithoutCancel(ctx), refused)
	}
	if err != nil && fault.Of(err) != fault.Busy {
		if err := refuse(); err != nil {
			return nil, err
		}
	}
	if fault.Of(err) == fault.Denied {
		return nil, errNoKey
	}
	if err != nil {
		return nil, err
	}
	s := &Session{tenant: handle, name: t.Name, archive: t.Archive, person: p, unlocked: unlocked}
	if err = i.register(ctx, s, t); err == nil {
		err = i.enterSignIn(ctx, s, kind)
	} else if fault.Of(err) == fault.Damaged {
		err = errors.Join(err, refuse())
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Held counts an attempt with a password or a code that is not looked at, since too many
// failed before, among the refused ones (AU-30). What was given is not asked for. It takes the same
// steps whether the address is somebody's or not.
func (i *Identity) Held(ctx context.Context, tenant string, email mail.Address, kind seal.LockKind) error {
	if bound.Address(email) != nil {
		email = ""
	}
	t, p, err := i.login(ctx, tenant, email)
	if err != nil {
		return err
	}
	held := attempt.Attempt{Owner: t.ID, Person: p.ID, Email: email, Kind: string(kind), Held: true}
	return i.attempts.Refuse(context.WithoutCancel(ctx), held)
}

// register notes a session that begins and checks what led to it. In the register first:
// who changes the account from here on ends the session, and who changed it before is
// found by what follows.
func (i *Identity) register(ctx context.Context, s *Session, t Tenant) error {
	s.forget = func() { i.open.Remove(s) }
	i.open.Add(s)
	return i.checkSignIn(ctx, s, t)
}

// checkSignIn fails with kind Damaged where what led to a session is not as the
// ledger has it: the address, the account with its holder, the tenant with its
// archive. Only who knew the password or the code learns that.
func (i *Identity) checkSignIn(ctx context.Context, s *Session, t Tenant) error {
	err := i.people.CheckLogin(ctx, s.person)
	if fault.Of(err) == fault.NotFound {
		return errChanged() // removed meanwhile
	}
	if err != nil {
		return err
	}
	now, err := i.routes.One(ctx, t.ID)
	if err != nil {
		return err
	}
	p, err := i.people.ByID(ctx, s.tenant, s.person.ID)
	if err != nil {
		return err
	}
	if now.Name != t.Name || now.Archive != t.Archive || p.Email != s.person.Email || p.Holder != s.person.Holder || !same(p, s.person) {
		return errChanged()
	}
	// Where nobody asked the log before it is read through now, and not while a
	// transaction keeps others from writing.
	return i.Vault.Check(ctx, s.tenant, s.archive, seal.Archive)
}

// enterSignIn records that a session was opened, after the refused attempts
// before it.
func (i *Identity) enterSignIn(ctx context.Context, s *Session, kind seal.LockKind) error {
	return i.DB.Update(ctx, func(b *db.Batch) error {
		list, err := i.attempts.Take(ctx, b, s.tenant.ID(), s.person.ID)
		if err != nil {
			return err
		}
		tx := b.Tenant(s.tenant.ID())
		p, err := i.people.ByID(ctx, tx, s.person.ID)
		if err != nil {
			return err
		}
		if !same(p, s.person) {
			return errChanged()
		}
		if err := i.attempts.Enter(ctx, tx, list); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "sign-in", Who: s.person.ID.String(), New: "ok", Detail: map[string]any{"by": string(kind)},
		})
	})
}

// Resume opens a session with a ticket and the cookie with which somebody came back.
// Nothing is recorded: the sign-in was. It fails with kind Locked where the account is not
// any more what it was then.
func (i *Identity) Resume(ctx context.Context, tickets *ticket.Shelf, t ticket.Ticket, cookie string) (*Session, error) {
	owner, err := i.routes.One(ctx, t.Owner)
	if err != nil {
		return nil, err
	}
	handle := i.DB.Tenant(t.Owner)
	p, err := i.people.ByID(ctx, handle, t.Person)
	if fault.Of(err) == fault.NotFound || err == nil && (p.State != Active || p.Holder != t.Sealed.Holder || p.MadeAt.After(t.Made)) {
		return nil, fault.New(fault.Locked, "your account has changed meanwhile, please sign in again")
	}
	if err != nil {
		return nil, err
	}
	unlocked, err := tickets.Resume(ctx, i.Vault, t, cookie)
	if err != nil {
		return nil, err
	}
	s := &Session{tenant: handle, name: owner.Name, archive: owner.Archive, person: p, unlocked: unlocked, ticket: t.ID}
	if err := i.register(ctx, s, owner); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// login finds the account of a sign-in address. Where there is none, or none is
// named of several, it returns nobody's, with a holder that has no lock, after
// the same questions: an attempt that names no tenant opens nothing where there
// are several, so that its time does not say how many there are.
func (i *Identity) login(ctx context.Context, tenant string, email mail.Address) (Tenant, Person, error) {
	found, err := i.logins(ctx, email)
	if err != nil {
		return Tenant{}, Person{}, err
	}
	var t Tenant
	n := 0
	for _, one := range found {
		if tenant == "" || one.Name == tenant {
			t = one
			n++
		}
	}
	if n != 1 {
		t = Tenant{}
	}
	p, err := account.Find(ctx, i.DB.Tenant(t.ID), email)
	if fault.Of(err) == fault.NotFound {
		return Tenant{}, Person{Holder: mail.NewID()}, nil
	}
	return t, p, err
}

// logins returns the tenants that an address can sign in to, as the database has
// them.
func (i *Identity) logins(ctx context.Context, email mail.Address) ([]Tenant, error) {
	rows, err := i.DB.Instance().Query(ctx, `SELECT t.id, t.name, t.archive FROM identity_login l
		JOIN identity_tenant t ON t.tenant = l.tenant AND t.id = l.owner WHERE l.tenant = $1 AND l.email = $2`, email.String())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (t Tenant, err error) {
		var id, archive []byte
		if err := row.Scan(&id, &t.Name, &archive); err != nil {
			return t, err
		}
		var errs [2]error
		t.ID, errs[0] = mail.IDFrom(id)
		t.Archive, errs[1] = mail.IDFrom(archive)
		return t, errors.Join(errs[:]...)
	})
}

// Accept takes an invitation: the code opens the seed, a password of the
// person's own locks it, the code opens nothing any more.
func (i *Identity) Accept(ctx context.Context, tenant string, email mail.Address, code string, password []byte) error {
	if err := credential.CheckPassword(password); err != nil {
		return err
	}
	raw, err := credential.ParseCode(code)
	if err != nil {
		return err
	}
	defer clear(raw)
	s, err := i.unlock(ctx, tenant, email, seal.ByInvitation, raw)
	if errors.Is(err, errNoKey) {
		return errCode()
	}
	if err != nil {
		return err
	}
	defer s.Close()
	// Only who has the code learns how the account stands.
	if s.person.State != Invited || i.Now().After(s.person.InvitedUntil) {
		return fault.New(fault.Denied, "this invitation has expired; an administrator can make a new one with person reset")
	}
	return i.lock(ctx, s, password, "person.accept")
}

// errCode is the one answer to a wrong code, a used one and an unknown address.
func errCode() error {
	return fault.New(fault.Denied, "the address or the code is wrong, or the invitation has been used; if the address belongs to several tenants, name one")
}

// ChangePassword locks the person's seed with another password. The sealed mail
// stays as it is: only the lock is new (CR-07).
func (i *Identity) ChangePassword(ctx context.Context, s *Session, password []byte) error {
	if err := credential.CheckPassword(password); err != nil {
		return err
	}
	return i.lock(ctx, s, password, "person.password")
}

func (i *Identity) lock(ctx context.Context, s *Session, password []byte, what string) error {
	lock, err := i.Vault.PrepareLock(ctx, seal.ByPassword, password)
	if err != nil {
		return err
	}
	seed, err := s.unlocked.Newest(s.person.Holder)
	if err != nil {
		return err
	}
	defer seed.Wipe()
	return i.DB.Update(ctx, func(b *db.Batch) error {
		// Who knew the old password is out everywhere else.
		if err := ticket.EndAll(ctx, b, s.tenant.ID(), s.person.ID, s.ticket); err != nil {
			return err
		}
		tx := b.Tenant(s.tenant.ID())
		if err := i.Vault.Put(ctx, tx, lock, seed); err != nil {
			return err
		}
		if err := i.Vault.RemoveLocks(ctx, tx, s.person.Holder, seal.ByInvitation); err != nil {
			return err
		}
		// Of two who use a code at once, one is late; and who was removed or reset
		// meanwhile must not lock the old key again.
		p, err := i.people.ByID(ctx, tx, s.person.ID)
		if err != nil {
			return err
		}
		if p.State != s.person.State || !p.MadeAt.Equal(s.person.MadeAt) {
			return errChanged()
		}
		p.State = Active
		if err := i.people.Change(ctx, tx, &p); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{What: what, Who: s.person.ID.String(), Object: s.person.ID.String()})
	})
}
