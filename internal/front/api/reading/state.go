package reading

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
	"siegel/internal/index"
)

// stateOut is what the start page shows.
type stateOut struct {
	Body struct {
		State    string  `json:"state" enum:"ok,warn,bad" doc:"That of the worst of all that is said here."`
		Checks   []check `json:"checks" doc:"What was looked at; empty for readers."`
		Messages *int64  `json:"messages,omitempty" minimum:"0" doc:"Messages that the person can read; missing for administrators, who read nothing."`
		Octets   *int64  `json:"octets,omitempty" minimum:"0" doc:"Their octets."`
		Lag      *lag    `json:"index,omitempty" doc:"How far the index is behind; missing for administrators, who read nothing."`
		Proof    *proof  `json:"proof,omitempty" doc:"How far mail can be proven; missing for readers."`
		Ways     []way   `json:"sources" doc:"Where mail comes from, without ways in that were removed; empty for readers and auditors."`
	}
}

// proof is how far mail can be proven.
type proof struct {
	Entries    int64      `json:"entries" minimum:"0" doc:"Entries of the message log."`
	Checkpoint *time.Time `json:"checkpoint,omitempty" doc:"When the newest checkpoint was signed; missing where there is none yet."`
	Timestamp  *time.Time `json:"timestamp,omitempty" doc:"When the newest timestamp was given that covers entries; missing where there is none yet."`
	Uncovered  int64      `json:"uncovered" minimum:"0" doc:"Entries that no timestamp covers yet, the newest ones: they can be proven to strangers once one does."`
	Verified   *time.Time `json:"verified,omitempty" doc:"When the ledger was verified as a whole last; missing for never."`
	Problems   int64      `json:"problems" minimum:"0" doc:"Problems that were found then."`
}

// way is a way in by which mail comes.
type way struct {
	Name   string     `json:"name" maxLength:"100" example:"exchange" doc:"What it is called."`
	Last   *time.Time `json:"last,omitempty" doc:"When something came in last; missing for never."`
	Week   int64      `json:"week" minimum:"0" doc:"Messages that were handed in within seven days: accepted, repeated and refused."`
	Silent bool       `json:"silent" doc:"Nothing has come in for longer than usual."`
}

type check struct {
	Name   string `json:"name" maxLength:"100" example:"disk" doc:"What was looked at."`
	State  string `json:"state" enum:"ok,warn,bad" doc:"How it is."`
	What   string `json:"what" doc:"What was found, in the caller's language."`
	Remedy string `json:"remedy,omitempty" doc:"What to do, in the caller's language."`
}

func (r *room) state() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-state", Method: http.MethodGet, Path: "/state", Tags: []string{"state"}, Summary: operation.Tell("Say how the archive is"),
		Description: operation.Tell("What the start page shows."),
	}, operation.Kind{}, r.getState)
}

// glance is how long the state waits for mail that is not in the index yet.
const glance = 300 * time.Millisecond

func (r *room) getState(ctx context.Context, c *operation.Call, _ *operation.None) (*stateOut, error) {
	out := new(stateOut)
	b := &out.Body
	b.Checks, b.Ways = []check{}, []way{}
	if c.Account().Role != identity.Administrator {
		now := time.Now().UTC()
		m, err := r.Index.Arrivals(ctx, c.Visit, now, time.Time{}, index.Wait{Patience: glance})
		if err != nil {
			return nil, err
		}
		b.Messages, b.Octets, b.Lag = &m.Messages, &m.Octets, operation.Ptr(lag(m.Lag))
	}
	how, err := r.State.Of(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	b.State = how.Worst
	for _, row := range how.Rows {
		b.Checks = append(b.Checks, check{row.Name, row.State, r.Say(c.Lang, row.What.Text, row.What.Args...), r.Say(c.Lang, row.Remedy.Text, row.Remedy.Args...)})
	}
	for _, w := range how.Ways {
		if !w.Ended {
			b.Ways = append(b.Ways, way{w.Name, w.Last, w.Week.Received, w.Alarm})
		}
	}
	if p := how.Proof; p != nil {
		b.Proof = &proof{p.Entries, known(p.Signed), known(p.Stamped), p.Uncovered, known(p.Verified), p.Problems}
	}
	return out, nil
}

// known returns where a time is that is known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return operation.Ptr(t.UTC())
}
