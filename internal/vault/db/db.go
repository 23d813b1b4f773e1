package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// ErrNoRows is what a QueryRow's Scan returns where nothing was found.
var ErrNoRows = sql.ErrNoRows

// Driver is one of the two databases: sqlite or postgres, which open it. Both keep
// statements prepared: SQL of the house is constant text.
type Driver struct {
	Dialect goose.Dialect
	Write   *sql.DB // transactions that change rows
	Read    *sql.DB // everything else; cannot change rows
	// Inside are the connections for reading while a transaction is open: apart
	// from Read, or readers who wait for a writer would keep him from reading.
	Inside *sql.DB
	// Classify gives an error of the driver a kind. Errors that have one keep it.
	Classify func(error) error
	// Turn is a statement that waits until no other transaction writes rows of
	// the tenant whose number is $1. Empty where there is one writer anyway.
	Turn string
	// Barrier is a statement by which a transaction writes something, so that its commit
	// waits for all before it. Empty where a row that can be read is durable.
	Barrier string
	// Alone is a statement that waits until no other transaction has taken the two
	// numbers that it is given. Empty where there is one process anyway.
	Alone string
	// Options are of the migrations.
	Options []goose.ProviderOption
}

// DB is the control database. Its methods may be called from many goroutines;
// writers of one tenant take turns, so that what a transaction read of the tenant's
// rows holds until it ends.
type DB struct {
	driver Driver // set once by New

	admit atomic.Pointer[func() (int64, error)] // nil: nobody has to be asked
}

// New returns the control database of an open driver.
func New(d Driver) *DB { return &DB{driver: d} }

// Close ends all connections. Transactions in progress fail.
func (d *DB) Close() error {
	return errors.Join(d.driver.Write.Close(), d.driver.Read.Close(), d.driver.Inside.Close())
}

// Migrate brings the tables of one package up to date. files has a
// folder migrations as goose wants it. Migrations only go forward.
func (d *DB) Migrate(ctx context.Context, pkg string, files fs.FS) (err error) {
	defer fault.Wrap(&err, "db: tables of %s", pkg)
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	options := append([]goose.ProviderOption{goose.WithTableName(pkg + "_migration"), goose.WithDisableGlobalRegistry(true)}, d.driver.Options...)
	p, err := goose.NewProvider(d.driver.Dialect, d.driver.Write, folder, options...)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return d.driver.Classify(err)
}

// Instance returns the handle for what belongs to no tenant.
func (d *DB) Instance() Tenant { return d.Tenant(mail.TenantID{}) }

// Tenant returns the handle of one tenant. It does not look whether the tenant
// exists.
func (d *DB) Tenant(id mail.TenantID) Tenant { return Tenant{db: d, id: id} }

// Update runs f in one transaction that may touch several tenants, each through
// its own handle. When it returns nil the changes are durable. When it returns
// an error that Is [ErrUnknown], they may be or not; otherwise they are not
// there. f may be run again by a caller and must not have other effects.
//
// Nothing is written, and nothing that was written is said to be durable, while
// the database is not known to be the one that counts ([DB.Admit]).
func (d *DB) Update(ctx context.Context, f func(*Batch) error) error {
	before, err := d.admitted()
	if err != nil {
		return err
	}
	if err := d.claim(ctx, f); err != nil {
		return err
	}
	after, err := d.admitted()
	if err == nil && after != before {
		// It was written somewhere between the two, and may be where nothing counts.
		err = fault.New(fault.Busy, "another control database counts since the transaction began; try again")
	}
	if err != nil {
		return errors.Join(ErrUnknown, err)
	}
	return nil
}

// Admit sets who is asked before and after each transaction that writes: where it
// fails, the database may have been left behind by a promotion, and nothing that
// is written there counts. It returns a number that changes whenever connections may
// have gone to another server meanwhile: a transaction counts where it is the same
// before and after.
func (d *DB) Admit(f func() (int64, error)) { d.admit.Store(&f) }

// Admitted fails where the database is not known to be the one that counts.
func (d *DB) Admitted() error {
	_, err := d.admitted()
	return err
}

func (d *DB) admitted() (int64, error) {
	if f := d.admit.Load(); f != nil {
		return (*f)()
	}
	return 0, nil
}

// Barrier returns nil when everything that could be read before the call is durable,
// also on the standby for which commits wait. With one writer that is always so.
func (d *DB) Barrier(ctx context.Context) error {
	if d.driver.Barrier == "" {
		return d.Admitted()
	}
	return d.Update(ctx, func(b *Batch) error {
		_, err := b.tx.ExecContext(ctx, d.driver.Barrier)
		return err
	})
}

