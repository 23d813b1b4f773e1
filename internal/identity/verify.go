package identity

import (
	"context"
	"errors"
	"slices"

	"siegel/internal/flow"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// VerifyRows compares the rows of a tenant that say who may do what and where
// mail goes with what stands in the audit log: the newest entry of each id. It
// needs no key. What differs comes back as problems of kind Damaged, which name
// ids and no addresses.
func (i *Identity) VerifyRows(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (problems []error, err error) {
	addresses, err := i.verifyAddresses(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	routes, err := i.routes.Verify(ctx, t.ID(), entered)
	if err != nil {
		return nil, err
	}
	changed, missing, err := i.compare(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	logins, err := i.verifyLogins(ctx, t)
	return slices.Concat(addresses, routes, changed, missing, logins), err
}

// compare compares accounts and requests with the log.
func (i *Identity) compare(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (changed, missing []error, err error) {
	people, err := collectRows(ctx, t, selectPerson, scanPerson)
	if err != nil {
		return nil, nil, err
	}
	requests, err := collectRows(ctx, t, selectRequest, scanRequest)
	if err != nil {
		return nil, nil, err
	}
	changed, missing = standing.Compare(standing.Account, people, entered)
	more, gone := standing.Compare(standing.Request, requests, entered)
	return append(changed, more...), append(missing, gone...), nil
}

func collectRows[T standing.Rower](ctx context.Context, t db.Tenant, query string, scan func(db.Scanner) (T, error)) (list []standing.Row, err error) {
	rows, err := t.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (standing.Row, error) {
		one, err := scan(row)
		return one.Row(), err
	})
}

// verifyLogins compares the rows that lead from sign-in addresses to accounts
// with the accounts.
func (i *Identity) verifyLogins(ctx context.Context, t db.Tenant) (problems []error, err error) {
	rows, err := t.Query(ctx, selectPerson+` AND state <> 'removed'`)
	if err != nil {
		return nil, err
	}
	people, err := db.Collect(rows, scanPerson)
	if err != nil {
		return nil, err
	}
	lead := make(map[login]bool)
	for _, p := range people {
		lead[login{p.Email, p.ID}] = true
	}
	rows, err = i.DB.Instance().Query(ctx, `SELECT email, person FROM identity_login WHERE tenant = $1 AND owner = $2`, t.ID().Bytes())
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

// intact fails with kind Damaged where a grant or an address stands in the ledger
// and its row is gone or another one: who takes access away would not see it, it
// would not end in the ledger, and would hold again as soon as the row is back. So
// it is with accounts and requests whose rows are gone; of those that are there
// each is looked at where it is used. What the transaction itself did is not
// looked at.
func (i *Identity) intact(ctx context.Context, tx *db.Tx, archive mail.HolderID) error {
	if _, err := i.Vault.Term(ctx, tx, archive, seal.Archive); err != nil {
		return err
	}
	t := tx.Committed()
	entered, err := i.Log.Standing(ctx, t, seal.AuditLog)
	if err != nil {
		return err
	}
	grants, err := i.Vault.VerifyGrants(ctx, t, entered)
	if err != nil {
		return err
	}
	addresses, err := i.verifyAddresses(ctx, t, entered)
	if err != nil {
		return err
	}
	_, missing, err := i.compare(ctx, t, entered)
	if err != nil {
		return err
	}
	return fault.Because(fault.Damaged, "who has access is not in the database as the ledger has it, so it cannot be taken away; verify the ledger",
		errors.Join(slices.Concat(grants, addresses, missing)...))
}
