package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/mattn/go-sqlite3"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
)

// Open opens the control database at path and makes it where it is missing.
// The key is 256 random bits. It fails where the library cannot encrypt or the
// file is not durable as [DB] promises, with kind Damaged where the key is
// wrong or the file is not ours.
func Open(ctx context.Context, path string, key secret.Key) (_ *DB, err error) {
	defer fault.Wrap(&err, "control database")
	if err := private(path); err != nil {
		return nil, err
	}
	write := open(path, key, "&_synchronous=FULL&_txlock=immediate")
	write.SetMaxOpenConns(1)
	read := open(path, key, "&_synchronous=FULL&_query_only=true")
	read.SetMaxOpenConns(readers())
	read.SetMaxIdleConns(readers())
	d := &DB{write: write, read: read, prepared: make(map[string]*sql.Stmt), wanted: make(map[string]bool)}
	// The writer first: it makes the file and its WAL.
	for _, c := range []*sql.DB{write, read} {
		if err := check(ctx, c, true); err != nil {
			return nil, errors.Join(classify(err), d.Close())
		}
	}
	return d, nil
}

// OpenProjection opens a file that can be lost and made again: encrypted like
// the control database, but with synchronous=NORMAL. The caller closes it.
func OpenProjection(ctx context.Context, path string, key secret.Key) (_ *sql.DB, err error) {
	defer fault.Wrap(&err, "projection")
	if err := private(path); err != nil {
		return nil, err
	}
	c := open(path, key, "&_synchronous=NORMAL&_txlock=immediate")
	c.SetMaxOpenConns(1)
	if err := check(ctx, c, false); err != nil {
		return nil, errors.Join(classify(err), c.Close())
	}
	return c, nil
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

// open returns connections to an encrypted file. The key must stand in the
// address, because the driver sets its pragmas before a connect hook could; the
// address is therefore a secret and stays in the closure.
func open(path string, key secret.Key, options string) *sql.DB {
	return sql.OpenDB(connector{dial: func() (driver.Conn, error) {
		var b strings.Builder
		b.WriteString("file:")
		b.WriteString((&url.URL{Path: path}).EscapedPath())
		b.WriteString("?_journal_mode=WAL&_secure_delete=ON&_busy_timeout=10000&_foreign_keys=ON&cipher=chacha20&key=raw:")
		key.Use(func(k []byte) { b.WriteString(hex.EncodeToString(k)) })
		b.WriteString(options)
		return (&sqlite3.SQLiteDriver{}).Open(b.String())
	}})
}
