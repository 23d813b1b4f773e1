package projection

import (
	"context"
	"database/sql"
	"errors"

	"siegel/internal/index/attached"
	"siegel/internal/mail"
)

// Waiting returns messages whose attachments wait for what is given, newest first, at
// most limit.
func (f *File) Waiting(ctx context.Context, waits, limit int) (list []mail.ID, err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	rows, err := f.sql.Read.QueryContext(ctx, `SELECT message FROM index_doc WHERE waits > 0 AND waits = $1 ORDER BY place DESC LIMIT $2`, waits, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var octets []byte
		if err := rows.Scan(&octets); err != nil {
			return nil, err
		}
		id, err := mail.IDFrom(octets)
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}

// Behind returns the sequence numbers of messages that have none of some second records,
// or an older one. What is not in the projection comes with its record.
func (f *File) Behind(ctx context.Context, list []attached.Row) (seqs []int64, err error) {
	defer f.note(&err)
	for _, r := range list {
		var seq int64
		// no tenant: a projection is one holder's file
		err := f.sql.Read.QueryRowContext(ctx, `SELECT place + `+first+` FROM index_doc WHERE substr(message, 1, 3) = substr($1, 1, 3) AND message = $1 AND second < $2 AND damaged = 0 AND former = 0`,
			r.Message.Bytes(), r.Seq).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		seqs = append(seqs, seq)
	}
	return seqs, nil
}

// Passed notes that the second records until a number are in the projection. The caller
// is catching up.
func (f *File) Passed(ctx context.Context, second int64) (err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	if _, err := f.sql.Write.ExecContext(ctx, `UPDATE index_state SET second = MAX(second, $1)`, second); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Second = max(f.state.Second, second)
	return nil
}
