// Package api is the door for programs: everything that people can do on the pages, as
// HTTP and JSON, described by the OpenAPI 3.1 document that it serves (requirement EX-18).
// It has no rules of its own: what a person may do, the rooms decide.
//
// Who has signed in comes back with the same cookie as a browser. Errors are problem
// details (RFC 9457) in the caller's language, lists are paged by cursors, single things
// have ETags (RFC 9110 section 8.8.3), and what changes something may bear an idempotency
// key (draft-ietf-httpapi-idempotency-key-header).
package api

import (
	"log/slog"
	"net/http"

	"siegel/internal/front"
	"siegel/internal/front/api/founding"
	"siegel/internal/front/api/jobs"
	"siegel/internal/front/api/office"
	"siegel/internal/front/api/operation"
	"siegel/internal/front/api/own"
	"siegel/internal/front/api/reading"
	"siegel/internal/identity/replay"
)

// Deps are the rooms that the API reaches.
type Deps struct {
	Callers  front.Callers
	Replays  *replay.Shelf
	Reading  reading.Deps
	Office   office.Deps
	Jobs     jobs.Deps
	Founding founding.Deps
	Log      *slog.Logger
}

// New returns the handler of everything below /api/v1/. It refuses by itself what a browser
// sends from pages of other origins.
func New(d Deps) (http.Handler, error) {
	door := operation.New(d.Callers, d.Replays, d.Log)
	own.Mount(door, own.Deps{Identity: d.Office.Identity})
	reading.Mount(door, d.Reading)
	office.Mount(door, d.Office)
	jobs.Mount(door, d.Jobs)
	founding.Mount(door, d.Founding)
	return door.Handler()
}
