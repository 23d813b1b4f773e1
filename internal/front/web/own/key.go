package own

import (
	"context"
	"net/http"
	"net/url"

	"siegel/internal/front"
	"siegel/internal/front/web/page"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// accepting is what the page of an invitation shows.
type accepting struct {
	Email, Tenant, Code string
	Problem             string
}

func (r *room) invitationPage(_ context.Context, c *page.Call) error {
	q := c.R.URL.Query()
	return r.pages.Show(c, http.StatusOK, "invitation", c.Say("Your invitation"), accepting{Email: q.Get("email"), Tenant: q.Get("tenant")})
}

// invitation takes an invitation and signs its person in: her password opens her key from
// now on, and the code nothing any more.
func (r *room) invitation(ctx context.Context, c *page.Call) error {
	f, err := c.Form()
	if err != nil {
		return err
	}
	in := accepting{Email: c.Field("email"), Tenant: c.Field("tenant"), Code: c.Field("code")}
	c.Again = "/invitation?" + url.Values{"email": {in.Email}, "tenant": {in.Tenant}}.Encode()
	password := f.Get("password")
	if err = repeated(password, f.Get("again")); err == nil {
		err = r.Visits.Accept(ctx, r.Visitor(c.R), visit.Invited{Tenant: in.Tenant, Email: mail.NewAddress(in.Email), Code: in.Code, Password: []byte(password)})
	}
	if problem, status := r.refused(c, err); problem != "" {
		in.Problem = problem
		return r.pages.Show(c, status, "invitation", c.Say("Your invitation"), in)
	}
	if err == nil {
		err = r.SignIn(ctx, c, c.R, front.Login{Tenant: in.Tenant, Email: mail.NewAddress(in.Email), Password: []byte(password)})
	}
	if err != nil {
		return err
	}
	c.See("/")
	return nil
}

// refused returns what a form says that was refused, and with which status; empty where
// an error is no refusal, or none.
func (r *room) refused(c *page.Call, err error) (string, int) {
	status := http.StatusUnprocessableEntity
	switch fault.Of(err) {
	case fault.Invalid, fault.Conflict:
	case fault.Denied:
		status = http.StatusUnauthorized
	case fault.Exhausted:
		status = http.StatusTooManyRequests
	case fault.Internal, fault.NotFound, fault.Locked, fault.Busy, fault.Damaged:
		return "", 0
	}
	if err == nil {
		return "", 0
	}
	if after := front.RetryAfter(err); after != "" {
		c.Header().Set("Retry-After", after)
	}
	return r.Explain(c.Lang, err), status
}

// repeated fails with kind Invalid where the second password is another one.
func repeated(password, again string) error {
	if password != again {
		return fault.New(fault.Invalid, "the two new passwords differ; type the same one twice")
	}
	return nil
}

// changing is what the page of the password shows.
type changing struct {
	Problem string
	Done    bool
}

func (r *room) passwordPage(_ context.Context, c *page.Call) error {
	return r.pages.Show(c, http.StatusOK, "password", c.Say("Your password"), changing{Done: c.R.URL.Query().Get("done") != ""})
}

func (r *room) password(ctx context.Context, c *page.Call) error {
	f, err := c.Form()
	if err != nil {
		return err
	}
	if err = repeated(f.Get("password"), f.Get("again")); err == nil {
		err = r.Visits.ChangePassword(ctx, r.Visitor(c.R), c.Who, []byte(f.Get("now")), []byte(f.Get("password")))
	}
	if problem, status := r.refused(c, err); problem != "" {
		return r.pages.Show(c, status, "password", c.Say("Your password"), changing{Problem: problem})
	}
	if err != nil {
		return err
	}
	c.See("/password?done=1")
	return nil
}

// leaflet is a page for whoever asks, which says something and asks nothing.
func (r *room) leaflet(name, title string) page.Handler {
	return func(ctx context.Context, c *page.Call) error {
		if v, err := r.Return(ctx, c.R); err == nil {
			defer v.Release()
			c.Who = v
		}
		return r.pages.Show(c, http.StatusOK, name, c.Say(title), nil)
	}
}
