package office

import (
	"context"
	"net/http"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// asked is what the page of requests shows.
type asked struct {
	Open, Ended []wish
	Unheld      bool // no keeper can approve anything
	Problem     string
}

// wish is a request with what who looks can do about it.
type wish struct {
	identity.Request

	Approves, Withdraws bool
}

func (r *room) requests(ctx context.Context, c *page.Call) error { return r.asked(ctx, c, "") }

func (r *room) asked(ctx context.Context, c *page.Call, problem string) error {
	list, err := r.Identity.Requests(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	people, err := r.Identity.People(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	out := asked{Problem: problem, Unheld: true}
	for _, p := range people {
		if p.Role == identity.Keeper && p.State == identity.Active {
			out.Unheld = false
		}
	}
	me := c.Who.Person()
	for _, q := range list {
		w := wish{Request: q}
		if q.State != "open" {
			out.Ended = append(out.Ended, w)
			continue
		}
		w.Approves = c.Role() == identity.Keeper && q.Person != me && q.Requester != me
		w.Withdraws = q.Requester == me
		out.Open = append(out.Open, w)
	}
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "requests", c.Say("Requests"), out)
}

// decide answers a form that ends a request.
func (r *room) decide(f func(context.Context, *identity.Session, mail.ID) (identity.Request, error)) page.Handler {
	return func(ctx context.Context, c *page.Call) error {
		id, err := mail.ParseID(c.R.PathValue("id"))
		if err != nil {
			return fault.New(fault.NotFound, "there is no such request")
		}
		_, err = f(ctx, c.Who.Session, id)
		if kind := fault.Of(err); kind == fault.Invalid || kind == fault.Conflict || kind == fault.Denied {
			return r.asked(ctx, c, r.Explain(c.Lang, err))
		}
		if err != nil {
			return err
		}
		c.See("/requests")
		return nil
	}
}
