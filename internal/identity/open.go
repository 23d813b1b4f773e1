package identity

import (
	"context"

	"siegel/internal/identity/opened"
	"siegel/internal/kit/fault"
)

// Whose implements [opened.Session].
func (s *Session) Whose() opened.Whose {
	return opened.Whose{Tenant: s.tenant.ID(), Person: s.person.ID}
}

// Sweep closes the sessions of people whose accounts have changed since they
// signed in: another node may have removed or reset them or given them another
// role, and only its own register heard of it. Call it every few seconds.
func (i *Identity) Sweep(ctx context.Context) error {
	var failed error
	for _, s := range i.open.All() {
		p, err := i.people.ByID(ctx, s.tenant, s.person.ID)
		switch kind := fault.Of(err); {
		case err == nil && same(p, s.person):
		case err == nil, kind == fault.NotFound, kind == fault.Damaged: // she is not who signed in
			s.Close()
		default:
			failed = err // the others are looked at all the same
		}
	}
	return failed
}
