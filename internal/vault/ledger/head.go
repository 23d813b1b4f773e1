package ledger

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// head is what this process found to hold of one log. Its first state extends
// the last signed checkpoint, each further one extends the state before: what
// was relied on before it was signed cannot be exchanged behind our back.
type head struct {
	mu     sync.RWMutex
	looked bool                  // there is a state; guarded by mu
	size   int64                 // of the state; guarded by mu
	root   tlog.Hash             // of the state; guarded by mu
	tree   *Tree                 // the state itself; guarded by mu
	proven map[int64][]tlog.Hash // full tiles of leaves that have been proven, bounded; guarded by mu
	reg    *register             // nil until somebody asks for the newest entry of an id; guarded by mu
}

// maxProven bounds the tiles of a log that are remembered: 8 KiB each.
const maxProven = 128

type logName struct {
	tenant mail.TenantID
	log    string
}

// Forget lets go of what this process found to hold: after a database failed over
// only what was signed is sure to be there. Each log is compared with its last
// signed checkpoint when it is asked next.
func (l *Ledger) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.heads)
}

// head returns the head of a log, which the first call makes.
func (l *Ledger) head(id mail.TenantID, log string) *head {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.heads[logName{id, log}]
	if h == nil {
		h = &head{proven: make(map[int64][]tlog.Hash)}
		l.heads[logName{id, log}] = h
	}
	return h
}

// seen is a state of a log as this process found it.
type seen struct {
	looked bool
	size   int64
	root   tlog.Hash
}

