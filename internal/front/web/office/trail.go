package office

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"siegel/internal/front/file"
	"siegel/internal/front/trail"
	"siegel/internal/front/trail/words"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// trailPage is how many events a page has.
const trailPage = 100

// trailed is what the page of the audit trail shows.
type trailed struct {
	trail.Page

	What, Person string // what it is filtered by
	From, To     string // and days, the last one included
	Kinds        []words.Group
	Other        bool // What is how several kinds begin, or none that has words
	Events       []told
	Older        string // address of the next page, empty for none
	Damaged      string // what is wrong with events that are left out; empty for nothing
}

// told is an event as the page has it, in the reader's language.
type told struct {
	trail.Event

	Told           words.Told
	Said, Old, New string
}

func (r *room) told(c *page.Call, e trail.Event) told {
	t := r.kinds.Of(e)
	out := told{Event: e, Told: t, Said: r.Say(c.Lang, t.Said.Text, t.Said.Args...), Old: t.Old, New: t.New}
	if t.Words {
		out.Old, out.New = r.Say(c.Lang, out.Old), r.Say(c.Lang, out.New)
	}
	return out
}

// Message is the id of the message that an event is about, empty for none.
func (t told) Message() string {
	if strings.HasPrefix(t.What, "message.") || t.What == "conversation" {
		return t.Object
	}
	return ""
}

// filter is which events a form asks for: of one kind, or of those whose names begin so, on
// days of the reader's zone.
func (r *room) filter(c *page.Call, out trailed) (f trail.Filter, err error) {
	f = trail.Filter{What: out.What, Whole: r.kinds.Has(out.What), Person: mail.NewAddress(out.Person)}
	day := func(text string, more int) (t time.Time) {
		if text != "" && err == nil {
			if t, err = time.ParseInLocation(time.DateOnly, text, c.Zone); err != nil {
				err = fault.Because(fault.Invalid, "write a day as 2026-11-30", err)
			}
			t = t.AddDate(0, 0, more)
		}
		return t
	}
	f.Since, f.Until = day(out.From, 0), day(out.To, 1)
	return f, err
}

// trail shows who did what, newest first (EV-09): for administrators the events, for who
// holds the archive the reasons as well.
func (r *room) trail(ctx context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	out := trailed{What: strings.TrimSpace(q.Get("what")), Person: strings.TrimSpace(q.Get("person")), From: q.Get("from"), To: q.Get("to"), Kinds: r.kinds.Groups}
	out.Other = out.What != "" && !r.kinds.Has(out.What)
	before := int64(trail.Begin)
	if s := q.Get("before"); s != "" {
		var err error
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before < 0 {
			return fault.Because(fault.Invalid, "this is no place in a list", err)
		}
	}
	f, err := r.filter(c, out)
	if err != nil {
		return err
	}
	out.Page, err = r.Trail.Look(ctx, c.Who.Session, f, before, trailPage)
	if err != nil {
		return err
	}
	for _, e := range out.Page.Events {
		out.Events = append(out.Events, r.told(c, e))
	}
	if out.Next > 0 {
		out.Older = "/trail?" + url.Values{"what": {out.What}, "person": {out.Person}, "from": {out.From}, "to": {out.To}, "before": {strconv.FormatInt(out.Next, 10)}}.Encode()
	}
	if out.Page.Damaged != nil {
		out.Damaged = r.Explain(c.Lang, out.Page.Damaged)
	}
	return r.pages.Show(c, http.StatusOK, "trail", c.Say("Audit trail"), out)
}

// exportTrail sends the events of a filter as a table.
func (r *room) exportTrail(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	f, err := r.filter(c, trailed{What: c.Field("what"), Person: c.Field("person"), From: c.Field("from"), To: c.Field("to")})
	if err != nil {
		return err
	}
	to := &file.Late{W: c.ResponseWriter, Name: trail.TableName(r.Now()), Kind: trail.TableKind}
	err = r.Trail.Table(ctx, c.Who.Session, f, to)
	if err != nil && to.Sent() {
		r.Broke("an export of the audit trail broke off", err)
	}
	return err
}
