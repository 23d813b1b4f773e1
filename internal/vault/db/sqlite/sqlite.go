package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/db"
)

// Open opens the control database at path and makes it where it is missing.
// The key is 256 random bits. It fails where the library cannot encrypt or the
// file is not durable as [db.DB] promises, with kind Damaged where the key is
// wrong or the file is not ours.
func Open(ctx context.Context, path string, key secret.Key) (_ *db.DB, err error) {
	defer fault.Wrap(&err, "control database")
	d, err := connect(ctx, path, key)
	if err != nil {
		return nil, err
	}
	return db.New(d), nil
}

// connect opens the connections of a control database.
func connect(ctx context.Context, path string, key secret.Key) (d db.Driver, err error) {
	if err := private(path); err != nil {
		return d, err
	}
	write := open(path, key, "&_synchronous=FULL&_txlock=immediate", writing)
	write.SetMaxOpenConns(1)
	read, inside := reading(path, key), reading(path, key)
	d = db.Driver{Dialect: goose.DialectSQLite3, Write: write, Read: read, Inside: inside, Classify: classify}
	// The writer first: it makes the file and its WAL.
	for _, c := range []*sql.DB{write, read, inside} {
		if err := check(ctx, c, true); err != nil {
			return d, errors.Join(classify(err), write.Close(), read.Close(), inside.Close())
		}
	}
	return d, nil
}

// What a connection is told first.
const (
	walMode = "PRAGMA journal_mode = WAL"
	// writing is for the connection that writes the control database. Most of what a
	// commit changes are pages of indexes by random ids, several for each message, and
	// each is encrypted and written as a whole: a new file gets small ones (one that is
	// there keeps what it has). Pages that are changed again before the WAL is written
	// back are written back once, so that is done after 16 MiB; the cache, 16 MiB too,
	// keeps the inner pages of those indexes from being read and decrypted again.
	writing = "PRAGMA page_size = 2048; " + walMode + "; PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -16384"
)

// reading returns connections that cannot change the file.
func reading(path string, key secret.Key) *sql.DB {
	c := open(path, key, "&_synchronous=FULL&_query_only=true", walMode)
	n := max(4, 2*runtime.GOMAXPROCS(0))
	c.SetMaxOpenConns(n)
	c.SetMaxIdleConns(n)
	return c
}

// private makes a missing file, for its owner only: SQLite would let others
// read it, and gives WAL and index the rights of the file.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// open returns connections to an encrypted file, each of which has run first before
// it is used. The key must stand in the address, because the driver sets its
// pragmas before a connect hook could; the address is therefore a secret and stays
// in the closure. Statements are kept prepared, which is most of the cost of a
// small query.
func open(path string, key secret.Key, options, first string) *sql.DB {
	return sql.OpenDB(connector{dial: func() (driver.Conn, error) {
		var b strings.Builder
		b.WriteString("file:")
		b.WriteString((&url.URL{Path: path}).EscapedPath())
		b.WriteString("?_secure_delete=ON&_busy_timeout=10000&_foreign_keys=ON&_stmt_cache_size=128&cipher=chacha20&key=raw:")
		key.Use(func(k []byte) { b.WriteString(hex.EncodeToString(k)) })
		b.WriteString(options)
		opened, err := (&sqlite3.SQLiteDriver{}).Open(b.String())
		if err != nil {
			return nil, err
		}
		c, ok := opened.(*sqlite3.SQLiteConn)
		if !ok {
			return opened, nil // which the connector refuses
		}
		if _, err := c.Exec(first, nil); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return c, nil
	}})
}

// classify gives an error of the driver a kind. Errors that have one keep it.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
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

// check asks a connection whether it is what we promise.
func check(ctx context.Context, c *sql.DB, durable bool) error {
	var version string
	err := c.QueryRowContext(ctx, "SELECT sqlite3mc_version()").Scan(&version)
	var f *fault.Error
	if errors.As(err, &f) {
		return err // the file does not open; that is something else
	}
	if err != nil {
		return fmt.Errorf("sqlite: this program was linked against a SQLite without encryption, refusing to write plaintext (build with make build): %w", err)
	}
	var mode string
	if err := c.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("sqlite: journal mode is %s, must be wal", mode)
	}
	var sync, secure int
	if err := c.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if durable && sync < 2 {
		return fmt.Errorf("sqlite: synchronous is %d, must be FULL (2): a power cut would lose acknowledged mail", sync)
	}
	if err := c.QueryRowContext(ctx, "PRAGMA secure_delete").Scan(&secure); err != nil {
		return err
	}
	if secure != 1 {
		return errors.New("sqlite: secure_delete is off")
	}
	return nil
}
