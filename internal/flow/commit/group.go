package commit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/pack"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// group is the messages of one tenant that share a pack and a transaction.
type group struct {
	id        mail.ID
	tenant    db.Tenant
	pack      mail.ID
	size      int64 // of the pack
	waiters   []*waiter
	extents   map[*waiter][][]flow.Extent // per message and unit
	wrapped   *seal.Wrapped
	rewrapped bool
	spoilt    bool // a message, not the store, is why the pack was not written
}

// answer tells everyone in the group and releases the units.
func (g *group) answer(err error) {
	err = ours(err)
	for _, w := range g.waiters {
		w.p.Release()
		w.done <- err
	}
}

// ours turns a fault that would tell a sender never to come back into one that
// tells him to try again: whatever fails here is not about his message.
func ours(err error) error {
	switch fault.Of(err) {
	case fault.Invalid, fault.NotFound, fault.Denied, fault.Conflict:
		return fault.Because(fault.Internal, "the message could not be kept", err)
	default:
		return err
	}
}

// alone returns one group per message, to be written again.
func (g *group) alone() []*group {
	var out []*group
	for _, w := range g.waiters {
		out = append(out, &group{id: mail.NewID(), tenant: g.tenant, pack: mail.NewID(), waiters: []*waiter{w}})
	}
	return out
}

// split returns one group per message; they share the durable pack.
func (g *group) split() []*group {
	var out []*group
	for _, w := range g.waiters {
		out = append(out, &group{
			id: mail.NewID(), tenant: g.tenant, pack: g.pack, size: g.size,
			waiters: []*waiter{w}, extents: g.extents,
		})
	}
	return out
}

func (g *group) keys() (keys []flow.Key) {
	for _, w := range g.waiters {
		for _, u := range w.p.Units {
			keys = append(keys, u.Keys...)
		}
	}
	return keys
}

// write makes the group's pack durable and wraps its keys at the same time.
// Nothing refers to the pack yet: a crash here leaves an object that nobody
// knows.
func (r *Room) write(g *group) (err error) {
	r.Watch(stepPack, false, 0)
	start := time.Now()
	defer func() { r.Watch(stepPack, true, time.Since(start)) }()
	ctx := context.Background() // senders wait; the store bounds its own time
	wrapped := make(chan error, 1)
	go func() {
		var err error
		g.wrapped, err = r.Keys.Wrap(ctx, g.tenant, g.keys())
		wrapped <- err
	}()
	items, objects := g.layout()
	head, tail, size := pack.Layout(items)
	g.size = size
	g.place(items)
	body := &objectReader{objects: objects}
	err = r.Store.Put(ctx, blob.PackName(g.tenant.ID(), g.pack), io.MultiReader(bytes.NewReader(head), body, bytes.NewReader(tail)), size)
	keys := <-wrapped
	g.spoilt = body.failed || keys != nil
	return errors.Join(err, body.Close(), keys)
}

// layout lists the objects of the group: messages first, then index records, so
// that who catches up an index reads in one piece.
func (g *group) layout() (items []pack.Item, objects []flow.Object) {
	for _, w := range g.waiters {
		for _, u := range w.p.Units {
			objects = append(objects, u.Objects...)
		}
	}
	slices.SortStableFunc(objects, func(a, b flow.Object) int { return int(a.Kind) - int(b.Kind) })
	for _, o := range objects {
		items = append(items, pack.Item{Kind: byte(o.Kind), ID: o.ID, Length: o.Size, SHA256: o.SHA256})
	}
	return items, objects
}

// place notes for each message where its objects lie.
func (g *group) place(items []pack.Item) {
	type key struct {
		id   mail.ID
		kind flow.ObjectKind
	}
	at := make(map[key]flow.Extent, len(items))
	for _, it := range items {
		at[key{it.ID, flow.ObjectKind(it.Kind)}] = flow.Extent{Offset: it.Offset, Length: it.Length}
	}
	g.extents = make(map[*waiter][][]flow.Extent, len(g.waiters))
	for _, w := range g.waiters {
		for _, u := range w.p.Units {
			var extents []flow.Extent
			for _, o := range u.Objects {
				extents = append(extents, at[key{o.ID, o.Kind}])
			}
			g.extents[w] = append(g.extents[w], extents)
		}
	}
}

