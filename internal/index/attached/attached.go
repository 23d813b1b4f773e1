// Package attached keeps the second index records of messages, sealed as they are: the
// texts of their attachments. It says who is reading which message, so that no two do,
// and how often that was begun, so that nothing is tried for ever; and in which order
// records came, so that every projection takes each once.
package attached

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// MaxTries is how often reading a message's attachments is begun: a server that ends
// in the middle has perhaps ended for it.
const MaxTries = 3

// ClaimTime is how long a claim holds where nobody gives it back.
const ClaimTime = 10 * time.Minute

// Row is the second record of a message.
type Row struct {
	Message mail.ID
	Seq     int64  // in its month; 0 where there is no record yet
	Box     []byte // nil where nothing will come
}

// Get returns the second record of a message; one without a number where there is none.
func Get(ctx context.Context, t db.Tenant, message mail.ID) (Row, error) {
	r := Row{Message: message}
	err := t.QueryRow(ctx, `SELECT seq, record FROM index_attachments WHERE tenant = $1 AND message = $2 AND seq > 0`, message.Bytes()).Scan(&r.Seq, &r.Box)
	if errors.Is(err, db.ErrNoRows) {
		return r, nil
	}
	return r, err
}

// Heads returns the highest number of each month that has records, in a time that does
// not grow with their number.
func Heads(ctx context.Context, t db.Tenant) (heads map[int]int64, err error) {
	rows, err := t.Query(ctx, `WITH RECURSIVE index_months (month) AS (
			SELECT MAX(month) FROM index_attachments WHERE tenant = $1
			UNION ALL
			SELECT (SELECT MAX(a.month) FROM index_attachments a WHERE a.tenant = $1 AND a.month < m.month) FROM index_months m WHERE m.month IS NOT NULL
		)
		SELECT m.month, (SELECT MAX(a.seq) FROM index_attachments a WHERE a.tenant = $1 AND a.month = m.month) FROM index_months m WHERE m.month IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	heads = make(map[int]int64)
	for rows.Next() {
		var month int
		var seq int64
		if err := rows.Scan(&month, &seq); err != nil {
			return nil, err
		}
		heads[month] = seq
	}
	return heads, rows.Err()
}

// Since returns the records of a month behind a number, in their order, at most limit,
// without their boxes.
func Since(ctx context.Context, t db.Tenant, month int, after int64, limit int) ([]Row, error) {
	rows, err := t.Query(ctx, `SELECT message, seq FROM index_attachments WHERE tenant = $1 AND month = $2 AND seq > $3 ORDER BY seq LIMIT $4`,
		month, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows)
}

func collect(rows *sql.Rows) (list []Row, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Row
		var message []byte
		if err := rows.Scan(&message, &r.Seq); err != nil {
			return nil, err
		}
		if r.Message, err = mail.IDFrom(message); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// Busy returns those of some messages that somebody reads now.
func Busy(ctx context.Context, t db.Tenant, messages []mail.ID, now time.Time) (map[mail.ID]bool, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var in strings.Builder
	args := []any{mail.Micros(now)}
	for i, m := range messages {
		if i > 0 {
			in.WriteString(", ")
		}
		fmt.Fprintf(&in, "$%d", i+3)
		args = append(args, m.Bytes())
	}
	rows, err := t.Query(ctx, `SELECT message, seq FROM index_attachments WHERE tenant = $1 AND until > $2 AND message IN (`+in.String()+`)`, args...)
	if err != nil {
		return nil, err
	}
	list, err := collect(rows)
	busy := make(map[mail.ID]bool)
	for _, r := range list {
		busy[r.Message] = true
	}
	return busy, err
}

// Claimed is a message that is the caller's to read for [ClaimTime].
type Claimed struct {
	Message mail.ID
	Tries   int // this one counted; above [MaxTries] it is not to be tried again
}

// Claim takes the message for the caller to read. again says that there may be a record
// already, which is to be made anew. It returns false where somebody else reads it, or
// has read it.
func Claim(ctx context.Context, tx *db.Tx, month int, message mail.ID, again bool, now time.Time) (c Claimed, ok bool, err error) {
	c = Claimed{Message: message, Tries: 1}
	until := mail.Micros(now.Add(ClaimTime))
	var tries int
	var seq, busy int64
	err = tx.QueryRow(ctx, `SELECT tries, seq, until FROM index_attachments WHERE tenant = $1 AND message = $2`, message.Bytes()).Scan(&tries, &seq, &busy)
	switch {
	case errors.Is(err, db.ErrNoRows):
		_, err = tx.Exec(ctx, `INSERT INTO index_attachments (tenant, message, month, seq, tries, until) VALUES ($1, $2, $3, 0, 1, $4)`,
			message.Bytes(), month, until)
		return c, err == nil, err
	case err != nil:
		return c, false, err
	case busy > mail.Micros(now), seq > 0 && !again:
		return c, false, nil
	}
	c.Tries = tries + 1
	_, err = tx.Exec(ctx, `UPDATE index_attachments SET tenant = $1, tries = $2, until = $3 WHERE tenant = $1 AND message = $4`, c.Tries, until, message.Bytes())
	return c, err == nil, err
}

// Release gives a message back that was not read: this try does not count.
func Release(ctx context.Context, t db.Tenant, messages []mail.ID) error {
	if len(messages) == 0 {
		return nil
	}
	return t.Update(ctx, func(tx *db.Tx) error {
		for _, m := range messages {
			_, err := tx.Exec(ctx, `UPDATE index_attachments SET tries = tries - 1, until = 0 WHERE tenant = $1 AND message = $2`, m.Bytes())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Put keeps records of messages of a month that were claimed, in the place of those that
// were there before. What was shredded meanwhile has no row any more and gets none.
// Numbers grow, and are no less than the time in microseconds: projections know how far
// they are also where rows with higher numbers were deleted.
func Put(ctx context.Context, t db.Tenant, month int, list []Row, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	return t.Update(ctx, func(tx *db.Tx) error {
		var last int64
		// A transaction takes the tenant's turn with its first statement: numbers are
		// given in the order of commits.
		err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(seq), 0) FROM index_attachments WHERE tenant = $1 AND month = $2`, month).Scan(&last)
		if err != nil {
			return err
		}
		last = max(last, mail.Micros(now))
		for _, r := range list {
			last++
			_, err := tx.Exec(ctx, `UPDATE index_attachments SET tenant = $1, seq = $2, tries = 0, until = 0, record = $3 WHERE tenant = $1 AND message = $4`,
				last, r.Box, r.Message.Bytes())
			if err != nil {
				return err
			}
		}
		return nil
	})
}
