package identity

import (
	"context"
	"errors"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity/account"
	"siegel/internal/identity/recovery"
	"siegel/internal/identity/request"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Request is what an administrator asks a keeper to do.
type Request = request.Request

// say puts into a request who it speaks of, and until when it waits. It reports
// false where somebody of them is not as the ledger has him.
func (i *Identity) say(r *Request, look account.Lookup) (sound bool, err error) {
	sound = true
	for _, one := range []struct {
		id    mail.ID
		email *mail.Address
	}{{r.Person, &r.Email}, {r.Requester, &r.RequesterEmail}, {r.DecidedBy, &r.DeciderEmail}} {
		if one.id.IsZero() {
			continue
		}
		p, err := look(one.id)
		if *one.email = p.Email; unsound(err) {
			sound = false
		} else if err != nil {
			return false, err
		}
	}
	if r.State != request.Open {
		at := mail.FromMicros(r.DecidedAt)
		r.Decided = &at
		return sound, nil
	}
	if r.NotBefore, err = i.cooling(r.Requester, r.Person, look); unsound(err) {
		return false, nil
	}
	return sound, err
}

// unsound reports whether an error says that a row is not as the ledger has it:
// of what stands, nothing it names is gone.
func unsound(err error) bool {
	return err != nil && (fault.Of(err) == fault.Damaged || fault.Of(err) == fault.NotFound)
}

// cooling returns until when an account is not served by requests of somebody,
// nil where it is now.
func (i *Identity) cooling(requester, person mail.ID, look account.Lookup) (*time.Time, error) {
	p, err := look(person)
	if err != nil {
		return nil, err
	}
	return account.Cooling(i.Now(), requester, p, look)
}

// Requests lists the tenant's requests, newest first. Those that are not as the
// ledger has them are Damaged.
func (i *Identity) Requests(ctx context.Context, s *Session) (list []Request, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	rows, err := s.tenant.Query(ctx, request.Select+` ORDER BY created DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	if list, err = db.Collect(rows, request.Scan); err != nil {
		return nil, err
	}
	look := i.people.Look(ctx, s.tenant)
	for k := range list {
		r, err := i.requestByID(ctx, s.tenant, list[k].ID)
		stands := !unsound(err)
		if err != nil && stands {
			return nil, err
		}
		sound, err := i.say(&r, look)
		if err != nil {
			return nil, err
		}
		if !stands || !sound {
			r.State, r.NotBefore, r.Decided = string(Damaged), nil, nil
		}
		list[k] = r
	}
	return list, nil
}

// RequestRole asks the keepers to give a person a role that reads the archive.
func (i *Identity) RequestRole(ctx context.Context, s *Session, email mail.Address, role Role) (Request, error) {
	if !role.HoldsArchive() {
		return Request{}, fault.New(fault.Invalid, "only the roles compliance and auditor are requested; others an administrator sets himself")
	}
	return i.request(ctx, s, email, request.Role, string(role))
}

func (i *Identity) request(ctx context.Context, s *Session, email mail.Address, kind, value string) (Request, error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return Request{}, err
	}
	p, err := i.people.At(ctx, s.tenant, email)
	if err != nil {
		return Request{}, err
	}
	if p.ID == s.person.ID {
		return Request{}, errOwnRequest()
	}
	r := Request{
		ID: mail.NewID(), Person: p.ID, Requester: s.person.ID, Kind: kind, Value: value, State: request.Open, Created: mail.Time(i.Now()),
		Email: p.Email, RequesterEmail: s.person.Email, Tenant: s.tenant.ID(), Stamp: i.book.NewStamp(),
	}
	if r.NotBefore, err = i.cooling(r.Requester, r.Person, i.people.Look(ctx, s.tenant)); err != nil {
		return Request{}, err
	}
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := i.still(ctx, tx, &p); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_request (tenant, id, person, requester, kind, value, state, created, decided, decided_by,
			salt, entered) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, 0, $8, $9, $10)`, r.ID.Bytes(), r.Person.Bytes(), r.Requester.Bytes(),
			kind, value, mail.Micros(r.Created), r.DecidedBy.Bytes(), r.Stamp.Salt[:], r.Stamp.At)
		if fault.Of(err) == fault.Conflict {
			return fault.New(fault.Conflict, "you have asked for this already, and the request is open")
		}
		if err != nil {
			return err
		}
		if err := i.book.Enter(ctx, tx, r.Row()); err != nil {
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
// requester, or an account that in the last seven days came from the same hand as
// the requester: made or reset by him, or both by a third. Whom the founding
// ceremony made comes from nobody's.
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
		look := i.people.Look(ctx, tx)
		if p, err = look(r.Person); err != nil {
			return err
		}
		if err := i.mayApprove(s, &r, look); err != nil {
			return err
		}
		if err := i.decide(ctx, tx, s, &r, request.Approved); err != nil {
			return err
		}
		if err := i.carryOut(ctx, tx, s, &r, p); err != nil {
			return err
		}
		if s.recovery {
			used := recovery.Use(id, request.Approved)
			used.Object = p.ID.String()
			if err := i.Trail.RecordIn(ctx, tx, used); err != nil {
				return err
			}
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "access.approve", Who: s.who(), Object: p.ID.String(),
			Old: former(r, p), New: r.Value, Detail: map[string]any{"request": id.String(), "requester": r.Requester.String()},
		})
	})
	if r.Kind == request.Role {
		err = i.endIf(err, s, p)
	}
	return r, err
}

