package office

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

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

// filter is which events a form asks for: of one kind, or of those whose names begin so.
func (r *room) filter(what, person string) trail.Filter {
	return trail.Filter{What: what, Whole: r.kinds.Has(what), Person: mail.NewAddress(person)}
}

// trail shows who did what, newest first (EV-09): for administrators the events, for who
// holds the archive the reasons as well.
func (r *room) trail(ctx context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	out := trailed{What: strings.TrimSpace(q.Get("what")), Person: strings.TrimSpace(q.Get("person")), Kinds: r.kinds.Groups}
	out.Other = out.What != "" && !r.kinds.Has(out.What)
	before := int64(trail.Begin)
	if s := q.Get("before"); s != "" {
		var err error
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before < 0 {
			return fault.Because(fault.Invalid, "this is no place in a list", err)
		}
	}
	var err error
	out.Page, err = r.Trail.Look(ctx, c.Who.Session, r.filter(out.What, out.Person), before, trailPage)
	if err != nil {
		return err
	}
	for _, e := range out.Page.Events {
		out.Events = append(out.Events, r.told(c, e))
	}
	if out.Next > 0 {
		out.Older = "/trail?" + url.Values{"what": {out.What}, "person": {out.Person}, "before": {strconv.FormatInt(out.Next, 10)}}.Encode()
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
	to := &file.Late{W: c.ResponseWriter, Name: trail.TableName(r.Now()), Kind: trail.TableKind}
	err := r.Trail.Table(ctx, c.Who.Session, r.filter(c.Field("what"), c.Field("person")), to)
	if err != nil && to.Sent() {
		r.Broke("an export of the audit trail broke off", err)
	}
	return err
}
