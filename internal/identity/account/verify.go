package account

import (
	"bytes"
	"context"
	"errors"

	"siegel/internal/flow"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Verify compares a tenant's accounts, and what leads to them from sign-in
// addresses, with what stands in the audit log. It returns the rows that are
// others and the entries that have none.
func (r *Roll) Verify(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (changed, missing []error, err error) {
	people, err := collect(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	var rows []standing.Row
	for _, p := range people {
		rows = append(rows, p.Row())
	}
	changed, missing = standing.Compare(standing.Account, rows, entered)
	logins, err := r.verifyLogins(ctx, t, people)
	return append(changed, logins...), missing, err
}

// verifyLogins compares the rows that lead from sign-in addresses to accounts
// with the accounts.
func (r *Roll) verifyLogins(ctx context.Context, t db.Tenant, people []Person) (problems []error, err error) {
	lead := make(map[login]bool)
	for _, p := range people {
		if p.State != Removed {
			lead[login{p.Email, p.ID}] = true
		}
	}
	rows, err := r.Book.DB.Instance().Query(ctx, `SELECT email, person FROM identity_login WHERE tenant = $1 AND owner = $2`, t.ID().Bytes())
	if err != nil {
		return nil, err
	}
	logins, err := db.Collect(rows, func(row db.Scanner) (l login, err error) {
		var person []byte
		if err := row.Scan(&l.email, &person); err != nil {
			return l, err
		}
		l.person, err = mail.IDFrom(person)
		return l, err
	})
	for _, l := range logins {
		if !lead[l] {
			problems = append(problems, errLogin(l.person))
		}
		delete(lead, l)
	}
	for l := range lead {
		problems = append(problems, errLogin(l.person))
	}
	return problems, err
}

// login leads from a sign-in address to an account.
type login struct {
	email  mail.Address
	person mail.ID
}

func errLogin(person mail.ID) error {
	return fault.Newf(fault.Damaged, "the address for signing in does not lead to the account %s: somebody changed the database; verify the ledger", person)
}

// CheckLogin fails with kind Damaged where the row of a person's sign-in address
// leads to another account, and with NotFound where she has none any more.
func (r *Roll) CheckLogin(ctx context.Context, p Person) error {
	var person []byte
	err := r.Book.DB.Instance().QueryRow(ctx, `SELECT person FROM identity_login WHERE tenant = $1 AND email = $2 AND owner = $3`,
		p.Email.String(), p.Tenant.Bytes()).Scan(&person)
	if errors.Is(err, db.ErrNoRows) {
		return fault.Newf(fault.NotFound, "there is no person %s", p.Email)
	}
	if err == nil && !bytes.Equal(person, p.ID[:]) {
		return errLogin(p.ID)
	}
	return err
}
