package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/db"
)

// Tree is one state of a log, from which roots and proofs are computed. It
// belongs to one goroutine.
type Tree struct {
	Origin string
	Size   int64

	log   string
	edge  checkpoint.Edge
	query func(level int, index int64) ([]byte, error)
	tiles map[[2]int64][]tlog.Hash // tiles read so far
}

// Tree reads the committed state of one of the tenant's logs.
func (l *Ledger) Tree(ctx context.Context, t db.Tenant, log string) (_ *Tree, err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	tree := &Tree{log: log, tiles: make(map[[2]int64][]tlog.Hash)}
	var raw []byte
	err = t.QueryRow(ctx, `SELECT origin, size, edge FROM ledger_log WHERE tenant = $1 AND name = $2`, log).
		Scan(&tree.Origin, &tree.Size, &raw)
	if errors.Is(err, db.ErrNoRows) {
		return nil, fault.Newf(fault.NotFound, "there is no %s log", fault.Word(log))
	}
	if err != nil {
		return nil, err
	}
	if tree.edge, err = parseEdge(raw); err != nil {
		return nil, err
	}
	tree.query = tileQuery(ctx, t, log)
	return tree, nil
}

// tileQuery reads tiles of a log. They are only ever added, so they may be read
// after the size was.
func tileQuery(ctx context.Context, t db.Tenant, log string) func(level int, index int64) ([]byte, error) {
	return func(level int, index int64) (data []byte, err error) {
		err = t.QueryRow(ctx, `SELECT data FROM ledger_tile WHERE tenant = $1 AND log = $2 AND level = $3 AND idx = $4`,
			log, level, index).Scan(&data)
		return data, err
	}
}

// Root returns the root of the first size leaves.
func (t *Tree) Root(size int64) (tlog.Hash, error) {
	if size < 0 || size > t.Size {
		return tlog.Hash{}, fault.Newf(fault.Damaged, "the %s log has %d entries, a checkpoint speaks of %d", fault.Word(t.log), t.Size, size)
	}
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(size, t)
}

// Inclusion proves that the leaf at index is in the first size leaves.
func (t *Tree) Inclusion(size, index int64) (tlog.RecordProof, error) {
	if size > t.Size || index < 0 || index >= size {
		return nil, fault.Newf(fault.NotFound, "entry %d is not covered by size %d", index, size)
	}
	return tlog.ProveRecord(size, index, t)
}

// Consistency proves that the first old leaves are a prefix of the first size.
func (t *Tree) Consistency(size, old int64) (tlog.TreeProof, error) {
	if size > t.Size || old < 1 || old > size {
		return nil, fault.Newf(fault.NotFound, "sizes %d and %d are not states of the %s log", old, size, fault.Word(t.log))
	}
	return tlog.ProveTree(size, old, t)
}

// Hashes returns the hashes of a tile as C2SP tlog-tiles addresses it: full, or
// as wide as the tree is there.
func (t *Tree) Hashes(level int, index int64) ([]tlog.Hash, error) {
	key := [2]int64{int64(level), index}
	if h, ok := t.tiles[key]; ok {
		return h, nil
	}
	// The tile at the right edge is not in the table yet.
	if index == t.Size>>(8*(level+1)) {
		return t.edge.Hashes(level), nil
	}
	data, err := t.query(level, index)
	if errors.Is(err, db.ErrNoRows) {
		return nil, fault.Newf(fault.Damaged, "tile %d/%d of the %s log is missing", level, index, fault.Word(t.log))
	}
	if err != nil {
		return nil, fmt.Errorf("tile %d/%d: %w", level, index, err)
	}
	if len(data) != checkpoint.TileWidth*tlog.HashSize {
		return nil, fault.Newf(fault.Damaged, "tile %d/%d of the %s log is malformed", level, index, fault.Word(t.log))
	}
	hashes := make([]tlog.Hash, checkpoint.TileWidth)
	for i := range hashes {
		hashes[i] = tlog.Hash(data[i*tlog.HashSize:])
	}
	t.tiles[key] = hashes
	return hashes, nil
}

// ReadHashes implements [tlog.HashReader]: a stored hash is one of a tile or
// the root over some neighbours in it.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		level, n := tlog.SplitStoredHashIndex(at)
		first, count := n<<(level%8), 1<<(level%8)
		hashes, err := t.Hashes(level/8, first>>8)
		if err != nil {
			return nil, err
		}
		from := int(first & (checkpoint.TileWidth - 1))
		if from+count > len(hashes) {
			return nil, fault.Newf(fault.Damaged, "the %s log is shorter than it says", fault.Word(t.log))
		}
		out[i] = checkpoint.Perfect(hashes[from : from+count])
	}
	return out, nil
}
