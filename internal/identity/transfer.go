package identity

import (
	"context"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// MayImport fails with kind Denied where a person may not bring mail of the past into
// the archive: keepers may. An administrator, who reads nothing, would learn by it
// which messages are there already, and who got them. owner is the mailbox that it was in,
// empty where nobody says; kind Invalid where its domain is not one of the tenant. It
// needs no key, and may be asked again when the session has been closed.
func (i *Identity) MayImport(ctx context.Context, s *Session, owner mail.Address) error {
	if err := i.must(ctx, s, Keeper); err != nil || owner == "" {
		return err
	}
	ours, err := i.routes.Owns(ctx, s.tenant.ID(), owner.Domain())
	if err == nil && !ours {
		err = fault.Newf(fault.Invalid, "the domain of %s is none of this tenant", owner)
	}
	return err
}

// Assigned reports whether anybody of the session's tenant has an address, so that
// mail with it is sealed to more than the archive.
func (i *Identity) Assigned(ctx context.Context, s *Session, a mail.Address) (bool, error) {
	holders, err := i.owners.At(ctx, s.tenant, a)
	return len(holders) > 0, err
}
