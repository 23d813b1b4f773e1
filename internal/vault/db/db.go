package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// ErrNoRows is what a QueryRow's Scan returns where nothing was found.
var ErrNoRows = sql.ErrNoRows

// DB is the control database. Its methods may be called from many goroutines;
// writers take turns.
type DB struct {
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // on write, by query; guarded by mu
	wanted   map[string]bool      // seen and not yet prepared; guarded by mu
}

// Close ends all connections. Transactions in progress fail.
func (d *DB) Close() error {
	return errors.Join(d.write.Close(), d.read.Close())
}

// Migrate brings the tables of one package up to date. files has a
// folder migrations as goose wants it. Migrations only go forward.
func (d *DB) Migrate(ctx context.Context, pkg string, files fs.FS) (err error) {
	defer fault.Wrap(&err, "db: tables of %s", pkg)
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.write, folder,
		goose.WithTableName(pkg+"_migration"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
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
func (d *DB) Update(ctx context.Context, f func(*Batch) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	// Where f panics and somebody above recovers, the one connection that writes
	// must come back; after Commit and Rollback this does nothing.
	defer func() { _ = tx.Rollback() }()
	if err := f(&Batch{db: d, tx: tx}); err != nil {
		return errors.Join(classify(err), ignoreDone(tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return errors.Join(ErrUnknown, classify(err), ignoreDone(tx.Rollback()))
	}
	d.prepareWanted(ctx)
	return nil
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// ErrUnknown says that the answer to a commit got lost: look whether it is
// there before you tell anybody anything.
var ErrUnknown = errors.New("db: the outcome of the transaction is unknown")

// Batch is a transaction over several tenants. It belongs to one goroutine.
type Batch struct {
	db *DB
	tx *sql.Tx
}

// Tenant returns the transaction bound to one tenant.
func (b *Batch) Tenant(id mail.TenantID) *Tx { return &Tx{db: b.db, tx: b.tx, id: id, write: true} }

// stmt returns the prepared form of a query on the writer's connection. The
// first time a query is seen it only notes it: the transaction holds the one
// connection, so preparing has to wait until Update has ended.
func (d *DB) stmt(query string) *sql.Stmt {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.prepared[query]
	if s == nil && len(d.prepared)+len(d.wanted) < maxPrepared {
		d.wanted[query] = true
	}
	return s
}

// prepareWanted prepares what transactions asked for.
func (d *DB) prepareWanted(ctx context.Context) {
	d.mu.Lock()
	if len(d.wanted) == 0 {
		d.mu.Unlock()
		return
	}
	wanted := slices.Collect(maps.Keys(d.wanted))
	clear(d.wanted)
	d.mu.Unlock()
	for _, query := range wanted {
		s, err := d.write.PrepareContext(ctx, query)
		if err != nil {
			continue // the query itself will say what is wrong
		}
		d.mu.Lock()
		d.prepared[query], s = s, d.prepared[query]
		d.mu.Unlock()
		if s != nil {
			_ = s.Close() // two transactions wanted the same
		}
	}
}

// maxPrepared bounds the statements kept; all SQL of the house is constant
// text, so it is never reached.
const maxPrepared = 512

// classify gives an error of the driver a kind. Errors that have one keep it.
func classify(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == sqlite3.ErrFull, e.SystemErrno == syscall.ENOSPC, e.SystemErrno == syscall.EDQUOT, e.SystemErrno == syscall.EFBIG:
		return fault.Because(fault.Exhausted, "the disk of the control database is full", err)
	}
	switch e.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fault.Because(fault.Busy, "the control database is busy", err)
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrReadonly:
		return fault.Because(fault.Internal, "the control database cannot be written", err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return fault.Because(fault.Damaged, "the control database is damaged", err)
	case sqlite3.ErrConstraint:
		return fault.Because(fault.Conflict, "this exists already", err)
	default:
		return err
	}
}

// readers is the number of connections that read at a time.
func readers() int { return max(4, 2*runtime.GOMAXPROCS(0)) }

// check asks a connection whether it is what we promise.
func check(ctx context.Context, c *sql.DB, durable bool) error {
	var version string
	err := c.QueryRowContext(ctx, "SELECT sqlite3mc_version()").Scan(&version)
	var f *fault.Error
	if errors.As(err, &f) {
		return err // the file does not open; that is something else
	}
	if err != nil {
		return fmt.Errorf("db: this program was linked against a SQLite without encryption, refusing to write plaintext (build with make build): %w", err)
	}
	var mode string
	if err := c.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("db: journal mode is %s, must be wal", mode)
	}
	var sync, secure int
	if err := c.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if durable && sync < 2 {
		return fmt.Errorf("db: synchronous is %d, must be FULL (2): a power cut would lose acknowledged mail", sync)
	}
	if err := c.QueryRowContext(ctx, "PRAGMA secure_delete").Scan(&secure); err != nil {
		return err
	}
	if secure != 1 {
		return errors.New("db: secure_delete is off")
	}
	return nil
}
