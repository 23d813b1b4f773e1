package seal

import (
	"context"
	"database/sql"
	"errors"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// VerifyRows compares the rows of public keys and grants with what stands in the
// audit log: the newest entry of each id. It needs no key. What differs comes
// back as problems of kind Damaged, in no order; err means that the comparison
// could not be done.
func (v *Vault) VerifyRows(ctx context.Context, t db.Tenant, standing map[mail.ID]flow.Entered) (problems []error, err error) {
	defer fault.Wrap(&err, "keys")
	keys, err := v.verifyKeys(ctx, t, standing)
	if err != nil {
		return nil, err
	}
	strays, grants, err := v.VerifyGrants(ctx, t, standing)
	for _, g := range strays {
		grants = append(grants, g.Err)
	}
	return append(keys, grants...), err
}

// Stray is a row of a grant of which nothing stands in the ledger: it was never
// entered, or has ended. It gives nothing.
type Stray struct {
	ID              mail.ID
	Holder, Grantee mail.HolderID
	Err             error // of kind Damaged
}

// VerifyGrants does what VerifyRows does, for grants alone. What stands and has
// no row, or another one, is a problem; strays are listed apart.
func (v *Vault) VerifyGrants(ctx context.Context, t db.Tenant, standing map[mail.ID]flow.Entered) (strays []Stray, problems []error, err error) {
	rows, err := t.Query(ctx, selectGrants)
	if err != nil {
		return nil, nil, err
	}
	grants, err := collectGrants(rows)
	if err != nil {
		return nil, nil, err
	}
	found := make(map[mail.ID]bool)
	for _, g := range grants {
		found[g.id] = true
		switch w, p := g.row(t.ID()), standing[g.id]; {
		case w.Stands(p):
		case w.Stray(p):
			strays = append(strays, Stray{g.id, g.holder, g.grantee, g.bad()})
		default:
			problems = append(problems, g.bad())
		}
	}
	return strays, append(problems, missing("grant", standing, found)...), nil
}

// RemoveStray deletes the row of a grant of which nothing stands. That it is
// gone is an audit event of the same transaction. It reports false where there
// is no such row any more, or it has no proper id. It fails with kind Conflict
// where the grant was entered since the strays were listed.
func (v *Vault) RemoveStray(ctx context.Context, tx *db.Tx, g Stray) (bool, error) {
	p, err := v.log.Newest(ctx, tx.Committed(), AuditLog, g.ID)
	if err != nil {
		return false, err
	}
	if p.Kind == "grant" {
		return false, fault.New(fault.Conflict, "somebody else changes who has access; try again")
	}
	res, err := tx.Exec(ctx, `DELETE FROM seal_grant WHERE tenant = $1 AND id = $2`, g.ID.Bytes())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// missing are the entries of a kind that stand and have no row.
func missing(kind string, standing map[mail.ID]flow.Entered, found map[mail.ID]bool) (problems []error) {
	for id, p := range standing {
		if p.Kind == kind && !found[id] {
			problems = append(problems, fault.Newf(fault.Damaged, "entry %d of the audit log (%s %s) has no row in the database", p.Index, fault.Word(p.Kind), id))
		}
	}
	return problems
}

// verifyKeys compares the keys of all terms; the one that is used must be the
// newest of its holder.
func (v *Vault) verifyKeys(ctx context.Context, t db.Tenant, standing map[mail.ID]flow.Entered) (problems []error, err error) {
	rows, err := t.Query(ctx, `SELECT h.id, h.term, h.kind, k.term, k.public, k.entry, k.salt, k.leaf FROM seal_term k JOIN seal_holder h
		ON h.tenant = k.tenant AND h.id = k.holder WHERE k.tenant = $1`)
	if err != nil {
		return nil, err
	}
	keys, err := collectKeys(rows)
	if err != nil {
		return nil, err
	}
	found := make(map[mail.ID]bool)
	for _, k := range keys {
		w := k.row(t.ID())
		err := w.Check()
		if err == nil {
			err = v.log.Has(ctx, t, AuditLog, k.leaf, w.Data())
		}
		if err != nil && fault.Of(err) != fault.Damaged {
			return nil, err
		}
		if err != nil {
			problems = append(problems, fault.Newf(fault.Damaged, "the public key of holder %s, term %d, is not the one in the ledger", k.holder, k.term))
			continue
		}
		if k.term == k.current {
			if found[k.holder] = w.Is(standing[k.holder]); !found[k.holder] {
				found[k.holder] = true
				problems = append(problems, fault.Newf(fault.Damaged, "holder %s is at term %d, the ledger has another one: the database was set back", k.holder, k.term))
			}
		}
	}
	return append(problems, missing("key", standing, found)...), nil
}

// currentRow is a key with the term that its holder is at.
type currentRow struct {
	keyRow
	current int
}

func collectKeys(rows *sql.Rows) (keys []currentRow, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var k currentRow
		var id []byte
		if err := rows.Scan(&id, &k.current, &k.kind, &k.term, &k.public, &k.text, &k.salt, &k.leaf); err != nil {
			return nil, err
		}
		if k.holder, err = mail.IDFrom(id); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}
