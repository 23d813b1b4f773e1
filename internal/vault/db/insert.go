package db

import (
	"context"
	"strconv"
	"strings"
)

// maxPortion is how many rows one statement of [Tx.Insert] writes at most.
const maxPortion = 32

// Insert writes rows with few statements. query inserts one row and ends with its
// values, "VALUES ($1, $2, …)"; $1 is the tenant, the values of each row follow.
// What comes out is what one [Tx.Exec] for each row would write.
func (t *Tx) Insert(ctx context.Context, query string, rows [][]any) error {
	for portion := maxPortion; portion > 0; portion /= 2 {
		for len(rows) >= portion {
			args := make([]any, 0, portion*len(rows[0]))
			for _, row := range rows[:portion] {
				args = append(args, row...)
			}
			if _, err := t.Exec(ctx, insertMany(query, portion, len(rows[0])), args...); err != nil {
				return err
			}
			rows = rows[portion:]
		}
	}
	return nil
}

// insertMany returns the query for n rows of so many values beside the tenant.
func insertMany(query string, n, values int) string {
	var b strings.Builder
	b.WriteString(query)
	next := values + 2
	for range n - 1 {
		b.WriteString(", ($1")
		for range values {
			b.WriteString(", $" + strconv.Itoa(next))
			next++
		}
		b.WriteByte(')')
	}
	return b.String()
}