// seen returns the largest state that was found so far. Asking for a log that
// does not exist leaves nothing behind.
func (l *Ledger) seen(id mail.TenantID, log string) seen {
	l.mu.Lock()
	h := l.heads[logName{id, log}]
	l.mu.Unlock()
	if h == nil {
		return seen{}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return seen{h.looked, h.size, h.root}
}

// in fails with kind Damaged where a tree that was read later does not begin
// with the state.
func (s seen) in(tree *Tree) error {
	if !s.looked || s.size == 0 {
		return nil
	}
	root, err := tree.Root(s.size)
	if err != nil {
		return err
	}
	if root != s.root {
		return errBehindOurBack(tree.log)
	}
	return nil
}

// errBehindOurBack says that a log does not begin with what was found before.
func errBehindOurBack(log string) error {
	return fault.Newf(fault.Damaged, "the %s log was changed behind the back of the running server: verify the ledger", fault.Word(log))
}

// grow brings a head to the committed state of its log. It fails with kind
// Damaged where that does not extend what was found, or signed, before. The
// caller holds h.mu.
func (l *Ledger) grow(ctx context.Context, t db.Tenant, log string, h *head) error {
	tree, _, err := l.committed(ctx, t, log, !h.looked)
	if err != nil {
		return err
	}
	if h.looked && tree.Size == h.size {
		return nil
	}
	if err := (seen{h.looked, h.size, h.root}).in(tree); err != nil {
		return err
	}
	root, err := tree.Root(tree.Size)
	if err != nil {
		return err
	}
	h.looked, h.size, h.root, h.tree = true, tree.Size, root, tree
	return nil
}

// found brings a head to a state that extends the last signed checkpoint, where
// that is later than what was found before. It fails with kind Damaged where one
// does not extend the other. The tree stays the caller's.
func (l *Ledger) found(ctx context.Context, t db.Tenant, tree *Tree) error {
	h := l.head(t.ID(), tree.log)
	h.mu.Lock()
	defer h.mu.Unlock()
	root, err := tree.Root(tree.Size)
	if err != nil {
		return err
	}
	if h.looked && h.size >= tree.Size { // the tree was read earlier
		h.tree.query = tileQuery(ctx, t, tree.log)
		clear(h.tree.tiles) // somebody may have mended the database
		return seen{true, tree.Size, root}.in(h.tree)
	}
	if err := (seen{h.looked, h.size, h.root}).in(tree); err != nil {
		return err
	}
	own := *tree
	own.tiles = make(map[[2]int64][]tlog.Hash)
	h.looked, h.size, h.root, h.tree = true, tree.Size, root, &own
	return nil
}

// committed returns the committed state of a log and, where guarded is asked
// for, its last signed checkpoint, which the state extends.
func (l *Ledger) committed(ctx context.Context, t db.Tenant, log string, guarded bool) (*Tree, []byte, error) {
	if !guarded {
		tree, err := l.Tree(ctx, t, log)
		return tree, nil, err
	}
	newest, err := newestCheckpoint(ctx, t, log)
	if err != nil {
		return nil, nil, err
	}
	note, err := l.guard.load(ctx, t, log)
	if err != nil {
		return nil, nil, err
	}
	tree, err := l.Tree(ctx, t, log)
	if fault.Of(err) == fault.NotFound && l.guard.signed(note) {
		return nil, nil, errors.Join(errLost(), err)
	}
	if err != nil {
		return nil, nil, err
	}
	return tree, note, l.guard.check(tree, newest, note)
}

// Has fails with kind Damaged where the log's leaf at that index is not data. It
// proves inclusion in a state that extends the last signed checkpoint and every
// state that this process relied on before: rows of entries alone prove nothing.
func (l *Ledger) Has(ctx context.Context, t db.Tenant, log string, index int64, data entry.Hash) error {
	if err := l.Shut(t.ID()); err != nil {
		return err
	}
	h := l.head(t.ID(), log)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.looked || index >= h.size {
		if err := l.grow(ctx, t, log, h); err != nil {
			return err
		}
	}
	h.tree.query = tileQuery(ctx, t, log) // that of the last look may be over
	return h.has(index, data)
}

// has proves one leaf. The caller holds h.mu.
func (h *head) has(index int64, data entry.Hash) error {
	unlike := func(err error) error {
		clear(h.tree.tiles) // somebody may mend the database while we run
		if err != nil && fault.Of(err) != fault.Damaged {
			return err // who could not read knows nothing
		}
		return &fault.Error{
			Kind: fault.Damaged, Public: "entry %d of the %s log is not what it should be", Args: []any{index, fault.Word(h.tree.log)}, Cause: err,
		}
	}
	if index < 0 || index >= h.size {
		return unlike(nil)
	}
	tile, at := index/checkpoint.TileWidth, index%checkpoint.TileWidth
	if hashes := h.proven[tile]; hashes != nil {
		if hashes[at] != tlog.RecordHash(data[:]) {
			return unlike(nil)
		}
		return nil
	}
	proof, err := h.tree.Inclusion(h.size, index)
	if err != nil {
		return unlike(err)
	}
	if err := tlog.CheckRecord(proof, h.size, h.root, index, tlog.RecordHash(data[:])); err != nil {
		return unlike(fault.Because(fault.Damaged, "a proof does not hold", err))
	}
	// The proof was computed from the tile's other hashes and from data, so it
	// holds for all of them, but for the tile's own idea of this leaf.
	hashes, err := h.tree.Hashes(0, tile)
	if err != nil {
		return unlike(err)
	}
	if hashes[at] != tlog.RecordHash(data[:]) {
		return unlike(nil)
	}
	h.remember(tile, hashes)
	return nil
}

// remember keeps the hashes of a tile that was proven as a whole.
func (h *head) remember(tile int64, hashes []tlog.Hash) {
	if len(hashes) < checkpoint.TileWidth {
		return // the edge is at hand anyway
	}
	if len(h.proven) >= maxProven {
		clear(h.proven)
		clear(h.tree.tiles)
	}
	h.proven[tile] = hashes
}

// Recent is an entry that was read back, or what is wrong with it.
type Recent struct {
	Entry       // with its index in any case
	Err   error // of kind Damaged: it is missing, or not what was entered
}

// Recent returns entries of a log below an index, newest first, at most limit
// of them; a negative index means the end of the log. Each is proven as
// [Ledger.Has] does. It fails where the log as a whole cannot be read or proven;
// what is wrong with one entry stands in its place.
func (l *Ledger) Recent(ctx context.Context, t db.Tenant, log string, before int64, limit int) ([]Recent, error) {
	h := l.head(t.ID(), log)
	h.mu.Lock()
	defer h.mu.Unlock()
	if before < 0 || before > h.size || !h.looked {
		if err := l.grow(ctx, t, log, h); err != nil {
			return nil, err
		}
	}
	if before < 0 || before > h.size {
		before = h.size
	}
	h.tree.query = tileQuery(ctx, t, log)
	from := max(0, before-int64(limit))
	list, err := readPage(ctx, t, log, from, int(before-from))
	if err != nil {
		return nil, err
	}
	out := make([]Recent, before-from)
	for i := range out {
		index := before - 1 - int64(i)
		out[i] = Recent{Entry{Index: index}, fault.Newf(fault.Damaged, "entry %d of the %s log is missing", index, fault.Word(log))}
	}
	for _, e := range list {
		if e.Index < from || e.Index >= before {
			continue // behind a gap
		}
		err := l.check(logName{t.ID(), log}, e)
		if err == nil {
			err = h.has(e.Index, e.Leaf)
		}
		if err != nil && fault.Of(err) != fault.Damaged {
			return nil, err
		}
		out[before-1-e.Index] = Recent{e.Entry, err}
	}
	return out, nil
}