// objectReader reads objects one after the other and opens each only when its
// turn comes.
type objectReader struct {
	objects []flow.Object
	open    io.ReadCloser
	left    int64 // octets that the open object still has to yield
	failed  bool  // an object could not be read, or is not as long as it says
}

var errLength = errors.New("commit: an object is not as long as it says")

func (o *objectReader) Read(b []byte) (int, error) {
	n, err := o.read(b)
	o.failed = o.failed || (err != nil && !errors.Is(err, io.EOF))
	return n, err
}

func (o *objectReader) read(b []byte) (int, error) {
	for {
		if o.open == nil {
			if len(o.objects) == 0 {
				return 0, io.EOF
			}
			var err error
			if o.open, err = o.objects[0].Open(); err != nil {
				return 0, err
			}
			o.left = o.objects[0].Size
			o.objects = o.objects[1:]
		}
		n, err := o.open.Read(b)
		o.left -= int64(n)
		ended := errors.Is(err, io.EOF)
		if o.left < 0 || (ended && o.left > 0) {
			return n, errLength
		}
		if !ended {
			return n, err
		}
		if err := o.Close(); err != nil || n > 0 {
			return n, err
		}
	}
}

func (o *objectReader) Close() error {
	if o.open == nil {
		return nil
	}
	err := o.open.Close()
	o.open = nil
	return err
}

// retryMAC names a transaction: the same bytes from the same peer with the same
// envelope, in the same journal report where they came in one. It is a MAC so that rows tell nothing about the message.
func (r *Room) retryMAC(p *flow.Passage) [32]byte {
	hash := p.Body.SHA256()
	fields := [][]byte{[]byte(p.Source.Door), []byte(p.Source.Peer), hash[:], []byte(p.Envelope.From)}
	for _, to := range p.Envelope.To {
		fields = append(fields, []byte(to))
	}
	if p.Report != nil {
		report := sha256.Sum256(p.Report)
		fields = append(fields, report[:])
	}
	return r.MAC.MAC(p.Tenant, tuple.Make("siegel/v1 retry", fields...))
}

// transact writes the rows of groups in one transaction. Whoever locks rows of
// several tenants does so in the order of docs/flow.md, or two of them could
// wait for each other: one kind of rows after the other, each in the order of
// the tenants' ids, and the logs' heads last.
func (r *Room) transact(ctx context.Context, groups []*group) error {
	start := time.Now()
	r.begun()
	groups = slices.SortedStableFunc(slices.Values(groups), func(a, b *group) int { return byTenant(a.tenant.ID(), b.tenant.ID()) })
	err := r.update(ctx, func(b *db.Batch) error {
		for _, pass := range []func(context.Context, *db.Batch, []*group) error{r.references, r.keys, r.leaves} {
			if err := pass(ctx, b, groups); err != nil {
				return fmt.Errorf("group: %w", err)
			}
		}
		r.Watch(stepDurable, false, 0)
		return nil
	})
	r.ended(err)
	r.Watch(stepDurable, true, time.Since(start))
	return err
}

func byTenant(a, b mail.TenantID) int { return bytes.Compare(a[:], b[:]) }

// references enters the groups and their transactions.
func (r *Room) references(ctx context.Context, b *db.Batch, groups []*group) error {
	now := r.Now()
	by := make(map[mail.TenantID][]*waiter)
	for _, g := range groups {
		r.Watch(stepRows, false, 0)
		_, err := b.Tenant(g.tenant.ID()).Exec(ctx, `INSERT INTO commit_group (tenant, id, pack, size, created) VALUES ($1, $2, $3, $4, $5)`,
			g.id.Bytes(), g.pack.Bytes(), g.size, mail.Micros(now))
		if err != nil {
			return err
		}
		by[g.tenant.ID()] = append(by[g.tenant.ID()], g.waiters...)
	}
	for _, tenant := range slices.SortedFunc(maps.Keys(by), byTenant) {
		if err := r.refer(ctx, b.Tenant(tenant), by[tenant], now); err != nil {
			return err
		}
	}
	return nil
}

// keys writes the keys of the messages that are new.
func (r *Room) keys(ctx context.Context, b *db.Batch, groups []*group) error {
	for _, g := range groups {
		skip := make(map[mail.ID]bool)
		for _, w := range g.waiters {
			skip[w.p.ID] = w.p.Receipt.Duplicate
		}
		if err := g.wrapped.Write(ctx, b.Tenant(g.tenant.ID()), skip); err != nil {
			return err
		}
	}
	return nil
}

