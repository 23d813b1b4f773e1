package audit

import (
	"context"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// Apart is how far times of events may be out of order: events that come at once are entered
// one after the other, and the clocks of nodes differ.
const Apart = time.Hour

// probe is how many entries are looked at for one whose time is known.
const probe = 16

// Until returns an index of the audit log, for [Trail.Below]: from it on no event is
// earlier than at, but for those whose times are more than [Apart] out of order. It reads a few
// entries for each doubling of the log, instead of all events that are later. Damaged entries
// have no time: they are below the index where they are not among later ones.
func (a *Trail) Until(ctx context.Context, t db.Tenant, at time.Time) (_ int64, err error) {
	defer fault.Wrap(&err, "audit")
	newest, err := a.ledger.Recent(ctx, t, "audit", -1, 1)
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	late := at.Add(Apart)
	// Below low events may be meant, from high on none is.
	low, high := int64(0), newest[0].Index+1
	for low < high {
		middle := low + (high-low)/2
		index, when, err := a.at(ctx, t, low, middle)
		switch {
		case err != nil:
			return 0, err
		case index >= low && !when.Before(late):
			high = index
		default:
			low = middle + 1
		}
	}
	return high, nil
}

// at returns the newest event from low to high, of the last few entries there, and its time;
// -1 where there is none whose time is known.
func (a *Trail) at(ctx context.Context, t db.Tenant, low, high int64) (index int64, when time.Time, err error) {
	list, err := a.ledger.Recent(ctx, t, "audit", high+1, int(min(probe, high+1-low)))
	if err != nil {
		return 0, when, err
	}
	for _, e := range list {
		if e.Err != nil {
			continue
		}
		// Other entries may tell an earlier time than that of their entering.
		if parsed, err := entry.Parse(e.Text); err == nil && parsed.Kind == "audit" {
			return e.Index, parsed.Time, nil
		}
	}
	return -1, when, nil
}
