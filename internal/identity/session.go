package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"slices"
	"strings"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Session is a person who has signed in with her key. Close it.
type Session struct {
	tenant   db.Tenant
	name     string // of the tenant
	archive  mail.HolderID
	person   Person
	recovery bool // opened with the recovery kit, person is nobody
	unlocked *seal.Session
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

// Close forgets the keys.
func (s *Session) Close() { s.unlocked.Close() }

// must fails with kind Denied where the person has none of the roles, or is no
// longer who signed in: removed, reset, with another role.
func (i *Identity) must(ctx context.Context, s *Session, roles ...Role) error {
	if !slices.Contains(roles, s.person.Role) {
		var names []string
		for _, r := range roles {
			names = append(names, string(r))
		}
		return fault.Newf(fault.Denied, "this needs the role %s; you have the role %s", fault.Word(strings.Join(names, ", ")), fault.Word(s.person.Role))
	}
	if s.recovery {
		return nil
	}
	p, err := personByID(ctx, s.tenant, s.person.ID)
	if err != nil {
		return err
	}
	if p.State != Active || p.Role != s.person.Role || !p.madeAt.Equal(s.person.madeAt) {
		return errChanged()
	}
	return nil
}

func errChanged() error {
	return fault.New(fault.Denied, "your account has changed meanwhile, please sign in again")
}

// errSignIn is the one answer to a wrong password and an unknown address
// (AU-01).
func errSignIn() error {
	return fault.New(fault.Denied, "the address or the password is wrong")
}

// SignIn opens a session with a password. tenant is the name of a tenant, or
// empty where the address belongs to one only. Attempts of known people are in
// the tenant's audit log, failed ones too (AU-30). An unknown address takes the
// same time and gets the same answer as a wrong password.
func (i *Identity) SignIn(ctx context.Context, tenant string, email mail.Address, password []byte) (*Session, error) {
	t, p, err := i.login(ctx, tenant, email)
	if err != nil && fault.Of(err) != fault.NotFound {
		return nil, err
	}
	if err != nil {
		// Take the time of a real attempt.
		_, err := i.Vault.Unlock(ctx, i.DB.Instance(), mail.NewID(), seal.ByPassword, password)
		return nil, errors.Join(errSignIn(), ignoreDenied(err))
	}
	s, err := i.unlock(ctx, t, p, seal.ByPassword, password)
	if errors.Is(err, errNoKey) {
		return nil, errSignIn()
	}
	return s, err
}

func ignoreDenied(err error) error {
	if fault.Of(err) == fault.Denied {
		return nil
	}
	return err
}

var errNoKey = errors.New("identity: wrong password or code")

// unlock opens the key of a person and enters the attempt in the audit log.
func (i *Identity) unlock(ctx context.Context, t Tenant, p Person, kind seal.LockKind, given []byte) (*Session, error) {
	handle := i.DB.Tenant(t.ID)
	unlocked, err := i.Vault.Unlock(ctx, handle, p.Holder, kind, given)
	outcome := "ok"
	if err != nil {
		if fault.Of(err) != fault.Denied {
			return nil, err
		}
		outcome = "refused"
	}
	event := audit.Event{What: "sign-in", Who: p.ID.String(), New: outcome, Detail: map[string]any{"by": string(kind)}}
	if err := i.Trail.Record(ctx, handle, t.Archive, event); err != nil {
		if unlocked != nil {
			unlocked.Close()
		}
		return nil, err
	}
	if err != nil {
		return nil, errNoKey
	}
	return &Session{tenant: handle, name: t.Name, archive: t.Archive, person: p, unlocked: unlocked}, nil
}

// login finds the account of a sign-in address.
func (i *Identity) login(ctx context.Context, tenant string, email mail.Address) (Tenant, Person, error) {
	found, err := i.logins(ctx, email)
	if err != nil {
		return Tenant{}, Person{}, err
	}
	var t Tenant
	n := 0
	for _, id := range found {
		one, err := i.tenant(ctx, id)
		if err != nil {
			return Tenant{}, Person{}, err
		}
		if tenant == "" || one.Name == tenant {
			t = one
			n++
		}
	}
	switch n {
	case 0:
		return Tenant{}, Person{}, fault.New(fault.NotFound, "there is no such person")
	case 1:
		p, err := i.person(ctx, i.DB.Tenant(t.ID), email)
		return t, p, err
	default:
		return Tenant{}, Person{}, fault.New(fault.Invalid, "this address belongs to several tenants; name one")
	}
}

func (i *Identity) logins(ctx context.Context, email mail.Address) (ids []mail.TenantID, err error) {
	rows, err := i.DB.Instance().Query(ctx, `SELECT owner FROM identity_login WHERE tenant = $1 AND email = $2`, email.String())
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (mail.TenantID, error) {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return mail.TenantID{}, err
		}
		return mail.IDFrom(b)
	})
}

