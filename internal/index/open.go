package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"siegel/internal/index/attached"
	"siegel/internal/index/projection"
	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// place is where an index record lies.
type place struct {
	pack          mail.ID
	start, length int64
}

func (p place) end() int64 { return p.start + p.length }

func (x *Index) place(ctx context.Context, t db.Tenant, message mail.ID) (p place, err error) {
	var packID []byte
	err = t.QueryRow(ctx, `SELECT pack, start, length FROM index_record WHERE tenant = $1 AND message = $2`, message.Bytes()).
		Scan(&packID, &p.start, &p.length)
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.Because(fault.Damaged, "the message has no index record: no search finds it", err)
	}
	if err != nil {
		return p, err
	}
	p.pack, err = mail.IDFrom(packID)
	return p, err
}

// group are records that lie near each other in one pack.
type group struct {
	pack       mail.ID // zero of those that lie nowhere
	wraps      []seal.Wrap
	places     []place
	at         []int // where in the batch they stand
	start, end int64 // in the pack, of all together
	sum        int64 // of their lengths
}

// Bounds of what is read of a pack at once, in octets: so much, and not much more
// than what is wanted of it.
const (
	maxSpan  = 8 << 20
	waste    = 2
	smallGap = 64 << 10
)

// groups finds the places of records, by their packs: one read of a pack, which can
// be a request to a server, opens all that arrived together.
func (x *Index) groups(ctx context.Context, t db.Tenant, wraps []seal.Wrap) ([]*group, error) {
	places, err := x.places(ctx, t, wraps)
	if err != nil {
		return nil, err
	}
	var list []*group
	last := make(map[mail.ID]*group)
	for i, w := range wraps {
		p := places[w.Message]
		g := last[p.pack]
		if g == nil || !g.takes(p) {
			g = &group{pack: p.pack, start: p.start, end: p.end()}
			last[p.pack] = g
			list = append(list, g)
		}
		g.put(w, p, i)
	}
	return list, nil
}

// takes reports whether a record lies near enough to the others.
func (g *group) takes(p place) bool {
	return max(g.end, p.end())-min(g.start, p.start) <= min(maxSpan, waste*(g.sum+p.length)+smallGap)
}

func (g *group) put(w seal.Wrap, p place, at int) {
	g.wraps, g.places, g.at = append(g.wraps, w), append(g.places, p), append(g.at, at)
	g.start, g.end, g.sum = min(g.start, p.start), max(g.end, p.end()), g.sum+p.length
}

