package ledger

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/joint"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger/signing"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Names of the logs.
const (
	Message  = "message"  // of each tenant
	Audit    = "audit"    // of each tenant
	Instance = "instance" // of the instance
)

// Config is what a ledger works with.
type Config struct {
	Instance string // its name, fixed at init; origins begin with it
	Now      func() time.Time
	Signer   *signing.Signer // of the instance: what is signed with its key is believed
	Guard    blob.Register   // where the last signed checkpoints lie
	MAC      MAC
}

// MAC authenticates octets under the instance's key for entries: master.Key.
type MAC interface {
	EntryMAC(b []byte) [32]byte
}

// Ledger appends to logs and proves from them. Use it from many goroutines.
type Ledger struct {
	instance string
	now      func() time.Time
	signer   *signing.Signer
	guard    guard
	mac      MAC

	sizes joint.Asking[sizeOf, int64]

	mu         sync.Mutex
	heads      map[logName]*head       // guarded by mu
	quarantine map[mail.TenantID]error // why tenants are shut; guarded by mu
}

// New returns a ledger.
func New(c Config) *Ledger {
	return &Ledger{
		instance: c.Instance, now: c.Now, signer: c.Signer, guard: guard{key: c.Signer.Key(), store: c.Guard}, mac: c.MAC,
		heads: make(map[logName]*head), quarantine: make(map[mail.TenantID]error),
	}
}

// Create starts a log of a tenant. It fails with kind Conflict where the tenant
// has one of that name. A signed checkpoint of no entries lies in the object store
// when it returns, before the transaction can be committed: so a log without one
// is damaged, always. One without a log, of a transaction that did not come, does
// no harm.
func (l *Ledger) Create(ctx context.Context, tx *db.Tx, name string) (err error) {
	defer fault.Wrap(&err, "create the %s log", name)
	c := checkpoint.Checkpoint{Origin: fmt.Sprintf("%s/%s/1", l.instance, mail.NewID()), Root: sha256.Sum256(nil)}
	_, err = tx.Exec(ctx, `INSERT INTO ledger_log (tenant, name, origin, size, edge, changed) VALUES ($1, $2, $3, 0, $4, 0)`,
		name, c.Origin, []byte{})
	if err != nil {
		return err
	}
	note, err := l.signer.Checkpoint(c)
	if err != nil {
		return err
	}
	return l.guard.begin(ctx, tx.ID(), name, note)
}

// Append adds leaves to one of the tenant's logs inside the transaction of what
// they prove, and returns the index of the first. It takes the log's lock until
// the transaction ends, so it comes last, and the message log before the audit
// log.
func (l *Ledger) Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (first int64, err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	if err := l.Shut(tx.ID()); err != nil {
		return 0, err
	}
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
	entries := make([][]any, len(leaves))
	var tiles [][]any
	for i, leaf := range leaves {
		data := entry.LeafData(leaf.Entry, leaf.Sealed)
		mac := l.entryMAC(logName{tx.ID(), log}, size, data)
		entries[i] = []any{log, size, data[:], leaf.Sealed[:], leaf.Entry, mac[:]}
		size++
		for _, t := range edge.Add(size, tlog.RecordHash(data[:])) {
			tiles = append(tiles, []any{log, t.Level, t.Index, t.Data})
		}
	}
	err = tx.Insert(ctx, `INSERT INTO ledger_entry (tenant, log, idx, leaf, sealed, text, mac) VALUES ($1, $2, $3, $4, $5, $6, $7)`, entries)
	if err != nil {
		return 0, err
	}
	err = tx.Insert(ctx, `INSERT INTO ledger_tile (tenant, log, level, idx, data) VALUES ($1, $2, $3, $4, $5)`, tiles)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `UPDATE ledger_log SET tenant = $1, size = $2, edge = $3 WHERE tenant = $1 AND name = $4`, size, edge.Bytes(), log)
	return first, err
}

// entryMAC says that this instance entered a leaf at that index.
func (l *Ledger) entryMAC(n logName, index int64, leaf entry.Hash) [32]byte {
	return l.mac.EntryMAC(tuple.Make("siegel/v1 ledger entry", n.tenant[:], []byte(n.log), tuple.Uint64(uint64(index)), leaf[:]))
}

// Ensure starts a log of a tenant where it is missing. The instance's log is
// made so at the start of a server; that a log was lost is found by
// [Checkpointer.Check].
func (l *Ledger) Ensure(ctx context.Context, t db.Tenant, name string) error {
	return t.Update(ctx, func(tx *db.Tx) error {
		var one int
		err := tx.QueryRow(ctx, `SELECT 1 FROM ledger_log WHERE tenant = $1 AND name = $2`, name).Scan(&one)
		if errors.Is(err, db.ErrNoRows) {
			return l.Create(ctx, tx, name)
		}
		return err
	})
}

// parseEdge reads the edge of a row.
func parseEdge(raw []byte) (checkpoint.Edge, error) {
	e, err := checkpoint.ParseEdge(raw)
	return e, fault.Because(fault.Damaged, "the edge of a log is malformed", err)
}
