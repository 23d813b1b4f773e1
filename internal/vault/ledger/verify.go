package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
)

// Verification is what a ledger is verified against. No secret is needed.
type Verification struct {
	Key    checkpoint.Key // of the instance
	Guard  blob.Register  // where the last signed checkpoints lie
	Stamps bundle.Stamps  // for the instance's log; nil leaves timestamps out
	// Instance is the handle of the instance, whose log has the anchors.
	Instance db.Tenant
}

// maxProblems is how many problems of a log are listed.
const maxProblems = 100

// Problem is one thing of a log that is not what it should be.
type Problem struct {
	Index int64 // of the entry; -1 where it is not of one entry
	Err   error // of kind Damaged; its sentence says what
}

// Result is what the verification of one log came to.
type Result struct {
	Log         string
	Origin      string
	Size        int64     // entries that were verified
	Checkpoints int       // signed checkpoints that were verified
	Anchors     int       // of them in the instance's log
	Stamps      int       // timestamps that were verified
	Found       int       // problems in all
	Problems    []Problem // of them the first maxProblems
}

// Err is nil where the log is what it should be, otherwise of kind Damaged.
func (r *Result) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	var all []error
	for _, p := range r.Problems {
		all = append(all, p.Err)
	}
	return fault.Because(fault.Damaged, "the ledger does not verify", fmt.Errorf("%s log: %w", r.Log, errors.Join(all...)))
}

func (r *Result) problem(index int64, err error) {
	r.Found++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{index, err})
	}
}

// damaged is a problem of kind Damaged.
func damaged(format string, args ...any) error { return fault.Newf(fault.Damaged, format, args...) }

// Verify verifies the logs of a tenant, or of the instance, at the depth that
// needs no key: every leaf against its entry and its sealed hash, every tile,
// the root at every signed checkpoint and at the guard in the object store,
// signatures, anchors, timestamps. What differs stands in the results, with the
// exact index where there is one; an error means that the verification could
// not be done.
func (l *Ledger) Verify(ctx context.Context, t db.Tenant, v Verification) (list []*Result, err error) {
	defer fault.Wrap(&err, "ledger verify")
	for _, log := range Logs(t.ID()) {
		tree, err := l.Tree(ctx, t, log)
		r := &Result{Log: log}
		if k := fault.Of(err); err != nil && (k == fault.Damaged || k == fault.NotFound) {
			r.problem(-1, err)
			list = append(list, r)
			continue
		}
		if err != nil {
			return nil, err
		}
		r.Origin = tree.Origin
		c := &checking{Verification: v, r: r, tree: tree, t: t, log: log, seen: make(map[[2]int64]bool)}
		if err := c.run(ctx, l); err != nil {
			return nil, err
		}
		// What names an entry says most.
		slices.SortStableFunc(r.Problems, func(a, b Problem) int { return cmp.Compare(min(b.Index, 0), min(a.Index, 0)) })
		list = append(list, r)
	}
	return list, nil
}

// checking is the verification of one log.
type checking struct {
	Verification
	r    *Result
	tree *Tree
	t    db.Tenant
	log  string

	edge  checkpoint.Edge
	roots []checkpoint.Signed // to be compared, by size
	good  int64               // the largest size whose root was the signed one
	seen  map[[2]int64]bool   // tiles that belong to the log
}

func (c *checking) run(ctx context.Context, l *Ledger) error {
	if err := c.checkpoints(ctx); err != nil {
		return err
	}
	if err := c.entries(ctx, l); err != nil {
		return err
	}
	if err := c.strangers(ctx); err != nil {
		return err
	}
	if err := c.behind(ctx, l); err != nil {
		return err
	}
	if c.t.ID().IsZero() {
		return c.stamps(ctx)
	}
	return c.anchors(ctx)
}

