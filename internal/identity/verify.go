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
	addresses, err := i.owners.Verify(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	routes, err := i.routes.Verify(ctx, t.ID(), entered)
	if err != nil {
		return nil, err
	}
	changed, missing, err := i.people.Verify(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	requests, gone, err := i.verifyRequests(ctx, t, entered)
	return slices.Concat(addresses, routes, changed, missing, requests, gone), err
}

// verifyRequests compares requests with the log.
func (i *Identity) verifyRequests(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (changed, missing []error, err error) {
	rows, err := t.Query(ctx, selectRequest)
	if err != nil {
		return nil, nil, err
	}
	list, err := db.Collect(rows, func(row db.Scanner) (standing.Row, error) {
		r, err := scanRequest(row)
		return r.Row(), err
	})
	changed, missing = standing.Compare(standing.Request, list, entered)
	return changed, missing, err
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
	addresses, err := i.owners.Verify(ctx, t, entered)
	if err != nil {
		return err
	}
	_, people, err := i.people.Verify(ctx, t, entered)
	if err != nil {
		return err
	}
	_, requests, err := i.verifyRequests(ctx, t, entered)
	if err != nil {
		return err
	}
	return fault.Because(fault.Damaged, "who has access is not in the database as the ledger has it, so it cannot be taken away; verify the ledger",
		errors.Join(slices.Concat(grants, addresses, people, requests)...))
}
