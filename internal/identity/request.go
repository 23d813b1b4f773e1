package identity

import (
	"context"

	"siegel/internal/identity/account"
	"siegel/internal/identity/recovery"
	"siegel/internal/identity/request"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Request is what an administrator asks a keeper to do.
type Request = request.Request

// Requests lists the tenant's requests, newest first. Those that are not as the
// ledger has them are Damaged.
func (i *Identity) Requests(ctx context.Context, s *Session) (list []Request, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	if list, err = i.requests.Newest(ctx, s.tenant); err != nil {
		return nil, err
	}
	var approves mail.ID
	if s.person.Role == Keeper {
		approves = s.person.ID
	}
	look := i.people.Look(ctx, s.tenant)
	for k := range list {
		r, err := i.requests.ByID(ctx, s.tenant, list[k].ID)
		stands := !request.Unsound(err)
		if err != nil && stands {
			return nil, err
		}
		sound, err := r.Say(i.Now(), approves, look)
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
	return i.ask(ctx, s, p, kind, value)
}

// ask keeps a request for a person, of who may ask for it.
func (i *Identity) ask(ctx context.Context, s *Session, p Person, kind, value string) (Request, error) {
	r := i.requests.New(s.person, p, kind, value)
	until, err := r.Waits(i.Now(), mail.ID{}, i.people.Look(ctx, s.tenant))
	if err != nil {
		return Request{}, err
	}
	r.NotBefore = until
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := i.still(ctx, tx, &p); err != nil {
			return err
		}
		if err := i.requests.Add(ctx, tx, r); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, r.Asked())
	})
	return r, err
}

func errOwnRequest() error {
	return fault.New(fault.Denied, "nobody asks for access for himself; another administrator can")
}

// Approve carries out a request as a keeper: the seeds of the archive are
// granted, an address is assigned, or the tenant takes the mail of a domain. No
// request serves the keeper himself, its requester, or an account that in the last
// seven days came from the same hand as the requester: made or reset by him, or both
// by a third; of a domain that must not hold of the keeper. Whom the founding
// ceremony made comes from nobody's.
func (i *Identity) Approve(ctx context.Context, s *Session, id mail.ID) (Request, error) {
	if err := i.must(ctx, s, Keeper); err != nil {
		return Request{}, err
	}
	r, err := i.requests.ByID(ctx, s.tenant, id)
	if err != nil {
		return r, err
	}
	take := func(context.Context, *db.Batch) error { return nil }
	if r.Kind == request.Domain {
		if take, err = i.taking(ctx, s, r); err != nil {
			return r, err
		}
	}
	var p Person
	err = i.DB.Update(ctx, func(b *db.Batch) (err error) {
		// The instance's rows come before a tenant's.
		if err := take(ctx, b); err != nil {
			return err
		}
		tx := b.Tenant(s.tenant.ID())
		if r, err = i.requests.ByID(ctx, tx, id); err != nil {
			return err
		}
		look := i.people.Look(ctx, tx)
		if p, err = look(r.Person); err != nil {
			return err
		}
		if err := i.mayApprove(s, &r, look); err != nil {
			return err
		}
		if err := i.requests.End(ctx, tx, &r, request.Approved, s.person); err != nil {
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
		return i.Trail.RecordIn(ctx, tx, r.Granted(s.who(), former(r, p)))
	})
	if r.Kind == request.Role {
		err = i.endIf(err, s, p)
	}
	return r, err
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
		if r, err = i.requests.ByID(ctx, tx, id); err != nil {
			return err
		}
		if state == request.Withdrawn && r.Requester != s.person.ID {
			return fault.New(fault.Denied, "only who made a request withdraws it; a keeper can reject it")
		}
		// Who is damaged keeps nobody from ending what was asked for him.
		if _, err := r.Say(i.Now(), mail.ID{}, i.people.Look(ctx, tx)); err != nil {
			return err
		}
		if err := i.requests.End(ctx, tx, &r, state, s.person); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, r.Ended(s.who()))
	})
	return r, err
}

// withdrawAll ends the open requests for somebody who is removed, and those that
// she made. What the ledger does not know is left as it is.
func (i *Identity) withdrawAll(ctx context.Context, tx *db.Tx, s *Session, p Person) error {
	list, err := i.requests.Concerning(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := i.requests.End(ctx, tx, &r, request.Withdrawn, s.person); err != nil {
			return err
		}
		if err := i.Trail.RecordIn(ctx, tx, r.Ended(s.who())); err != nil {
			return err
		}
	}
	return nil
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
		return request.ErrDecided()
	case p.State == Removed:
		return errRemoved()
	case asker.State == Removed:
		return fault.New(fault.Conflict, "who asked has been removed")
	case p.ID == s.person.ID && r.Kind != request.Domain:
		return fault.New(fault.Denied, "nobody approves access for himself; another keeper can")
	case r.Requester == s.person.ID:
		return fault.New(fault.Denied, "nobody approves his own request; another keeper can")
	case r.Requester == p.ID && r.Kind != request.Domain:
		return errOwnRequest()
	}
	until, err := r.Waits(i.Now(), s.person.ID, look)
	if err != nil || until == nil {
		return err
	}
	at := until.Format("2006-01-02 15:04 MST")
	if r.Kind == request.Domain {
		return fault.Newf(fault.Denied, "you and who asked come from one hand: less than 7 days ago one made the other's account, or a third made both; wait until %s or let another keeper approve", at)
	}
	if p.MadeBy == r.Requester {
		return fault.Newf(fault.Denied, "who asks made or reset this account less than 7 days ago; wait until %s or let another administrator ask", at)
	}
	return fault.Newf(fault.Denied, "who asks and this account come from one hand: less than 7 days ago one made the other, or a third made both; wait until %s or let another administrator ask", at)
}

func (i *Identity) carryOut(ctx context.Context, tx *db.Tx, s *Session, r *Request, p Person) error {
	if r.Kind == request.Domain {
		return nil // its rows came first
	}
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