// checkpoints reads what was signed: the rows, then the guard.
func (c *checking) checkpoints(ctx context.Context) error {
	notes, err := Checkpoints(ctx, c.t, c.log)
	if err != nil {
		return err
	}
	note, err := c.Guard.Load(ctx, guardName(c.t.ID(), c.log))
	if err != nil {
		return err
	}
	if note == nil {
		c.r.problem(-1, damaged("the last signed checkpoint is missing in the object store"))
	}
	for i, n := range append(notes, note) {
		if n == nil {
			break
		}
		guard := i == len(notes)
		s, err := checkpoint.OpenLog(n, c.Key)
		switch {
		case err != nil:
			c.r.problem(-1, unsigned(guard, err))
		case s.Origin != c.tree.Origin:
			c.r.problem(-1, foreign(guard, s.Origin))
		case s.Size > c.tree.Size:
			c.r.problem(-1, ahead(guard, s.Size, c.tree.Size))
		case guard && i > 0 && bytes.Equal(n, notes[i-1]):
			// The object store has the newest row, as it should.
		case guard && len(c.roots) > 0 && c.roots[len(c.roots)-1].Size > s.Size:
			c.r.problem(-1, damaged("the object store has a checkpoint of %d entries, the database a later one", s.Size))
		default:
			c.roots = append(c.roots, s)
			if s.Size > 0 { // that of the beginning is there to be missed
				c.r.Checkpoints++
			}
		}
	}
	return nil
}

// unsigned, foreign and ahead are problems of a checkpoint in the guard or in
// the database.
func unsigned(guard bool, err error) error {
	if guard {
		return damaged("a checkpoint in the object store is not signed with the ledger's key: %v", err)
	}
	return damaged("a checkpoint in the database is not signed with the ledger's key: %v", err)
}

func foreign(guard bool, origin string) error {
	if guard {
		return damaged("a checkpoint in the object store is of the log %s", origin)
	}
	return damaged("a checkpoint in the database is of the log %s", origin)
}

func ahead(guard bool, size, has int64) error {
	if guard {
		return damaged("the object store has a checkpoint of %d entries, the log has %d: the database is older", size, has)
	}
	return damaged("the database has a checkpoint of %d entries, the log has %d: the database is older", size, has)
}

// entries goes over the log from the first to the last.
func (c *checking) entries(ctx context.Context, l *Ledger) error {
	c.root(0)
	n := int64(0)
	for e, err := range l.rows(ctx, c.t, c.log, 0) {
		if n >= c.tree.Size {
			// Rows of what was appended since the size was read are no problem.
			break
		}
		if fault.Of(err) == fault.Damaged {
			c.r.problem(n, err)
			return nil
		}
		if err != nil {
			return err
		}
		n++
		// Where only the entry was changed the log itself may still be whole.
		if entry.LeafData(e.Text, e.Sealed) != e.Leaf {
			c.r.problem(e.Index, damaged("entry %d of the %s log is not the one that was entered", e.Index, fault.Word(c.log)))
		} else if err := l.check(logName{c.t.ID(), c.log}, e); err != nil {
			c.r.problem(e.Index, err)
		}
		for _, t := range c.edge.Add(n, entry.RecordHash(e.Leaf)) {
			if err := c.tile(ctx, t); err != nil {
				return err
			}
		}
		c.root(n)
	}
	c.r.Size = n
	if n < c.tree.Size {
		c.r.problem(n, damaged("the %s log ends at entry %d, it should have %d", fault.Word(c.log), n, c.tree.Size))
		return nil
	}
	for _, t := range c.edge.Partial(n) {
		c.compare(t, joined(c.tree.edge.Hashes(t.Level)))
	}
	return nil
}

