package ledger

import (
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic("ledger: " + err.Error()) // the folder is compiled in
	}
	return sub
}

// Names of the logs.
const (
	Message  = "message"  // of each tenant
	Audit    = "audit"    // of each tenant
	Instance = "instance" // of the instance
)

// Ledger appends to logs and proves from them. Use it from many goroutines.
type Ledger struct {
	instance string
	now      func() time.Time
}

// New returns a ledger. instance is the name fixed at init; origins begin with
// it.
func New(instance string, now func() time.Time) *Ledger {
	return &Ledger{instance: instance, now: now}
}

// Create starts a log of a tenant. It fails with kind Conflict where the tenant
// has one of that name.
func (l *Ledger) Create(ctx context.Context, tx *db.Tx, name string) error {
	origin := fmt.Sprintf("%s/%s/1", l.instance, mail.NewID())
	_, err := tx.Exec(ctx, `INSERT INTO ledger_log (tenant, name, origin, size, edge, changed) VALUES ($1, $2, $3, 0, $4, 0)`,
		name, origin, []byte{})
	return err
}

// Append adds leaves to one of the tenant's logs inside the transaction of what
// they prove, and returns the index of the first. It takes the log's lock until
// the transaction ends, so it comes last, and the message log before the audit
// log.
func (l *Ledger) Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (first int64, err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	var raw []byte
	// The update is there for the row's lock.
	err = tx.QueryRow(ctx, `UPDATE ledger_log SET tenant = $1, changed = CASE WHEN changed = 0 THEN $2 ELSE changed END
		WHERE tenant = $1 AND name = $3 RETURNING size, edge`, mail.Micros(l.now()), log).Scan(&first, &raw)
	if err != nil {
		return 0, err
	}
	edge, err := parseEdge(raw)
	if err != nil {
		return 0, err
	}
	size := first
	for _, leaf := range leaves {
		data := entry.LeafData(leaf.Entry, leaf.Sealed)
		_, err := tx.Exec(ctx, `INSERT INTO ledger_entry (tenant, log, idx, leaf, sealed, text) VALUES ($1, $2, $3, $4, $5, $6)`,
			log, size, data[:], leaf.Sealed[:], leaf.Entry)
		if err != nil {
			return 0, err
		}
		size++
		for _, t := range edge.add(size, tlog.RecordHash(data[:])) {
			_, err := tx.Exec(ctx, `INSERT INTO ledger_tile (tenant, log, level, idx, data) VALUES ($1, $2, $3, $4, $5)`,
				log, t.level, t.index, t.data)
			if err != nil {
				return 0, err
			}
		}
	}
	_, err = tx.Exec(ctx, `UPDATE ledger_log SET tenant = $1, size = $2, edge = $3 WHERE tenant = $1 AND name = $4`, size, edge.bytes(), log)
	return first, err
}

// Has fails with kind Damaged where the log's leaf at that index is not data.
func (l *Ledger) Has(ctx context.Context, t db.Tenant, log string, index int64, data entry.Hash) error {
	var leaf []byte
	err := t.QueryRow(ctx, `SELECT leaf FROM ledger_entry WHERE tenant = $1 AND log = $2 AND idx = $3`, log, index).Scan(&leaf)
	if errors.Is(err, db.ErrNoRows) || (err == nil && string(leaf) != string(data[:])) {
		return fault.Newf(fault.Damaged, "entry %d of the %s log is not what it should be", index, log)
	}
	return err
}

const tileWidth = 256 // hashes in a full tile (C2SP tlog-tiles)

// edge is the partial tiles at the right of a log: the roots of the perfect
// subtrees that no full tile holds yet. Level i has subtrees of 256^i leaves.
type edge struct {
	levels [][]tlog.Hash
}

// tile is a full tile that an added leaf completed.
type tile struct {
	level int
	index int64
	data  []byte
}

// add takes the hash of a leaf, after which the log has size leaves, and
// returns the tiles that it completes.
func (e *edge) add(size int64, h tlog.Hash) (full []tile) {
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, nil)
		}
		e.levels[level] = append(e.levels[level], h)
		if len(e.levels[level]) < tileWidth {
			return full
		}
		data := make([]byte, 0, tileWidth*tlog.HashSize)
		for _, x := range e.levels[level] {
			data = append(data, x[:]...)
		}
		full = append(full, tile{level, size>>(8*(level+1)) - 1, data})
		h = perfect(e.levels[level])
		e.levels[level] = nil
	}
}

// perfect returns the root over a power of two of hashes.
func perfect(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(perfect(hashes[:half]), perfect(hashes[half:]))
}

// bytes encodes the edge: per level a 16-bit count and the hashes.
func (e *edge) bytes() []byte {
	var out []byte
	for _, level := range e.levels {
		out = binary.BigEndian.AppendUint16(out, uint16(len(level)))
		for _, h := range level {
			out = append(out, h[:]...)
		}
	}
	return out
}

func parseEdge(b []byte) (edge, error) {
	var e edge
	for len(b) > 0 {
		if len(b) < 2 {
			return e, errEdge()
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n >= tileWidth || len(b) < n*tlog.HashSize || len(e.levels) == 8 {
			return e, errEdge()
		}
		var level []tlog.Hash
		for range n {
			level = append(level, tlog.Hash(b[:tlog.HashSize]))
			b = b[tlog.HashSize:]
		}
		e.levels = append(e.levels, level)
	}
	return e, nil
}

func errEdge() error { return fault.New(fault.Damaged, "the edge of a log is malformed") }
