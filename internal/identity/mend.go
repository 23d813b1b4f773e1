package identity

import (
	"context"
	"errors"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Repair removes rows of grants and addresses of which nothing stands in the
// ledger: somebody wrote them into the database, or put them back from an older
// copy. They give nothing, and each that goes is an audit event. It returns how
// many went, and fails with kind Damaged where something that stands has no row
// or another one: that comes back from a copy of the database only.
func (i *Identity) Repair(ctx context.Context, s *Session) (n int, err error) {
	if err := i.must(ctx, s, Administrator, Keeper); err != nil {
		return 0, err
	}
	err = s.tenant.Update(ctx, func(tx *db.Tx) (err error) {
		n, err = i.mend(ctx, tx, s.archive, s.person.ID)
		return err
	})
	return n, err
}

// mend makes the rows of grants and addresses those that stand in the ledger,
// before access is taken away (ADR 5). Rows of which nothing stands are removed.
// It fails with kind Damaged where a grant or an address stands and its row is
// gone or another one: who takes access away would not see it, it would not end
// in the ledger, and would hold again as soon as the row is back. What the
// transaction itself did is not looked at.
func (i *Identity) mend(ctx context.Context, tx *db.Tx, archive mail.HolderID, by mail.ID) (removed int, err error) {
	if _, err := i.Vault.Term(ctx, tx, archive, seal.Archive); err != nil {
		return 0, err
	}
	t := tx.Committed()
	standing, err := i.Log.Standing(ctx, t, seal.AuditLog)
	if err != nil {
		return 0, err
	}
	grants, bad, err := i.Vault.VerifyGrants(ctx, t, standing)
	if err != nil {
		return 0, err
	}
	addresses, more, err := i.verifyAddresses(ctx, t, standing)
	if err != nil {
		return 0, err
	}
	if bad = append(bad, more...); len(bad) > 0 {
		return 0, fault.Because(fault.Damaged, "who has access is not in the database as the ledger has it, so it cannot be taken away; verify the ledger",
			errors.Join(bad...))
	}
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
		res, err := tx.Exec(ctx, `DELETE FROM identity_address WHERE tenant = $1 AND id = $2 AND address = $3 AND holder = $4`,
			a.id.Bytes(), a.address.String(), a.holder.Bytes())
		if err != nil {
			return 0, err
		}
		n, err := res.RowsAffected()
		if err == nil && n > 0 {
			removed++
			err = i.removed(ctx, tx, by, a.holder, map[string]any{"assignment": a.id.String()})
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
