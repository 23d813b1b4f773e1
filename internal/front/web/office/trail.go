package office

import (
	"cmp"
	"context"
	"encoding/csv"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"siegel/internal/audit"
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
	What, Person string // what it is filtered by
	Kinds        []trail.Group
	Other        bool // What is how several kinds begin, or none that has words
	Events       []told
	Older        string // address of the next page, empty for none
	Damaged      string // what is wrong with events that are left out; empty for nothing
	Part         bool   // it was not looked further back than Since
	Since        time.Time
}

// lookFor is how long a page looks for events. How far it came is said, and the next page goes
// on from there.
const lookFor = 3 * time.Second

type event struct {
	audit.Entry

	Who, Object string // a person's address for her id
	Told        trail.Told
}

// said tells an event in the reader's language.
func (r *room) said(c *page.Call, e event) told {
	out := told{event: e, Said: r.Say(c.Lang, e.Told.Said.Text, e.Told.Said.Args...), Old: e.Told.Old, New: e.Told.New}
	if e.Told.Words {
		out.Old, out.New = r.Say(c.Lang, out.Old), r.Say(c.Lang, out.New)
	}
	return out
}

// told is an event as the page has it.
type told struct {
	event

	Said, Old, New string
}

// Message is the id of the message that an event is about, empty for none.
func (e event) Message() string {
	if strings.HasPrefix(e.What, "message.") || e.What == "conversation" {
		return e.Entry.Object
	}
	return ""
}

// filter is which events are asked for.
type filter struct {
	what   string // the code of a kind, or how those of several begin
	person mail.Address
	before int64 // index in the log
	// passed, which may be nil, hears of every event that was looked at.
	passed func(at time.Time, index int64) error
}

// events calls f with the events of a filter, newest first, with addresses for ids.
func (r *room) events(ctx context.Context, c *page.Call, by filter, f func(e event, index int64) error) error {
	names, err := r.Identity.Names(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	return r.Identity.Audit(ctx, c.Who.Session, math.MaxInt, func(e audit.Entry) error {
		who, object := names.Called(e.Who), names.Called(e.Object)
		if by.passed != nil && e.Index < by.before {
			if err := by.passed(e.Time, e.Index); err != nil {
				return err
			}
		}
		switch {
		case e.Index >= by.before, !strings.HasPrefix(e.What, by.what), r.kinds.Has(by.what) && e.What != by.what:
			return nil
		case by.person != "" && who != by.person.String() && object != by.person.String():
			return nil
		}
		return f(event{e, who, object, r.kinds.Of(e, names)}, e.Index)
	})
}

// trail shows who did what, newest first (EV-09): for administrators the events, for who
// holds the archive the reasons as well.
func (r *room) trail(ctx context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	out := trailed{What: strings.TrimSpace(q.Get("what")), Person: strings.TrimSpace(q.Get("person")), Kinds: r.kinds.Groups}
	out.Other = out.What != "" && !r.kinds.Has(out.What)
	by := filter{what: out.What, person: mail.NewAddress(out.Person), before: math.MaxInt64}
	if s := q.Get("before"); s != "" {
		var err error
		if by.before, err = strconv.ParseInt(s, 10, 64); err != nil {
			return fault.Because(fault.Invalid, "this is no place in a list", err)
		}
	}
	last, until := int64(-1), time.Now().Add(lookFor)
	by.passed = func(at time.Time, index int64) error {
		if out.Part = time.Now().After(until); !out.Part {
			return nil
		}
		out.Since, last = at, index
		return audit.ErrEnough
	}
	more := false
	err := r.events(ctx, c, by, func(e event, index int64) error {
		if more = len(out.Events) == trailPage; more {
			return audit.ErrEnough
		}
		last = index
		out.Events = append(out.Events, r.said(c, e))
		return nil
	})
	if more || out.Part {
		out.Older = "/trail?" + url.Values{"what": {out.What}, "person": {out.Person}, "before": {strconv.FormatInt(last, 10)}}.Encode()
	}
	// What is damaged must not hide the rest: that is when it is needed.
	if fault.Of(err) == fault.Damaged && err != nil {
		out.Damaged, err = r.Explain(c.Lang, err), nil
	}
	if err != nil {
		return err
	}
	return r.pages.Show(c, http.StatusOK, "trail", c.Say("Audit trail"), out)
}

// exportTrail sends the events of a filter as a table (CSV, RFC 4180). That it was done is
// an event before the first line leaves.
func (r *room) exportTrail(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	by := filter{what: c.Field("what"), person: mail.NewAddress(c.Field("person")), before: math.MaxInt64}
	if _, err := r.Identity.Names(ctx, c.Who.Session); err != nil { // who may not read the trail
		return err
	}
	done := audit.Event{What: "audit.export", Who: c.Who.Person().String(), Detail: map[string]any{"what": by.what, "person": by.person.String()}}
	if err := r.Trail.Record(ctx, c.Who.Tenant(), mail.HolderID{}, done); err != nil {
		return err
	}
	h := c.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="audit-`+r.Now().UTC().Format(time.DateOnly)+`.csv"`)
	h.Set("Content-Security-Policy", "sandbox")
	w := csv.NewWriter(file.Steps(c.ResponseWriter))
	w.UseCRLF = true
	err := w.Write([]string{"index", "time", "who", "what", "object", "old", "new", "note"})
	if err == nil {
		err = r.events(ctx, c, by, func(e event, index int64) error {
			line := []string{strconv.FormatInt(index, 10), e.Time.UTC().Format(time.RFC3339), e.Who, e.What, e.Object, e.Old, e.New, e.Note}
			for i := 2; i < len(line); i++ {
				line[i] = plain(line[i])
			}
			return w.Write(line)
		})
	}
	w.Flush()
	if err = cmp.Or(err, w.Error()); err != nil {
		r.Broke("an export of the audit trail broke off", err)
	}
	return nil
}

// plain keeps a spreadsheet from taking what somebody wrote for a formula.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
