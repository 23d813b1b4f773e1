package query

import (
	"math"
	"strconv"
	"strings"
	"time"

	"siegel/internal/kit/fault"
)

// isCondition reports whether an operator compares what is no text.
func isCondition(operator string) bool {
	switch operator {
	case "before", "after", "on", "larger", "smaller", "has":
		return true
	}
	return false
}

// restrict takes a term that is no text.
func (q *Query) restrict(t token) error {
	switch t.Operator {
	case "before", "after", "on":
		return q.date(t)
	case "larger", "smaller":
		return q.size(t)
	}
	return q.attachments(t)
}

// attachments takes has:.
func (q *Query) attachments(t token) error {
	var trait Trait
	switch strings.ToLower(t.Typed()) {
	case "attachment", "attachments":
		trait = Attached
	case "unreadable":
		trait = Unreadable
	case "waiting":
		trait = Waiting
	default:
		return t.wrong(fault.Newf(fault.Invalid, "at position %d: there is no has:%s, there are has:attachment, has:unreadable and has:waiting", t.At, t.Typed()))
	}
	if t.Not {
		q.Lacks |= trait
	} else {
		q.Has |= trait
	}
	return nil
}

// date takes before:, after: and on:. What is asked several times must hold each
// time.
func (q *Query) date(t token) error {
	if t.Not && t.Operator != "on" {
		return t.wrong(fault.Newf(fault.Invalid, "at position %d: a date is not left out with -; write before: for after:, and after: for before:", t.At))
	}
	p, ok := period(t.Typed())
	if !ok {
		return t.wrong(fault.Newf(fault.Invalid, "at position %d: %q is no date; write 2026-11-22, 22.11.2026, 2026-11 or 2026", t.At, t.Typed()))
	}
	switch {
	case t.Not:
		q.Except = append(q.Except, p)
	case t.Operator == "before":
		q.until(p.Since)
	case t.Operator == "after":
		q.since(p.Since)
	default:
		q.since(p.Since)
		q.until(p.Until)
	}
	return nil
}

func (q *Query) since(t time.Time) {
	if q.Since.IsZero() || t.After(q.Since) {
		q.Since = t
	}
}

func (q *Query) until(t time.Time) {
	if q.Until.IsZero() || t.Before(q.Until) {
		q.Until = t
	}
}

// period reads a day, a month or a year.
func period(text string) (p Period, ok bool) {
	for _, form := range []struct {
		layout              string
		years, months, days int
	}{
		{"2006-01-02", 0, 0, 1}, {"2.1.2006", 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0},
	} {
		if d, err := time.Parse(form.layout, text); err == nil && d.Year() > 1 { // the first is the zero time
			return Period{d, d.AddDate(form.years, form.months, form.days)}, true
		}
	}
	return p, false
}

// size takes larger: and smaller:.
func (q *Query) size(t token) error {
	if t.Not {
		return t.wrong(fault.Newf(fault.Invalid, "at position %d: a size is not left out with -; write smaller: for larger:, and larger: for smaller:", t.At))
	}
	n, ok := octets(t.Typed())
	if !ok {
		return t.wrong(fault.Newf(fault.Invalid, "at position %d: %q is no size; write 500k, 10M or 1.5G, or a number of octets", t.At, t.Typed()))
	}
	if t.Operator == "larger" {
		q.Least = max(q.Least, n)
	} else {
		q.Below = min(q.Below, n)
	}
	return nil
}

// octets reads a size. k, M and G are powers of 1,024; a B behind them says
// nothing.
func octets(text string) (int64, bool) {
	text = strings.TrimSuffix(strings.ToLower(text), "b")
	unit := 1.0
	for i, letter := range []string{"k", "m", "g"} {
		if rest, ok := strings.CutSuffix(text, letter); ok {
			text, unit = rest, math.Pow(1024, float64(i+1))
			break
		}
	}
	if text == "" || strings.Trim(text, "0123456789.,") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || n*unit > 1<<53 {
		return 0, false
	}
	return int64(math.Ceil(n * unit)), true
}