// joined returns hashes as a tile has them.
func joined[H ~[32]byte](hashes []H) []byte {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// root compares the root at a size with what was signed at that size.
func (c *checking) root(size int64) {
	for len(c.roots) > 0 && c.roots[0].Size == size {
		if c.edge.Root() == c.roots[0].Root {
			c.good = size
		} else {
			c.r.problem(-1, damaged("at %d entries the %s log has not the root that was signed: something after entry %d was changed", size, fault.Word(c.log), c.good))
		}
		c.roots = c.roots[1:]
	}
}

func (c *checking) tile(ctx context.Context, t checkpoint.Tile) error {
	c.seen[[2]int64{int64(t.Level), t.Index}] = true
	var data []byte
	err := c.t.QueryRow(ctx, `SELECT data FROM ledger_tile WHERE tenant = $1 AND log = $2 AND level = $3 AND idx = $4`, c.log, t.Level, t.Index).Scan(&data)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	c.compare(t, data)
	return nil
}

// compare names the first entry below a tile's hash that differs.
func (c *checking) compare(t checkpoint.Tile, data []byte) {
	if bytes.Equal(t.Data, data) {
		return
	}
	at := 0
	for at < len(data) && at < len(t.Data) && data[at] == t.Data[at] {
		at++
	}
	first := (t.Index*checkpoint.TileWidth + int64(at/checkpoint.HashSize)) << (8 * t.Level)
	c.r.problem(first, damaged("tile %d/%d of the %s log differs at entry %d", t.Level, t.Index, fault.Word(c.log), first))
}

// strangers finds tiles that no entry of the log explains.
func (c *checking) strangers(ctx context.Context) (err error) {
	rows, err := c.t.Query(ctx, `SELECT level, idx FROM ledger_tile WHERE tenant = $1 AND log = $2`, c.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var level, index int64
		if err := rows.Scan(&level, &index); err != nil {
			return err
		}
		// Tiles that were completed since the size was read are no problem.
		if !c.seen[[2]int64{level, index}] && (index+1)<<(8*(level+1)) <= c.tree.Size {
			c.r.problem(-1, damaged("tile %d/%d of the %s log belongs to nothing", level, index, fault.Word(c.log)))
		}
	}
	return rows.Err()
}

// behind finds entries behind the end of the log.
func (c *checking) behind(ctx context.Context, l *Ledger) error {
	var last *int64
	err := c.t.QueryRow(ctx, `SELECT MAX(idx) FROM ledger_entry WHERE tenant = $1 AND log = $2`, c.log).Scan(&last)
	if err != nil || last == nil {
		return err
	}
	tree, err := l.Tree(ctx, c.t, c.log) // read later: it can only have grown
	if err == nil && *last >= tree.Size {
		c.r.problem(*last, damaged("entry %d stands behind the end of the %s log", *last, fault.Word(c.log)))
	}
	return err
}

// anchors verifies that every checkpoint of a tenant stands in the instance's
// log.
func (c *checking) anchors(ctx context.Context) error {
	list, err := c.anchored(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		var text []byte
		err := db.ErrNoRows
		if a.index != nil {
			err = c.Instance.QueryRow(ctx, `SELECT text FROM ledger_entry WHERE tenant = $1 AND log = $2 AND idx = $3`, Instance, *a.index).Scan(&text)
		}
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		e, parse := entry.Parse(text)
		if err != nil || parse != nil || len(a.salt) != entry.SaltSize ||
			e.Check("checkpoint", entry.Opening{Salt: entry.Hash(a.salt), Value: a.note}) != nil {
			c.r.problem(-1, damaged("the checkpoint of %d entries is not anchored in the instance's log", a.size))
			continue
		}
		c.r.Anchors++
	}
	return nil
}

// anchorRow is a checkpoint with where it is anchored.
type anchorRow struct {
	size       int64
	note, salt []byte
	index      *int64 // nil where there is no anchor
}

func (c *checking) anchored(ctx context.Context) (list []anchorRow, err error) {
	rows, err := c.t.Query(ctx, `SELECT c.size, c.note, a.idx, a.salt FROM ledger_checkpoint c LEFT JOIN ledger_anchor a
		ON a.tenant = c.tenant AND a.log = c.log AND a.size = c.size WHERE c.tenant = $1 AND c.log = $2 ORDER BY c.size`, c.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a anchorRow
		if err := rows.Scan(&a.size, &a.note, &a.index, &a.salt); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// stamps verifies the timestamps of the instance's checkpoints.
func (c *checking) stamps(ctx context.Context) (err error) {
	if c.Stamps == nil {
		return nil
	}
	rows, err := c.t.Query(ctx, `SELECT s.size, s.token, s.chain, s.lists, p.note FROM ledger_stamp s JOIN ledger_checkpoint p
		ON p.tenant = s.tenant AND p.size = s.size WHERE s.tenant = $1 AND s.state = $2 AND p.log = $3 ORDER BY s.size`, Stamped, c.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var size int64
		var f bundle.StampFiles
		var note []byte
		if err := rows.Scan(&size, &f.Token, &f.Chain, &f.Lists, &note); err != nil {
			return err
		}
		s, err := checkpoint.OpenLog(note, c.Key)
		if err != nil {
			continue // reported above
		}
		if _, err := c.Stamps.Check(sha256.Sum256(s.Stamped()), f); err != nil {
			c.r.problem(-1, damaged("the timestamp over the checkpoint of %d entries is not valid: %v", size, err))
			continue
		}
		c.r.Stamps++
	}
	return rows.Err()
}
