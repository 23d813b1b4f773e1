// Package request has the rows of requests for access: what administrators ask of
// keepers. Who may ask and approve is the parent's to say.
package request

import (
	"errors"
	"time"

	"siegel/internal/identity/standing"
	"siegel/internal/kit/tuple"
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

// Kinds of requests.
const (
	Role    = "role"
	Address = "address"
)

// States of requests.
const (
	Open      = "open"
	Approved  = "approved"
	Rejected  = "rejected"
	Withdrawn = "withdrawn"
)

// Select reads requests of the tenant.
const Select = `SELECT tenant, id, person, requester, kind, value, state, created, decided, decided_by, salt, entered
	FROM identity_request WHERE tenant = $1`

// Scan reads a row of [Select].
func Scan(row db.Scanner) (r Request, err error) {
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
