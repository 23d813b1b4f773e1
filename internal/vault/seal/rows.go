package seal

import (
	"context"
	"database/sql"

	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/hybrid"
)

func collectIDs(rows *sql.Rows) ([]mail.ID, error) {
	return db.Collect(rows, func(r db.Scanner) (id mail.ID, err error) {
		var b []byte
		if err := r.Scan(&b); err != nil {
			return id, err
		}
		return mail.IDFrom(b)
	})
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
	c, err := v.currentKey(ctx, t, t, holder)
	if err != nil {
		return Note{}, err
	}
	n.Term = c.term
	n.Sealed, err = hybrid.Seal(c.key, noteInfo(t.ID(), holder, n.Term, kind, id), plain)
	return n, err
}
