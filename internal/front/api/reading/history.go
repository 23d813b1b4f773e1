package reading

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/front/history"
)

type historyOut struct {
	Body struct {
		Arrived   time.Time  `json:"arrived" doc:"When it was archived."`
		Entry     int64      `json:"entry" minimum:"0" doc:"Its number in the message log, which nobody can change."`
		Holders   []holder   `json:"sealed_for" doc:"Whom it is sealed for, as far as you may know."`
		All       bool       `json:"all" doc:"You hold the archive: sealed_for has everybody, and seen is there."`
		Seen      []seen     `json:"seen" maxItems:"200" doc:"What was done with it, newest first. For who holds the archive; empty for others."`
		SeenSince *time.Time `json:"seen_since,omitempty" doc:"From when on the audit log was looked through; missing where it was not."`
		Damaged   bool       `json:"seen_damaged" doc:"Events of the audit log are not as they were entered, and are left out."`
		SeenCut   bool       `json:"seen_cut" doc:"Not all of the audit log since the message came was looked through: there may be more."`
	}
}

// holder is whom a message is sealed for.
type holder struct {
	Kind string `json:"kind" enum:"archive,person,case" doc:"What it is."`
	Name string `json:"name,omitempty" maxLength:"998" example:"anna@a.example" doc:"Of a person her sign-in address, or an id where she has none; of a case its name, where your session reaches it."`
	ID   string `json:"id,omitempty" maxLength:"32" doc:"Id of the case."`
}

// seen is what somebody did with a message.
type seen struct {
	Time     time.Time `json:"time" doc:"When it happened."`
	What     string    `json:"what" maxLength:"100" example:"message.open" doc:"What happened."`
	Who      string    `json:"who" maxLength:"100" doc:"Id of who did it; operator for the server's own account."`
	WhoEmail string    `json:"who_email,omitempty" maxLength:"998" doc:"Her sign-in address as it is now."`
	Note     string    `json:"note,omitempty" doc:"The reason or the search, for who holds the archive."`
}

func (r *room) histories() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-history", Method: http.MethodGet, Path: "/messages/{id}/history", Tags: []string{"messages"}, Summary: operation.Tell("Say what became of a message"),
		Description: operation.Tell("When it came, whom it is sealed for, and for who holds the archive who has opened it. It opens nothing and takes no reason."),
	}, operation.Kind{}, r.history)
}

func (r *room) history(ctx context.Context, c *operation.Call, in *operation.Named) (*historyOut, error) {
	id, err := in.Thing(noMessage())
	if err != nil {
		return nil, err
	}
	h, err := r.History.Of(ctx, c.Session, id)
	if err != nil {
		return nil, err
	}
	out := new(historyOut)
	b := &out.Body
	b.Damaged = h.Damaged != nil
	b.Arrived, b.Entry, b.All, b.SeenCut, b.Holders, b.Seen = h.Arrived, h.Leaf, h.All, h.Part, []holder{}, []seen{}
	if !h.Since.IsZero() {
		b.SeenSince = &h.Since
	}
	for _, one := range h.Holders {
		shown := holder{Kind: string(one.Kind), Name: one.Name}
		if one.Kind == history.Case {
			shown.ID = one.ID.String()
		}
		b.Holders = append(b.Holders, shown)
	}
	for _, one := range h.Seen {
		b.Seen = append(b.Seen, seen{one.Time, one.What, one.Who, one.Name.String(), one.Note})
	}
	return out, nil
}
