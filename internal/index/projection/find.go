package projection

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"siegel/internal/index/query"
	"siegel/internal/mail"
)

// Doc is a message in the projection.
type Doc struct {
	Message mail.ID
	Seq     int64
	Date    int64 // of arrival, in microseconds
	Sent    int64 // as it claims and not later than it arrived, in microseconds of a whole second
	Size    int64
	Opaque  bool
	Files   bool // it has an attachment
	Waits   bool // an attachment waits to be read
	Unread  bool // an attachment could not be read
}

// docColumns are those of index_doc that a Doc is made of.
const docColumns = `message, date, sent * 1000000, size, opaque, attachment, waits > 0, unread, d.place + ` + first

// doc scans a row that has docColumns, and others before and behind them. The date is behind the
// beginning of the month.
func (f *File) doc(rows *sql.Rows, before []any, behind ...any) (d Doc, err error) {
	var id []byte
	own := []any{&id, &d.Date, &d.Sent, &d.Size, &d.Opaque, &d.Files, &d.Waits, &d.Unread, &d.Seq}
	err = rows.Scan(slices.Concat(before, own, behind)...)
	if err != nil {
		return d, err
	}
	d.Date += f.begins()
	d.Message, err = mail.IDFrom(id)
	return d, err
}

// Place is where a message stands in a list by date. No two have the same.
type Place struct{ Sent, Seq int64 }

// Ask is what is looked for.
type Ask struct {
	Query  *query.Query
	Match  string // the query's, or one of its tiers
	Oldest bool   // oldest first
	After  *Place // only what stands behind it; nil for all
	Limit  int
}

// Count returns how many messages a search finds.
func (f *File) Count(ctx context.Context, q *query.Query) (n int, err error) {
	defer f.note(&err)
	if q.Match != "" && plain(q) {
		// no tenant: a projection is one holder's file
		err = f.sql.Read.QueryRowContext(ctx, `SELECT COUNT(*) FROM index_words WHERE index_words MATCH $1`, q.Match).Scan(&n)
		return n, err
	}
	c := conditions(q, q.Match)
	if q.Match != "" {
		// no tenant: a projection is one holder's file
		err = f.sql.Read.QueryRowContext(ctx, `SELECT COUNT(*) FROM index_words JOIN index_doc ON place = index_words.rowid WHERE `+c.text(), c.args...).Scan(&n)
		return n, err
	}
	// no tenant: a projection is one holder's file
	err = f.sql.Read.QueryRowContext(ctx, `SELECT COUNT(*) FROM index_doc WHERE `+c.text(), c.args...).Scan(&n)
	return n, err
}

// Find returns messages in the order of a list by date.
func (f *File) Find(ctx context.Context, a Ask) (list []Doc, err error) {
	defer f.note(&err)
	if a.Match != "" && !a.Oldest {
		if list, ok, err := f.latest(ctx, a); ok || err != nil {
			return list, err
		}
	}
	c := a.conditions()
	order := ` ORDER BY sent DESC, place DESC LIMIT `
	if a.Oldest {
		order = ` ORDER BY sent, place LIMIT `
	}
	end := c.text() + order + strconv.Itoa(a.Limit)
	var rows *sql.Rows
	if a.Match != "" {
		// no tenant: a projection is one holder's file
		rows, err = f.sql.Read.QueryContext(ctx, `SELECT `+docColumns+` FROM index_words
			JOIN index_doc d ON d.place = index_words.rowid WHERE `+end, c.args...)
	} else {
		// no tenant: a projection is one holder's file
		rows, err = f.sql.Read.QueryContext(ctx, `SELECT `+docColumns+` FROM index_doc d WHERE `+end, c.args...)
	}
	if err != nil {
		return nil, err
	}
	return f.docs(rows)
}

// conditions returns what is asked for.
func (a Ask) conditions() clause {
	c := conditions(a.Query, a.Match)
	if a.After != nil {
		compare := "(sent, place) < ("
		if a.Oldest {
			compare = "(sent, place) > ("
		}
		c.list = append(c.list, compare+c.put(mail.FromMicros(a.After.Sent).Unix())+", "+c.put(a.After.Seq)+" - "+first+")")
	}
	return c
}

// glance is how many messages are looked at, besides those that are asked for, before all
// are put in order.
const glance = 200

// latest does what Find does for the newest first without looking at every message that
// matches: places follow arrival, and no message was sent after it arrived. It reports false
// where that leads too far, as with mail that was sent long before it arrived.
func (f *File) latest(ctx context.Context, a Ask) (list []Doc, ok bool, err error) {
	c := a.conditions()
	// no tenant: a projection is one holder's file
	rows, err := f.sql.Read.QueryContext(ctx, `SELECT `+docColumns+`, (SELECT late FROM index_state) FROM index_words
		CROSS JOIN index_doc d ON d.place = index_words.rowid WHERE `+c.text()+` ORDER BY index_words.rowid DESC`, c.args...)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for n := 0; rows.Next(); n++ {
		if n == glance+a.Limit {
			return nil, false, nil
		}
		var late int64
		d, err := f.doc(rows, nil, &late)
		if err != nil {
			return nil, false, err
		}
		at, _ := slices.BinarySearchFunc(list, d, newestFirst)
		list = slices.Insert(list, at, d)
		list = list[:min(len(list), a.Limit)]
		// All that come now arrived, and so were sent, at this time at the latest.
		if len(list) == a.Limit && list[a.Limit-1].Sent/1_000_000 >= (d.Date+late)/1_000_000 {
			return list, true, nil
		}
	}
	return list, true, rows.Err()
}

