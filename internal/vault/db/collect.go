package db

import (
	"database/sql"
	"errors"
)

// Scanner is a row, or the one that a cursor stands on.
type Scanner interface{ Scan(dest ...any) error }

// Collect reads all rows and gives their connection back before anybody asks
// the next question: with a question inside an open cursor a few callers could
// hold all connections and wait for each other.
func Collect[T any](rows *sql.Rows, scan func(Scanner) (T, error)) (list []T, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}
