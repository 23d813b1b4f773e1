// Package account is who belongs to a tenant: the accounts of people, their roles
// and states, each row as its tenant's audit log has it.
package account

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"siegel/internal/identity/cooling"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Role is what a person may do.
type Role string

// The roles of the archive (requirements EX-06, decision D15).
const (
	Administrator Role = "administrator" // manages, reads nothing
	Keeper        Role = "compliance"    // holds the archive, carries out requests
	Auditor       Role = "auditor"       // reads everything
	Reader        Role = "reader"        // reads what bears an address of her own
)

// Spoken returns the word that users read in their language (kit/fault).
func (r Role) Spoken() string { return string(r) }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Administrator, Keeper, Auditor, Reader:
		return r, nil
	default:
		return "", fault.Newf(fault.Invalid, "there is no role %q; the roles are administrator, compliance, auditor, reader", s)
	}
}

// Invitable fails with kind Invalid, at the field role, where nobody is invited with the
// role: it is none, or it comes with the archive's seed, which a keeper gives.
func (r Role) Invitable() error {
	if _, err := ParseRole(string(r)); err != nil {
		return fault.At("role", err)
	}
	if r.HoldsArchive() {
		return fault.At("role", fault.New(fault.Invalid, "invite as reader or administrator; what reads the archive is requested afterwards and approved by a keeper"))
	}
	return nil
}

// HoldsArchive reports whether the role comes with the archive's seed.
func (r Role) HoldsArchive() bool { return r == Keeper || r == Auditor }

// State says how far an account is.
type State string

// The states.
const (
	Invited State = "invited" // has a code and no password yet
	Active  State = "active"
	Removed State = "removed"
	// Damaged is listed of an account or a request that is not as the ledger has
	// it. It is in no row.
	Damaged State = "damaged"
)

// Person is an account of a tenant.
type Person struct {
	ID        mail.ID        `json:"id"`
	Email     mail.Address   `json:"email"` // for signing in
	Holder    mail.HolderID  `json:"holder"`
	Role      Role           `json:"role"`
	State     State          `json:"state"`
	Addresses []mail.Address `json:"addresses"` // whose mail is sealed to her

	Tenant       mail.TenantID  `json:"-"`
	MadeBy       mail.ID        `json:"-"` // who invited or reset the account; zero, nobody, for the founding ceremony
	MadeAt       time.Time      `json:"-"`
	InvitedUntil time.Time      `json:"-"`
	RaisedBy     mail.ID        `json:"-"` // who gave the role administrator; zero for nobody
	RaisedAt     time.Time      `json:"-"`
	Stamp        standing.Stamp `json:"-"` // of the row
}

// Row implements [standing.Rower].
func (p Person) Row() standing.Row {
	at := func(t time.Time) []byte { return tuple.Uint64(uint64(mail.Micros(t))) }
	return standing.Row{
		Stamp: p.Stamp, Tenant: p.Tenant, Kind: standing.Account, ID: p.ID,
		Value: tuple.Make("siegel/v1 account", p.Holder[:], []byte(p.Email), []byte(p.Role), []byte(p.State),
			p.MadeBy[:], at(p.MadeAt), at(p.InvitedUntil), p.RaisedBy[:], at(p.RaisedAt)),
	}
}

const selectPerson = `SELECT tenant, id, email, holder, role, state, made_by, made_at, invited_until, raised_by, raised_at, salt, entered
	FROM identity_person WHERE tenant = $1`

func scanPerson(row db.Scanner) (p Person, err error) {
	var tenant, id, holder, madeBy, raisedBy, salt []byte
	var email, role, state string
	var madeAt, until, raisedAt int64
	if err := row.Scan(&tenant, &id, &email, &holder, &role, &state, &madeBy, &madeAt, &until, &raisedBy, &raisedAt, &salt, &p.Stamp.At); err != nil {
		return p, err
	}
	var errs [5]error
	p.Tenant, errs[0] = mail.IDFrom(tenant)
	p.ID, errs[1] = mail.IDFrom(id)
	p.Holder, errs[2] = mail.IDFrom(holder)
	p.MadeBy, errs[3] = mail.IDFrom(madeBy)
	p.RaisedBy, errs[4] = mail.IDFrom(raisedBy)
	p.Email, p.Role, p.State = mail.Address(email), Role(role), State(state)
	p.MadeAt, p.InvitedUntil, p.RaisedAt = mail.FromMicros(madeAt), mail.FromMicros(until), mail.FromMicros(raisedAt)
	p.Stamp.ScanSalt(salt)
	return p, errors.Join(errs[:]...)
}

// Rower is a tenant's handle or a transaction.
type Rower interface {
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Roll has the accounts of all tenants. Use it from many goroutines.
type Roll struct{ Book *standing.Book }

// At returns the account of an e-mail address that has not been removed. As
// every account that is acted on it must stand in the ledger (kind Damaged).
func (r *Roll) At(ctx context.Context, t db.Tenant, email mail.Address) (Person, error) {
	return standing.Read(ctx, r.Book, func() (Person, error) { return Find(ctx, t, email) })
}

// Find does what At does and does not ask the ledger.
func Find(ctx context.Context, t db.Tenant, email mail.Address) (Person, error) {
	p, err := scanPerson(t.QueryRow(ctx, selectPerson+` AND email = $2 AND state <> 'removed'`, email.String()))
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.Newf(fault.NotFound, "there is no person %s", email)
	}
	return p, err
}