// decide ends an open request that was read in the same transaction.
func (i *Identity) decide(ctx context.Context, tx *db.Tx, s *Session, r *Request, state string) error {
	if r.State != request.Open {
		return errDecided()
	}
	was, now := r.Stamp, mail.Time(i.Now())
	r.Stamp, r.State, r.DecidedAt, r.DecidedBy = i.book.NewStamp(), state, mail.Micros(now), s.person.ID
	r.Decided, r.DeciderEmail, r.NotBefore = &now, s.person.Email, nil
	res, err := tx.Exec(ctx, `UPDATE identity_request SET tenant = $1, state = $2, decided = $3, decided_by = $4, salt = $5, entered = $6
		WHERE tenant = $1 AND id = $7 AND salt = $8`, r.State, r.DecidedAt, r.DecidedBy.Bytes(), r.Stamp.Salt[:], r.Stamp.At, r.ID.Bytes(), was.Salt[:])
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return errDecided()
	}
	return i.book.Enter(ctx, tx, r.Row())
}

func errDecided() error {
	return fault.New(fault.Conflict, "this request has been decided already")
}

// Reject ends an open request as a keeper, without carrying it out.
func (i *Identity) Reject(ctx context.Context, s *Session, id mail.ID) (Request, error) {
	if err := i.must(ctx, s, Keeper); err != nil {
		return Request{}, err
	}
	return i.end(ctx, s, id, request.Rejected)
}

// Withdraw ends an open request that the person made herself.
func (i *Identity) Withdraw(ctx context.Context, s *Session, id mail.ID) (Request, error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return Request{}, err
	}
	return i.end(ctx, s, id, request.Withdrawn)
}

