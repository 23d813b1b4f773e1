package identity

import (
	"context"

	"siegel/internal/identity/request"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// RequestDomain asks the keepers that the tenant takes the mail of a further domain. It
// fails as [routing.Router.Free] does; confirmed are domains that are meant although they
// look like one of the tenant's. No domain is taken away again: the ledger knows no end of
// one, and mail that a tenant has promised to keep must not come to another.
func (i *Identity) RequestDomain(ctx context.Context, s *Session, d mail.Domain, confirmed ...mail.Domain) (Request, error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return Request{}, err
	}
	if err := i.routes.Free(ctx, s.tenant.ID(), d, confirmed); err != nil {
		return Request{}, err
	}
	return i.ask(ctx, s, s.person, request.Domain, d.String())
}

// taking returns what carries out a request for a domain, once it may be. It fails with
// kind Conflict where a tenant has the domain meanwhile, with Damaged where the rows of
// tenants and domains are not those of the ledger.
func (i *Identity) taking(ctx context.Context, s *Session, r Request) (func(context.Context, *db.Batch) error, error) {
	if err := i.mayApprove(s, &r, i.people.Look(ctx, s.tenant)); err != nil {
		return nil, err
	}
	d := mail.Domain(r.Value)
	if err := i.routes.Free(ctx, s.tenant.ID(), d, []mail.Domain{d}); err != nil {
		return nil, err
	}
	if err := i.routes.Whole(ctx); err != nil {
		return nil, err
	}
	return func(ctx context.Context, b *db.Batch) error { return i.routes.Take(ctx, b, s.tenant.ID(), d) }, nil
}
