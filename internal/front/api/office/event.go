package office

import (
	"context"
	"encoding/binary"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/audit"
	"siegel/internal/front/api/operation"
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
		Items      []event `json:"items" maxItems:"1000" doc:"The events of this page, newest first."`
		NextCursor string  `json:"next_cursor,omitempty" maxLength:"40" doc:"Where the next page begins; missing where this is the last."`
	}
}

func (r *room) events() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/events", Tags: []string{"events"}, Summary: operation.Tell("List who did what"),
		Description: operation.Tell("For administrators, keepers and auditors. Reasons and searches are only for who holds the archive."),
	}, operation.Kind{}, r.listEvents)
}

func (r *room) listEvents(ctx context.Context, c *operation.Call, in *eventsIn) (*eventsOut, error) {
	if !in.Until.IsZero() && !in.Until.After(in.Since) {
		return nil, fault.New(fault.Invalid, "until is before since: exchange them")
	}
	list := c.List("events", in.What, in.Person, in.Since.UTC().String(), in.Until.UTC().String())
	before := int64(math.MaxInt64)
	if in.Cursor != "" {
		place, err := list.Place(in.Cursor)
		if err != nil {
			return nil, err
		}
		before = int64(binary.BigEndian.Uint64(place[:8]))
	}
	names, err := r.Identity.Names(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	person := mail.NewAddress(strings.TrimSpace(in.Person))
	out := new(eventsOut)
	out.Body.Items = []event{}
	err = r.Identity.Audit(ctx, c.Session, math.MaxInt, func(e audit.Entry) error {
		if e.Time.Before(in.Since) {
			return audit.ErrEnough
		}
		who, object := names.Of(e.Who), names.Of(e.Object)
		switch {
		case e.Index >= before, !strings.HasPrefix(e.What, in.What), !in.Until.IsZero() && !e.Time.Before(in.Until):
			return nil
		case person != "" && who != person && object != person:
			return nil
		case len(out.Body.Items) == in.Limit:
			var place [16]byte
			binary.BigEndian.PutUint64(place[:], uint64(out.Body.Items[in.Limit-1].Index))
			out.Body.NextCursor = list.Behind(place)
			return audit.ErrEnough
		}
		out.Body.Items = append(out.Body.Items, event{
			ID: e.ID.String(), Index: e.Index, Time: e.Time, What: e.What, Who: e.Who, WhoEmail: who.String(), Object: e.Object, ObjectEmail: object.String(),
			Old: e.Old, New: e.New, Detail: e.Detail, Note: e.Note,
		})
		return nil
	})
	return out, err
}
