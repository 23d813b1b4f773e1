package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
)

// Projection is a file that can be lost and made again: encrypted like the control
// database, but with synchronous=NORMAL. Use it from many goroutines.
type Projection struct {
	// Write is one connection.
	Write *sql.DB
	// Read are connections that cannot change the file and do not wait for Write.
	// They are opened when they are needed, so they can be used once Write has made
	// the file.
	Read *sql.DB

	key secret.Key // of connections that are opened later
}

// What the connections of a projection are told first. Of what was changed a
// caught-up batch writes most pages once, so the WAL is written back after 16 MiB;
// there are readers for each of a holder's months, so each has a cache that holds what
// searches of frequent words come back to, and no more.
const (
	projecting = useSpellings + "; PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; " + walMode + "; PRAGMA wal_autocheckpoint = 1000; PRAGMA cache_size = -8192"
	projected  = useSpellings + "; " + walMode + "; PRAGMA cache_size = -4096"
)

// OpenProjection opens the file at path and makes it where it is missing. The key
// stays the caller's. It fails with kind Damaged where the key is wrong or the file
// is not ours. Close wipes what was kept of the key.
func OpenProjection(ctx context.Context, path string, key secret.Key) (_ *Projection, err error) {
	defer fault.Wrap(&err, "projection")
	if err := errors.Join(offerSpellings(), private(path)); err != nil {
		return nil, err
	}
	p := &Projection{key: key.Copy()}
	p.Write = open(path, p.key, "&_synchronous=NORMAL&_txlock=immediate", projecting)
	p.Write.SetMaxOpenConns(1)
	p.Write.SetConnMaxIdleTime(10 * time.Second) // it is needed to catch up, and its cache is large
	p.Read = open(path, p.key, "&_synchronous=NORMAL&_query_only=true&mode=rw", projected)
	n := max(2, runtime.GOMAXPROCS(0))
	p.Read.SetMaxOpenConns(n)
	p.Read.SetMaxIdleConns(n)
	if err := check(ctx, p.Write, false); err != nil {
		return nil, errors.Join(classify(err), p.Close())
	}
	return p, nil
}

// Close waits for what is being asked and closes every connection.
func (p *Projection) Close() error {
	err := errors.Join(p.Read.Close(), p.Write.Close())
	p.key.Wipe()
	return err
}