// places returns where the records of messages lie. Those of no row are not there.
func (x *Index) places(ctx context.Context, t db.Tenant, wraps []seal.Wrap) (list map[mail.ID]place, err error) {
	var in strings.Builder
	args := make([]any, len(wraps))
	for i, w := range wraps {
		if i > 0 {
			in.WriteString(", ")
		}
		fmt.Fprintf(&in, "$%d", i+2)
		args[i] = w.Message.Bytes()
	}
	rows, err := t.Query(ctx, `SELECT message, pack, start, length FROM index_record WHERE tenant = $1 AND message IN (`+in.String()+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	list = make(map[mail.ID]place, len(wraps))
	for rows.Next() {
		var p place
		var message, pack []byte
		if err := rows.Scan(&message, &pack, &p.start, &p.length); err != nil {
			return nil, err
		}
		id, err := mail.IDFrom(message)
		if err != nil {
			return nil, err
		}
		if p.pack, err = mail.IDFrom(pack); err != nil {
			return nil, err
		}
		list[id] = p
	}
	return list, rows.Err()
}

// batch are records on their way into a projection, in the order of the holder's
// sequence. It has the first of those that were asked for, as many as fit into
// memory.
type batch struct {
	list []projection.Entry
	done []bool       // which of them were opened
	room atomic.Int64 // octets of text that it may still take
	err  error        // why there is none

	seconds bool // there may be second records
}

// maxText bounds the text of a batch, in octets; one record more may come for each
// core.
const maxText = 32 << 20

func newBatch(n int) *batch {
	b := &batch{list: make([]projection.Entry, n), done: make([]bool, n)}
	b.room.Store(maxText)
	return b
}

// opened are the records until the first that was not opened.
func (b *batch) opened() []projection.Entry {
	for i, done := range b.done {
		if !done {
			return b.list[:i]
		}
	}
	return b.list
}

// read opens the records of a group into a batch while that has room. A damaged one,
// and one whose key the session does not reach since the account was reset, is noted
// as such and stops nobody.
func (x *Index) read(ctx context.Context, s Session, g *group, b *batch) error {
	octets, err := x.span(ctx, s.Tenant(), g)
	if err != nil && len(g.wraps) > 1 && !g.pack.IsZero() { // perhaps only one of them is bad
		for i := range g.wraps {
			one := &group{pack: g.pack, start: g.places[i].start, end: g.places[i].end()}
			one.put(g.wraps[i], g.places[i], g.at[i])
			if err := x.read(ctx, s, one, b); err != nil {
				return err
			}
		}
		return nil
	}
	missing := damage(err)
	if err != nil && !missing {
		return err
	}
	for i, w := range g.wraps {
		if b.room.Load() < 0 && g.at[i] > 0 {
			return nil
		}
		e := projection.Entry{Seq: w.Seq, Message: w.Message}
		switch {
		case !slices.Contains(s.Unlocked().Terms(w.Holder), w.Term) && s.Unlocked().Holds(w.Holder):
			e.Former = w.Term
		case missing:
			e.Damaged = true
		default:
			p := g.places[i]
			err = x.openWith(ctx, s, w, octets[p.start-g.start:p.end()-g.start], &e, b.seconds)
			if e.Damaged = damage(err); err != nil && !e.Damaged {
				return err
			}
			b.room.Add(-int64(len(e.Record.Body) + len(e.Record.Attached) + len(e.Attachments.Text())))
		}
		b.list[g.at[i]], b.done[g.at[i]] = e, true
	}
	return nil
}

// damage reports whether an error says that something kept is not as it was.
func damage(err error) bool {
	kind := fault.Of(err)
	return err != nil && (kind == fault.Damaged || kind == fault.NotFound)
}

// span reads the octets of a group.
func (x *Index) span(ctx context.Context, t db.Tenant, g *group) ([]byte, error) {
	if g.pack.IsZero() {
		return nil, fault.New(fault.Damaged, "the message has no index record: no search finds it")
	}
	for _, p := range g.places {
		if p.start < 0 || p.length < 0 || p.length > record.MaxSize {
			return nil, fault.New(fault.Damaged, "an index record is malformed")
		}
	}
	r, err := x.Store.Get(ctx, blob.PackName(t.ID(), g.pack), g.start, g.end-g.start)
	if err != nil {
		return nil, err
	}
	octets := make([]byte, g.end-g.start)
	_, err = io.ReadFull(r, octets)
	return octets, errors.Join(err, r.Close())
}

// openWith opens a record through a wrap of its message's key into an entry, and the
// second record with it where there may be one.
func (x *Index) openWith(ctx context.Context, s Session, w seal.Wrap, box []byte, e *projection.Entry, second bool) error {
	opened, err := s.Unlocked().OpenWrap(ctx, w, w.Holder == s.Archive())
	if err != nil {
		return err
	}
	defer opened.Close()
	if e.Record, err = openBox(opened, box); err != nil || !second || !e.Record.Worth() {
		return err
	}
	row, err := attached.Get(ctx, s.Tenant(), w.Message)
	if err != nil || row.Seq == 0 {
		return err
	}
	e.Second = row.Seq
	e.Attachments, err = attached.Open(opened, row)
	return err
}

func openBox(opened *seal.Opened, box []byte) (record.Record, error) {
	plain, err := opened.OpenIndex(box, record.MaxSize)
	if err != nil {
		return record.Record{}, err
	}
	defer clear(plain)
	return record.Parse(plain)
}

// record opens the record of one message, whose key is open.
func (x *Index) record(ctx context.Context, s Session, message mail.ID, key *seal.Opened) (record.Record, error) {
	p, err := x.place(ctx, s.Tenant(), message)
	if err != nil {
		return record.Record{}, err
	}
	box, err := x.span(ctx, s.Tenant(), &group{pack: p.pack, places: []place{p}, start: p.start, end: p.end()})
	if err != nil {
		return record.Record{}, err
	}
	return openBox(key, box)
}
