package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/seal"
)

// Hit is a message that a search found.
type Hit struct {
	ID      mail.ID   `json:"id"`
	Arrived time.Time `json:"arrived"`
	Sent    time.Time `json:"sent"` // as the message says, or when it arrived
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Size    int64     `json:"size"`
	Opaque  bool      `json:"opaque"` // encrypted for somebody, not searchable inside
}

// Result is a page of what a search found.
type Result struct {
	Hits    []Hit         `json:"hits"` // newest first by Sent
	Total   int           `json:"total"`
	Indexed int64         `json:"indexed"` // messages that were looked at
	Pending int64         `json:"pending"` // messages that are not in the index yet
	Damaged int64         `json:"damaged"` // messages whose index record did not open
	Former  int64         `json:"former"`  // messages sealed to a former key, which the session does not reach
	Took    time.Duration `json:"took"`    // nanoseconds
}

// Limits of a page, in hits.
const (
	MaxPage     = 1000
	defaultPage = 50
	maxOffset   = 100_000
	batchSize   = 500
)

// Request is a search.
type Request struct {
	Text   string
	Limit  int // hits on the page; 0 means 50, at most 1000
	Offset int // hits to leave out, at most 100 000
	// Progress hears how far catching up is; may be nil.
	Progress func(done, total int64)
}

// Search catches the session's index up and finds messages. The audit log has
// the search before anything of it is returned.
func (x *Index) Search(ctx context.Context, s Session, r Request) (_ *Result, err error) {
	defer fault.Wrap(&err, "search")
	start := time.Now()
	q, err := parseQuery(r.Text)
	if err != nil {
		return nil, err
	}
	if r.Limit < 0 || r.Limit > MaxPage {
		return nil, fault.Newf(fault.Invalid, "ask for 1 to %d hits", MaxPage)
	}
	if r.Offset < 0 || r.Offset > maxOffset {
		return nil, fault.Newf(fault.Invalid, "leave out 0 to %d hits", maxOffset)
	}
	if r.Limit == 0 {
		r.Limit = defaultPage
	}
	months, err := s.Unlocked().Months(ctx, holder(s))
	if err != nil {
		return nil, err
	}
	var out Result
	for _, m := range months {
		if err := x.month(ctx, s, m, q, r, &out); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out.Hits, func(a, b Hit) int { return cmp.Compare(b.Sent.UnixMicro(), a.Sent.UnixMicro()) })
	out.Hits = out.Hits[min(r.Offset, len(out.Hits)):]
	out.Hits = out.Hits[:min(r.Limit, len(out.Hits))]
	event := audit.Event{
		What: "search", Who: s.Person().String(), Note: r.Text,
		Detail: map[string]any{"hits": out.Total, "page": len(out.Hits), "offset": r.Offset},
	}
	if err := x.Trail.Record(ctx, s.Tenant(), s.Archive(), event); err != nil {
		return nil, err
	}
	out.Took = time.Since(start)
	return &out, nil
}

// month catches a month up and searches it.
func (x *Index) month(ctx context.Context, s Session, m seal.Month, q query, r Request, out *Result) (err error) {
	p, err := x.open(ctx, s, m.Month)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := x.catchUp(ctx, s, p, m, r.Progress); err != nil {
		return err
	}
	var indexed, damaged, former int64
	// no tenant: a projection is one holder's file
	if err := p.sql.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(damaged), 0), COALESCE(SUM(former > 0), 0) FROM index_doc`).
		Scan(&indexed, &damaged, &former); err != nil {
		return err
	}
	out.Indexed += indexed - former
	out.Damaged += damaged
	out.Former += former
	out.Pending += max(0, m.Count-indexed)
	hits, total, err := p.find(ctx, q, r.Offset+r.Limit)
	out.Total += total
	out.Hits = append(out.Hits, hits...)
	return err
}

// find returns the newest hits, at most limit, and how many there are.
func (p *projection) find(ctx context.Context, q query, limit int) (hits []Hit, total int, err error) {
	where, args := q.where()
	// no tenant: a projection is one holder's file
	if err := p.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM index_doc WHERE `+where, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	// no tenant: a projection is one holder's file
	rows, err := p.sql.QueryContext(ctx, `SELECT message, date, sent, size, subject, sender, opaque FROM index_doc WHERE `+where+
		` ORDER BY sent DESC, seq DESC LIMIT `+limitText(limit), args...)
	if err != nil {
		return nil, 0, err
	}
	hits, err = collect(rows)
	return hits, total, err
}