// leaves appends the leaves of the groups and writes the rows that name them.
func (r *Room) leaves(ctx context.Context, b *db.Batch, groups []*group) error {
	for _, g := range groups {
		r.Watch(stepLedger, false, 0)
		tx := b.Tenant(g.tenant.ID())
		from, err := r.enter(ctx, tx, g)
		if err != nil {
			return err
		}
		if r.Count != nil {
			if err := r.Count.Count(ctx, tx, g.counted(from)); err != nil {
				return err
			}
		}
	}
	return nil
}

// counted sums up what the group makes true, by source. from is its first entry in
// the message log, -1 for none.
func (g *group) counted(from int64) []flow.Counted {
	by := make(map[string]*flow.Counted)
	entries := int64(0)
	for _, w := range g.waiters {
		key := w.p.Source.Key()
		c := by[key]
		if c == nil {
			c = &flow.Counted{Source: key, From: from}
			by[key] = c
		}
		if w.p.Receipt.Duplicate {
			c.References++
			continue
		}
		c.Accepted++
		c.Octets += w.p.Body.Size()
		for _, u := range w.p.Units {
			for _, o := range u.Objects {
				c.Stored += o.Size
			}
			for _, leaf := range u.Leaves {
				if leaf.Log == "message" {
					entries++
				}
			}
		}
		switch w.p.Source.Mark {
		case mail.MarkReport:
			c.Reports++
		case mail.MarkUndecodable:
			c.Undecodable++
		}
	}
	var list []flow.Counted
	for _, key := range slices.Sorted(maps.Keys(by)) {
		if by[key].To = -1; entries > 0 {
			by[key].To = from + entries - 1
		}
		list = append(list, *by[key])
	}
	return list
}

// enter appends the group's leaves, the message log before the audit log, and
// then writes the rows that name them. It returns the first index in the message
// log, -1 where the group has no entry there.
func (r *Room) enter(ctx context.Context, tx *db.Tx, g *group) (from int64, err error) {
	first := make(map[string]int64)
	all := make(map[string][]flow.Leaf)
	err = g.each(func(_ *waiter, _ int, u flow.Unit) error {
		for _, leaf := range u.Leaves {
			if leaf.Log != "message" && leaf.Log != "audit" {
				return errors.New("commit: there is no log of that name")
			}
			all[leaf.Log] = append(all[leaf.Log], leaf)
		}
		return nil
	})
	if err != nil {
		return -1, err
	}
	from = -1
	for _, log := range []string{"message", "audit"} {
		if len(all[log]) == 0 {
			continue
		}
		at, err := r.Ledger.Append(ctx, tx, log, all[log])
		if err != nil {
			return -1, err
		}
		if first[log] = at; log == "message" {
			from = at
		}
	}
	return from, g.rows(ctx, tx, first)
}

// rows writes the rows of the units, those of one query together. first has the index of the
// group's first leaf in each log.
func (g *group) rows(ctx context.Context, tx *db.Tx, first map[string]int64) error {
	var queries []string // in the order in which they come
	by := make(map[string][][]any)
	err := g.each(func(w *waiter, i int, u flow.Unit) error {
		place := flow.Place{Group: g.id, Pack: g.pack, Objects: g.extents[w][i]}
		for _, leaf := range u.Leaves {
			place.Leaves = append(place.Leaves, first[leaf.Log])
			first[leaf.Log]++
		}
		if u.Rows == nil {
			return nil
		}
		for _, row := range u.Rows(place) {
			if by[row.Query] == nil {
				queries = append(queries, row.Query)
			}
			by[row.Query] = append(by[row.Query], row.Values)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, query := range queries {
		if err := tx.Insert(ctx, query, by[query]); err != nil {
			return err
		}
	}
	return nil
}

// each calls f with every unit of the messages that are new, in order.
func (g *group) each(f func(w *waiter, i int, u flow.Unit) error) error {
	for _, w := range g.waiters {
		if w.p.Receipt.Duplicate {
			continue
		}
		for i, u := range w.p.Units {
			if err := f(w, i, u); err != nil {
				return err
			}
		}
	}
	return nil
}
