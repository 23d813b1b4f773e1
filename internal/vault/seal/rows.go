package seal

import (
	"context"
	"crypto/hpke"
	"database/sql"
	"errors"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

func collectIDs(rows *sql.Rows) (ids []mail.ID, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		id, err := mail.IDFrom(b)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// currentKey returns a holder's newest key as a transaction sees it, verified
// against the log.
func (v *Vault) currentKey(ctx context.Context, tx *db.Tx, holder mail.HolderID, term *int) (_ hpke.PublicKey, err error) {
	defer fault.Wrap(&err, "current key of holder %s", holder)
	k := keyRow{holder: holder}
	err = tx.QueryRow(ctx, `SELECT h.kind, h.term, k.public, k.entry, k.salt, k.leaf FROM seal_holder h JOIN seal_term k
		ON k.tenant = h.tenant AND k.holder = h.id AND k.term = h.term WHERE h.tenant = $1 AND h.id = $2`,
		holder.Bytes()).Scan(&k.kind, &k.term, &k.public, &k.text, &k.salt, &k.leaf)
	if err != nil {
		return nil, err
	}
	*term = k.term
	return v.verified(ctx, tx.Committed(), k)
}

func noteInfo(tenant mail.TenantID, holder mail.HolderID, term int, kind string, id mail.ID) []byte {
	return tuple.Make("siegel/v1 note", tenant[:], holder[:], number(term), []byte(kind), id[:])
}

// Note is a short text sealed to a holder: the query of a search, the reason of
// an opening. Term says for which of the holder's keys.
type Note struct {
	Holder mail.HolderID
	Term   int
	Sealed []byte
}

// SealNote seals a note to the holder's current key. kind and id bind it to
// what it speaks of; opening asks for the same.
func (v *Vault) SealNote(ctx context.Context, t db.Tenant, holder mail.HolderID, kind string, id mail.ID, plain []byte) (Note, error) {
	n := Note{Holder: holder}
	if err := t.QueryRow(ctx, `SELECT term FROM seal_holder WHERE tenant = $1 AND id = $2`, holder.Bytes()).Scan(&n.Term); err != nil {
		return Note{}, err
	}
	pub, err := v.publicKey(ctx, t, holder, n.Term)
	if err != nil {
		return Note{}, err
	}
	n.Sealed, err = sealTo(pub, noteInfo(t.ID(), holder, n.Term, kind, id), plain)
	return n, err
}
