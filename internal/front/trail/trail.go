// Package trail shows who did what: the events of a filter, page by page and as a table.
// Pages and programs get the same (EV-09).
package trail

import (
	"context"
	"math"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/identity/account"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// LookFor is how long a page looks for events. How far it came is said, and the next page
// goes on from there.
const LookFor = 3 * time.Second

// Deps is what the room works with.
type Deps struct {
	Identity *identity.Identity
	Trail    *audit.Trail
	// LookFor is how long a page looks for events; zero for what is right outside of tests.
	LookFor time.Duration
}

// Filter says which events are meant.
type Filter struct {
	What   string       // how their names begin; empty for all
	Whole  bool         // What is the whole name
	Person mail.Address // sign-in address of who did it or to whom it was done; empty for all
	Since  time.Time    // the earliest
	Until  time.Time    // before when; zero for all
}

// Event is an event with the sign-in addresses, as they are now, of the people in it: it
// has their ids only.
type Event struct {
	audit.Entry

	WhoEmail    mail.Address // empty where it is nobody's
	ObjectEmail mail.Address
}

// Actor returns by what pages name who did it.
func (e Event) Actor() string { return called(e.WhoEmail, e.Who) }

// Target returns by what pages name to what it was done.
func (e Event) Target() string { return called(e.ObjectEmail, e.Object) }

func called(address mail.Address, id string) string {
	if address == "" {
		return id
	}
	return address.String()
}

// check fails with kind Invalid where nothing can be meant.
func (f Filter) check() error {
	if !f.Until.IsZero() && !f.Until.After(f.Since) {
		return fault.New(fault.Invalid, "until is before since: exchange them")
	}
	return nil
}

// means reports whether an event is one of those that are meant.
func (f Filter) means(e Event) bool {
	switch {
	case !strings.HasPrefix(e.What, f.What), f.Whole && e.What != f.What, !f.Until.IsZero() && !e.Time.Before(f.Until):
		return false
	}
	return f.Person == "" || e.Actor() == f.Person.String() || e.Target() == f.Person.String()
}

// Begin is where the first page begins.
const Begin = math.MaxInt64

// Page is a part of the trail.
type Page struct {
	Events []Event // newest first
	// Next is where the next page begins, and zero where this is the last.
	Next int64
	// Part says that the time was over: it was looked for events back to Since, and there
	// may be more before.
	Part  bool
	Since time.Time
	// Damaged is what is wrong with events that are left out, of that kind; nil for nothing.
	// It must not hide the rest: that is when it is needed.
	Damaged error
}

// Look returns events that are meant, newest first: up to limit of those below an index of
// the audit log, and what is found of them in the time that there is. It fails with kind
// Denied for who may not see the trail, with kind Invalid where the filter means nothing.
func (d Deps) Look(ctx context.Context, s *identity.Session, f Filter, before int64, limit int) (p Page, err error) {
	patience := d.LookFor
	if patience == 0 {
		patience = LookFor
	}
	until := time.Now().Add(patience)
	names, err := d.names(ctx, s, f)
	if err != nil {
		return p, err
	}
	err = d.each(ctx, s, f, names, before, func(e Event, meant bool) error {
		if meant && len(p.Events) == limit {
			p.Next = p.Events[limit-1].Index
			return audit.ErrEnough
		}
		if meant {
			p.Events = append(p.Events, e)
		}
		if e.Index > 0 && time.Now().After(until) {
			p.Part, p.Since, p.Next = true, e.Time, e.Index
			return audit.ErrEnough
		}
		return nil
	})
	if fault.Of(err) == fault.Damaged && err != nil {
		p.Damaged, err = err, nil
	}
	return p, err
}

// names are those of the people in events. It fails where the filter means nothing, and for
// who may not see the trail.
func (d Deps) names(ctx context.Context, s *identity.Session, f Filter) (account.Names, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return d.Identity.Names(ctx, s)
}

// each calls to with every event below an index, from the newest to the earliest that may
// be meant.
func (d Deps) each(ctx context.Context, s *identity.Session, f Filter, names account.Names, before int64, to func(e Event, meant bool) error) error {
	if !f.Until.IsZero() {
		begin, err := d.Trail.Until(ctx, s.Tenant(), f.Until)
		if err != nil {
			return err
		}
		before = min(before, begin)
	}
	return d.Identity.Audit(ctx, s, before, func(e audit.Entry) error {
		if e.Time.Before(f.Since) {
			return audit.ErrEnough
		}
		one := Event{e, names.Of(e.Who), names.Of(e.Object)}
		return to(one, f.means(one))
	})
}
