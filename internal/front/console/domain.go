package console

import (
	"context"

	"siegel/internal/identity"
	"siegel/internal/mail"
)

// Domain names a further domain of the tenant.
type Domain struct {
	Credentials
	Domain string `json:"domain"`
	// Confirm is the domain again, where it looks like one of the tenant's and is meant.
	Confirm string `json:"confirm,omitempty"`
}

func (c *Console) domainRequest(ctx context.Context, k *call) (any, error) {
	var r Domain
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (_ any, err error) {
		var out Asked
		if out.Request, err = c.Identity.RequestDomain(ctx, s, mail.NewDomain(r.Domain), mail.NewDomain(r.Confirm)); err == nil {
			out.Unheld, err = c.unheld(ctx, s)
		}
		return out, err
	})
}
