package identity

import (
	"context"
	"errors"
	"slices"

	"siegel/internal/audit"
	"siegel/internal/identity/address"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Repair removes rows of grants, addresses and sources of which nothing stands in the
// ledger: somebody wrote them into the database, or put them back from an older
// copy. They give nothing, and each that goes is an audit event. It returns how
// many went, and fails with kind Damaged where something that stands has no row
// or another one: that comes back from a copy of the database only.
func (i *Identity) Repair(ctx context.Context, s *Session) (n int, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return 0, err
	}
	err = s.tenant.Update(ctx, func(tx *db.Tx) (err error) {
		if n, err = i.mend(ctx, tx, s.archive, s.person.ID); err != nil {
			return err
		}
		m, err := i.sources.RemoveStrays(ctx, tx, s.person.ID)
		n += m
		return err
	})
	return n, err
}

// mend makes the rows of grants and addresses those that stand in the ledger,
// before access is taken away (ADR 5). Rows of which nothing stands are removed.
// It fails with kind Damaged where a grant or an address stands and its row is
// gone or another one: who takes access away would not see it, it would not end
// in the ledger, and would hold again as soon as the row is back. So it is with
// accounts and requests whose rows are gone; of those that are there each is
// looked at where it is used. What the transaction itself did is not looked at.
func (i *Identity) mend(ctx context.Context, tx *db.Tx, archive mail.HolderID, by mail.ID) (removed int, err error) {
	if _, err := i.Vault.Term(ctx, tx, archive, seal.Archive); err != nil {
		return 0, err
	}
	t := tx.Committed()
	entered, err := i.Log.Standing(ctx, t, seal.AuditLog)
	if err != nil {
		return 0, err
	}
	grants, bad, err := i.Vault.VerifyGrants(ctx, t, entered)
	if err != nil {
		return 0, err
	}
	addresses, more, err := i.owners.Verify(ctx, t, entered)
	if err != nil {
		return 0, err
	}
	_, people, err := i.people.Verify(ctx, t, entered)
	if err != nil {
		return 0, err
	}
	_, requests, err := i.requests.Verify(ctx, t, entered)
	if err != nil {
		return 0, err
	}
	if bad = slices.Concat(bad, more, people, requests); len(bad) > 0 {
		return 0, fault.Because(fault.Damaged, "who has access is not in the database as the ledger has it, so it cannot be taken away; verify the ledger",
			errors.Join(bad...))
	}
	return i.removeStrays(ctx, tx, by, grants, addresses)
}

func (i *Identity) removeStrays(ctx context.Context, tx *db.Tx, by mail.ID, grants []seal.Stray, addresses []address.Assignment) (removed int, err error) {
	for _, g := range grants {
		gone, err := i.Vault.RemoveStray(ctx, tx, g)
		if err == nil && gone {
			removed++
			err = i.removed(ctx, tx, by, g.Grantee, map[string]any{"grant": g.ID.String(), "of": g.Holder.String()})
		}
		if err != nil {
			return 0, err
		}
	}
	for _, a := range addresses {
		gone, err := i.owners.Remove(ctx, tx, a)
		if err == nil && gone {
			removed++
			err = i.removed(ctx, tx, by, a.Holder, map[string]any{"assignment": a.ID.String()})
		}
		if err != nil {
			return 0, err
		}
	}
	return removed, nil
}

// removed enters that a row was removed of which nothing stood in the ledger.
func (i *Identity) removed(ctx context.Context, tx *db.Tx, by mail.ID, grantee mail.HolderID, detail map[string]any) error {
	return i.Trail.RecordIn(ctx, tx, audit.Event{What: "access.repair", Who: by.String(), Object: grantee.String(), Detail: detail})
}