// newestFirst orders messages as lists do.
func newestFirst(a, b Doc) int { return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(b.Seq, a.Seq)) }

func (f *File) docs(rows *sql.Rows) (list []Doc, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		d, err := f.doc(rows, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

// Head returns subject and sender of a message.
func (f *File) Head(ctx context.Context, seq int64) (subject, sender string, err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	err = f.sql.Read.QueryRowContext(ctx, `SELECT s.text, f.text FROM index_doc d JOIN index_text s ON s.id = d.subject JOIN index_text f ON f.id = d.sender
		WHERE d.place = $1 - `+first, seq).Scan(&subject, &sender)
	return subject, sender, err
}

// Bounds returns when the first and the last message was sent, in microseconds. It
// is for a projection that is not empty.
func (f *File) Bounds(ctx context.Context) (first, last int64, err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	err = f.sql.Read.QueryRowContext(ctx, `SELECT (SELECT MIN(sent) * 1000000 FROM index_doc), (SELECT MAX(sent) * 1000000 FROM index_doc)`).
		Scan(&first, &last)
	return first, last, err
}

// Range is all that a search finds, or everything, that arrived before a time.
type Range struct {
	Query  *query.Query // nil for everything, also what has no record
	Before time.Time
}

func (f *File) conditions(r Range) clause {
	c := clause{list: []string{"former = 0"}}
	if r.Query != nil {
		c = conditions(r.Query, "")
		if m := r.Query.Match; m != "" {
			c.list = append(c.list, "place IN (SELECT rowid FROM index_words WHERE index_words MATCH "+c.put(m)+")")
		}
	}
	c.list = append(c.list, "date < "+c.put(mail.Micros(r.Before)-f.begins()))
	return c
}

// Measure counts a range and its octets.
func (f *File) Measure(ctx context.Context, r Range) (messages, octets int64, err error) {
	defer f.note(&err)
	c := f.conditions(r)
	// no tenant: a projection is one holder's file
	err = f.sql.Read.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0) FROM index_doc WHERE `+c.text(), c.args...).Scan(&messages, &octets)
	return messages, octets, err
}

// Walk returns the next messages of a range behind a sequence number, in their
// order, at most limit.
func (f *File) Walk(ctx context.Context, r Range, after int64, limit int) (list []Doc, err error) {
	defer f.note(&err)
	c := f.conditions(r)
	c.list = append(c.list, "place > "+c.put(after)+" - "+first)
	// no tenant: a projection is one holder's file
	rows, err := f.sql.Read.QueryContext(ctx, `SELECT `+docColumns+` FROM index_doc d WHERE `+c.text()+
		` ORDER BY place LIMIT `+strconv.Itoa(limit), c.args...)
	if err != nil {
		return nil, err
	}
	return f.docs(rows)
}

// clause is a condition with its arguments.
type clause struct {
	list []string
	args []any
}

// put adds an argument and returns its placeholder.
func (c *clause) put(arg any) string {
	c.args = append(c.args, arg)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *clause) text() string { return strings.Join(c.list, " AND ") }

// plain reports whether a search asks only for words: what has no record has none.
func plain(q *query.Query) bool {
	return q.Since.IsZero() && q.Until.IsZero() && len(q.Except) == 0 && q.Least == 0 && q.Below == math.MaxInt64 && q.Has|q.Lacks == 0
}

// seconds is the first whole second that is not before t: what is kept in whole seconds is
// before t where it is before that.
func seconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

// conditions returns what a search asks of messages that have a record.
func conditions(q *query.Query, match string) (c clause) {
	if match != "" {
		c.list = append(c.list, "index_words MATCH "+c.put(match))
	}
	c.list = append(c.list, "damaged = 0", "former = 0")
	if q.Unmatch != "" {
		c.list = append(c.list, "place NOT IN (SELECT rowid FROM index_words WHERE index_words MATCH "+c.put(q.Unmatch)+")")
	}
	if !q.Since.IsZero() {
		c.list = append(c.list, "sent >= "+c.put(seconds(q.Since)))
	}
	if !q.Until.IsZero() {
		c.list = append(c.list, "sent < "+c.put(seconds(q.Until)))
	}
	for _, p := range q.Except {
		c.list = append(c.list, "NOT (sent >= "+c.put(seconds(p.Since))+" AND sent < "+c.put(seconds(p.Until))+")")
	}
	if q.Least > 0 {
		c.list = append(c.list, "size >= "+c.put(q.Least))
	}
	if q.Below < math.MaxInt64 {
		c.list = append(c.list, "size < "+c.put(q.Below))
	}
	for _, t := range []struct {
		of     query.Trait
		column string
	}{{query.Attached, "attachment = 1"}, {query.Unreadable, "unread = 1"}, {query.Waiting, "waits > 0"}} {
		if q.Has&t.of != 0 {
			c.list = append(c.list, t.column)
		}
		if q.Lacks&t.of != 0 {
			c.list = append(c.list, "NOT ("+t.column+")")
		}
	}
	return c
}
