// Package request has the requests that a keeper decides: for access, which
// administrators ask for, and for a further domain. Who may ask and approve is the
// parent's to say.
package request

import (
	"errors"
	"time"

	"siegel/internal/identity/account"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Request is what a keeper is asked to do: to give a role that reads the archive, or
// an address whose mail shall be sealed to a person, or to have the tenant take the
// mail of a further domain.
type Request struct {
	ID        mail.ID   `json:"id"`
	Person    mail.ID   `json:"person"` // for whom; of a domain, which is for nobody, who asked
	Requester mail.ID   `json:"requester"`
	Kind      string    `json:"kind"` // role, address, domain
	Value     string    `json:"value"`
	State     string    `json:"state"` // open, approved, rejected, withdrawn; damaged where the ledger has it otherwise
	Created   time.Time `json:"created"`

	Email          mail.Address `json:"email"`                   // of the person
	RequesterEmail mail.Address `json:"requester_email"`         // of who asked
	DeciderEmail   mail.Address `json:"decider_email,omitempty"` // of who decided; empty while it is open, and for the recovery kit
	Decided        *time.Time   `json:"decided,omitempty"`       // nil while it is open
	NotBefore      *time.Time   `json:"not_before,omitempty"`    // when the seven days of an open request end; nil where they do not apply
	Keepers        int          `json:"keepers,omitempty"`       // that are left after approving, where there is one less

	Tenant    mail.TenantID  `json:"-"`
	DecidedAt int64          `json:"-"` // in microseconds since 1970; 0 while it is open
	DecidedBy mail.ID        `json:"-"` // zero while it is open, and for the recovery kit
	Stamp     standing.Stamp `json:"-"`
}

// Row implements [standing.Rower].
func (r Request) Row() standing.Row {
	return standing.Row{
		Stamp: r.Stamp, Tenant: r.Tenant, Kind: standing.Request, ID: r.ID,
		Value: tuple.Make("siegel/v1 request", r.Person[:], r.Requester[:], []byte(r.Kind), []byte(r.Value),
			tuple.Uint64(uint64(mail.Micros(r.Created))), []byte(r.State), tuple.Uint64(uint64(r.DecidedAt)), r.DecidedBy[:]),
	}
}

// Say puts into a request who it speaks of, and from when on somebody can approve it;
// the zero id is nobody who could. It reports false where one of them is not as the
// ledger has him.
func (r *Request) Say(now time.Time, by mail.ID, look account.Lookup) (sound bool, err error) {
	sound = true
	for _, one := range []struct {
		id    mail.ID
		email *mail.Address
	}{{r.Person, &r.Email}, {r.Requester, &r.RequesterEmail}, {r.DecidedBy, &r.DeciderEmail}} {
		if one.id.IsZero() {
			continue
		}
		p, err := look(one.id)
		if *one.email = p.Email; Unsound(err) {
			sound = false
		} else if err != nil {
			return false, err
		}
	}
	if r.State != Open {
		at := mail.FromMicros(r.DecidedAt)
		r.Decided = &at
		return sound, nil
	}
	if r.NotBefore, err = r.Waits(now, by, look); Unsound(err) {
		return false, nil
	}
	return sound, err
}

// Waits returns until when a request is not carried out, nil where it is now. What is for
// somebody waits while he and who asked come from one hand (package cooling), whoever
// approves it. A domain is for nobody: it waits while that holds for who asked and by, who
// would approve it, since they would not be two.
func (r Request) Waits(now time.Time, by mail.ID, look account.Lookup) (*time.Time, error) {
	served := r.Person
	if r.Kind == Domain {
		if served = by; by.IsZero() || by == r.Requester {
			return nil, nil // he does not approve it
		}
	}
	p, err := look(served)
	if err != nil {
		return nil, err
	}
	return account.Cooling(now, r.Requester, p, look)
}

// Unsound reports whether an error says that a row is not as the ledger has it:
// of what stands, nothing it names is gone.
func Unsound(err error) bool {
	return err != nil && (fault.Of(err) == fault.Damaged || fault.Of(err) == fault.NotFound)
}

// Kinds of requests.
const (
	Role    = "role"
	Address = "address"
	// Domain is for the tenant, and Person is who asked. So builds that do not know the
	// kind list such a request and refuse to approve it: nobody asks for himself.
	Domain = "domain"
)

// States of requests.
const (
	Open      = "open"
	Approved  = "approved"
	Rejected  = "rejected"
	Withdrawn = "withdrawn"
)

// selectRequest reads requests of the tenant.
const selectRequest = `SELECT tenant, id, person, requester, kind, value, state, created, decided, decided_by, salt, entered
	FROM identity_request WHERE tenant = $1`

// scan reads a row of selectRequest.
func scan(row db.Scanner) (r Request, err error) {
	var tenant, id, person, requester, decidedBy, salt []byte
	var created int64
	if err := row.Scan(&tenant, &id, &person, &requester, &r.Kind, &r.Value, &r.State, &created, &r.DecidedAt, &decidedBy, &salt, &r.Stamp.At); err != nil {
		return r, err
	}
	var errs [5]error
	r.Tenant, errs[0] = mail.IDFrom(tenant)
	r.ID, errs[1] = mail.IDFrom(id)
	r.Person, errs[2] = mail.IDFrom(person)
	r.Requester, errs[3] = mail.IDFrom(requester)
	r.DecidedBy, errs[4] = mail.IDFrom(decidedBy)
	r.Created = mail.FromMicros(created)
	r.Stamp.ScanSalt(salt)
	return r, errors.Join(errs[:]...)
}
