// Package export writes logs as files that a stranger can verify as a whole
// (docs/formats/ledger.md).
package export

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
	"siegel/internal/vault/ledger"
)

// Write writes the signed part of a tenant's logs, or of the instance's, as
// files below dir, which it creates: a folder per log and the public key
// (docs/formats/ledger.md). An earlier export there is taken away first; where
// anything else lies in dir it fails with kind Conflict and changes nothing. Logs
// that were never signed are left out, and their names returned. It fails with
// kind Damaged where entries do not have the root that was signed. The files are
// not synced: an export can be made again.
func Write(ctx context.Context, l *ledger.Ledger, t db.Tenant, key checkpoint.Key, dir string) (unsigned []string, err error) {
	defer fault.Wrap(&err, "export")
	if err := discard(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, layout.FileKey), []byte(key.String()+"\n"), 0o644); err != nil {
		return nil, err
	}
	for _, log := range ledger.Logs(t.ID()) {
		notes, err := ledger.Checkpoints(ctx, t, log)
		if err != nil {
			return nil, err
		}
		if len(notes) == 0 {
			unsigned = append(unsigned, log)
			continue
		}
		x := exporter{dir: filepath.Join(dir, log)}
		if err := x.log(exported{l.Entries(ctx, t, log, 0), notes, key}); err != nil {
			return nil, err
		}
	}
	return unsigned, nil
}

// exporter writes one log.
type exporter struct {
	dir           string
	edge          checkpoint.Edge
	leaves, texts []byte // of the bundle at work
}

// exported is what one log is exported from.
type exported struct {
	entries iter.Seq2[ledger.Entry, error]
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
func (x *exporter) entry(e ledger.Entry, size int64) error {
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
