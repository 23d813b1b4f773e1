package own

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front"
	"siegel/internal/front/api/operation"
	"siegel/internal/front/api/problem"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// signIn is what somebody signs in with.
type signIn struct {
	Body struct {
		Email    string `json:"email" minLength:"1" maxLength:"998" example:"anna@a.example" doc:"The address by which the person signs in."`
		Password string `json:"password" minLength:"1" maxLength:"1024" example:"Correct-horse-7" doc:"Her password."`
		Tenant   string `json:"tenant,omitempty" maxLength:"100" example:"example" doc:"The name of the tenant; needed where the address belongs to several."`
	}
}

// signedIn is a session that has begun.
type signedIn struct {
	Location string `header:"Location" maxLength:"100" doc:"Where the session is listed."`
	Body     begun
}

type begun struct {
	Expires time.Time `json:"expires" doc:"When the session ends whatever happens. It ends sooner where nobody uses it for as long as the tenant has chosen."`
}

// session is a session as its person sees it.
type session struct {
	ID       string    `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"By this it is ended."`
	Device   string    `json:"device" maxLength:"1000" example:"curl/8.5.0" doc:"What the browser or program calls itself."`
	Address  string    `json:"address" maxLength:"45" example:"192.0.2.1" doc:"The network address that it came from last; empty for the server's own machine."`
	Created  time.Time `json:"created" doc:"When the person signed in."`
	LastUsed time.Time `json:"last_used" doc:"When it was used last, to the minute."`
	Expires  time.Time `json:"expires" doc:"When it ends whatever happens."`
	Current  bool      `json:"current" doc:"It is the session that asks."`
}

type sessionList struct {
	Body struct {
		Items []session `json:"items" maxItems:"10000" doc:"Your sessions, the one used last first."`
	}
}

func (r *room) sessions() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/sessions", Tags: []string{"sessions"}, DefaultStatus: http.StatusCreated,
		Summary:     operation.Tell("Sign in"),
		Description: operation.Tell("Gives a cookie to come back with. A wrong password and an address that nobody has get the same answer in the same time. Five failures lock an account for 15 minutes, the same whether there is such an account."),
	}, operation.Kind{Open: true, Errors: []int{http.StatusUnauthorized, http.StatusTooManyRequests}}, r.signIn)
	operation.Register(r.Door, huma.Operation{
		OperationID: "list-sessions", Method: http.MethodGet, Path: "/sessions", Tags: []string{"sessions"},
		Summary: operation.Tell("List your sessions"),
	}, operation.Kind{}, r.listSessions)
	operation.Register(r.Door, huma.Operation{
		OperationID: "sign-out", Method: http.MethodDelete, Path: "/sessions/current", Tags: []string{"sessions"}, DefaultStatus: http.StatusNoContent,
		Summary: operation.Tell("Sign out"),
	}, operation.Kind{}, r.signOut)
	operation.Register(r.Door, huma.Operation{
		OperationID: "end-session", Method: http.MethodDelete, Path: "/sessions/{id}", Tags: []string{"sessions"}, DefaultStatus: http.StatusNoContent,
		Summary: operation.Tell("End one of your sessions"), Description: operation.Tell("It ends wherever it is used, and no other does."),
	}, operation.Kind{}, r.endSession)
}

func (r *room) signIn(ctx context.Context, c *operation.Call, in *signIn) (*signedIn, error) {
	ends, err := r.Enter(ctx, c.W, c.R, front.Login{Tenant: in.Body.Tenant, Email: mail.NewAddress(in.Body.Email), Password: []byte(in.Body.Password)})
	if fault.Of(err) == fault.Denied {
		return nil, &problem.Error{Name: "wrong-password", Public: err}
	}
	if err != nil {
		return nil, err
	}
	return &signedIn{Location: operation.Root + "/sessions", Body: begun{Expires: ends}}, nil
}

func (r *room) listSessions(ctx context.Context, c *operation.Call, _ *operation.None) (*sessionList, error) {
	list, err := r.Visits.List(ctx, c.Visit)
	if err != nil {
		return nil, err
	}
	out := new(sessionList)
	out.Body.Items = []session{}
	for _, t := range list {
		peer := t.Peer
		if peer == "invalid IP" {
			peer = ""
		}
		out.Body.Items = append(out.Body.Items, session{
			ID: t.ID.String(), Device: t.Device, Address: peer, Created: t.Made, LastUsed: t.Used, Expires: t.Ends, Current: t.ID == c.Ticket.ID,
		})
	}
	return out, nil
}

func (r *room) signOut(ctx context.Context, c *operation.Call, _ *operation.None) (*operation.Nothing, error) {
	return nil, r.SignOut(ctx, c.W, c.Visit)
}

func (r *room) endSession(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
	id, err := in.Thing(fault.New(fault.NotFound, "there is no such session; it may have ended meanwhile"))
	if err != nil {
		return nil, err
	}
	return nil, r.Visits.End(ctx, c.Visit, id)
}
