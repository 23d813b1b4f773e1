package office

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/archive/casefile"
	"siegel/internal/front/api/cursor"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity/account"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Dossier is a part of the archive that somebody was given.
type Dossier struct {
	ID       string     `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The case's id."`
	Name     string     `json:"name" maxLength:"100" example:"Tax audit 2026" doc:"What it is called; empty where it is sealed."`
	Search   string     `json:"q" maxLength:"1000" example:"subject:invoice" doc:"The search that says what belongs to it; empty where it is sealed."`
	Reason   string     `json:"reason" maxLength:"1000" example:"order 17" doc:"Why it was given; empty where it is sealed."`
	Sealed   bool       `json:"sealed" doc:"Name, search and reason are sealed to a key that your session does not reach."`
	Person   string     `json:"person" minLength:"32" maxLength:"32" doc:"Id of the person whom it is for."`
	Email    string     `json:"email,omitempty" maxLength:"998" doc:"Her sign-in address."`
	Made     time.Time  `json:"made" doc:"When it was opened."`
	Until    time.Time  `json:"until" doc:"When it ends by itself."`
	Ended    *time.Time `json:"ended,omitempty" doc:"When it was ended; missing while it is open."`
	Open     bool       `json:"open" doc:"It can be read."`
	Messages int64      `json:"messages" minimum:"0" doc:"Messages that are sealed to it, or were when it ended."`
	Whole    bool       `json:"whole" doc:"The search was gone through to its end."`
}

func (r *room) dossier(c casefile.Case, names account.Names) Dossier {
	out := Dossier{
		ID: c.ID.String(), Name: c.Name, Search: c.Search, Reason: c.Reason, Sealed: c.Sealed, Person: c.Person.String(), Email: names[c.Person].String(),
		Made: c.Made, Until: c.Until, Open: c.Open(r.Now()), Messages: c.Messages, Whole: c.Whole,
	}
	if !c.Ended.IsZero() {
		out.Ended = operation.Ptr(c.Ended)
	}
	return out
}

type casesOut struct {
	Body struct {
		Items      []Dossier `json:"items" maxItems:"1000" doc:"The cases of this page, newest first."`
		NextCursor string    `json:"next_cursor,omitempty" maxLength:"40" doc:"Where the next page begins; missing where this is the last."`
	}
}

type caseOut struct {
	Body Dossier
}

// fillIn says where filling a case goes on.
type fillIn struct {
	operation.Named
	From string `query:"from" maxLength:"300" doc:"Where to go on: what next said the last time; missing for the beginning."`
}

type fillOut struct {
	Body struct {
		Dossier
		Next string `json:"next,omitempty" maxLength:"300" doc:"Where to go on with the next call; missing where the search was gone through to its end."`
	}
}

type caseIn struct {
	Body struct {
		Email  string    `json:"email" minLength:"1" maxLength:"998" example:"auditor@b.example" doc:"Sign-in address of whom it is for: somebody with the role reader."`
		Name   string    `json:"name" minLength:"1" maxLength:"100" example:"Tax audit 2026" doc:"What it shall be called."`
		Search string    `json:"q" minLength:"1" maxLength:"1000" example:"subject:invoice" doc:"What it finds belongs to the case, in the language of the search page."`
		Reason string    `json:"reason" minLength:"1" maxLength:"1000" example:"order 17" doc:"Why. It is kept in the audit trail, sealed to who holds the archive."`
		Until  time.Time `json:"until" example:"2027-01-01T00:00:00Z" doc:"When it ends by itself: within 366 days."`
	}
}

// caseMade has nothing of what is sealed: what is kept of an answer for its idempotency key
// is sealed to nobody.
type caseMade struct {
	Location string `header:"Location" maxLength:"100" doc:"Where the case is."`
	Body     struct {
		ID    string    `json:"id" minLength:"32" maxLength:"32" doc:"The case's id."`
		Made  time.Time `json:"made" doc:"When it was opened."`
		Until time.Time `json:"until" doc:"When it ends by itself."`
	}
}

// fillFor is how long one step of filling a case takes.
const fillFor = 10 * time.Second

func noCase() error { return fault.New(fault.NotFound, "there is no such case for you") }

