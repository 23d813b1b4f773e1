// Package verified remembers when a tenant's logs were verified last and what was found:
// for people who want to know how the archive is, no evidence of anything.
package verified

import (
	"context"
	"errors"
	"time"

	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Last is the outcome of a verification.
type Last struct {
	At       time.Time // when it ended; zero where there was none
	Entries  int64     // that were checked, of all logs
	Problems int64
}

// Note remembers an outcome.
func Note(ctx context.Context, t db.Tenant, l Last) error {
	return t.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO ledger_verified (tenant, at, entries, problems) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant) DO UPDATE SET at = excluded.at, entries = excluded.entries, problems = excluded.problems`,
			mail.Micros(l.At), l.Entries, l.Problems)
		return err
	})
}

// Read returns the newest outcome, a zero one where there is none.
func Read(ctx context.Context, t db.Tenant) (l Last, err error) {
	var at int64
	err = t.QueryRow(ctx, `SELECT at, entries, problems FROM ledger_verified WHERE tenant = $1`).Scan(&at, &l.Entries, &l.Problems)
	if errors.Is(err, db.ErrNoRows) {
		return Last{}, nil
	}
	l.At = mail.FromMicros(at)
	return l, err
}
