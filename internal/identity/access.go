package identity

import (
	"context"
	"slices"

	"siegel/internal/audit"
	"siegel/internal/identity/account"
	"siegel/internal/identity/bound"
	"siegel/internal/identity/request"
	"siegel/internal/identity/setting"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

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

// Change is what became of a change of a role.
type Change struct {
	Request *Request `json:"request"`           // not nil where it was only requested
	Took    bool     `json:"took_archive"`      // who had it reads the archive no longer
	Keepers int      `json:"keepers,omitempty"` // that are left, where there is one less
}

// SetRole changes a role as an administrator. Roles that read the archive are requested
// instead; taking such a role away works at once and starts a new term of the archive. It
// fails with kind Conflict where she has not the role from any more, if that is given.
func (i *Identity) SetRole(ctx context.Context, s *Session, email mail.Address, role Role, from ...Role) (out Change, err error) {
	if role.HoldsArchive() {
		r, err := i.RequestRole(ctx, s, email, role)
		if err != nil {
			return out, err
		}
		return Change{Request: &r}, nil
	}
	if err := i.must(ctx, s, Administrator); err != nil {
		return out, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return out, err
	}
	p, err := i.people.At(ctx, s.tenant, email)
	if err != nil {
		return out, err
	}
	if p.ID == s.person.ID {
		return out, fault.New(fault.Denied, "nobody changes his own role; another administrator can")
	}
	return out, i.endIf(s.tenant.Update(ctx, func(tx *db.Tx) error {
		left, err := i.ending(ctx, tx, &p)
		if err == nil && len(from) > 0 && p.Role != from[0] {
			err = fault.New(fault.Conflict, "somebody else has changed this meanwhile; please look at it again")
		}
		if err != nil || p.Role == role {
			return err
		}
		if err := i.takeArchive(ctx, tx, s.archive, p, s.person.ID, "role "+string(role)); err != nil {
			return err
		}
		was := p.Role
		if out.Took = was.HoldsArchive(); was == Keeper {
			out.Keepers = left
		}
		if p.Role = role; role == Administrator {
			p.RaisedBy, p.RaisedAt = s.person.ID, mail.Time(i.Now())
		}
		if err := i.people.Change(ctx, tx, &p); err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{What: "person.role", Who: s.who(), Object: p.ID.String(), Old: string(was), New: string(role)})
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
		r, err := i.request(ctx, s, email, request.Address, address.String())
		if err != nil {
			return nil, err
		}
		return &r, nil
	}
	p, err := i.people.At(ctx, s.tenant, email)
	if err != nil {
		return nil, err
	}
	if p.ID == s.person.ID {
		return nil, fault.New(fault.Denied, "nobody assigns an address to himself; another keeper can")
	}
	err = s.tenant.Update(ctx, func(tx *db.Tx) error {
		if err := i.still(ctx, tx, &p); err != nil {
			return err
		}
		id, err := i.owners.Assign(ctx, tx, p, address)
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{
			What: "person.address.add", Who: s.person.ID.String(), Object: p.ID.String(), New: address.String(),
			Detail: map[string]any{"assignment": id.String()},
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
	own, err := i.routes.Owns(ctx, tenant, address.Domain())
	if err != nil {
		return err
	}
	if !own {
		return bound.Foreign(address)
	}
	return nil
}

// RemoveAddress ends that mail with an address is sealed to a person.
func (i *Identity) RemoveAddress(ctx context.Context, s *Session, email, address mail.Address) error {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return err
	}
	p, err := i.people.At(ctx, s.tenant, email)
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
	p, err := i.people.At(ctx, s.tenant, email)
	if err != nil {
		return mail.Owner{}, err
	}
	list, err := i.owners.Of(ctx, s.tenant, p)
	return mail.Owner{Holder: p.Holder, Addresses: list}, err
}

// Names returns the e-mail addresses of people by their ids and by those of their
// holders, of who was removed too, for whoever may read the audit log. Accounts
// that are not as the ledger has them have no name.
func (i *Identity) Names(ctx context.Context, s *Session) (account.Names, error) {
	if err := i.must(ctx, s, Administrator, Keeper, Auditor); err != nil {
		return nil, err
	}
	list, err := i.people.All(ctx, s.tenant)
	names := make(account.Names, 2*len(list))
	for _, p := range list {
		if p.State != Damaged {
			names[p.ID], names[p.Holder] = p.Email, p.Email
		}
	}
	return names, err
}

// Audit lists the tenant's audit trail as [audit.Trail.Below] does: administrators see
// events, those who hold the archive also the notes.
func (i *Identity) Audit(ctx context.Context, s *Session, before int64, f func(audit.Entry) error) error {
	if err := i.must(ctx, s, Administrator, Keeper, Auditor); err != nil {
		return err
	}
	// What has been counted until now belongs to what is read.
	if err := i.attempts.SettleTenant(ctx, s.tenant.ID()); err != nil {
		return err
	}
	return i.Trail.Below(ctx, s.tenant, s.unlocked, before, f)
}

// Choose chooses a setting of the person's tenant, which takes an administrator, as
// [setting.Choose] does. The audit log has what held and what it is now (EV-05, EV-09); a
// choice that changes nothing is no event.
func (i *Identity) Choose(ctx context.Context, s *Session, name, value string, was ...string) error {
	if err := i.must(ctx, s, Administrator); err != nil {
		return err
	}
	return s.tenant.Update(ctx, func(tx *db.Tx) error {
		old, err := setting.Choose(ctx, tx, name, value, was...)
		if err != nil || old == value {
			return err // nothing is changed, so nothing is told
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{What: "setting", Who: s.who(), Object: name, Old: old, New: value})
	})
}