func (r *room) cases() {
	op := func(id, method, path, summary, about string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: about, Tags: []string{"cases"}}
	}
	operation.Register(r.Door, op("list-cases", http.MethodGet, "/cases", operation.Tell("List cases"), operation.Tell("Keepers see all, others those that they were given.")), operation.Kind{}, r.listCases)
	give := op("open-case", http.MethodPost, "/cases", operation.Tell("Give somebody what a search finds, for a time"),
		operation.Tell("For keepers. The case has no message yet: fill it. Its limits are those of keys: when it ends, nobody reads through it."))
	give.DefaultStatus = http.StatusCreated
	operation.Register(r.Door, give, operation.Kind{Once: true, Errors: []int{http.StatusNotFound, http.StatusConflict}}, r.giveCase)
	operation.Register(r.Door, op("get-case", http.MethodGet, "/cases/{id}", operation.Tell("Read a case"), operation.Tell("Keepers read all, others those that they were given.")), operation.Kind{Tagged: true}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*caseOut, error) {
		id, err := in.Thing(noCase())
		if err != nil {
			return nil, err
		}
		return r.oneCase(ctx, c, id)
	})
	operation.Register(r.Door, op("fill-case", http.MethodPost, "/cases/{id}/fill", operation.Tell("Seal what its search finds to a case"),
		operation.Tell("For keepers. It takes some seconds at most: where next is there, call it again from it. A fresh beginning adds what has arrived since.")), operation.Kind{Errors: []int{http.StatusConflict}}, r.fillCase)
	end := op("end-case", http.MethodDelete, "/cases/{id}", operation.Tell("End a case"), operation.Tell("For keepers. Its key and all that is sealed to it are deleted; the messages themselves stay."))
	end.DefaultStatus = http.StatusNoContent
	operation.Register(r.Door, end, operation.Kind{Errors: []int{http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
		id, err := in.Thing(noCase())
		if err != nil {
			return nil, err
		}
		return nil, r.Cases.End(ctx, c.Session, id)
	})
}

func (r *room) listCases(ctx context.Context, c *operation.Call, in *operation.Paged) (*casesOut, error) {
	all, err := r.Cases.List(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	page, next, err := cursor.Page(c.List("cases"), all, in.Cursor, in.Limit, func(one casefile.Case) mail.ID { return one.ID })
	if err != nil {
		return nil, err
	}
	names, err := r.Cases.Names(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	out := new(casesOut)
	out.Body.Items, out.Body.NextCursor = []Dossier{}, next
	for _, one := range page {
		out.Body.Items = append(out.Body.Items, r.dossier(one, names))
	}
	return out, nil
}

// oneCase answers with a case.
func (r *room) oneCase(ctx context.Context, c *operation.Call, id mail.ID) (*caseOut, error) {
	one, err := r.Cases.Get(ctx, c.Session, id)
	if err != nil {
		return nil, err
	}
	names, err := r.Cases.Names(ctx, c.Session)
	return &caseOut{r.dossier(one, names)}, err
}

func (r *room) giveCase(ctx context.Context, c *operation.Call, in *caseIn) (*caseMade, error) {
	b := in.Body
	made, err := r.Cases.Give(ctx, c.Session, casefile.Wanted{
		Email: mail.NewAddress(b.Email), Until: b.Until, Content: casefile.Content{Name: b.Name, Search: b.Search, Reason: b.Reason},
	})
	if err != nil {
		return nil, err
	}
	out := &caseMade{Location: operation.Root + "/cases/" + made.ID.String()}
	out.Body.ID, out.Body.Made, out.Body.Until = made.ID.String(), made.Made, made.Until
	return out, nil
}

// fillCase goes on to seal what the search finds to the case, for some seconds.
func (r *room) fillCase(ctx context.Context, c *operation.Call, in *fillIn) (*fillOut, error) {
	id, err := in.Thing(noCase())
	if err != nil {
		return nil, err
	}
	next, err := r.Cases.Fill(ctx, c.Session, id, in.From, fillFor)
	if err != nil {
		return nil, err
	}
	one, err := r.oneCase(ctx, c, id)
	if err != nil {
		return nil, err
	}
	out := new(fillOut)
	out.Body.Dossier, out.Body.Next = one.Body, next
	return out, nil
}
