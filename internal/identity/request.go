package identity

import (
	"context"
	"errors"
	"time"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Request is what an administrator asks a keeper to do: a role that reads the
// archive, or an address whose mail shall be sealed to a person.
type Request struct {
	ID        mail.ID   `json:"id"`
	Person    mail.ID   `json:"person"`
	Requester mail.ID   `json:"requester"`
	Kind      string    `json:"kind"` // role, address
	Value     string    `json:"value"`
	State     string    `json:"state"` // open, approved, rejected, withdrawn
	Created   time.Time `json:"created"`

	Email          mail.Address `json:"email"`                   // of the person
	RequesterEmail mail.Address `json:"requester_email"`         // of who asked
	DeciderEmail   mail.Address `json:"decider_email,omitempty"` // of who decided; empty while it is open, and for the recovery kit
	Decided        *time.Time   `json:"decided,omitempty"`       // nil while it is open
	NotBefore      *time.Time   `json:"not_before,omitempty"`    // when the seven days of an open request end; nil where they do not apply
	Keepers        int          `json:"keepers,omitempty"`       // that are left after approving, where there is one less
}

// Kinds of requests.
const (
	forRole    = "role"
	forAddress = "address"
)

// States of requests.
const (
	open      = "open"
	approved  = "approved"
	rejected  = "rejected"
	withdrawn = "withdrawn"
)

const selectRequest = `SELECT r.id, r.person, r.requester, r.kind, r.value, r.state, r.created, r.decided,
	p.email, q.email, COALESCE(d.email, ''), p.made_by, p.made_at
	FROM identity_request r
	JOIN identity_person p ON p.tenant = r.tenant AND p.id = r.person
	JOIN identity_person q ON q.tenant = r.tenant AND q.id = r.requester
	LEFT JOIN identity_person d ON d.tenant = r.tenant AND d.id = r.decided_by
	WHERE r.tenant = $1`

func (i *Identity) scanRequest(row db.Scanner) (r Request, err error) {
	var id, person, requester, madeBy []byte
	var created, decided, madeAt int64
	if err := row.Scan(&id, &person, &requester, &r.Kind, &r.Value, &r.State, &created, &decided,
		&r.Email, &r.RequesterEmail, &r.DeciderEmail, &madeBy, &madeAt); err != nil {
		return r, err
	}
	var errs [4]error
	r.ID, errs[0] = mail.IDFrom(id)
	r.Person, errs[1] = mail.IDFrom(person)
	r.Requester, errs[2] = mail.IDFrom(requester)
	p := Person{madeAt: mail.FromMicros(madeAt)}
	p.madeBy, errs[3] = mail.IDFrom(madeBy)
	r.Created = mail.FromMicros(created)
	if r.State == open {
		r.NotBefore = i.cooling(r.Requester, p)
	} else {
		at := mail.FromMicros(decided)
		r.Decided = &at
	}
	return r, errors.Join(errs[:]...)
}

// cooling returns until when an account is not served by requests of somebody,
// nil where it is now.
func (i *Identity) cooling(requester mail.ID, p Person) *time.Time {
	until := p.madeAt.Add(coolDown)
	if p.madeBy != requester || !i.Now().Before(until) {
		return nil
	}
	return &until
}

// Requests lists the tenant's requests, newest first.
func (i *Identity) Requests(ctx context.Context, s *Session) (list []Request, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	rows, err := s.tenant.Query(ctx, selectRequest+` ORDER BY r.created DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, i.scanRequest)
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
	r := Request{
		ID: mail.NewID(), Person: p.ID, Requester: s.person.ID, Kind: kind, Value: value, State: open, Created: mail.Time(i.Now()),
		Email: p.Email, RequesterEmail: s.person.Email, NotBefore: i.cooling(s.person.ID, p),
	}
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := still(ctx, tx, &p); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_request (tenant, id, person, requester, kind, value, state, created, decided, decided_by)
			VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, 0, $8)`, r.ID.Bytes(), r.Person.Bytes(), r.Requester.Bytes(), kind, value,
			mail.Micros(r.Created), mail.ID{}.Bytes())
		if fault.Of(err) == fault.Conflict {
			return fault.New(fault.Conflict, "you have asked for this already, and the request is open")
		}
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "access.request", Who: s.person.ID.String(), Object: p.ID.String(),
			New: r.Value, Detail: map[string]any{"request": r.ID.String()},
		})
	})
	return r, err
}

