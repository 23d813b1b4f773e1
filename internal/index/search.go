package index

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"siegel/internal/audit"
	"siegel/internal/index/attached"
	"siegel/internal/index/projection"
	"siegel/internal/index/query"
	"siegel/internal/index/record"
	"siegel/internal/index/snippet"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
)

// Hit is a message that a search found.
type Hit struct {
	ID         mail.ID   `json:"id"`
	Arrived    time.Time `json:"arrived"`
	Sent       time.Time `json:"sent"` // as the message says, and not later than it arrived; when it arrived where it says nothing
	From       string    `json:"from"`
	Subject    string    `json:"subject"`
	Size       int64     `json:"size"`
	Opaque     bool      `json:"opaque"`     // encrypted for somebody, not searchable inside
	Attachment bool      `json:"attachment"` // it has one
	Waiting    bool      `json:"waiting"`    // an attachment waits to be read: a search does not find its text yet
	Unread     bool      `json:"unread"`     // an attachment could not be read: no search finds its text
	Excerpt    *Excerpt  `json:"excerpt,omitempty"`
}

// Excerpt is what of a hit's text is shown in a list.
type Excerpt struct {
	Subject snippet.Snippet `json:"subject"` // all of it
	Text    snippet.Snippet `json:"text"`    // the words around the first place, or how the body begins
	// Attached says that Text is of an attachment.
	Attached bool `json:"attached"`
	// Unread are attachments whose text no search finds, [MaxUnread] at most.
	Unread []record.Unread `json:"unread,omitempty"`
}

// Result is a page of what a search found.
type Result struct {
	Hits  []Hit `json:"hits"`
	Total int   `json:"total"` // hits on all pages, as of now
	Lag
	// Next is the cursor of the next page; empty where this is the last.
	Next string        `json:"next"`
	Took time.Duration `json:"took"` // nanoseconds
}

// Limits of a page, in hits.
const (
	MaxPage     = 1000
	defaultPage = 50
)

// Request is a search.
type Request struct {
	Text  string
	Order Order
	Limit int // hits on the page; 0 means 50, at most 1000
	// Cursor is Next of the page before, of the same search in the same order; empty
	// for the first. A page begins where the one before it ended, whatever mail has
	// come since.
	Cursor string
	// Excerpts asks for the words around what was found: each hit is opened for it.
	Excerpts bool
	Wait
}

// errCursor is why a cursor is refused.
var errCursor = errors.New("index: a malformed or foreign cursor")

// Search catches the session's index up and finds messages. The audit log has
// the search before anything of it is returned. Errors of the search's text are of
// type *[query.Error]; other requests that cannot be met, such as a cursor of another
// search, are of kind Invalid too.
func (x *Index) Search(ctx context.Context, s Session, r Request) (_ *Result, err error) {
	defer fault.Wrap(&err, "search")
	start := time.Now()
	q, err := query.Parse(r.Text)
	if err != nil {
		return nil, err
	}
	if r.Limit < 0 || r.Limit > MaxPage {
		return nil, fault.Newf(fault.Invalid, "ask for 1 to %d hits", MaxPage)
	}
	if r.Limit == 0 {
		r.Limit = defaultPage
	}
	if r.Order, err = ParseOrder(string(r.Order)); err != nil {
		return nil, err
	}
	f := finding{x: x, s: s, q: q, r: r}
	if f.from, err = parseCursor(s, r, len(q.Tiers)); err != nil {
		return nil, err
	}
	err = x.with(ctx, s, r.Wait, func(files *shelved) error { return f.run(ctx, files) })
	if err != nil {
		return nil, err
	}
	f.out.Took = time.Since(start)
	return &f.out, nil
}

// finding is a search on its way.
type finding struct {
	x    *Index
	s    Session
	q    *query.Query
	r    Request
	from *cursor // where the page begins; nil for the first
	out  Result
}

// month is a projection in which something was found.
type month struct {
	file        *projection.File
	first, last int64 // when the first and the last message in it was sent, in microseconds
}

// found is a message with the projection that has it.
type found struct {
	projection.Doc
	file *projection.File
	tier int
}

// run searches the projections. What is shown of the hits is opened while the audit
// log is written, and returned only when that is done.
func (f *finding) run(ctx context.Context, files *shelved) error {
	f.out = Result{Lag: files.Lag, Hits: []Hit{}}
	months, err := f.count(ctx, files.files)
	if err != nil {
		return err
	}
	list, err := f.page(ctx, months)
	if err != nil {
		return err
	}
	if len(list) > f.r.Limit {
		list = list[:f.r.Limit]
		end := list[len(list)-1]
		f.out.Next = cursor{end.tier, projection.Place{Sent: end.Sent, Seq: end.Seq}}.text(f.s, f.r)
	}
	recorded := make(chan error, 1)
	go func() { recorded <- f.record(ctx, len(list)) }()
	err = f.show(ctx, list)
	return errors.Join(<-recorded, err)
}

// record enters the page in the audit log.
func (f *finding) record(ctx context.Context, page int) error {
	return f.x.Trail.Record(ctx, f.s.Tenant(), f.s.Archive(), audit.Event{
		What: "search", Who: f.s.Person().String(), Note: f.r.Text,
		Detail: map[string]any{"hits": f.out.Total, "page": page, "first": f.from == nil, "holder": holder(f.s).String()},
	})
}

