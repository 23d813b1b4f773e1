package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

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
	register(r, huma.Operation{
		OperationID: "get-state", Method: http.MethodGet, Path: "/state", Tags: []string{"state"}, Summary: tell("Say how the archive is"),
		Description: tell("What the start page shows."),
	}, kind{}, r.getState)
}

func (r *room) getState(ctx context.Context, c *call, _ *none) (*stateOut, error) {
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
	for _, row := range r.State(ctx) {
		if row.State == "bad" || row.State == "warn" && b.State == "ok" {
			b.State = row.State
		}
		b.Checks = append(b.Checks, check{row.Name, row.State, r.said(c.lang, row.What), r.said(c.lang, row.Remedy)})
	}
	return out, nil
}