// Accept takes an invitation: the code opens the seed, a password of the
// person's own locks it, the code opens nothing any more.
func (i *Identity) Accept(ctx context.Context, tenant string, email mail.Address, code string, password []byte) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	raw, err := parseCode(code)
	if err != nil {
		return err
	}
	defer clear(raw)
	t, p, err := i.login(ctx, tenant, email)
	if fault.Of(err) == fault.NotFound {
		// Take the time of a real attempt.
		_, err := i.Vault.Unlock(ctx, i.DB.Instance(), mail.NewID(), seal.ByInvitation, raw)
		return errors.Join(errCode(), ignoreDenied(err))
	}
	if err != nil {
		return err
	}
	s, err := i.unlock(ctx, t, p, seal.ByInvitation, raw)
	if errors.Is(err, errNoKey) {
		return errCode()
	}
	if err != nil {
		return err
	}
	defer s.Close()
	// Only who has the code learns how the account stands.
	if p.State != Invited || i.Now().After(p.invitedUntil) {
		return fault.New(fault.Denied, "this invitation has expired; an administrator can make a new one with person reset")
	}
	return i.lock(ctx, s, password, "person.accept")
}

// errCode is the one answer to a wrong code, a used one and an unknown address.
func errCode() error {
	return fault.New(fault.Denied, "the address or the code is wrong, or the invitation has been used")
}

// ChangePassword locks the person's seed with another password. The sealed mail
// stays as it is: only the lock is new (CR-07).
func (i *Identity) ChangePassword(ctx context.Context, s *Session, password []byte) error {
	if err := checkPassword(password); err != nil {
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
	return s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := i.Vault.Put(ctx, tx, lock, seed); err != nil {
			return err
		}
		if err := i.Vault.RemoveLocks(ctx, tx, s.person.Holder, seal.ByInvitation); err != nil {
			return err
		}
		// Of two who use a code at once, one is late; and who was removed or reset
		// meanwhile must not lock the old key again.
		res, err := tx.Exec(ctx, `UPDATE identity_person SET tenant = $1, state = 'active' WHERE tenant = $1 AND id = $2 AND state = $3 AND made_at = $4`,
			s.person.ID.Bytes(), string(s.person.State), mail.Micros(s.person.madeAt))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errChanged())
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{What: what, Who: s.person.ID.String(), Object: s.person.ID.String()})
	})
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// formatCode writes a code in groups of four letters and digits.
func formatCode(raw []byte) string {
	s := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), "-")
}

// parseCode reads what formatCode wrote, in any case, with or without hyphens
// and blanks.
func parseCode(code string) ([]byte, error) {
	s := strings.ToUpper(strings.NewReplacer("-", "", " ", "", "\n", "", "\r", "").Replace(code))
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil || len(s) != base32.StdEncoding.WithPadding(base32.NoPadding).EncodedLen(seal.CodeSize) || len(raw) != seal.CodeSize {
		return nil, fault.New(fault.Invalid, "this is not a code: a code has 32 letters and digits in groups of four")
	}
	return raw, nil
}
