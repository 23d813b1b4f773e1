package identity

import (
	"context"

	"siegel/internal/identity/source"
	"siegel/internal/mail"
)

// Sources returns who knows which clients may hand in mail, for the journal door.
func (i *Identity) Sources() *source.Register { return i.sources }

// AddSource registers a source as an administrator.
func (i *Identity) AddSource(ctx context.Context, s *Session, n source.Registration) (source.Added, error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return source.Added{}, err
	}
	return i.sources.Add(ctx, s.tenant, s.person.ID, n)
}

// RenewSource gives a source a new secret, one that was chosen or else one that is
// made, as an administrator.
func (i *Identity) RenewSource(ctx context.Context, s *Session, name string, chosen []byte) (source.Added, error) {
	if err := i.must(ctx, s, Administrator); err != nil {
		return source.Added{}, err
	}
	return i.sources.Renew(ctx, s.tenant, s.person.ID, name, chosen)
}

// RemoveSource ends a source as an administrator.
func (i *Identity) RemoveSource(ctx context.Context, s *Session, name string) error {
	if err := i.must(ctx, s, Administrator); err != nil {
		return err
	}
	return i.sources.Remove(ctx, s.tenant, s.person.ID, name)
}

// ListSources lists the tenant's sources, also those that were removed.
func (i *Identity) ListSources(ctx context.Context, s *Session) ([]source.Listed, error) {
	if err := i.must(ctx, s, Administrator, Keeper, Auditor); err != nil {
		return nil, err
	}
	return i.sources.Known(ctx, s.tenant)
}

// SourceName returns what a source is called, or was before it was removed; empty
// where nobody knows. It is for a message's reader who was shown its source's id.
func (i *Identity) SourceName(ctx context.Context, s *Session, id mail.ID) (string, error) {
	return i.sources.Name(ctx, s.tenant, id)
}
