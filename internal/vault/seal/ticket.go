package seal

import (
	"context"

	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/stream"
)

// Ticket is a person's seed for a session that goes on later, also on another node:
// in a box that opens only with what her browser has (docs/formats/keys.md).
type Ticket struct {
	Holder mail.HolderID // the person's
	Term   int
	Box    []byte
}

// Ticket seals the session's own seed under a key that the server does not keep.
// context is what the ticket is bound to beside tenant, holder and term: it opens with
// the same only. It fails with kind Locked where the session has ended.
func (s *Session) Ticket(k secret.Key, context ...[]byte) (Ticket, error) {
	seed, err := s.Newest(s.person)
	if err != nil {
		return Ticket{}, err
	}
	defer seed.Wipe()
	t := Ticket{Holder: seed.Holder, Term: seed.Term}
	seed.key.Use(func(raw []byte) { t.Box = stream.Box(k, raw, t.aad(s.tenant.ID(), context)) })
	return t, nil
}

func (t Ticket) aad(tenant mail.TenantID, context [][]byte) []byte {
	return tuple.Make("siegel/v1 ticket", append([][]byte{tenant[:], t.Holder[:], number(t.Term)}, context...)...)
}

// Resume opens a session with a ticket. What it reaches is found anew: a grant that
// was given or taken since counts. It fails with kind Damaged where the box does not
// open with that key and context, and otherwise as [Vault.Unlock] does.
func (v *Vault) Resume(ctx context.Context, t db.Tenant, ticket Ticket, k secret.Key, context ...[]byte) (*Session, error) {
	plain, err := stream.OpenBox("a ticket", k, ticket.Box, ticket.aad(t.ID(), context))
	if err != nil {
		return nil, err
	}
	key, err := secret.From(plain)
	if err != nil {
		return nil, stream.ErrDamaged("a ticket")
	}
	return v.open(ctx, t, Seed{Holder: ticket.Holder, Term: ticket.Term, key: key})
}
