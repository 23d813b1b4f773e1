package request

import (
	"context"
	"errors"

	"siegel/internal/flow"
	"siegel/internal/identity/account"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Register has the requests of all tenants, each row as its tenant's audit log has it.
// Use it from many goroutines.
type Register struct{ Book *standing.Book }

// New returns a request that somebody makes now. It is not kept yet.
func (g *Register) New(by, person account.Person, kind, value string) Request {
	return Request{
		ID: mail.NewID(), Person: person.ID, Requester: by.ID, Kind: kind, Value: value, State: Open, Created: mail.Time(g.Book.Now()),
		Email: person.Email, RequesterEmail: by.Email, Tenant: by.Tenant, Stamp: g.Book.NewStamp(),
	}
}

// Add keeps a new request. It fails with kind Conflict where its requester has asked for
// the same and that is open.
func (g *Register) Add(ctx context.Context, tx *db.Tx, r Request) error {
	_, err := tx.Exec(ctx, `INSERT INTO identity_request (tenant, id, person, requester, kind, value, state, created, decided, decided_by,
		salt, entered) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, 0, $8, $9, $10)`, r.ID.Bytes(), r.Person.Bytes(), r.Requester.Bytes(),
		r.Kind, r.Value, mail.Micros(r.Created), r.DecidedBy.Bytes(), r.Stamp.Salt[:], r.Stamp.At)
	if fault.Of(err) == fault.Conflict {
		return fault.New(fault.Conflict, "you have asked for this already, and the request is open")
	}
	if err != nil {
		return err
	}
	return g.Book.Enter(ctx, tx, r.Row())
}

// End ends an open request that was read in the same transaction.
func (g *Register) End(ctx context.Context, tx *db.Tx, r *Request, state string, by account.Person) error {
	if r.State != Open {
		return ErrDecided()
	}
	was, now := r.Stamp, mail.Time(g.Book.Now())
	r.Stamp, r.State, r.DecidedAt, r.DecidedBy = g.Book.NewStamp(), state, mail.Micros(now), by.ID
	r.Decided, r.DeciderEmail, r.NotBefore = &now, by.Email, nil
	res, err := tx.Exec(ctx, `UPDATE identity_request SET tenant = $1, state = $2, decided = $3, decided_by = $4, salt = $5, entered = $6
		WHERE tenant = $1 AND id = $7 AND salt = $8`, r.State, r.DecidedAt, r.DecidedBy.Bytes(), r.Stamp.Salt[:], r.Stamp.At, r.ID.Bytes(), was.Salt[:])
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return ErrDecided()
	}
	return g.Book.Enter(ctx, tx, r.Row())
}

// ErrDecided says that a request is not open any more.
func ErrDecided() error {
	return fault.New(fault.Conflict, "this request has been decided already")
}

// ByID returns a request, and its row also where it does not stand in the
// ledger (kind Damaged).
func (g *Register) ByID(ctx context.Context, q account.Rower, id mail.ID) (Request, error) {
	return standing.Read(ctx, g.Book, func() (Request, error) {
		r, err := scan(q.QueryRow(ctx, selectRequest+` AND id = $2`, id.Bytes()))
		if errors.Is(err, db.ErrNoRows) {
			return r, fault.New(fault.NotFound, "there is no such request")
		}
		return r, err
	})
}

// Newest returns a tenant's newest thousand requests as the database has them.
func (g *Register) Newest(ctx context.Context, t db.Tenant) ([]Request, error) {
	rows, err := t.Query(ctx, selectRequest+` ORDER BY created DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, scan)
}

// Concerning returns the open requests for a person and of her, in the order in which they
// were made. What the ledger does not know is left out.
func (g *Register) Concerning(ctx context.Context, tx *db.Tx, person mail.ID) ([]Request, error) {
	rows, err := tx.Query(ctx, selectRequest+` AND state = 'open' AND (person = $2 OR requester = $2) ORDER BY created`, person.Bytes())
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	return standing.Only(ctx, g.Book, list)
}

// Verify compares a tenant's requests with what stands in its audit log.
func (g *Register) Verify(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (changed, missing []error, err error) {
	rows, err := t.Query(ctx, selectRequest)
	if err != nil {
		return nil, nil, err
	}
	list, err := db.Collect(rows, func(row db.Scanner) (standing.Row, error) {
		r, err := scan(row)
		return r.Row(), err
	})
	changed, missing = standing.Compare(standing.Request, list, entered)
	return changed, missing, err
}
