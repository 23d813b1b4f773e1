package identity

import (
	"context"
	"slices"

	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// VerifyRows compares the rows of a tenant that say who may do what and where
// mail goes with what stands in the audit log: the newest entry of each id. It
// needs no key. What differs comes back as problems of kind Damaged, which name
// ids and no addresses.
func (i *Identity) VerifyRows(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (problems []error, err error) {
	strays, addresses, err := i.owners.Verify(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	for _, a := range strays {
		addresses = append(addresses, a.Row().Changed())
	}
	routes, err := i.routes.Verify(ctx, t.ID(), entered)
	if err != nil {
		return nil, err
	}
	changed, missing, err := i.people.Verify(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	requests, gone, err := i.requests.Verify(ctx, t, entered)
	if err != nil {
		return nil, err
	}
	sources, err := i.sources.Verify(ctx, t, entered)
	return slices.Concat(addresses, routes, changed, missing, requests, gone, sources), err
}
