package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/cursor"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// request is what an administrator asks of a keeper.
type request struct {
	ID             string     `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The request's id."`
	Person         string     `json:"person" minLength:"32" maxLength:"32" doc:"Id of the person whom it is for."`
	Email          string     `json:"email" maxLength:"998" doc:"Her sign-in address."`
	Kind           string     `json:"kind" enum:"role,address" doc:"What is asked for."`
	Value          string     `json:"value" maxLength:"998" example:"auditor" doc:"The role, or the address whose mail she shall read."`
	State          string     `json:"state" enum:"open,approved,rejected,withdrawn,damaged" doc:"How far it is; damaged is not as the ledger has it."`
	Created        time.Time  `json:"created" doc:"When it was made."`
	RequesterEmail string     `json:"requester_email" maxLength:"998" doc:"Sign-in address of who asked."`
	DeciderEmail   string     `json:"decider_email,omitempty" maxLength:"998" doc:"Sign-in address of who decided; missing while it is open, and where the recovery kit did."`
	Decided        *time.Time `json:"decided,omitempty" doc:"When it was decided; missing while it is open."`
	NotBefore      *time.Time `json:"not_before,omitempty" doc:"From when an open request can be approved: accounts that the requester made or reset wait for seven days. Missing where they need not."`
	Keepers        int        `json:"keepers,omitempty" minimum:"0" doc:"Keepers that are left after approving, where there is one less."`
}

func requestOf(q identity.Request) request {
	return request{
		ID: q.ID.String(), Person: q.Person.String(), Email: q.Email.String(), Kind: q.Kind, Value: q.Value, State: q.State, Created: q.Created,
		RequesterEmail: q.RequesterEmail.String(), DeciderEmail: q.DeciderEmail.String(), Decided: q.Decided, NotBefore: q.NotBefore, Keepers: q.Keepers,
	}
}

type requestsOut struct {
	Body struct {
		Items      []request `json:"items" maxItems:"1000" doc:"The requests of this page, newest first."`
		NextCursor string    `json:"next_cursor,omitempty" maxLength:"40" doc:"Where the next page begins; missing where this is the last."`
	}
}

type requestOut struct {
	Body request
}

type requestIn struct {
	Body struct {
		Person string `json:"person" minLength:"32" maxLength:"32" doc:"Id of the person whom it is for."`
		Role   string `json:"role" enum:"compliance,auditor" doc:"The role that she shall have."`
	}
}

type requestMade struct {
	Location string `header:"Location" maxLength:"100" doc:"Where the request is."`
	Body     request
}

func noRequest() error { return fault.New(fault.NotFound, "there is no such request") }

func (r *room) requests() {
	op := func(id, method, path, summary, about string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: about, Tags: []string{"requests"}}
	}
	register(r, op("list-requests", http.MethodGet, "/requests", tell("List requests"), tell("For administrators and keepers.")), kind{}, r.listRequests)
	register(r, op("get-request", http.MethodGet, "/requests/{id}", tell("Read a request"), tell("For administrators and keepers.")), kind{tagged: true}, func(ctx context.Context, c *call, in *Named) (*requestOut, error) {
		q, err := r.request(ctx, c, *in)
		return &requestOut{requestOf(q)}, err
	})
	made := op("request-role", http.MethodPost, "/requests", tell("Ask for a role that reads the archive"), tell("For administrators. A keeper decides."))
	made.DefaultStatus = http.StatusCreated
	register(r, made, kind{once: true, errors: []int{http.StatusNotFound, http.StatusConflict}}, func(ctx context.Context, c *call, in *requestIn) (*requestMade, error) {
		p, err := r.standing(ctx, c, Named{in.Body.Person})
		if err != nil {
			return nil, err
		}
		q, err := r.Identity.RequestRole(ctx, c.Session, p.Email, identity.Role(in.Body.Role))
		if err != nil {
			return nil, err
		}
		return &requestMade{Location: root + "/requests/" + q.ID.String(), Body: requestOf(q)}, nil
	})
	decide := func(id, verb, summary, about string, f func(context.Context, *identity.Session, mail.ID) (identity.Request, error)) {
		register(r, op(id, http.MethodPost, "/requests/{id}/"+verb, summary, about), kind{once: true, errors: []int{http.StatusConflict}}, func(ctx context.Context, c *call, in *Named) (*requestOut, error) {
			one, err := in.id(noRequest())
			if err != nil {
				return nil, err
			}
			q, err := f(ctx, c.Session, one)
			return &requestOut{requestOf(q)}, err
		})
	}
	decide("approve-request", "approve", tell("Approve a request"), tell("For keepers, but for nobody's own request or account."), r.Identity.Approve)
	decide("reject-request", "reject", tell("Reject a request"), tell("For keepers."), r.Identity.Reject)
	decide("withdraw-request", "withdraw", tell("Withdraw a request of your own"), tell("For who made it."), r.Identity.Withdraw)
}

func (r *room) listRequests(ctx context.Context, c *call, in *Paged) (*requestsOut, error) {
	all, err := r.Identity.Requests(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	page, next, err := cursor.Page(c.list("requests"), all, in.Cursor, in.Limit, func(q identity.Request) mail.ID { return q.ID })
	if err != nil {
		return nil, err
	}
	out := new(requestsOut)
	out.Body.Items, out.Body.NextCursor = []request{}, next
	for _, q := range page {
		out.Body.Items = append(out.Body.Items, requestOf(q))
	}
	return out, nil
}

// request returns the request that a path names, for who may list them.
func (r *room) request(ctx context.Context, c *call, n Named) (identity.Request, error) {
	all, err := r.Identity.Requests(ctx, c.Session)
	if err != nil {
		return identity.Request{}, err
	}
	for _, q := range all {
		if q.ID.String() == n.ID {
			return q, nil
		}
	}
	return identity.Request{}, noRequest()
}