// ByID returns an account, of who was removed too, and its row also where
// it does not stand in the ledger (kind Damaged).
func (r *Roll) ByID(ctx context.Context, q Rower, id mail.ID) (Person, error) {
	return standing.Read(ctx, r.Book, func() (Person, error) {
		p, err := scanPerson(q.QueryRow(ctx, selectPerson+` AND id = $2`, id.Bytes()))
		if errors.Is(err, db.ErrNoRows) {
			return p, fault.New(fault.NotFound, "there is no such person")
		}
		return p, err
	})
}

// Change writes an account that was read in the same transaction and enters it
// in the ledger.
func (r *Roll) Change(ctx context.Context, tx *db.Tx, p *Person) error {
	was := p.Stamp
	p.Stamp = r.Book.NewStamp()
	res, err := tx.Exec(ctx, `UPDATE identity_person SET tenant = $1, role = $2, state = $3, made_by = $4, made_at = $5, invited_until = $6,
		raised_by = $7, raised_at = $8, salt = $9, entered = $10 WHERE tenant = $1 AND id = $11 AND salt = $12`,
		string(p.Role), string(p.State), p.MadeBy.Bytes(), mail.Micros(p.MadeAt), mail.Micros(p.InvitedUntil),
		p.RaisedBy.Bytes(), mail.Micros(p.RaisedAt), p.Stamp.Salt[:], p.Stamp.At, p.ID.Bytes(), was.Salt[:])
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return fault.New(fault.Conflict, "this has been changed meanwhile, please try again")
	}
	return r.Book.Enter(ctx, tx, p.Row())
}

// Add writes a new account and enters it in the ledger. It fails with kind
// Conflict where its e-mail address has one.
func (r *Roll) Add(ctx context.Context, tx *db.Tx, p *Person) error {
	p.Tenant, p.Stamp = tx.ID(), r.Book.NewStamp()
	_, err := tx.Exec(ctx, `INSERT INTO identity_person (tenant, id, email, holder, role, state, made_by, made_at, invited_until,
		raised_by, raised_at, salt, entered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		p.ID.Bytes(), p.Email.String(), p.Holder.Bytes(), string(p.Role), string(p.State), p.MadeBy.Bytes(), mail.Micros(p.MadeAt),
		mail.Micros(p.InvitedUntil), p.RaisedBy.Bytes(), mail.Micros(p.RaisedAt), p.Stamp.Salt[:], p.Stamp.At)
	if err != nil {
		return err
	}
	return r.Book.Enter(ctx, tx, p.Row())
}

// Others returns how many others have the role of a person. Who has not accepted
// the invitation yet counts for nothing, nor does a row that the ledger does not
// know.
func (r *Roll) Others(ctx context.Context, tx *db.Tx, p Person) (n int, err error) {
	rows, err := tx.Query(ctx, selectPerson+` AND role = $2 AND state = 'active' AND id <> $3`, string(p.Role), p.ID.Bytes())
	if err != nil {
		return 0, err
	}
	list, err := db.Collect(rows, scanPerson)
	if err != nil {
		return 0, err
	}
	list, err = standing.Only(ctx, r.Book, list)
	return len(list), err
}

// Note notes as a state that something of a person does not stand in the ledger,
// where that is what an error says, and returns other errors.
func (p *Person) Note(err error) error {
	if fault.Of(err) != fault.Damaged {
		return err
	}
	p.State = Damaged
	return nil
}

// All returns all accounts, by e-mail address. Those that do not stand are
// Damaged.
func (r *Roll) All(ctx context.Context, t db.Tenant) (list []Person, err error) {
	if list, err = collect(ctx, t); err != nil {
		return nil, err
	}
	for k, p := range list {
		if ok, err := r.Book.Stands(ctx, p.Row()); err != nil {
			return nil, err
		} else if ok {
			continue
		}
		p, err := r.ByID(ctx, t, p.ID) // it may have been changed in between
		if err := p.Note(err); err != nil {
			return nil, err
		}
		list[k] = p
	}
	return list, nil
}

func collect(ctx context.Context, t db.Tenant) ([]Person, error) {
	rows, err := t.Query(ctx, selectPerson+` ORDER BY email`)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, scanPerson)
}

// Lookup finds accounts by their ids. What does not stand in the ledger it
// returns with an error of kind Damaged.
type Lookup func(mail.ID) (Person, error)

// Look returns what finds accounts, each read once.
func (r *Roll) Look(ctx context.Context, q Rower) Lookup {
	type answer struct {
		Person
		err error
	}
	known := make(map[mail.ID]answer)
	return func(id mail.ID) (Person, error) {
		a, ok := known[id]
		if !ok {
			a.Person, a.err = r.ByID(ctx, q, id)
			known[id] = a
		}
		return a.Person, a.err
	}
}

// Cooling returns until when an account is not served by requests of somebody,
// nil where it is now.
func Cooling(now time.Time, requester mail.ID, p Person, look Lookup) (*time.Time, error) {
	made := func(p Person) cooling.Account {
		return cooling.Account{ID: p.ID, MadeBy: p.MadeBy, MadeAt: p.MadeAt, RaisedBy: p.RaisedBy, RaisedAt: p.RaisedAt}
	}
	until, err := cooling.Until(now, requester, made(p), func(id mail.ID) (cooling.Account, error) {
		p, err := look(id)
		return made(p), err
	})
	if err != nil || until.IsZero() {
		return nil, err
	}
	return &until, nil
}

// Names are the addresses by which people sign in, by the ids that events have of them.
type Names map[mail.ID]mail.Address

// Of returns the address of an id as events write it, empty where it has none.
func (n Names) Of(id string) mail.Address {
	parsed, err := mail.ParseID(id)
	if err != nil {
		return ""
	}
	return n[parsed]
}

// Called returns the address of an id where it is a person's, and otherwise the id.
func (n Names) Called(id string) string { return cmp.Or(n.Of(id).String(), id) }
