package web

import (
	"cmp"
	"context"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/identity/account"
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
func (d *Door) trail(ctx context.Context, c *call) error {
	q := c.r.URL.Query()
	out := trailed{What: strings.TrimSpace(q.Get("what")), Person: strings.TrimSpace(q.Get("person"))}
	before := int64(math.MaxInt64)
	if s := q.Get("before"); s != "" {
		var err error
		if before, err = strconv.ParseInt(s, 10, 64); err != nil {
			return fault.Because(fault.Invalid, "this is no place in a list", err)
		}
	}
	names, err := d.Identity.Names(ctx, c.who.Session)
	if err != nil {
		return err
	}
	person := mail.NewAddress(out.Person)
	last := int64(-1)
	err = d.Identity.Audit(ctx, c.who.Session, math.MaxInt, func(e audit.Entry) error {
		who, object := called(names, e.Who), called(names, e.Object)
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
	return d.show(c, http.StatusOK, "trail", c.say("Audit trail"), out)
}

// called returns the address of an id where it is a person's, and otherwise the id.
func called(names account.Names, id string) string { return cmp.Or(names.Of(id).String(), id) }

// late sends a file whose head is written with its first octet, so that what goes wrong
// before it is a page.
type late struct {
	c    *call
	name string
	sent bool
}

// Write implements [io.Writer].
func (l *late) Write(b []byte) (int, error) {
	if !l.sent {
		l.sent = true
		h := l.c.Header()
		h.Set("Content-Type", "application/zip")
		h.Set("Content-Disposition", `attachment; filename="`+l.name+`"`)
		h.Set("Content-Security-Policy", "sandbox")
	}
	return l.c.Write(b)
}

var _ io.Writer = (*late)(nil)

// proof sends the bundle that proves a message to strangers (EV-04).
func (d *Door) proof(ctx context.Context, c *call) error {
	id, err := mail.ParseID(c.r.PathValue("id"))
	if err != nil {
		return fault.New(fault.NotFound, "there is no such message for you")
	}
	if err := c.r.ParseForm(); err != nil {
		return errForm(err)
	}
	w := &late{c: c, name: "siegel-" + id.String() + ".zip"}
	err = d.Prove(ctx, c.who.Session, archive.ProofOf{ID: id, Reason: strings.TrimSpace(c.r.PostForm.Get("reason"))}, w)
	if err != nil && w.sent {
		d.Log.Error("a proof broke off", "error", err)
		panic(http.ErrAbortHandler) // the browser must not take the rest for the whole
	}
	return err
}
