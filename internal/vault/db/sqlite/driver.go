package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// The driver with kinds: whatever fails below, also while rows are read, comes
// up as a fault that says what a caller can do. So damage in a page is Damaged
// wherever it is met first.

// connector opens connections without anybody seeing the address.
type connector struct {
	dial func() (driver.Conn, error)
}

// Connect implements [driver.Connector].
func (c connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.dial()
	if err == nil {
		if s, ok := opened.(*sqlite3.SQLiteConn); ok {
			return conn{s}, nil
		}
		return nil, fmt.Errorf("sqlite: the driver gave a %T", opened)
	}
	var e sqlite3.Error
	if errors.As(err, &e) {
		return nil, classify(e) // code and SQLite's own words, never the address
	}
	return nil, fmt.Errorf("sqlite: open: %T", err)
}

// Driver implements [driver.Connector].
func (connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

type conn struct{ *sqlite3.SQLiteConn }

func (c conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.SQLiteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, classify(err)
	}
	prepared, ok := s.(*sqlite3.SQLiteStmt)
	if !ok {
		return s, nil
	}
	return stmt{prepared}, nil
}

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.SQLiteConn.ExecContext(ctx, query, args)
	return r, classify(err)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return classified(c.SQLiteConn.QueryContext(ctx, query, args))
}

func (c conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	t, err := c.SQLiteConn.BeginTx(ctx, o)
	return t, classify(err)
}

type stmt struct{ *sqlite3.SQLiteStmt }

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	r, err := s.SQLiteStmt.ExecContext(ctx, args)
	return r, classify(err)
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return classified(s.SQLiteStmt.QueryContext(ctx, args))
}

// rows classifies what goes wrong behind the first row.
type rows struct{ *sqlite3.SQLiteRows }

func classified(r driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, classify(err)
	}
	if read, ok := r.(*sqlite3.SQLiteRows); ok {
		return rows{read}, nil
	}
	return r, nil
}

func (r rows) Next(dest []driver.Value) error {
	err := r.SQLiteRows.Next(dest)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return classify(err)
}