// count counts the hits, and returns the projections that have any.
func (f *finding) count(ctx context.Context, files []*projection.File) ([]month, error) {
	all, counts := make([]month, len(files)), make([]int, len(files))
	err := parallel(len(files), runtime.GOMAXPROCS(0), func(i int) (err error) {
		all[i].file = files[i]
		if counts[i], err = files[i].Count(ctx, f.q); err == nil && counts[i] > 0 {
			all[i].first, all[i].last, err = files[i].Bounds(ctx)
		}
		return err
	})
	var some []month
	for i, m := range all {
		if counts[i] > 0 {
			f.out.Total += counts[i]
			some = append(some, m)
		}
	}
	return some, err
}

// page returns the messages of the page, and one more where there are more.
func (f *finding) page(ctx context.Context, months []month) (list []found, err error) {
	if f.r.Order != Relevance || len(f.q.Tiers) == 0 {
		after := (*projection.Place)(nil)
		if f.from != nil {
			after = &f.from.at
		}
		return f.newest(ctx, months, tier{0, f.q.Match, after}, f.r.Limit+1)
	}
	for i, match := range f.q.Tiers {
		t := tier{i, match, nil}
		if f.from != nil && i < f.from.tier {
			continue
		}
		if f.from != nil && i == f.from.tier {
			t.after = &f.from.at
		}
		more, err := f.newest(ctx, months, t, f.r.Limit+1-len(list))
		if list = append(list, more...); err != nil || len(list) > f.r.Limit {
			return list, err
		}
	}
	return list, nil
}

// tier is what is looked for by date: a whole search or a tier of it.
type tier struct {
	number int
	match  string
	after  *projection.Place
}

// newest returns the first messages by date, at most limit. Months are asked one
// after the other until no other can have one that comes before.
func (f *finding) newest(ctx context.Context, months []month, t tier, limit int) (list []found, err error) {
	oldest := f.r.Order == Oldest
	order := func(a, b projection.Place) int {
		c := cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(b.Seq, a.Seq))
		if oldest {
			return -c
		}
		return c
	}
	slices.SortFunc(months, func(a, b month) int {
		if oldest {
			return cmp.Compare(a.first, b.first)
		}
		return cmp.Compare(b.last, a.last)
	})
	for _, m := range months {
		best, worst := m.last, m.first
		if oldest {
			best, worst = m.first, m.last
		}
		if len(list) >= limit && order(list[limit-1].place(), projection.Place{Sent: best}) < 0 && list[limit-1].Sent != best {
			break
		}
		if t.after != nil && t.after.Sent != worst && order(projection.Place{Sent: worst}, *t.after) < 0 {
			continue // all of it stands before the page
		}
		docs, err := m.file.Find(ctx, projection.Ask{Query: f.q, Match: t.match, Oldest: oldest, After: t.after, Limit: limit})
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			list = append(list, found{d, m.file, t.number})
		}
		slices.SortFunc(list, func(a, b found) int { return order(a.place(), b.place()) })
		list = list[:min(len(list), limit)]
	}
	return list, nil
}

func (d found) place() projection.Place { return projection.Place{Sent: d.Sent, Seq: d.Seq} }

// show makes hits of what was found.
func (f *finding) show(ctx context.Context, list []found) error {
	f.out.Hits = make([]Hit, len(list))
	return parallel(len(list), requests, func(i int) (err error) {
		d := list[i]
		h := Hit{
			ID: d.Message, Arrived: mail.FromMicros(d.Date), Sent: mail.FromMicros(d.Sent), Size: d.Size, Opaque: d.Opaque, Attachment: d.Files,
			Waiting: d.Waits, Unread: d.Unread,
		}
		if h.Subject, h.From, err = d.file.Head(ctx, d.Seq); err != nil {
			return err
		}
		if f.r.Excerpts {
			h.Excerpt, err = f.excerpt(ctx, d)
		}
		f.out.Hits[i] = h
		return err
	})
}

// excerpt opens the record of a hit and cuts out what is shown of it; nothing where
// it does not open, which the message says to who reads it.
func (f *finding) excerpt(ctx context.Context, d found) (*Excerpt, error) {
	message := d.Message
	key, err := f.s.Unlocked().Open(ctx, message, f.s.Archive())
	if damage(err) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	defer key.Close()
	r, err := f.x.record(ctx, f.s, message, key)
	if damage(err) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	e := &Excerpt{Subject: snippet.Whole(r.Subject, f.q.Terms, "subject")}
	text, ok := snippet.Cut(r.Body, f.q.Terms, "body")
	if !ok {
		var in snippet.Snippet
		if in, e.Attached, err = f.attachment(ctx, r, message, key); e.Attached {
			text = in
		}
	}
	e.Text = text
	if err == nil && (d.Unread || d.Waits) {
		var a record.Attachments
		a, _, err = attached.Of(ctx, f.s.Tenant(), message, key)
		e.Unread = r.Unread(a.Reads(), MaxUnread)
	}
	return e, err
}

// attachment cuts out of the text of a message's attachments what was found there.
func (f *finding) attachment(ctx context.Context, r record.Record, message mail.ID, key *seal.Opened) (s snippet.Snippet, ok bool, err error) {
	if s, ok = snippet.Cut(r.Attached, f.q.Terms, "attached"); ok || !r.Worth() {
		return s, ok, nil
	}
	a, _, err := attached.Of(ctx, f.s.Tenant(), message, key)
	if err != nil {
		return s, false, err
	}
	for _, t := range a.Texts {
		if s, ok = snippet.Cut(t.Text, f.q.Terms, "attached"); ok {
			return s, true, nil
		}
	}
	return s, false, nil
}
