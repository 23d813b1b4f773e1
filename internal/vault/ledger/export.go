package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// Entry is an entry of a log as the database has it.
type Entry = layout.Entry

// page is how many entries are read at a time.
const page = 1024

// Entries yields the entries of a log from an index on, in order, as they
// stand: whether they are what was entered is [Ledger.Verify]'s. A gap ends
// with an error of kind Damaged that names the index.
func (l *Ledger) Entries(ctx context.Context, t db.Tenant, log string, from int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for limit := 1; ; limit = page { // who asks for one gets one
			list, err := readPage(ctx, t, log, from, limit)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range list {
				if e.Index != from {
					yield(Entry{}, fault.Newf(fault.Damaged, "entry %d of the %s log is missing", from, fault.Word(log)))
					return
				}
				if !yield(e, nil) {
					return
				}
				from++
			}
			if len(list) < limit {
				return
			}
		}
	}
}

// Entry returns the text of one entry and the SHA-256 of the sealed octets that
// it speaks of, as they stand. It fails with kind NotFound behind the end of the
// log and with kind Damaged for an entry that is missing before it.
func (l *Ledger) Entry(ctx context.Context, t db.Tenant, log string, index int64) (text []byte, sealed entry.Hash, err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	for e, err := range l.Entries(ctx, t, log, index) {
		return e.Text, e.Sealed, err
	}
	return nil, sealed, fault.Newf(fault.NotFound, "the %s log has no entry %d", log, index)
}

func readPage(ctx context.Context, t db.Tenant, log string, from int64, limit int) (list []Entry, err error) {
	rows, err := t.Query(ctx, `SELECT idx, text, sealed, leaf FROM ledger_entry WHERE tenant = $1 AND log = $2 AND idx >= $3 ORDER BY idx LIMIT $4`,
		log, from, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e Entry
		var sealed, leaf []byte
		if err := rows.Scan(&e.Index, &e.Text, &sealed, &leaf); err != nil {
			return nil, err
		}
		if len(sealed) != len(entry.Hash{}) || len(leaf) != len(entry.Hash{}) {
			return nil, fault.Newf(fault.Damaged, "entry %d of the %s log is not what it should be", e.Index, log)
		}
		e.Sealed, e.Leaf = entry.Hash(sealed), entry.Hash(leaf)
		list = append(list, e)
	}
	return list, rows.Err()
}

// Export writes the signed part of a tenant's logs, or of the instance's, as
// files below dir, which it creates: a folder per log and the public key
// (docs/formats/ledger.md). Logs that were never signed are left out. It fails
// with kind Damaged where entries do not have the root that was signed. The
// files are not synced: an export can be made again.
func (l *Ledger) Export(ctx context.Context, t db.Tenant, key checkpoint.Key, dir string) (err error) {
	defer fault.Wrap(&err, "export")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, layout.FileKey), []byte(key.String()+"\n"), 0o644); err != nil {
		return err
	}
	for _, log := range logs(t.ID()) {
		notes, err := checkpoints(ctx, t, log)
		if err != nil {
			return err
		}
		if len(notes) == 0 {
			continue
		}
		x := exporter{dir: filepath.Join(dir, log)}
		if err := x.log(exported{l.Entries(ctx, t, log, 0), notes, key}); err != nil {
			return err
		}
	}
	return nil
}

// checkpoints returns the signed checkpoints of a log, smallest first.
func checkpoints(ctx context.Context, t db.Tenant, log string) (notes [][]byte, err error) {
	rows, err := t.Query(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 ORDER BY size`, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var note []byte
		if err := rows.Scan(&note); err != nil {
			return nil, err
		}
		notes = append(notes, note)
	}
	return notes, rows.Err()
}

// exporter writes one log.
type exporter struct {
	dir           string
	edge          checkpoint.Edge
	leaves, texts []byte // of the bundle at work
}

// exported is what one log is exported from.
type exported struct {
	entries iter.Seq2[Entry, error]
	notes   [][]byte // smallest first
	key     checkpoint.Key
}

func (x *exporter) log(e exported) error {
	var newest checkpoint.Signed
	for _, note := range e.notes {
		c, err := checkpoint.OpenLog(note, e.key)
		if err != nil {
			return fault.Because(fault.Damaged, "a checkpoint in the database is not the one that was signed", err)
		}
		if err := x.write(layout.DirCheckpoints+"/"+strconv.FormatInt(c.Size, 10), note); err != nil {
			return err
		}
		newest = c
	}
	n := int64(0)
	for one, err := range e.entries {
		if err != nil {
			return err
		}
		if n == newest.Size {
			break
		}
		n++
		if err := x.entry(one, n); err != nil {
			return err
		}
	}
	if n != newest.Size || x.edge.Root() != newest.Root {
		return fault.Because(fault.Damaged, "a log is not what was signed: verify the ledger", fmt.Errorf("root at size %d", newest.Size))
	}
	if err := errors.Join(x.bundle(n), x.tiles(x.edge.Partial(n))); err != nil {
		return err
	}
	return x.write(layout.FileCheckpoint, e.notes[len(e.notes)-1])
}

// entry adds one, after which the log has size entries.
func (x *exporter) entry(e Entry, size int64) error {
	x.leaves, x.texts = layout.AppendLeaf(x.leaves, e), layout.AppendText(x.texts, e)
	if err := x.tiles(x.edge.Add(size, entry.RecordHash(e.Leaf))); err != nil {
		return err
	}
	if size%checkpoint.TileWidth == 0 {
		return x.bundle(size)
	}
	return nil
}

// bundle writes the entries up to size that are not written yet.
func (x *exporter) bundle(size int64) error {
	if len(x.leaves) == 0 {
		return nil
	}
	index, width := (size-1)/checkpoint.TileWidth, int((size-1)%checkpoint.TileWidth+1)
	err := errors.Join(
		x.write(checkpoint.TilePath(layout.KindEntries, index, width), x.leaves),
		x.write(checkpoint.TilePath(layout.KindTexts, index, width), x.texts))
	x.leaves, x.texts = nil, nil
	return err
}

func (x *exporter) tiles(list []checkpoint.Tile) error {
	for _, t := range list {
		if err := x.write(t.Path(), t.Data); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) write(name string, b []byte) error {
	path := filepath.Join(x.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
