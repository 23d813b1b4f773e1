package office

import (
	"context"
	"net/http"
	"strings"

	"siegel/internal/flow/tally"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// sourced is what the page of sources shows.
type sourced struct {
	Ways    []tally.Way
	Whole   tally.Whole
	Admin   bool
	Form    registration
	Problem page.Problem
	// Of a source that was registered or given a secret; shown this once.
	Made *source.Added
	// Of a form about a source that is there: its name, and what was typed to confirm.
	Tried, Typed string
}

// registration is the form of a new source.
type registration struct {
	Name, Address, Networks, Certificate, Form string
	SignIn                                     bool
}

func (r *room) sources(ctx context.Context, c *page.Call) error { return r.sourced(ctx, c, sourced{}) }

func (r *room) sourced(ctx context.Context, c *page.Call, out sourced) error {
	list, err := r.Identity.ListSources(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	tenant := c.Who.Tenant().ID()
	states, err := r.Counts(ctx, tenant)
	if err != nil {
		return err
	}
	out.Ways = tally.Ways(list, states)
	if out.Whole, err = r.Whole(ctx, tenant); err != nil {
		return err
	}
	out.Admin = c.Role() == identity.Administrator
	if out.Form.Form == "" {
		out.Form.Form = string(mail.Reports)
	}
	status := http.StatusOK
	if out.Problem.Text != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "sources", c.Say("Sources"), out)
}

// tried shows what became of a form about a source.
func (r *room) tried(ctx context.Context, c *page.Call, out sourced, err error) error {
	switch kind := fault.Of(err); {
	case err == nil:
		c.Once = out.Made.Secret != ""
		return r.sourced(ctx, c, out)
	case kind == fault.Invalid || kind == fault.Conflict || kind == fault.NotFound:
		out.Problem, out.Made = r.Problem(c, err, "name", "address", "form", "networks", "certificate"), nil
		if out.Tried != "" {
			out.Problem = out.Problem.On("remove-" + out.Tried)
		}
		return r.sourced(ctx, c, out)
	default:
		return err
	}
}

func (r *room) addSource(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	f := registration{
		Name: c.Field("name"), Address: c.Field("address"), Networks: c.Field("networks"), Certificate: c.Field("certificate"),
		Form: c.Field("form"), SignIn: c.Field("sign-in") != "",
	}
	made, err := r.Identity.AddSource(ctx, c.Who.Session, source.Registration{
		Name: f.Name, Address: mail.NewAddress(f.Address), Networks: strings.FieldsFunc(f.Networks, func(x rune) bool { return strings.ContainsRune(", \r\n\t", x) }),
		Certificate: []byte(f.Certificate), SignIn: f.SignIn, Form: mail.Form(f.Form),
	})
	out := sourced{Made: &made}
	if err != nil {
		out.Form = f
	}
	return r.tried(ctx, c, out, err)
}

func (r *room) renewSource(ctx context.Context, c *page.Call) error {
	made, err := r.Identity.RenewSource(ctx, c.Who.Session, c.R.PathValue("name"), nil)
	return r.tried(ctx, c, sourced{Made: &made, Tried: c.R.PathValue("name")}, err)
}

func (r *room) removeSource(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	name := c.R.PathValue("name")
	err := errTyped(name)
	if c.Field("typed") == name {
		err = r.Identity.RemoveSource(ctx, c.Who.Session, name)
	}
	if err == nil {
		c.See("/sources")
		return nil
	}
	return r.tried(ctx, c, sourced{Tried: name, Typed: c.Field("typed")}, err)
}
