package office

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"siegel/internal/front/file"
	"siegel/internal/front/trail"
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
	Older        string // address of the next page, empty for none
	Damaged      string // what is wrong with events that are left out; empty for nothing
}

// trail shows who did what, newest first (EV-09): for administrators the events, for who
// holds the archive the reasons as well.
func (r *room) trail(ctx context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	out := trailed{What: strings.TrimSpace(q.Get("what")), Person: strings.TrimSpace(q.Get("person"))}
	before := int64(trail.Begin)
	if s := q.Get("before"); s != "" {
		var err error
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before < 0 {
			return fault.Because(fault.Invalid, "this is no place in a list", err)
		}
	}
	var err error
	out.Page, err = r.Trail.Look(ctx, c.Who.Session, trail.Filter{What: out.What, Person: mail.NewAddress(out.Person)}, before, trailPage)
	if err != nil {
		return err
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
	err := r.Trail.Table(ctx, c.Who.Session, trail.Filter{What: c.Field("what"), Person: mail.NewAddress(c.Field("person"))}, to)
	if err != nil && to.Sent() {
		r.Broke("an export of the audit trail broke off", err)
	}
	return err
}
