package reading

import (
	"context"
	"net/http"
	"time"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/index"
)

// started is what the first page shows.
type started struct {
	Rows     []shownRow
	Messages int64 // of who reads mail
	Octets   int64
	Worst    string // state of the worst row
}

type shownRow struct{ Name, State, What, Remedy string }

func (r *room) start(ctx context.Context, c *page.Call) error {
	out := started{Worst: "ok"}
	if c.Who.Account().Role != identity.Administrator {
		m, err := r.Index.Measure(ctx, c.Who, index.Range{Before: time.Now().Add(time.Hour)})
		if err != nil {
			return err
		}
		out.Messages, out.Octets = m.Messages, m.Octets
	}
	if c.Who.Account().Role == identity.Reader {
		return r.pages.Show(c, http.StatusOK, "start", c.Say("Start"), out)
	}
	for _, row := range r.State(ctx) {
		one := shownRow{Name: row.Name, State: row.State, What: r.Say(c.Lang, row.What.Text, row.What.Args...)}
		if row.Remedy.Text != "" {
			one.Remedy = r.Say(c.Lang, row.Remedy.Text, row.Remedy.Args...)
		}
		if row.State == "bad" || row.State == "warn" && out.Worst == "ok" {
			out.Worst = row.State
		}
		out.Rows = append(out.Rows, one)
	}
	return r.pages.Show(c, http.StatusOK, "start", c.Say("Start"), out)
}
