package office

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// trailPage is how many events a page has.
const trailPage = 100

// trailed is what the page of the audit trail shows.
type trailed struct {
	What, Person string // what it is filtered by
	Events       []event
	Older        string // address of the next page, empty for none
}

type event struct {
	Time           time.Time
	Who, What      string
	Object         string
	Old, New, Note string
}

// trail shows who did what, newest first (EV-09): for administrators the events, for who
// holds the archive the reasons as well.
func (r *room) trail(ctx context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	out := trailed{What: strings.TrimSpace(q.Get("what")), Person: strings.TrimSpace(q.Get("person"))}
	before := int64(math.MaxInt64)
	if s := q.Get("before"); s != "" {
		var err error
		if before, err = strconv.ParseInt(s, 10, 64); err != nil {
			return fault.Because(fault.Invalid, "this is no place in a list", err)
		}
	}
	names, err := r.Identity.Names(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	person := mail.NewAddress(out.Person)
	last := int64(-1)
	err = r.Identity.Audit(ctx, c.Who.Session, math.MaxInt, func(e audit.Entry) error {
		who, object := names.Called(e.Who), names.Called(e.Object)
		switch {
		case e.Index >= before, !strings.HasPrefix(e.What, out.What):
			return nil
		case out.Person != "" && who != person.String() && object != person.String():
			return nil
		case len(out.Events) == trailPage:
			out.Older = "/trail?" + url.Values{"what": {out.What}, "person": {out.Person}, "before": {strconv.FormatInt(last, 10)}}.Encode()
			return audit.ErrEnough
		}
		last = e.Index
		out.Events = append(out.Events, event{Time: e.Time, Who: who, What: e.What, Object: object, Old: e.Old, New: e.New, Note: e.Note})
		return nil
	})
	if err != nil {
		return err
	}
	return r.pages.Show(c, http.StatusOK, "trail", c.Say("Audit trail"), out)
}
