package reading

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/index"
	"siegel/internal/index/saved"
	"siegel/internal/kit/fault"
)

// savedSearch is a search that somebody keeps.
type savedSearch struct {
	ID    string    `json:"id" minLength:"32" maxLength:"32" doc:"By this it is deleted."`
	Name  string    `json:"name" maxLength:"100" example:"invoices" doc:"What you call it."`
	Q     string    `json:"q" maxLength:"1000" example:"subject:invoice" doc:"The search."`
	Order string    `json:"order,omitempty" enum:"newest,oldest,relevance" doc:"The order; missing where the search is lost."`
	Made  time.Time `json:"made" doc:"When you saved it."`
	Lost  bool      `json:"lost" doc:"It was sealed to a former key of yours: nobody can read it, and all you can do is delete it."`
}

type savedOut struct {
	Body struct {
		Items []savedSearch `json:"items" maxItems:"100" doc:"Your saved searches by name."`
	}
}

type saveIn struct {
	Body struct {
		Name  string `json:"name,omitempty" maxLength:"100" example:"invoices" doc:"What you call it, in one line; missing for the search itself."`
		Q     string `json:"q" minLength:"1" maxLength:"1000" example:"subject:invoice" doc:"The search, in the language of the search page."`
		Order string `json:"order,omitempty" enum:"newest,oldest,relevance" default:"newest" doc:"The order: by when messages were sent, or the best match first."`
	}
}

// saveOut has nothing of the search: what is kept of an answer for its idempotency key is
// sealed to nobody.
type saveOut struct {
	Body struct {
		ID   string    `json:"id" minLength:"32" maxLength:"32" doc:"By this it is deleted."`
		Made time.Time `json:"made" doc:"When you saved it."`
	}
}

func (r *room) savedSearches() {
	tags := []string{"messages"}
	operation.Register(r.Door, huma.Operation{
		OperationID: "list-saved-searches", Method: http.MethodGet, Path: "/saved_searches", Tags: tags, Summary: operation.Tell("List your saved searches"),
		Description: operation.Tell("They are sealed to you: nobody else learns what you look for."),
	}, operation.Kind{}, r.listSaved)
	operation.Register(r.Door, huma.Operation{
		OperationID: "save-search", Method: http.MethodPost, Path: "/saved_searches", Tags: tags, DefaultStatus: http.StatusCreated, Summary: operation.Tell("Save a search"),
		Description: operation.Tell("It is sealed to you. You can have 100."),
	}, operation.Kind{Once: true}, r.saveSearch)
	operation.Register(r.Door, huma.Operation{
		OperationID: "delete-saved-search", Method: http.MethodDelete, Path: "/saved_searches/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: operation.Tell("Delete a saved search of your own"),
	}, operation.Kind{}, r.forgetSearch)
}

func (r *room) listSaved(ctx context.Context, c *operation.Call, _ *operation.None) (*savedOut, error) {
	if err := reads(c); err != nil {
		return nil, err
	}
	list, err := r.Saved.List(ctx, c.Visit)
	if err != nil {
		return nil, err
	}
	out := new(savedOut)
	out.Body.Items = []savedSearch{}
	for _, one := range list {
		out.Body.Items = append(out.Body.Items, savedSearch{one.ID.String(), one.Name, one.Text, string(one.Order), one.Made, one.Lost})
	}
	return out, nil
}

func (r *room) saveSearch(ctx context.Context, c *operation.Call, in *saveIn) (*saveOut, error) {
	if err := reads(c); err != nil {
		return nil, err
	}
	n, err := r.Saved.Keep(ctx, c.Visit, saved.Search{Name: in.Body.Name, Text: in.Body.Q, Order: index.Order(in.Body.Order)})
	if err != nil {
		return nil, err
	}
	out := new(saveOut)
	out.Body.ID, out.Body.Made = n.ID.String(), n.Made
	return out, nil
}

func (r *room) forgetSearch(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
	if err := reads(c); err != nil {
		return nil, err
	}
	id, err := in.Thing(fault.New(fault.NotFound, "there is no such saved search"))
	if err != nil {
		return nil, err
	}
	return nil, r.Saved.Delete(ctx, c.Visit, id)
}
