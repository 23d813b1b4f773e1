package seal

import (
	"context"
	"database/sql"
	"errors"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
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
	grants, err := v.VerifyGrants(ctx, t, standing)
	return append(keys, grants...), err
}

// VerifyGrants does what VerifyRows does, for grants alone.
func (v *Vault) VerifyGrants(ctx context.Context, t db.Tenant, standing map[mail.ID]flow.Entered) (problems []error, err error) {
	rows, err := t.Query(ctx, selectGrants)
	if err != nil {
		return nil, err
	}
	grants, err := collectGrants(rows)
	if err != nil {
		return nil, err
	}
	found := make(map[mail.ID]bool)
	for _, g := range grants {
		found[g.id] = true
		w := g.entered(t.ID())
		if err := w.check(); err != nil {
			problems = append(problems, err)
		} else if !w.is(standing[g.id]) {
			problems = append(problems, fault.Newf(fault.Damaged, "the grant %s of holder %s to holder %s does not stand in the ledger", g.id, g.holder, g.grantee))
		}
	}
	return append(problems, missing("grant", standing, found)...), nil
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
		w := k.entered(t.ID())
		err := w.check()
		if err == nil {
			err = v.log.Has(ctx, t, AuditLog, k.leaf, entry.LeafData(w.text, w.sealed))
		}
		if err != nil && fault.Of(err) != fault.Damaged {
			return nil, err
		}
		if err != nil {
			problems = append(problems, fault.Newf(fault.Damaged, "the public key of holder %s, term %d, is not the one in the ledger", k.holder, k.term))
			continue
		}
		if k.term == k.current {
			if found[k.holder] = w.is(standing[k.holder]); !found[k.holder] {
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
