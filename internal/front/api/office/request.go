package office

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/cursor"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// request is what is asked of a keeper.
type request struct {
	ID             string     `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The request's id."`
	Person         string     `json:"person" minLength:"32" maxLength:"32" doc:"Id of the person whom it is for; of who asked, where it is for a domain."`
	Email          string     `json:"email" maxLength:"998" doc:"Her sign-in address."`
	Kind           string     `json:"kind" enum:"role,address,domain" doc:"What is asked for."`
	Value          string     `json:"value" maxLength:"998" example:"auditor" doc:"The role, the address whose mail she shall read, or the domain whose mail the tenant shall take."`
	State          string     `json:"state" enum:"open,approved,rejected,withdrawn,damaged" doc:"How far it is; damaged is not as the ledger has it."`
	Created        time.Time  `json:"created" doc:"When it was made."`
	RequesterEmail string     `json:"requester_email" maxLength:"998" doc:"Sign-in address of who asked."`
	DeciderEmail   string     `json:"decider_email,omitempty" maxLength:"998" doc:"Sign-in address of who decided; missing while it is open, and where the recovery kit did."`
	Decided        *time.Time `json:"decided,omitempty" doc:"When it was decided; missing while it is open."`
	NotBefore      *time.Time `json:"not_before,omitempty" doc:"From when an open request can be approved: accounts that the requester made or reset wait for seven days, and so does a keeper who would approve a domain that was asked for from one hand. Missing where they need not."`
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
	operation.Register(r.Door, op("list-requests", http.MethodGet, "/requests", operation.Tell("List requests"), operation.Tell("For administrators and keepers.")), operation.Kind{}, r.listRequests)
	operation.Register(r.Door, op("get-request", http.MethodGet, "/requests/{id}", operation.Tell("Read a request"), operation.Tell("For administrators and keepers.")), operation.Kind{Tagged: true}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*requestOut, error) {
		q, err := r.request(ctx, c, *in)
		return &requestOut{requestOf(q)}, err
	})
	made := op("request-role", http.MethodPost, "/requests", operation.Tell("Ask for a role that reads the archive"), operation.Tell("For administrators. A keeper decides."))
	made.DefaultStatus = http.StatusCreated
	operation.Register(r.Door, made, operation.Kind{Once: true, Errors: []int{http.StatusNotFound, http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *requestIn) (*requestMade, error) {
		p, err := r.standing(ctx, c, operation.Named{ID: in.Body.Person})
		if err != nil {
			return nil, err
		}
		q, err := r.Identity.RequestRole(ctx, c.Session, p.Email, identity.Role(in.Body.Role))
		if err != nil {
			return nil, err
		}
		return &requestMade{Location: operation.Root + "/requests/" + q.ID.String(), Body: requestOf(q)}, nil
	})
	decide := func(id, verb, summary, about string, f func(context.Context, *identity.Session, mail.ID) (identity.Request, error)) {
		operation.Register(r.Door, op(id, http.MethodPost, "/requests/{id}/"+verb, summary, about), operation.Kind{Once: true, Errors: []int{http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*requestOut, error) {
			one, err := in.Thing(noRequest())
			if err != nil {
				return nil, err
			}
			q, err := f(ctx, c.Session, one)
			return &requestOut{requestOf(q)}, err
		})
	}
	decide("approve-request", "approve", operation.Tell("Approve a request"), operation.Tell("For keepers, but for nobody's own request or account."), r.Identity.Approve)
	decide("reject-request", "reject", operation.Tell("Reject a request"), operation.Tell("For keepers."), r.Identity.Reject)
	decide("withdraw-request", "withdraw", operation.Tell("Withdraw a request of your own"), operation.Tell("For who made it."), r.Identity.Withdraw)
}

func (r *room) listRequests(ctx context.Context, c *operation.Call, in *operation.Paged) (*requestsOut, error) {
	all, err := r.Identity.Requests(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	page, next, err := cursor.Page(c.List("requests"), all, in.Cursor, in.Limit, func(q identity.Request) mail.ID { return q.ID })
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
func (r *room) request(ctx context.Context, c *operation.Call, n operation.Named) (identity.Request, error) {
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
