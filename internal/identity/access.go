package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity/bound"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Request is what an administrator asks a keeper to do: a role that reads the
// archive, or an address whose mail shall be sealed to a person.
type Request struct {
	ID        mail.ID   `json:"id"`
	Person    mail.ID   `json:"person"`
	Requester mail.ID   `json:"requester"`
	Kind      string    `json:"kind"` // role, address
	Value     string    `json:"value"`
	State     string    `json:"state"` // open, approved
	Created   time.Time `json:"created"`
}

// Kinds of requests.
const (
	forRole    = "role"
	forAddress = "address"
)

const selectRequest = `SELECT id, person, requester, kind, value, state, created FROM identity_request WHERE tenant = $1`

func scanRequest(row scanner) (r Request, err error) {
	var id, person, requester []byte
	var created int64
	if err := row.Scan(&id, &person, &requester, &r.Kind, &r.Value, &r.State, &created); err != nil {
		return r, err
	}
	var errs [3]error
	r.ID, errs[0] = mail.IDFrom(id)
	r.Person, errs[1] = mail.IDFrom(person)
	r.Requester, errs[2] = mail.IDFrom(requester)
	r.Created = mail.FromMicros(created)
	return r, errors.Join(errs[:]...)
}

// Requests lists the tenant's requests, newest first.
func (i *Identity) Requests(ctx context.Context, s *Session) (list []Request, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	rows, err := s.tenant.Query(ctx, selectRequest+` ORDER BY created DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanRequest)
}

// RequestRole asks the keepers to give a person a role that reads the archive.
func (i *Identity) RequestRole(ctx context.Context, s *Session, email mail.Address, role Role) (Request, error) {
	if !role.holdsArchive() {
		return Request{}, fault.New(fault.Invalid, "only the roles compliance and auditor are requested; others an administrator sets himself")
	}
	return i.request(ctx, s, email, forRole, string(role))
}

func (i *Identity) request(ctx context.Context, s *Session, email mail.Address, kind, value string) (Request, error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return Request{}, err
	}
	p, err := i.person(ctx, s.tenant, email)
	if err != nil {
		return Request{}, err
	}
	if p.ID == s.person.ID {
		return Request{}, errOwnRequest()
	}
	r := Request{ID: mail.NewID(), Person: p.ID, Requester: s.person.ID, Kind: kind, Value: value, State: "open", Created: mail.Time(i.Now())}
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO identity_request (tenant, id, person, requester, kind, value, state, created, decided, decided_by)
			VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, 0, $8)`, r.ID.Bytes(), r.Person.Bytes(), r.Requester.Bytes(), kind, value,
			mail.Micros(r.Created), mail.ID{}.Bytes())
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "access.request", Who: s.person.ID.String(), Object: p.ID.String(),
			New: requested(r), Detail: map[string]any{"request": r.ID.String()},
		})
	})
	return r, err
}

func errOwnRequest() error {
	return fault.New(fault.Denied, "nobody asks for access for himself; another administrator can")
}

// requested says what a request asks for, without an address: addresses of mail
// are no audit payload.
func requested(r Request) string {
	if r.Kind == forRole {
		return r.Value
	}
	return r.Kind
}

