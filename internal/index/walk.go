package index

import (
	"context"
	"strings"
	"time"

	"siegel/internal/index/projection"
	"siegel/internal/index/query"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Range is all messages that a search finds, in the order in which they came to the
// holder, whose number nothing bounds.
type Range struct {
	Text string // a search; empty for every message
	// Before leaves out what arrived from then on, so that a range stays the same
	// while mail comes.
	Before time.Time
}

// Measured is what a range has in it.
type Measured struct {
	Messages int64
	Octets   int64
	Damaged  int64 // messages whose index record did not open: a search does not find them
	Former   int64 // messages sealed to a former key, which the session does not reach
	// Messages with attachments that wait to be read, and with such as cannot be read: a
	// search does not find the text of these.
	Waiting, Unread int64
}

// Position is where in a range a message stands. The zero Position is before the first.
type Position struct {
	Month int
	Seq   int64
}

// Placed is a message of a range.
type Placed struct {
	ID mail.ID
	At Position
}

// Measure catches the session's index up and counts a range. Nothing of it is entered
// in the audit log but what was caught up: the caller enters for what he counts.
func (x *Index) Measure(ctx context.Context, s Session, r Range) (m Measured, err error) {
	defer fault.Wrap(&err, "measure")
	within, err := r.parse()
	if err != nil {
		return m, err
	}
	err = x.with(ctx, s, Wait{}, func(files *shelved) error {
		m = Measured{Damaged: files.Damaged, Former: files.Former, Waiting: files.Waiting, Unread: files.Unread}
		for _, p := range files.files {
			messages, octets, err := p.Measure(ctx, within)
			if err != nil {
				return err
			}
			m.Messages, m.Octets = m.Messages+messages, m.Octets+octets
		}
		return nil
	})
	return m, err
}

// Walk returns the next messages of a range behind a position, at most limit. There are
// no more where it returns none.
func (x *Index) Walk(ctx context.Context, s Session, r Range, after Position, limit int) (list []Placed, err error) {
	defer fault.Wrap(&err, "walk")
	within, err := r.parse()
	if err != nil {
		return nil, err
	}
	err = x.with(ctx, s, Wait{}, func(files *shelved) error {
		list = nil
		for i := len(files.files) - 1; i >= 0 && len(list) == 0; i-- {
			p := files.files[i]
			month, seq := p.Month(), int64(0)
			if month < after.Month {
				continue
			}
			if month == after.Month {
				seq = after.Seq
			}
			docs, err := p.Walk(ctx, within, seq, limit)
			if err != nil {
				return err
			}
			for _, d := range docs {
				list = append(list, Placed{d.Message, Position{month, d.Seq}})
			}
		}
		return nil
	})
	return list, err
}

// parse returns the range as projections have it. All messages are meant where
// nothing is searched for, also those whose index record is damaged.
func (r Range) parse() (projection.Range, error) {
	within := projection.Range{Before: r.Before}
	if strings.TrimSpace(r.Text) == "" {
		return within, nil
	}
	q, err := query.Parse(r.Text)
	within.Query = q
	return within, err
}
