// Package history says what became of a message: when it came, for whom it is sealed and
// who has seen it, as far as who asks may know. Pages and programs get the same.
package history

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"siegel/internal/archive"
	"siegel/internal/archive/casefile"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/identity/account"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Bounds of looking through the audit log for one message. What lies before is not looked
// at, which is said.
const (
	lookFor  = 3 * time.Second
	MaxSeen  = 200
	lookStep = 256 // events between two looks at the clock
)

// Deps are the rooms that know it.
type Deps struct {
	Archive  *archive.Archive
	Identity *identity.Identity
	Cases    *casefile.Room
}

// History is what is known of a message.
type History struct {
	archive.History

	Holders []Holder // whom it is sealed for, as far as one may know
	// The rest is for who holds the archive: All says that it is there.
	Seen  []Seen    // newest first, MaxSeen at most
	Since time.Time // from when on the audit log was looked through; zero for not at all
	Part  bool      // it was not looked through as a whole
	// Damaged is what is wrong with events that are left out, of that kind; nil for nothing.
	// It must not hide the rest: that is when it is needed.
	Damaged error
}

// Kind is what a holder is.
type Kind string

// The kinds.
const (
	Archive Kind = "archive"
	Case    Kind = "case"
	Person  Kind = "person"
)

// Holder is whom a message is sealed for.
type Holder struct {
	Kind Kind
	// Name is a person's sign-in address or a case's name; where that is not known a
	// person has her holder's id, and a case nothing.
	Name string
	ID   mail.ID // of the case
}

// Seen is something that was done with the message.
type Seen struct {
	Time time.Time
	What string       // such as message.open
	Who  string       // id of who did it
	Name mail.Address // her sign-in address as it is now; empty where she has none
	Note string       // why
}

// Called returns by what pages name who did it.
func (s Seen) Called() string {
	if s.Name == "" {
		return s.Who
	}
	return s.Name.String()
}

// Of returns the history of a message that a session can open; otherwise it fails with
// kind NotFound, as where there is none. It takes a few seconds at most.
func (d Deps) Of(ctx context.Context, s *identity.Session, id mail.ID) (out History, err error) {
	if out.History, err = d.Archive.History(ctx, s, id); err != nil {
		return out, err
	}
	var people account.Names
	if out.All {
		if people, err = d.Identity.Names(ctx, s); err != nil {
			return out, err
		}
		if err = d.seen(ctx, s, id, people, &out); err != nil {
			return out, err
		}
	}
	cases, err := d.Cases.List(ctx, s)
	if err != nil {
		return out, err
	}
	for _, holder := range out.Sealed {
		at := slices.IndexFunc(cases, func(one casefile.Case) bool { return one.Holder == holder })
		switch {
		case at >= 0:
			out.Holders = append(out.Holders, Holder{Kind: Case, Name: cases[at].Name, ID: cases[at].ID})
		case holder == s.Archive():
			out.Holders = append(out.Holders, Holder{Kind: Archive})
		case holder == s.Unlocked().Person():
			out.Holders = append(out.Holders, Holder{Kind: Person, Name: s.Account().Email.String()})
		default:
			out.Holders = append(out.Holders, Holder{Kind: Person, Name: people.Called(holder.String())})
		}
	}
	return out, nil
}

// seen fills in who has seen a message.
func (d Deps) seen(ctx context.Context, s *identity.Session, id mail.ID, people account.Names, out *History) error {
	until, n, object := time.Now().Add(lookFor), 0, id.String()
	err := d.Identity.Audit(ctx, s, math.MaxInt64, func(e audit.Entry) error {
		out.Since = e.Time
		if n++; len(out.Seen) == MaxSeen || n%lookStep == 0 && time.Now().After(until) {
			out.Part = true
			return audit.ErrEnough
		}
		if e.Time.Before(out.Arrived) { // nobody saw it before it came
			return audit.ErrEnough
		}
		if about(e, object) {
			out.Seen = append(out.Seen, Seen{e.Time, e.What, e.Who, people.Of(e.Who), e.Note})
		}
		return nil
	})
	if fault.Of(err) == fault.Damaged && err != nil {
		out.Damaged, err = err, nil
	}
	return err
}

// about reports whether an event says that somebody got to see a message: alone, or with
// others in an export or a case.
func about(e audit.Entry, message string) bool {
	if e.Object == message && strings.HasPrefix(e.What, "message.") {
		return true
	}
	list, _ := e.Detail["messages"].([]any) // JSON
	return slices.Contains(list, any(message))
}