// Approve carries out a request as a keeper: the seeds of the archive are
// granted, or an address is assigned. No request serves the keeper himself, its
// requester, or an account that the requester made or reset in the last seven
// days, unless the founding ceremony made it.
func (i *Identity) Approve(ctx context.Context, s *Session, id mail.ID) (Request, error) {
	if err := i.must(ctx, s, Keeper); err != nil {
		return Request{}, err
	}
	var r Request
	var p Person
	err := s.tenant.Update(ctx, func(tx *db.Tx) (err error) {
		if r, err = requestByID(ctx, tx, id); err != nil {
			return err
		}
		if p, err = personByID(ctx, tx, r.Person); err != nil {
			return err
		}
		if err := i.mayApprove(s, r, p); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE identity_request SET tenant = $1, state = 'approved', decided = $2, decided_by = $3
			WHERE tenant = $1 AND id = $4 AND state = 'open'`, mail.Micros(i.Now()), s.person.ID.Bytes(), id.Bytes())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.Conflict, "this request has been decided already"))
		}
		if err := i.carryOut(ctx, tx, s, r, p); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "access.approve", Who: s.who(), Object: p.ID.String(),
			Old: former(r, p), New: requested(r), Detail: map[string]any{"request": id.String(), "requester": r.Requester.String()},
		})
	})
	if r.Kind == forRole {
		err = i.endIf(err, s, p)
	}
	if err == nil {
		r.State = "approved"
	}
	return r, err
}

func requestByID(ctx context.Context, q rower, id mail.ID) (Request, error) {
	r, err := scanRequest(q.QueryRow(ctx, selectRequest+` AND id = $2`, id.Bytes()))
	if errors.Is(err, db.ErrNoRows) {
		return r, fault.New(fault.NotFound, "there is no such request")
	}
	return r, err
}

// former is what a request changes.
func former(r Request, p Person) string {
	if r.Kind == forRole {
		return string(p.Role)
	}
	return ""
}

func (i *Identity) mayApprove(s *Session, r Request, p Person) error {
	switch {
	case r.State != "open":
		return fault.New(fault.Conflict, "this request has been decided already")
	case p.State == Removed:
		return fault.New(fault.Conflict, "this person has been removed")
	case p.ID == s.person.ID:
		return fault.New(fault.Denied, "nobody approves access for himself; another keeper can")
	case r.Requester == s.person.ID:
		return fault.New(fault.Denied, "nobody approves his own request; another keeper can")
	case r.Requester == p.ID:
		return errOwnRequest()
	case p.madeBy == r.Requester && i.Now().Before(p.madeAt.Add(coolDown)):
		return fault.Newf(fault.Denied, "who asks made or reset this account less than 7 days ago; wait until %s or let another administrator ask",
			p.madeAt.Add(coolDown).Format("2006-01-02 15:04 MST"))
	}
	return nil
}

func (i *Identity) carryOut(ctx context.Context, tx *db.Tx, s *Session, r Request, p Person) error {
	if r.Kind == forAddress {
		if err := i.localAddress(ctx, tx.ID(), mail.Address(r.Value)); err != nil {
			return err
		}
		_, err := i.assign(ctx, tx, p, mail.Address(r.Value))
		return err
	}
	role, err := ParseRole(r.Value)
	if err != nil {
		return err
	}
	if role != p.Role {
		if err := i.lastOfRole(ctx, tx, p); err != nil {
			return err
		}
	}
	if !p.Role.holdsArchive() {
		if err := i.giveArchive(ctx, tx, s, p, "role "+r.Value); err != nil {
			return err
		}
	}
	return setRole(ctx, tx, p, role)
}

// giveArchive grants every term of the archive that the keeper's session holds.
func (i *Identity) giveArchive(ctx context.Context, tx *db.Tx, s *Session, p Person, reason string) error {
	terms := s.unlocked.Terms(s.archive)
	if len(terms) == 0 {
		return fault.New(fault.Locked, "your session does not hold the archive; another keeper has to grant it to you again")
	}
	now, err := i.Vault.Term(ctx, tx, s.archive, seal.Archive)
	if err != nil {
		return err
	}
	if !slices.Contains(terms, now) { // who is given the old ones alone could not read what comes
		return fault.New(fault.Conflict, "the archive has a new key since you signed in, please sign in again")
	}
	for _, term := range terms {
		seed, err := s.unlocked.Seed(s.archive, term)
		if err != nil {
			return err
		}
		_, err = i.Vault.Give(ctx, tx, seal.Grant{Seed: seed, Grantee: p.Holder, Giver: s.person.ID, Reason: reason, Scope: "all"})
		seed.Wipe()
		if err != nil {
			return err
		}
	}
	return nil
}

func setRole(ctx context.Context, tx *db.Tx, p Person, role Role) error {
	_, err := tx.Exec(ctx, `UPDATE identity_person SET tenant = $1, role = $2 WHERE tenant = $1 AND id = $3`, string(role), p.ID.Bytes())
	return err
}

// SetRole changes a role as an administrator. Roles that read the archive are
// requested instead (the returned request is then not nil); taking such a role
// away works at once and starts a new term of the archive.
func (i *Identity) SetRole(ctx context.Context, s *Session, email mail.Address, role Role) (*Request, error) {
	if role.holdsArchive() {
		r, err := i.RequestRole(ctx, s, email, role)
		if err != nil {
			return nil, err
		}
		return &r, nil
	}
	if err := i.must(ctx, s, Administrator); err != nil {
		return nil, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return nil, err
	}
	p, err := i.person(ctx, s.tenant, email)
	if err != nil {
		return nil, err
	}
	if p.ID == s.person.ID {
		return nil, fault.New(fault.Denied, "nobody changes his own role; another administrator can")
	}
	return nil, i.endIf(s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := still(ctx, tx, &p); err != nil {
			return err
		}
		if p.Role == role {
			return nil
		}
		if err := i.lastOfRole(ctx, tx, p); err != nil {
			return err
		}
		if err := i.takeArchive(ctx, tx, s.archive, p, s.person.ID, "role "+string(role)); err != nil {
			return err
		}
		if err := setRole(ctx, tx, p, role); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "person.role", Who: s.person.ID.String(), Object: p.ID.String(),
			Old: string(p.Role), New: string(role),
		})
	}), s, p)
}

// AddAddress makes mail with an address readable for a person from now on. A
// keeper does it at once, for anybody but himself; an administrator's wish
// becomes a request, which is returned.
func (i *Identity) AddAddress(ctx context.Context, s *Session, email, address mail.Address) (*Request, error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	if err := i.localAddress(ctx, s.tenant.ID(), address); err != nil {
		return nil, err
	}
	if s.person.Role == Administrator {
		r, err := i.request(ctx, s, email, forAddress, address.String())
		if err != nil {
			return nil, err
		}
		return &r, nil
	}
	p, err := i.person(ctx, s.tenant, email)
	if err != nil {
		return nil, err
	}
	if p.ID == s.person.ID {
		return nil, fault.New(fault.Denied, "nobody assigns an address to himself; another keeper can")
	}
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := still(ctx, tx, &p); err != nil {
			return err
		}
		id, err := i.assign(ctx, tx, p, address)
		if err != nil {
			if fault.Of(err) == fault.Conflict {
				return fault.Newf(fault.Conflict, "%s is an address of this person already", address)
			}
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "person.address.add", Who: s.person.ID.String(), Object: p.ID.String(), Detail: map[string]any{"assignment": id.String()},
		})
	})
	return nil, err
}

// localAddress fails with kind Invalid where mail with an address would never be
// sealed in the tenant: it is another's, or nobody's here.
func (i *Identity) localAddress(ctx context.Context, tenant mail.TenantID, address mail.Address) error {
	if err := bound.Address(address); err != nil {
		return err
	}
	list, err := i.domains(ctx, tenant)
	if err != nil {
		return err
	}
	if !slices.Contains(list, address.Domain()) {
		return errForeign(address)
	}
	return nil
}

func errForeign(address mail.Address) error {
	return fault.Newf(fault.Invalid, "%s is not in a domain of this tenant", address)
}

// RemoveAddress ends that mail with an address is sealed to a person.
func (i *Identity) RemoveAddress(ctx context.Context, s *Session, email, address mail.Address) error {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return err
	}
	p, err := i.person(ctx, s.tenant, email)
	if err != nil {
		return err
	}
	return s.tenant.Update(ctx, func(tx *db.Tx) error { return i.removeAddress(ctx, tx, p, address, s.person.ID) })
}

// Owner returns a person as a reader of mail, for a keeper who re-grants older
// mail to her.
func (i *Identity) Owner(ctx context.Context, s *Session, email mail.Address) (mail.Owner, error) {
	if err := i.must(ctx, s, Keeper); err != nil {
		return mail.Owner{}, err
	}
	p, err := i.person(ctx, s.tenant, email)
	if err != nil {
		return mail.Owner{}, err
	}
	list, err := i.addresses(ctx, s.tenant, p.ID)
	return mail.Owner{Holder: p.Holder, Addresses: list}, err
}

// Audit lists the tenant's audit trail, newest first: administrators see
// events, those who hold the archive also the notes.
func (i *Identity) Audit(ctx context.Context, s *Session, limit int, f func(audit.Entry) error) error {
	if err := i.must(ctx, s, Administrator, Keeper, Auditor); err != nil {
		return err
	}
	// What has been counted until now belongs to what is read.
	if err := i.attempts.SettleTenant(ctx, s.tenant.ID()); err != nil {
		return err
	}
	return i.Trail.List(ctx, s.tenant, s.unlocked, limit, f)
}
