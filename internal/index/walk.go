package index

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
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
	q, err := r.query()
	if err != nil {
		return m, err
	}
	months, err := sorted(ctx, s)
	if err != nil {
		return m, err
	}
	for _, month := range months {
		err := x.within(ctx, s, month, func(p *projection) error {
			var messages, octets, damaged, former int64
			where, args := r.where(q)
			// no tenant: a projection is one holder's file
			err := p.sql.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0) FROM index_doc WHERE `+where, args...).Scan(&messages, &octets)
			if err != nil {
				return err
			}
			// no tenant: a projection is one holder's file
			err = p.sql.QueryRowContext(ctx, `SELECT COALESCE(SUM(damaged), 0), COALESCE(SUM(former > 0), 0) FROM index_doc`).Scan(&damaged, &former)
			m.Messages, m.Octets, m.Damaged, m.Former = m.Messages+messages, m.Octets+octets, m.Damaged+damaged, m.Former+former
			return err
		})
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// Walk returns the next messages of a range behind a position, at most limit. There are
// no more where it returns none.
func (x *Index) Walk(ctx context.Context, s Session, r Range, after Position, limit int) (list []Placed, err error) {
	defer fault.Wrap(&err, "walk")
	q, err := r.query()
	if err != nil {
		return nil, err
	}
	months, err := sorted(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, month := range months {
		if month.Month < after.Month {
			continue
		}
		if month.Month > after.Month {
			after = Position{Month: month.Month}
		}
		err := x.within(ctx, s, month, func(p *projection) error {
			list, err = p.walk(ctx, r, q, after, limit)
			return err
		})
		if err != nil || len(list) > 0 {
			return list, err
		}
	}
	return nil, nil
}

// walk returns the next messages of a range within a month.
func (p *projection) walk(ctx context.Context, r Range, q query, after Position, limit int) (list []Placed, err error) {
	where, args := r.where(q)
	args = append(args, after.Seq)
	// no tenant: a projection is one holder's file
	rows, err := p.sql.QueryContext(ctx, `SELECT message, seq FROM index_doc WHERE `+where+` AND seq > `+placeholder(len(args))+
		` ORDER BY seq LIMIT `+limitText(limit), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one := Placed{At: Position{Month: after.Month}}
		var id []byte
		if err := rows.Scan(&id, &one.At.Seq); err != nil {
			return nil, err
		}
		if one.ID, err = mail.IDFrom(id); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// within opens the projection of a month, caught up.
func (x *Index) within(ctx context.Context, s Session, m seal.Month, f func(*projection) error) (err error) {
	p, err := x.open(ctx, s, m.Month)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := x.catchUp(ctx, s, p, m, nil); err != nil {
		return err
	}
	return f(p)
}

func sorted(ctx context.Context, s Session) ([]seal.Month, error) {
	months, err := s.Unlocked().Months(ctx, holder(s))
	slices.SortFunc(months, func(a, b seal.Month) int { return cmp.Compare(a.Month, b.Month) })
	return months, err
}

func (r Range) query() (query, error) {
	if strings.TrimSpace(r.Text) == "" {
		return query{}, nil
	}
	return parseQuery(r.Text)
}

// where returns the condition of a range. All messages are meant where nothing is
// searched for, also those whose index record is damaged.
func (r Range) where(q query) (string, []any) {
	where, args := "former = 0", []any(nil)
	if strings.TrimSpace(r.Text) != "" {
		where, args = q.where()
	}
	args = append(args, mail.Micros(r.Before))
	return where + " AND date < " + placeholder(len(args)), args
}
