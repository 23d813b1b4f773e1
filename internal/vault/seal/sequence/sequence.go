// Package sequence says what a holder has been given, by month of arrival and by the
// numbers that its wraps have in the holder's sequence. It needs no key: rows say it.
package sequence

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Month is how many messages of a month a holder has, and the highest sequence
// number among them.
type Month struct {
	Month int
	Count int64
	Last  int64
}

// Months returns the months of a holder, newest first.
func Months(ctx context.Context, t db.Tenant, holder mail.HolderID) (months []Month, err error) {
	rows, err := t.Query(ctx, `SELECT month, COUNT(*), MAX(seq) FROM seal_wrap WHERE tenant = $1 AND holder = $2
		GROUP BY month ORDER BY month DESC`, holder.Bytes())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var m Month
		if err := rows.Scan(&m.Month, &m.Count, &m.Last); err != nil {
			return nil, err
		}
		months = append(months, m)
	}
	return months, rows.Err()
}

// Head is a month of a holder and the highest sequence number in it.
type Head struct {
	Month int
	Last  int64
}

// Heads returns the months of a holder, newest first, in a time that does not grow
// with the number of messages, as that of [Months] does.
func Heads(ctx context.Context, t db.Tenant, holder mail.HolderID) (heads []Head, err error) {
	rows, err := t.Query(ctx, `WITH RECURSIVE seal_months (month) AS (
			SELECT MAX(month) FROM seal_wrap WHERE tenant = $1 AND holder = $2
			UNION ALL
			SELECT (SELECT MAX(w.month) FROM seal_wrap w WHERE w.tenant = $1 AND w.holder = $2 AND w.month < m.month) FROM seal_months m WHERE m.month IS NOT NULL
		)
		SELECT m.month, (SELECT MAX(w.seq) FROM seal_wrap w WHERE w.tenant = $1 AND w.holder = $2 AND w.month = m.month) FROM seal_months m WHERE m.month IS NOT NULL`,
		holder.Bytes())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var h Head
		if err := rows.Scan(&h.Month, &h.Last); err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	slices.SortFunc(heads, func(a, b Head) int { return cmp.Compare(b.Month, a.Month) })
	return heads, rows.Err()
}

// Behind returns how many messages of a holder's month have sequence numbers above
// after.
func Behind(ctx context.Context, t db.Tenant, holder mail.HolderID, month int, after int64) (n int64, err error) {
	err = t.QueryRow(ctx, `SELECT COUNT(*) FROM seal_wrap WHERE tenant = $1 AND holder = $2 AND month = $3 AND seq > $4`,
		holder.Bytes(), month, after).Scan(&n)
	return n, err
}

// Holders returns to whom a message is sealed, in no order.
func Holders(ctx context.Context, t db.Tenant, message mail.ID) ([]mail.HolderID, error) {
	rows, err := t.Query(ctx, `SELECT DISTINCT holder FROM seal_wrap WHERE tenant = $1 AND message = $2`, message.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(r db.Scanner) (id mail.HolderID, err error) {
		var b []byte
		if err := r.Scan(&b); err != nil {
			return id, err
		}
		return mail.IDFrom(b)
	})
}

// Empty deletes what is sealed to a holder, for one that nobody shall reach any more.
func Empty(ctx context.Context, tx *db.Tx, holder mail.HolderID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM seal_wrap WHERE tenant = $1 AND holder = $2`, holder.Bytes()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM seal_batch WHERE tenant = $1 AND holder = $2`, holder.Bytes())
	return err
}
