package db

import (
	"context"
	"database/sql"

	"siegel/internal/mail"
)

// Tenant is a chroot: every query it runs has the tenant's id as $1. It may be
// used from many goroutines.
type Tenant struct {
	db     *DB
	id     mail.TenantID
	inside bool // a transaction is open above
}

// ID returns the tenant's id.
func (t Tenant) ID() mail.TenantID { return t.id }

// Query reads rows outside a transaction; $1 is the tenant, args follow.
func (t Tenant) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := t.readers().QueryContext(ctx, query, prepend(t.id, args)...)
	return rows, t.db.driver.Classify(err)
}

func (t Tenant) readers() *sql.DB {
	if t.inside {
		return t.db.driver.Inside
	}
	return t.db.driver.Read
}

// QueryRow reads one row outside a transaction; $1 is the tenant, args follow.
func (t Tenant) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return t.readers().QueryRowContext(ctx, query, prepend(t.id, args)...)
}

// Update runs f in a transaction of this tenant alone; see [DB.Update].
func (t Tenant) Update(ctx context.Context, f func(*Tx) error) error {
	return t.db.Update(ctx, func(b *Batch) error { return f(b.Tenant(t.id)) })
}

// Claim does what Update does, also while the database is not known to be the one
// that counts: for the rows by which that is found out.
func (t Tenant) Claim(ctx context.Context, f func(*Tx) error) error {
	return t.db.claim(ctx, func(b *Batch) error { return f(b.Tenant(t.id)) })
}

// View runs f on one consistent state of the rows.
func (t Tenant) View(ctx context.Context, f func(*Tx) error) error {
	tx, err := t.readers().BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return t.db.driver.Classify(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return t.db.driver.Classify(f(&Tx{db: t.db, tx: tx, id: t.id}))
}

// Tx is a transaction bound to one tenant. It belongs to one goroutine.
type Tx struct {
	db    *DB
	tx    *sql.Tx
	id    mail.TenantID
	batch *Batch // nil in a View
}

// ID returns the tenant's id.
func (t *Tx) ID() mail.TenantID { return t.id }

// Committed returns the tenant's handle outside the transaction: it reads what
// was committed before and nothing of what the transaction wrote.
func (t *Tx) Committed() Tenant { return Tenant{db: t.db, id: t.id, inside: true} }

// Exec changes rows; $1 is the tenant, args follow.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.turn(ctx)
	res, err := t.tx.ExecContext(ctx, query, prepend(t.id, args)...)
	return res, t.db.driver.Classify(err)
}

// Query reads rows; $1 is the tenant, args follow.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.turn(ctx)
	rows, err := t.tx.QueryContext(ctx, query, prepend(t.id, args)...)
	return rows, t.db.driver.Classify(err)
}

// QueryRow reads one row; $1 is the tenant, args follow.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	t.turn(ctx)
	return t.tx.QueryRowContext(ctx, query, prepend(t.id, args)...)
}

// turn waits for the tenant's turn, where others may write.
func (t *Tx) turn(ctx context.Context) {
	if t.batch != nil {
		t.batch.turn(ctx, t.id)
	}
}

func prepend(id mail.TenantID, args []any) []any {
	all := make([]any, 0, len(args)+1)
	return append(append(all, id.Bytes()), args...)
}
