package tally

import (
	"context"
	"slices"
	"strings"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// State is how a source is doing.
type State struct {
	Source string // id of a registered one, or a door's name

	Today, Week, All Count     // of the day in UTC, of seven days, since counting began
	Last             time.Time // when something came in; zero for never
	Alarm            bool      // it is silent for longer than usual

	silent, usual time.Duration
}

// SilentFor is how long nothing has come in.
func (s State) SilentFor() time.Duration { return s.silent }

// Usual is how long it may be silent without an alarm.
func (s State) Usual() time.Duration { return s.usual }

// The rule of silence (docs/operations.md): three times the longest gap of the
// fourteen days before the last arrival, an hour at least, and a day where there were
// too few arrivals to know.
const (
	pattern      = 14 * 24 * time.Hour
	patternTimes = 3
	leastSilence = time.Hour
	fewSilence   = 24 * time.Hour
	fewArrivals  = 3
)

// Of returns the state of every source of a tenant that anything is counted of, by
// name.
func (r *Room) Of(ctx context.Context, tenant mail.TenantID) ([]State, error) {
	return r.since(ctx, tenant, 0)
}

// since returns the states as the rows from an hour on have them.
func (r *Room) since(ctx context.Context, tenant mail.TenantID, from int64) ([]State, error) {
	live, err := r.Live(ctx, tenant)
	if err != nil {
		return nil, err
	}
	rows, err := r.DB.Tenant(tenant).Query(ctx, selectRow+` AND hour >= $2 ORDER BY source, hour`, from)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	now := r.Now()
	var out []State
	for i := 0; i < len(list); {
		end := i
		for end < len(list) && list[end].source == list[i].source {
			end++
		}
		one := stateOf(list[i:end], now)
		one.Alarm = one.Alarm && live[one.Source]
		out = append(out, one)
		i = end
	}
	slices.SortFunc(out, func(a, b State) int { return strings.Compare(a.Source, b.Source) })
	return out, nil
}

// stateOf sums up the hours of one source.
func stateOf(hours []row, now time.Time) State {
	s := State{Source: hours[0].source}
	today := now.UTC().Truncate(24 * time.Hour).Unix()
	for _, h := range hours {
		s.All.add(h.Count)
		if h.hour >= hourOf(now.Add(-7*24*time.Hour)) {
			s.Week.add(h.Count)
		}
		if h.hour >= today {
			s.Today.add(h.Count)
		}
		if h.latest > 0 {
			s.Last = mail.FromMicros(h.latest)
		}
	}
	if s.Last.IsZero() {
		return s
	}
	s.silent, s.usual = now.Sub(s.Last), silence(hours, s.Last)
	s.Alarm = s.silent > s.usual
	return s
}

// silence is how long a source may be silent.
func silence(hours []row, last time.Time) time.Duration {
	since := mail.Micros(last.Add(-pattern))
	var longest, before, arrivals int64
	for _, h := range hours {
		if h.latest == 0 || h.latest < since {
			continue
		}
		arrivals += h.Accepted + h.References
		if longest = max(longest, h.gap); before > 0 {
			longest = max(longest, h.earliest-before)
		}
		before = h.latest
	}
	if arrivals < fewArrivals {
		return fewSilence
	}
	return max(leastSilence, patternTimes*time.Duration(longest)*time.Microsecond)
}

// Whole says whether the counts of a tenant's sources are those of its message log.
type Whole struct {
	Sealed int64 `json:"sealed"` // that the sources' counts say
	Log    int64 `json:"log"`    // entries of the message log since counting began
	From   int64 `json:"from"`   // the first of them
}

// Holds reports whether they are.
func (w Whole) Holds() bool { return w.Sealed == w.Log }

// Whole compares the sealed counts of all sources with the entries of the message
// log from the first that was counted on; size returns how many there are.
func (r *Room) Whole(ctx context.Context, tenant mail.TenantID, size func(context.Context) (int64, error)) (w Whole, err error) {
	for range 10 { // what arrives in between is no difference
		before, err := size(ctx)
		if err != nil {
			return w, err
		}
		w = Whole{}
		err = r.DB.Tenant(tenant).QueryRow(ctx, `SELECT CAST(COALESCE(SUM(accepted), 0) AS BIGINT), CAST(COALESCE(MIN(CASE WHEN leaf_from >= 0 THEN leaf_from END), -1) AS BIGINT)
			FROM tally_hour WHERE tenant = $1`).Scan(&w.Sealed, &w.From)
		if err != nil {
			return w, err
		}
		if w.From < 0 {
			w.From = before // nothing is counted yet
		}
		w.Log = before - w.From
		if after, err := size(ctx); err != nil || (after == before && w.Holds()) {
			return w, err
		}
	}
	return w, nil
}

// Odd returns the hours in which the counts of all sources are not the range of the
// message log that they say, to tell where to look, each as a problem of kind Damaged.
func (r *Room) Odd(ctx context.Context, tenant mail.TenantID) (problems []error, err error) {
	rows, err := r.DB.Tenant(tenant).Query(ctx, `SELECT hour, CAST(SUM(accepted) AS BIGINT), MIN(leaf_from), MAX(leaf_to) FROM tally_hour
		WHERE tenant = $1 AND leaf_from >= 0 GROUP BY hour ORDER BY hour`)
	if err != nil {
		return nil, err
	}
	type span struct{ hour, sealed, from, to int64 }
	list, err := db.Collect(rows, func(s db.Scanner) (p span, err error) {
		return p, s.Scan(&p.hour, &p.sealed, &p.from, &p.to)
	})
	for _, p := range list {
		if p.sealed != p.to-p.from+1 {
			problems = append(problems, fault.Newf(fault.Damaged, "of the hour from %s on the sources' counts say %d messages, the message log has %d (entries %d to %d)",
				time.Unix(p.hour, 0).UTC(), p.sealed, p.to-p.from+1, p.from, p.to))
		}
	}
	return problems, err
}

// Growth is what came in within the last seven days, or since it began.
type Growth struct {
	Messages, Stored int64
	Days             float64 // that it took; one at least
	Young            bool    // it took less than a day
}

// Growth returns how a tenant grows.
func (r *Room) Growth(ctx context.Context, tenant mail.TenantID) (g Growth, err error) {
	now := r.Now()
	var first int64
	err = r.DB.Tenant(tenant).QueryRow(ctx, `SELECT CAST(COALESCE(SUM(accepted), 0) AS BIGINT), CAST(COALESCE(SUM(stored), 0) AS BIGINT),
		CAST(COALESCE(MIN(hour), 0) AS BIGINT) FROM tally_hour WHERE tenant = $1 AND hour >= $2`, hourOf(now.Add(-7*24*time.Hour))).
		Scan(&g.Messages, &g.Stored, &first)
	days := now.Sub(time.Unix(first, 0)).Hours() / 24
	g.Days, g.Young = min(7, max(1, days)), days < 1
	return g, err
}
