package office

import (
	"context"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/front/file"
	"siegel/internal/front/trail"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

type eventsIn struct {
	What   string    `query:"what" maxLength:"100" example:"person." doc:"How the names of the events begin."`
	Person string    `query:"person" maxLength:"998" example:"anna@a.example" doc:"Sign-in address of who did it or to whom it was done."`
	Since  time.Time `query:"since" example:"2026-11-01T00:00:00Z" doc:"The earliest time."`
	Until  time.Time `query:"until" example:"2026-12-01T00:00:00Z" doc:"Before when."`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items a page has at most."`
	Cursor string    `query:"cursor" maxLength:"40" doc:"next_cursor of the page before, with the same filter; missing for the first page."`
}

// event is something that somebody did.
type event struct {
	ID          string         `json:"id" minLength:"32" maxLength:"32" doc:"The event's id."`
	Index       int64          `json:"index" minimum:"0" doc:"Where it stands in the audit log."`
	Time        time.Time      `json:"time" doc:"When it happened."`
	What        string         `json:"what" maxLength:"100" example:"message.open" doc:"What happened."`
	Who         string         `json:"who" maxLength:"100" doc:"Id of who did it; operator for the server's own account."`
	WhoEmail    string         `json:"who_email,omitempty" maxLength:"998" doc:"Her sign-in address as it is now."`
	Object      string         `json:"object,omitempty" maxLength:"1000" doc:"Id of what it was done to, or the name of a setting."`
	ObjectEmail string         `json:"object_email,omitempty" maxLength:"998" doc:"The sign-in address, where that is a person."`
	Old         string         `json:"old,omitempty" doc:"What it was before."`
	New         string         `json:"new,omitempty" doc:"What it is now."`
	Detail      map[string]any `json:"detail,omitempty" doc:"Numbers, ids and hashes that belong to it."`
	Note        string         `json:"note,omitempty" doc:"The reason or the search, for who holds the archive."`
}

type eventsOut struct {
	Body struct {
		Items      []event    `json:"items" maxItems:"1000" doc:"The events of this page, newest first."`
		NextCursor string     `json:"next_cursor,omitempty" maxLength:"40" doc:"Where the next page begins; missing where this is the last."`
		Damaged    []string   `json:"damaged,omitempty" maxItems:"100" doc:"What is wrong with events that are not as they were entered, and are left out, a sentence each; missing for nothing."`
		Cut        bool       `json:"cut" doc:"The time was over: it was looked back to looked_since, and next_cursor goes on from there, also where items is empty."`
		Since      *time.Time `json:"looked_since,omitempty" doc:"How far back it was looked, where that is not all."`
	}
}

// tableIn says which events a table has.
type tableIn struct {
	Body struct {
		What   string    `json:"what,omitempty" maxLength:"100" example:"person." doc:"How the names of the events begin."`
		Person string    `json:"person,omitempty" maxLength:"998" example:"anna@a.example" doc:"Sign-in address of who did it or to whom it was done."`
		Since  time.Time `json:"since,omitzero" example:"2026-11-01T00:00:00Z" doc:"The earliest time."`
		Until  time.Time `json:"until,omitzero" example:"2026-12-01T00:00:00Z" doc:"Before when."`
	}
}

type tableOut struct {
	Body func(huma.Context) `media:"text/csv"`
}

func (r *room) events() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/events", Tags: []string{"events"}, Summary: operation.Tell("List who did what"),
		Description: operation.Tell("For administrators, keepers and auditors. Reasons and searches are only for who holds the archive. It looks for some seconds at most: cut says that it stopped before the end, and next_cursor goes on from there."),
	}, operation.Kind{}, r.listEvents)
	operation.Register(r.Door, huma.Operation{
		OperationID: "export-events", Method: http.MethodPost, Path: "/events/export", Tags: []string{"events"}, Summary: operation.Tell("Get who did what as a table"),
		Description: operation.Tell("CSV (RFC 4180), newest first. For administrators, keepers and auditors; that it was done is an event itself. Events that are not as they were entered have a line each at the end, whose field what is damaged."),
	}, operation.Kind{}, r.exportEvents)
}

func (r *room) listEvents(ctx context.Context, c *operation.Call, in *eventsIn) (*eventsOut, error) {
	if err := r.known(in.What); err != nil {
		return nil, err
	}
	f := trail.Filter{What: in.What, Person: mail.NewAddress(strings.TrimSpace(in.Person)), Since: in.Since, Until: in.Until}
	list := c.List("events", in.What, in.Person, in.Since.UTC().String(), in.Until.UTC().String())
	before := int64(trail.Begin)
	if in.Cursor != "" {
		place, err := list.Place(in.Cursor)
		if err != nil {
			return nil, err
		}
		before = int64(binary.BigEndian.Uint64(place[:8]))
	}
	page, err := r.Trail.Look(ctx, c.Session, f, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := new(eventsOut)
	out.Body.Items, out.Body.Cut = []event{}, page.Part
	for _, e := range page.Events {
		out.Body.Items = append(out.Body.Items, event{
			ID: e.ID.String(), Index: e.Index, Time: e.Time, What: e.What, Who: e.Who, WhoEmail: e.WhoEmail.String(), Object: e.Object, ObjectEmail: e.ObjectEmail.String(),
			Old: e.Old, New: e.New, Detail: e.Detail, Note: e.Note,
		})
	}
	if page.Next > 0 {
		var place [16]byte
		binary.BigEndian.PutUint64(place[:], uint64(page.Next))
		out.Body.NextCursor = list.Behind(place)
	}
	if page.Part {
		out.Body.Since = &page.Since
	}
	if page.Damaged != nil {
		for _, one := range fault.Each(page.Damaged) {
			sentence, args := fault.Sentence(one)
			out.Body.Damaged = append(out.Body.Damaged, r.Say(c.Lang, sentence, args...))
		}
	}
	return out, nil
}

// known fails with kind Invalid where no kind of event is called so: an empty list would say
// that nothing happened.
func (r *room) known(what string) error {
	if r.kinds.Begins(what) {
		return nil
	}
	return fault.Newf(fault.Invalid, "there is no kind of event whose name begins with %q", what)
}

// exportEvents sends the events of a filter as a table.
func (r *room) exportEvents(ctx context.Context, c *operation.Call, in *tableIn) (*tableOut, error) {
	b := in.Body
	if err := r.known(b.What); err != nil {
		return nil, err
	}
	to := &file.Late{W: c.W, Name: trail.TableName(r.Now()), Kind: trail.TableKind}
	err := r.Trail.Table(ctx, c.Session, trail.Filter{What: b.What, Person: mail.NewAddress(strings.TrimSpace(b.Person)), Since: b.Since, Until: b.Until}, to)
	if err != nil && to.Sent() {
		r.Broke("an export of the audit trail broke off", err)
	}
	if err != nil {
		return nil, err
	}
	return &tableOut{Body: func(huma.Context) {}}, nil
}