// holdEvery is how often who is alone says that he is still there: a database ends
// transactions that are silent for long.
const holdEvery = 3 * time.Second

// Alone calls f while no other process of the instance does for the same thing. f
// uses connections of its own, and its ctx ends, with kind Busy, when it is not sure any
// more to be alone.
func (d *DB) Alone(ctx context.Context, what string, f func(context.Context) error) error {
	if d.driver.Alone == "" {
		return f(ctx)
	}
	tx, err := d.driver.Write.BeginTx(ctx, nil)
	if err != nil {
		return d.driver.Classify(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	h := sha256.Sum256([]byte(what))
	if _, err := tx.ExecContext(ctx, d.driver.Alone, int32(binary.BigEndian.Uint32(h[:])), int32(binary.BigEndian.Uint32(h[4:]))); err != nil {
		return d.driver.Classify(err)
	}
	own, lose := context.WithCancelCause(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		for {
			select {
			case <-own.Done():
				return
			case <-time.After(holdEvery):
			}
			if err := hold(ctx, tx); err != nil {
				lose(fault.Because(fault.Busy, "another node may be doing the same; try again", err))
			}
		}
	}()
	err = f(own)
	lost := context.Cause(own)
	lose(nil)
	<-held // the transaction is one goroutine's again
	if lost != nil && ctx.Err() == nil {
		return errors.Join(lost, err)
	}
	return err
}

// hold says in a transaction that it is still there. It is not broken off with f, or each
// time would cost a connection.
func hold(ctx context.Context, tx *sql.Tx) error {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), holdEvery)
	defer cancel()
	_, err := tx.ExecContext(own, `SELECT 1`)
	return err
}

// claim does what Update does and asks nobody.
func (d *DB) claim(ctx context.Context, f func(*Batch) error) error {
	tx, err := d.driver.Write.BeginTx(ctx, nil)
	if err != nil {
		return d.driver.Classify(err)
	}
	// Where f panics and somebody above recovers, the one connection that writes
	// must come back; after Commit and Rollback this does nothing.
	defer func() { _ = tx.Rollback() }()
	b := &Batch{db: d, tx: tx, turns: make(map[mail.TenantID]bool)}
	if err := f(b); err != nil {
		return errors.Join(b.lost, d.driver.Classify(err), d.driver.Classify(ignoreDone(tx.Rollback())))
	}
	if err := tx.Commit(); err != nil {
		return errors.Join(ErrUnknown, d.driver.Classify(err), d.driver.Classify(ignoreDone(tx.Rollback())))
	}
	return nil
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// ErrAlone says that a transaction was committed by one server of several and may
// not be on the others. It comes together with [ErrUnknown].
var ErrAlone = errors.New("db: committed by one server alone")

// ErrUnknown says that the answer to a commit got lost: look whether it is there
// before you tell anybody anything. Looking is not enough where a standby takes over: a
// row may be there and be lost with its server. What a transaction of one's own has
// written after it was found is durable, and so is what it found ([DB.Barrier]).
var ErrUnknown = errors.New("db: the outcome of the transaction is unknown")

// Batch is a transaction over several tenants. It belongs to one goroutine. Who
// needs several tenants' rows begins with the instance's and takes the tenants in
// the order of their ids, or two transactions could wait for each other.
type Batch struct {
	db    *DB
	tx    *sql.Tx
	turns map[mail.TenantID]bool // whose rows are ours to change
	lost  error                  // why a turn did not come
}

// Tenant returns the transaction bound to one tenant.
func (b *Batch) Tenant(id mail.TenantID) *Tx { return &Tx{db: b.db, tx: b.tx, id: id, batch: b} }

// turn waits until no other transaction changes the tenant's rows. An error
// leaves a transaction in which nothing works any more.
func (b *Batch) turn(ctx context.Context, id mail.TenantID) {
	if b.db.driver.Turn == "" || b.turns[id] || b.lost != nil {
		return
	}
	b.turns[id] = true
	_, err := b.tx.ExecContext(ctx, b.db.driver.Turn, number(id))
	b.lost = b.db.driver.Classify(err)
}

// number makes a tenant's id one that a lock can bear. Two tenants with the same
// one would only wait for each other.
func number(id mail.TenantID) int64 {
	return int64(binary.BigEndian.Uint64(id.Bytes()))
}