func errOwnRequest() error {
	return fault.New(fault.Denied, "nobody asks for access for himself; another administrator can")
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
		if r, err = i.requestByID(ctx, tx, id); err != nil {
			return err
		}
		if p, err = personByID(ctx, tx, r.Person); err != nil {
			return err
		}
		if err := i.mayApprove(s, r, p); err != nil {
			return err
		}
		if err := i.decide(ctx, tx, s, &r, approved); err != nil {
			return err
		}
		if err := i.carryOut(ctx, tx, s, r, p); err != nil {
			return err
		}
		if r.Kind == forRole && Role(r.Value) != Keeper {
			if r.Keepers, err = fewer(ctx, tx, p); err != nil {
				return err
			}
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "access.approve", Who: s.who(), Object: p.ID.String(),
			Old: former(r, p), New: r.Value, Detail: map[string]any{"request": id.String(), "requester": r.Requester.String()},
		})
	})
	if r.Kind == forRole {
		err = i.endIf(err, s, p)
	}
	return r, err
}

// decide ends an open request.
func (i *Identity) decide(ctx context.Context, tx *db.Tx, s *Session, r *Request, state string) error {
	now := mail.Time(i.Now())
	res, err := tx.Exec(ctx, `UPDATE identity_request SET tenant = $1, state = $2, decided = $3, decided_by = $4
		WHERE tenant = $1 AND id = $5 AND state = 'open'`, state, mail.Micros(now), s.person.ID.Bytes(), r.ID.Bytes())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errDecided())
	}
	r.State, r.Decided, r.DeciderEmail, r.NotBefore = state, &now, s.person.Email, nil
	return nil
}

func errDecided() error {
	return fault.New(fault.Conflict, "this request has been decided already")
}

// Reject ends an open request as a keeper, without carrying it out.
func (i *Identity) Reject(ctx context.Context, s *Session, id mail.ID) (Request, error) {
	if err := i.must(ctx, s, Keeper); err != nil {
		return Request{}, err
	}
	return i.end(ctx, s, id, rejected)
}

// Withdraw ends an open request that the person made herself.
func (i *Identity) Withdraw(ctx context.Context, s *Session, id mail.ID) (Request, error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return Request{}, err
	}
	return i.end(ctx, s, id, withdrawn)
}

func (i *Identity) end(ctx context.Context, s *Session, id mail.ID, state string) (r Request, err error) {
	err = s.tenant.Update(ctx, func(tx *db.Tx) (err error) {
		if r, err = i.requestByID(ctx, tx, id); err != nil {
			return err
		}
		if state == withdrawn && r.Requester != s.person.ID {
			return fault.New(fault.Denied, "only who made a request withdraws it; a keeper can reject it")
		}
		if err := i.decide(ctx, tx, s, &r, state); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, ended(r, s.who()))
	})
	return r, err
}

// ended is the event of a request that was not carried out.
func ended(r Request, who string) audit.Event {
	what := "access.reject"
	if r.State == withdrawn {
		what = "access.withdraw"
	}
	return audit.Event{What: what, Who: who, Object: r.Person.String(), Old: r.Value, Detail: map[string]any{"request": r.ID.String()}}
}

// withdrawAll ends the open requests for somebody who is removed, and those that
// she made.
func (i *Identity) withdrawAll(ctx context.Context, tx *db.Tx, s *Session, p Person) error {
	rows, err := tx.Query(ctx, selectRequest+` AND r.state = 'open' AND (r.person = $2 OR r.requester = $2) ORDER BY r.created`, p.ID.Bytes())
	if err != nil {
		return err
	}
	list, err := db.Collect(rows, i.scanRequest)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := i.decide(ctx, tx, s, &r, withdrawn); err != nil {
			return err
		}
		if err := i.Trail.RecordIn(ctx, tx, ended(r, s.who())); err != nil {
			return err
		}
	}
	return nil
}

func (i *Identity) requestByID(ctx context.Context, q rower, id mail.ID) (Request, error) {
	r, err := i.scanRequest(q.QueryRow(ctx, selectRequest+` AND r.id = $2`, id.Bytes()))
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
	case r.State != open:
		return errDecided()
	case p.State == Removed:
		return errRemoved()
	case p.ID == s.person.ID:
		return fault.New(fault.Denied, "nobody approves access for himself; another keeper can")
	case r.Requester == s.person.ID:
		return fault.New(fault.Denied, "nobody approves his own request; another keeper can")
	case r.Requester == p.ID:
		return errOwnRequest()
	}
	if until := i.cooling(r.Requester, p); until != nil {
		return fault.Newf(fault.Denied, "who asks made or reset this account less than 7 days ago; wait until %s or let another administrator ask",
			until.Format("2006-01-02 15:04 MST"))
	}
	return nil
}

func (i *Identity) carryOut(ctx context.Context, tx *db.Tx, s *Session, r Request, p Person) error {
	if r.Kind == forAddress {
		if err := i.localAddress(ctx, tx.ID(), mail.Address(r.Value)); err != nil {
			return err
		}
		_, err := i.assign(ctx, tx, p, mail.Address(r.Value))
		if fault.Of(err) == fault.Conflict {
			return fault.Newf(fault.Conflict, "%s is an address of this person already", r.Value)
		}
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
