package db

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// maxPortion is how many rows one statement of [Tx.Insert] writes at most.
const maxPortion = 32

// Insert writes rows with few statements. query inserts one row: "INSERT INTO … VALUES
// ($1, $2, …)", where $1 is the tenant and the values of each row follow; behind the
// values may stand what has no placeholders, as ON CONFLICT. What comes out is what one
// [Tx.Exec] for each row would write, but that no two rows of one statement may meet in a conflict.
func (t *Tx) Insert(ctx context.Context, query string, rows [][]any) error {
	return portions(query, rows, func(query string, args []any) error {
		_, err := t.Exec(ctx, query, args...)
		return err
	})
}

// InsertReturning writes rows as Insert does and calls each for every row that the
// query returns, in any order.
func (t *Tx) InsertReturning(ctx context.Context, query string, rows [][]any, each func(*sql.Rows) error) error {
	return portions(query, rows, func(query string, args []any) (err error) {
		got, err := t.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, got.Close()) }()
		for got.Next() {
			if err := each(got); err != nil {
				return err
			}
		}
		return t.db.driver.Classify(got.Err())
	})
}

// portions calls f with statements that write all rows. There are few sizes of them,
// so that they stay prepared.
func portions(query string, rows [][]any, f func(query string, args []any) error) error {
	for portion := maxPortion; portion > 0; portion /= 2 {
		for len(rows) >= portion {
			args := make([]any, 0, portion*len(rows[0]))
			for _, row := range rows[:portion] {
				args = append(args, row...)
			}
			if err := f(insertMany(query, portion), args); err != nil {
				return err
			}
			rows = rows[portion:]
		}
	}
	return nil
}

// insertMany returns the query for n rows.
func insertMany(query string, n int) string {
	at := strings.Index(query, "VALUES (") + len("VALUES ")
	end := at + strings.IndexByte(query[at:], ')') + 1
	row, tail := query[at:end], query[end:]
	values := strings.Count(row, "$") - 1
	var b strings.Builder
	b.WriteString(query[:end])
	for i := 1; i < n; i++ {
		b.WriteString(", ")
		shift(&b, row, i*values)
	}
	b.WriteString(tail)
	return b.String()
}

// shift writes the values of a row with all placeholders but the first one moved on.
func shift(b *strings.Builder, row string, by int) {
	head, rest, _ := strings.Cut(row, "$")
	b.WriteString(head)
	for p := range strings.SplitSeq(rest, "$") {
		text := strings.TrimLeft(p, "0123456789")
		k, _ := strconv.Atoi(p[:len(p)-len(text)]) // SQL of the house is well-formed
		if k > 1 {
			k += by
		}
		b.WriteString("$" + strconv.Itoa(k) + text)
	}
}