func collect(rows *sql.Rows) (hits []Hit, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var h Hit
		var id []byte
		var date, sent int64
		if err := rows.Scan(&id, &date, &sent, &h.Size, &h.Subject, &h.From, &h.Opaque); err != nil {
			return nil, err
		}
		if h.ID, err = mail.IDFrom(id); err != nil {
			return nil, err
		}
		h.Arrived, h.Sent = mail.FromMicros(date), mail.FromMicros(sent)
		hits = append(hits, h)
	}
	return hits, rows.Err()
}

// where returns the condition of a query and its arguments.
func (q query) where() (string, []any) {
	conditions := []string{"damaged = 0", "former = 0"}
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, condition+placeholder(len(args)))
	}
	if !q.after.IsZero() {
		add("sent >= ", mail.Micros(q.after))
	}
	if !q.before.IsZero() {
		add("sent < ", mail.Micros(q.before))
	}
	if q.match != "" {
		args = append(args, q.match)
		conditions = append(conditions, "seq IN (SELECT rowid FROM index_words WHERE index_words MATCH "+placeholder(len(args))+")")
	}
	return strings.Join(conditions, " AND "), args
}

// catchUp takes what is pending of a month into its projection. The audit log
// has it before the first record is opened.
func (x *Index) catchUp(ctx context.Context, s Session, p *projection, m seal.Month, progress func(done, total int64)) error {
	if err := p.again(ctx, s.Unlocked().Terms(p.key.holder)); err != nil || m.Last <= p.seq {
		return err
	}
	event := audit.Event{
		What: "index.catch-up", Who: s.Person().String(),
		Detail: map[string]any{"month": m.Month, "holder": p.key.holder.String(), "after": p.seq, "up-to": m.Last},
	}
	if err := x.Trail.Record(ctx, s.Tenant(), s.Archive(), event); err != nil {
		return err
	}
	done := int64(0)
	for p.seq < m.Last {
		wraps, err := s.Unlocked().Wraps(ctx, p.key.holder, m.Month, p.seq, batchSize)
		if err != nil {
			return err
		}
		if len(wraps) == 0 {
			return nil
		}
		var list []entry
		for _, w := range wraps {
			e, err := x.read(ctx, s, w)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		if err := p.add(ctx, list); err != nil {
			return err
		}
		done += int64(len(list))
		if progress != nil {
			progress(done, m.Count)
		}
	}
	return nil
}

// read opens one index record. A damaged one, and one whose key the session does
// not reach since the account was reset, is noted as such and stops nobody.
func (x *Index) read(ctx context.Context, s Session, w seal.Wrap) (entry, error) {
	e := entry{seq: w.Seq, message: w.Message}
	if !slices.Contains(s.Unlocked().Terms(w.Holder), w.Term) && s.Unlocked().Holds(w.Holder) {
		e.former = w.Term
		return e, nil
	}
	opened, err := s.Unlocked().OpenWrap(ctx, w, w.Holder == s.Archive())
	if err == nil {
		defer opened.Close()
		e.record, err = x.openRecord(ctx, s, w.Message, opened)
	}
	switch fault.Of(err) {
	case fault.Damaged, fault.NotFound:
		if err != nil {
			e.damaged = true
			return e, nil
		}
	}
	return e, err
}

func (x *Index) openRecord(ctx context.Context, s Session, message mail.ID, opened *seal.Opened) (record, error) {
	var packID []byte
	var start, length int64
	err := s.Tenant().QueryRow(ctx, `SELECT pack, start, length FROM index_record WHERE tenant = $1 AND message = $2`, message.Bytes()).
		Scan(&packID, &start, &length)
	if err != nil {
		return record{}, err
	}
	pack, err := mail.IDFrom(packID)
	if err != nil {
		return record{}, err
	}
	if length < 0 || length > maxRecord {
		return record{}, fault.New(fault.Damaged, "an index record is malformed")
	}
	r, err := x.Store.Get(ctx, blob.PackName(s.Tenant().ID(), pack), start, length)
	if err != nil {
		return record{}, err
	}
	box := make([]byte, length)
	_, err = io.ReadFull(r, box)
	if err := errors.Join(err, r.Close()); err != nil {
		return record{}, err
	}
	plain, err := opened.OpenIndex(box, maxRecord)
	if err != nil {
		return record{}, err
	}
	defer clear(plain)
	return parseRecord(plain)
}

func placeholder(n int) string { return "$" + strconv.Itoa(n) }

func limitText(n int) string { return strconv.Itoa(n) }
