package console

import (
	"context"
	"math"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Audit asks for the newest events.
type Audit struct {
	Credentials
	Limit  int       `json:"limit"`
	Person string    `json:"person,omitempty"` // e-mail address of who did it or to whom it was done
	What   string    `json:"what,omitempty"`   // how the events begin, such as "person."
	Since  time.Time `json:"since,omitzero"`   // the earliest
	Until  time.Time `json:"until,omitzero"`   // and before when; zero means to the end
}

const maxEvents = 10_000

// Event is an event with the addresses by which the people in it sign in, as they
// are now: events themselves have their ids only.
type Event struct {
	audit.Entry
	WhoEmail    mail.Address `json:"who_email,omitempty"`
	ObjectEmail mail.Address `json:"object_email,omitempty"`
}

func (c *Console) audit(ctx context.Context, k *call) (any, error) {
	var r Audit
	if err := k.read(&r); err != nil {
		return nil, err
	}
	if r.Limit < 1 || r.Limit > maxEvents {
		return nil, fault.Newf(fault.Invalid, "ask for 1 to %d events", maxEvents)
	}
	if !r.Until.IsZero() && !r.Until.After(r.Since) {
		return nil, fault.New(fault.Invalid, "until is before since: exchange them")
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) { return c.events(ctx, s, r) })
}

// Events are those that could be read.
type Events []Event

func (Events) partial() {}

func (c *Console) events(ctx context.Context, s *identity.Session, r Audit) (Events, error) {
	names, err := c.Identity.Names(ctx, s)
	if err != nil {
		return nil, err
	}
	person := mail.NewAddress(r.Person)
	list := Events{}
	err = c.Identity.Audit(ctx, s, math.MaxInt64, func(e audit.Entry) error {
		if e.Time.Before(r.Since) {
			return audit.ErrEnough
		}
		one := Event{Entry: e, WhoEmail: names.Of(e.Who), ObjectEmail: names.Of(e.Object)}
		switch {
		case !strings.HasPrefix(e.What, r.What), !r.Until.IsZero() && !e.Time.Before(r.Until):
			return nil
		case r.Person != "" && one.WhoEmail != person && one.ObjectEmail != person:
			return nil
		}
		if list = append(list, one); len(list) == r.Limit {
			return audit.ErrEnough
		}
		return nil
	})
	return list, err
}
