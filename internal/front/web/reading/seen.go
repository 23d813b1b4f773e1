package reading

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/front/web/page"
	"siegel/internal/identity/account"
	"siegel/internal/kit/fault"
)

// Bounds of looking through the audit log for one message. What lies before is not looked
// at, which is said.
const (
	lookFor  = 3 * time.Second
	maxSeen  = 200
	lookStep = 256 // events between two looks at the clock
)

// events fills in who has seen a message, newest first, for who holds the archive, and
// returns the names of people.
func (r *room) events(ctx context.Context, c *page.Call, out *history) (account.Names, error) {
	if !out.Reads {
		return nil, nil
	}
	names, err := r.Identity.Names(ctx, c.Who.Session)
	if err != nil {
		return nil, err
	}
	until, n, object := time.Now().Add(lookFor), 0, out.ID.String()
	err = r.Identity.Audit(ctx, c.Who.Session, math.MaxInt, func(e audit.Entry) error {
		out.Since = e.Time
		if n++; len(out.Seen) == maxSeen || n%lookStep == 0 && time.Now().After(until) {
			out.Part = true
			return audit.ErrEnough
		}
		if e.Time.Before(out.Arrived) { // nobody saw it before it came
			return audit.ErrEnough
		}
		if about(e, object) {
			out.Seen = append(out.Seen, seen{e.Time, names.Called(e.Who), e.What, e.Note})
		}
		return nil
	})
	// What is damaged must not hide the rest: that is when it is needed.
	if fault.Of(err) == fault.Damaged && err != nil {
		out.Damaged, err = r.Explain(c.Lang, err), nil
	}
	return names, err
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
