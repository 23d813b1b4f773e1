package reading

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"siegel/internal/archive/casefile"
	"siegel/internal/flow/tally"
	"siegel/internal/front/state"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/text"
)

// started is what the first page shows.
type started struct {
	Rows     []shownRow
	Worst    string // state of the worst row
	Arrivals *index.Arrivals
	Chart    *chart
	Proof    *state.Proof
	Ways     []tally.Way
	Given    []casefile.Case // open ones, for who looks
}

type shownRow struct{ Name, State, What, Remedy string }

// chartDays is how many days the chart of arrivals has.
const chartDays = 60

func (r *room) start(ctx context.Context, c *page.Call) error {
	var out started
	if c.Role() != identity.Administrator {
		today := r.Now().UTC().Truncate(24 * time.Hour)
		since := today.AddDate(0, 0, 1-chartDays)
		var err error
		if out.Arrivals, err = r.Index.Arrivals(ctx, c.Who, since, time.Time{}, index.Wait{Patience: glance}); err != nil {
			return err
		}
		out.Chart = r.chart(c.Lang, since, out.Arrivals.Days)
	}
	var err error
	if out.Given, err = r.Cases.Mine(ctx, c.Who.Session); err != nil {
		return err
	}
	how, err := r.State.Of(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	out.Worst, out.Proof, out.Ways = how.Worst, how.Proof, how.Ways
	for _, row := range how.Rows {
		one := shownRow{Name: row.Name, State: row.State, What: r.found(c, row.What)}
		if row.Remedy.Text != "" {
			one.Remedy = r.found(c, row.Remedy)
		}
		out.Rows = append(out.Rows, one)
	}
	return r.pages.Show(c, http.StatusOK, "start", c.Say("Start"), out)
}

// found writes what was found, its times on the reader's clock.
func (r *room) found(c *page.Call, s state.Sentence) string {
	return r.Say(c.Lang, s.Text, c.Clocked(s.Args)...)
}

// glance is how long the first page waits for mail that is not in the index yet.
const glance = 300 * time.Millisecond

// chart is a picture of numbers by day, drawn as SVG: 10 units for each day, 100 high.
type chart struct {
	Bars  []bar
	Width int
	Most  int64 // on one day
	Sum   int64
	Since string // the first day
}

// bar is one day.
type bar struct {
	X, Y, Height int
	Label        string
}

// Sizes in a chart, in its own units.
const (
	barStep    = 10
	chartHigh  = 100
	leastShown = 2 // of a day on which anything came
)

// chart draws the arrivals of the days from since until now.
func (r *room) chart(l text.Lang, since time.Time, days []index.Day) *chart {
	out := &chart{Width: chartDays * barStep, Since: day(l, since)}
	by := make(map[int]int64)
	for _, d := range days {
		if n := int(d.Day.Sub(since) / (24 * time.Hour)); n >= 0 && n < chartDays {
			by[n] += d.Messages
			out.Sum += d.Messages
			out.Most = max(out.Most, by[n])
		}
	}
	for n := range chartDays {
		if by[n] == 0 {
			continue
		}
		high := max(leastShown, int(by[n]*chartHigh/out.Most))
		out.Bars = append(out.Bars, bar{
			X: n * barStep, Y: chartHigh - high, Height: high,
			Label: fmt.Sprintf("%s: %s", day(l, since.AddDate(0, 0, n)), r.Say(l, "%d {message|messages}", by[n])),
		})
	}
	return out
}

// day writes a day of UTC, which is how days are counted.
func day(l text.Lang, t time.Time) string {
	if l == text.German {
		return t.Format("02.01.2006")
	}
	return t.Format("2 Jan 2006")
}
