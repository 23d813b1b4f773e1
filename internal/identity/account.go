package identity

import (
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

	tenant       mail.TenantID
	madeBy       mail.ID // who invited or reset the account; zero, nobody, for the founding ceremony
	madeAt       time.Time
	invitedUntil time.Time
	raisedBy     mail.ID // who gave the role administrator; zero for nobody
	raisedAt     time.Time
	stamp        standing.Stamp
}

// Row implements [standing.Rower].
func (p Person) Row() standing.Row {
	at := func(t time.Time) []byte { return tuple.Uint64(uint64(mail.Micros(t))) }
	return standing.Row{
		Stamp: p.stamp, Tenant: p.tenant, Kind: standing.Account, ID: p.ID,
		Value: tuple.Make("siegel/v1 account", p.Holder[:], []byte(p.Email), []byte(p.Role), []byte(p.State),
			p.madeBy[:], at(p.madeAt), at(p.invitedUntil), p.raisedBy[:], at(p.raisedAt)),
	}
}

const selectPerson = `SELECT tenant, id, email, holder, role, state, made_by, made_at, invited_until, raised_by, raised_at, salt, entered
	FROM identity_person WHERE tenant = $1`

func scanPerson(row db.Scanner) (p Person, err error) {
	var tenant, id, holder, madeBy, raisedBy, salt []byte
	var email, role, state string
	var madeAt, until, raisedAt int64
	if err := row.Scan(&tenant, &id, &email, &holder, &role, &state, &madeBy, &madeAt, &until, &raisedBy, &raisedAt, &salt, &p.stamp.At); err != nil {
		return p, err
	}
	var errs [5]error
	p.tenant, errs[0] = mail.IDFrom(tenant)
	p.ID, errs[1] = mail.IDFrom(id)
	p.Holder, errs[2] = mail.IDFrom(holder)
	p.madeBy, errs[3] = mail.IDFrom(madeBy)
	p.raisedBy, errs[4] = mail.IDFrom(raisedBy)
	p.Email, p.Role, p.State = mail.Address(email), Role(role), State(state)
	p.madeAt, p.invitedUntil, p.raisedAt = mail.FromMicros(madeAt), mail.FromMicros(until), mail.FromMicros(raisedAt)
	p.stamp.ScanSalt(salt)
	return p, errors.Join(errs[:]...)
}

// rower is a tenant's handle or a transaction.
type rower interface {
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// person returns the account of an e-mail address that has not been removed. As
// every account that is acted on it must stand in the ledger (kind Damaged).
func (i *Identity) person(ctx context.Context, t db.Tenant, email mail.Address) (Person, error) {
	return standing.Read(ctx, i.book, func() (Person, error) { return personAt(ctx, t, email) })
}

// personAt does what person does and does not ask the ledger.
func personAt(ctx context.Context, t db.Tenant, email mail.Address) (Person, error) {
	p, err := scanPerson(t.QueryRow(ctx, selectPerson+` AND email = $2 AND state <> 'removed'`, email.String()))
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.Newf(fault.NotFound, "there is no person %s", email)
	}
	return p, err
}

// personByID returns an account, of who was removed too, and its row also where
// it does not stand in the ledger (kind Damaged).
func (i *Identity) personByID(ctx context.Context, q rower, id mail.ID) (Person, error) {
	return standing.Read(ctx, i.book, func() (Person, error) {
		p, err := scanPerson(q.QueryRow(ctx, selectPerson+` AND id = $2`, id.Bytes()))
		if errors.Is(err, db.ErrNoRows) {
			return p, fault.New(fault.NotFound, "there is no such person")
		}
		return p, err
	})
}

// still reads a person again in a transaction that changes her: whoever was
// removed meanwhile is not brought back.
func (i *Identity) still(ctx context.Context, tx *db.Tx, p *Person) (err error) {
	if *p, err = i.personByID(ctx, tx, p.ID); err != nil {
		return err
	}
	if p.State == Removed {
		return errRemoved()
	}
	return nil
}

func errRemoved() error { return fault.New(fault.Conflict, "this person has been removed") }

func errMeanwhile() error {
	return fault.New(fault.Conflict, "this has been changed meanwhile, please try again")
}

// change writes an account that was read in the same transaction and enters it
// in the ledger.
func (i *Identity) change(ctx context.Context, tx *db.Tx, p *Person) error {
	was := p.stamp
	p.stamp = i.book.NewStamp()
	res, err := tx.Exec(ctx, `UPDATE identity_person SET tenant = $1, role = $2, state = $3, made_by = $4, made_at = $5, invited_until = $6,
		raised_by = $7, raised_at = $8, salt = $9, entered = $10 WHERE tenant = $1 AND id = $11 AND salt = $12`,
		string(p.Role), string(p.State), p.madeBy.Bytes(), mail.Micros(p.madeAt), mail.Micros(p.invitedUntil),
		p.raisedBy.Bytes(), mail.Micros(p.raisedAt), p.stamp.Salt[:], p.stamp.At, p.ID.Bytes(), was.Salt[:])
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return errMeanwhile()
	}
	return i.book.Enter(ctx, tx, p.Row())
}

// People lists the tenant's accounts, removed ones too, for those who manage
// them. Those that are not as the ledger has them are Damaged.
func (i *Identity) People(ctx context.Context, s *Session) (list []Person, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return nil, err
	}
	list, err = i.people(ctx, s.tenant)
	if err != nil {
		return nil, err
	}
	for k := range list {
		p := &list[k]
		p.Addresses, err = i.addresses(ctx, s.tenant, *p)
		if err := p.damaged(err); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// damaged notes that something of a person does not stand in the ledger and
// returns other errors.
func (p *Person) damaged(err error) error {
	if err != nil && fault.Of(err) == fault.Damaged {
		p.State = Damaged
		return nil //nolint:nilerr // it is said in the state
	}
	return err
}

// people returns all accounts, by e-mail address. Those that do not stand are
// Damaged.
func (i *Identity) people(ctx context.Context, t db.Tenant) (list []Person, err error) {
	rows, err := t.Query(ctx, selectPerson+` ORDER BY email`)
	if err != nil {
		return nil, err
	}
	if list, err = db.Collect(rows, scanPerson); err != nil {
		return nil, err
	}
	for k, p := range list {
		if ok, err := i.book.Stands(ctx, p.Row()); err != nil {
			return nil, err
		} else if ok {
			continue
		}
		p, err := i.personByID(ctx, t, p.ID) // it may have been changed in between
		if err := p.damaged(err); err != nil {
			return nil, err
		}
		list[k] = p
	}
	return list, nil
}

// looked returns what finds accounts, each read once.
func (i *Identity) looked(ctx context.Context, q rower) lookup {
	type answer struct {
		Person
		err error
	}
	known := make(map[mail.ID]answer)
	return func(id mail.ID) (Person, error) {
		a, ok := known[id]
		if !ok {
			a.Person, a.err = i.personByID(ctx, q, id)
			known[id] = a
		}
		return a.Person, a.err
	}
}

// cooling is what an account says of those who made it.
func (p Person) cooling() cooling.Account {
	return cooling.Account{ID: p.ID, MadeBy: p.madeBy, MadeAt: p.madeAt, RaisedBy: p.raisedBy, RaisedAt: p.raisedAt}
}