func (i *Identity) end(ctx context.Context, s *Session, id mail.ID, state string) (r Request, err error) {
	err = s.tenant.Update(ctx, func(tx *db.Tx) (err error) {
		if r, err = i.requestByID(ctx, tx, id); err != nil {
			return err
		}
		if state == request.Withdrawn && r.Requester != s.person.ID {
			return fault.New(fault.Denied, "only who made a request withdraws it; a keeper can reject it")
		}
		// Who is damaged keeps nobody from ending what was asked for him.
		if _, err := i.say(&r, i.people.Look(ctx, tx)); err != nil {
			return err
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
	if r.State == request.Withdrawn {
		what = "access.withdraw"
	}
	return audit.Event{What: what, Who: who, Object: r.Person.String(), Old: r.Value, Detail: map[string]any{"request": r.ID.String()}}
}

// withdrawAll ends the open requests for somebody who is removed, and those that
// she made. What the ledger does not know is left as it is.
func (i *Identity) withdrawAll(ctx context.Context, tx *db.Tx, s *Session, p Person) error {
	rows, err := tx.Query(ctx, request.Select+` AND state = 'open' AND (person = $2 OR requester = $2) ORDER BY created`, p.ID.Bytes())
	if err != nil {
		return err
	}
	list, err := db.Collect(rows, request.Scan)
	if err != nil {
		return err
	}
	for _, r := range list {
		if ok, err := i.book.Stands(ctx, r.Row()); err != nil {
			return err
		} else if !ok {
			continue
		}
		if err := i.decide(ctx, tx, s, &r, request.Withdrawn); err != nil {
			return err
		}
		if err := i.Trail.RecordIn(ctx, tx, ended(r, s.who())); err != nil {
			return err
		}
	}
	return nil
}

// requestByID returns a request, and its row also where it does not stand in the
// ledger (kind Damaged).
func (i *Identity) requestByID(ctx context.Context, q account.Rower, id mail.ID) (Request, error) {
	return standing.Read(ctx, i.book, func() (Request, error) {
		r, err := request.Scan(q.QueryRow(ctx, request.Select+` AND id = $2`, id.Bytes()))
		if errors.Is(err, db.ErrNoRows) {
			return r, fault.New(fault.NotFound, "there is no such request")
		}
		return r, err
	})
}

// former is what a request changes.
func former(r Request, p Person) string {
	if r.Kind == request.Role {
		return string(p.Role)
	}
	return ""
}

func (i *Identity) mayApprove(s *Session, r *Request, look account.Lookup) error {
	p, err := look(r.Person)
	if err != nil {
		return err
	}
	asker, err := look(r.Requester)
	if err != nil {
		return err
	}
	r.Email, r.RequesterEmail = p.Email, asker.Email
	switch {
	case r.State != request.Open:
		return errDecided()
	case p.State == Removed:
		return errRemoved()
	case asker.State == Removed:
		return fault.New(fault.Conflict, "who asked has been removed")
	case p.ID == s.person.ID:
		return fault.New(fault.Denied, "nobody approves access for himself; another keeper can")
	case r.Requester == s.person.ID:
		return fault.New(fault.Denied, "nobody approves his own request; another keeper can")
	case r.Requester == p.ID:
		return errOwnRequest()
	}
	until, err := i.cooling(r.Requester, r.Person, look)
	if err != nil || until == nil {
		return err
	}
	at := until.Format("2006-01-02 15:04 MST")
	if p.MadeBy == r.Requester {
		return fault.Newf(fault.Denied, "who asks made or reset this account less than 7 days ago; wait until %s or let another administrator ask", at)
	}
	return fault.Newf(fault.Denied, "who asks and this account come from one hand: less than 7 days ago one made the other, or a third made both; wait until %s or let another administrator ask", at)
}

func (i *Identity) carryOut(ctx context.Context, tx *db.Tx, s *Session, r *Request, p Person) error {
	if r.Kind == request.Address {
		if err := i.localAddress(ctx, tx.ID(), mail.Address(r.Value)); err != nil {
			return err
		}
		_, err := i.owners.Assign(ctx, tx, p, mail.Address(r.Value))
		return err
	}
	role, err := ParseRole(r.Value)
	if err != nil {
		return err
	}
	if role != p.Role {
		left, err := i.lastOfRole(ctx, tx, p)
		if err != nil {
			return err
		}
		if p.Role == Keeper {
			r.Keepers = left
		}
	}
	if !p.Role.HoldsArchive() {
		if err := i.giveArchive(ctx, tx, s, p, "role "+r.Value); err != nil {
			return err
		}
	}
	p.Role = role
	return i.people.Change(ctx, tx, &p)
}
