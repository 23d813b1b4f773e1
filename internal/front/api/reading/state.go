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
		State    string  `json:"state" enum:"ok,warn,bad" doc:"That of the worst check."`
		Checks   []check `json:"checks" doc:"What was looked at; empty for readers."`
		Messages *int64  `json:"messages,omitempty" minimum:"0" doc:"Messages that the person can read; missing for administrators, who read nothing."`
		Octets   *int64  `json:"octets,omitempty" minimum:"0" doc:"Their octets."`
	}
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

func (r *room) getState(ctx context.Context, c *operation.Call, _ *operation.None) (*stateOut, error) {
	out := new(stateOut)
	b := &out.Body
	b.State, b.Checks = "ok", []check{}
	role := c.Account().Role
	if role != identity.Administrator {
		m, err := r.Index.Measure(ctx, c.Visit, index.Range{Before: time.Now().Add(time.Hour)})
		if err != nil {
			return nil, err
		}
		b.Messages, b.Octets = &m.Messages, &m.Octets
	}
	if role == identity.Reader {
		return out, nil
	}
	for _, row := range r.Deps.State(ctx) {
		if row.State == "bad" || row.State == "warn" && b.State == "ok" {
			b.State = row.State
		}
		b.Checks = append(b.Checks, check{row.Name, row.State, r.Say(c.Lang, row.What.Text, row.What.Args...), r.Say(c.Lang, row.Remedy.Text, row.Remedy.Args...)})
	}
	return out, nil
}
