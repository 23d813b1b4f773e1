package index

import (
	"context"
	"slices"
	"time"

	"siegel/internal/index/projection"
	"siegel/internal/kit/fault"
)

// Day is how many messages and octets arrived on a day, in UTC.
type Day = projection.Day

// Arrivals are the messages of a session by day, and all of them together.
type Arrivals struct {
	Days     []Day `json:"days"` // those on which something arrived, in order
	Messages int64 `json:"messages"`
	Octets   int64 `json:"octets"`
	Lag
}

// Arrivals catches the session's index up and counts what arrived from one day until
// before another, and all there is; a zero time is no bound. What did not open is not
// counted. Only what was caught up is entered in the audit log: numbers say nothing of
// what is sealed.
func (x *Index) Arrivals(ctx context.Context, s Session, since, until time.Time, w Wait) (out *Arrivals, err error) {
	defer fault.Wrap(&err, "arrivals")
	if until.IsZero() {
		until = x.Now().AddDate(1, 0, 0)
	}
	err = x.with(ctx, s, w, func(files *shelved) error {
		out = &Arrivals{Days: []Day{}, Lag: files.Lag}
		for _, f := range files.files {
			messages, octets, err := f.Total(ctx)
			if err != nil {
				return err
			}
			out.Messages, out.Octets = out.Messages+messages, out.Octets+octets
			days, err := f.Days(ctx, since, until)
			if err != nil {
				return err
			}
			out.Days = append(out.Days, days...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out.Days, func(a, b Day) int { return a.Day.Compare(b.Day) })
	return out, nil
}
