package source

import (
	"context"

	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// remember keeps what a source that ends was called. What a hand wrote there before
// does not keep it from ending.
func (s Source) remember(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO identity_source_ended (tenant, id, name, address) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, address = excluded.address`, s.ID.Bytes(), s.Name, s.Address.String())
	return err
}

// Known lists the rows of a tenant's sources as [Register.All] does, and after them
// those that were removed, with no more than what they were called: that is a help to
// readers, and what proves it is the event source.remove.
func (r *Register) Known(ctx context.Context, t db.Tenant) ([]Listed, error) {
	list, err := r.All(ctx, t)
	if err != nil {
		return nil, err
	}
	rows, err := t.Query(ctx, `SELECT id, name, address FROM identity_source_ended WHERE tenant = $1 ORDER BY name, id`)
	if err != nil {
		return nil, err
	}
	ended, err := db.Collect(rows, func(row db.Scanner) (l Listed, err error) {
		var id []byte
		l.Networks, l.Ended = []string{}, true
		if err := row.Scan(&id, &l.Name, &l.Address); err != nil {
			return l, err
		}
		l.ID, _ = mail.IDFrom(id) // what is no id stays zero: nothing came from it
		return l, nil
	})
	return append(list, ended...), err
}

// Name returns what a source is called, or was before it was removed; empty where
// nobody knows.
func (r *Register) Name(ctx context.Context, t db.Tenant, id mail.ID) (string, error) {
	list, err := r.Known(ctx, t)
	for _, s := range list {
		if s.ID == id && !s.Damaged {
			return s.Name, err
		}
	}
	return "", err
}
