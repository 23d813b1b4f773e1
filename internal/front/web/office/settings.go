package office

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// chosen is what the page of settings shows.
type chosen struct {
	Name    string
	Domains []string
	Idle    int // minutes that a session may rest
	Typed   string
	Admin   bool
	Problem string
	Saved   bool
	Further further
}

// further is the form that asks for a further domain.
type further struct {
	Typed   string
	Confirm mail.Domain // that looks like one of the tenant's, and may be meant
	Problem page.Problem
	Asked   bool // for one, a moment ago
}

func (r *room) settings(ctx context.Context, c *page.Call) error {
	return r.chosen(ctx, c, chosen{Saved: c.R.URL.Query().Get("saved") != "", Further: further{Asked: c.R.URL.Query().Get("asked") != ""}})
}

func (r *room) chosen(ctx context.Context, c *page.Call, out chosen) error {
	t, err := r.Identity.Named(ctx, c.Who.TenantName())
	if err != nil {
		return err
	}
	idle, err := r.Visits.Idle(ctx, c.Who.Tenant().ID())
	if err != nil {
		return err
	}
	out.Name, out.Idle, out.Admin = t.Name, int(idle/time.Minute), c.Role() == identity.Administrator
	for _, d := range t.Domains {
		out.Domains = append(out.Domains, d.String())
	}
	status := http.StatusOK
	if out.Problem != "" || out.Further.Problem.Text != "" {
		status = http.StatusUnprocessableEntity
	}
	if out.Problem == "" {
		out.Typed = strconv.Itoa(out.Idle)
	}
	return r.pages.Show(c, status, "settings", c.Say("Settings"), out)
}

func (r *room) setIdle(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	minutes, err := strconv.Atoi(c.Field("minutes"))
	if err != nil {
		minutes = 0 // which nobody may choose
	}
	minutes = min(max(minutes, 0), 1<<20)
	var was []time.Duration // as the page had it that the form is of
	if n, err := strconv.Atoi(c.Field("was")); err == nil && n > 0 && n < 1<<20 {
		was = append(was, time.Duration(n)*time.Minute)
	}
	err = r.Visits.SetIdle(ctx, c.Who.Session, time.Duration(minutes)*time.Minute, was...)
	if kind := fault.Of(err); err != nil && (kind == fault.Invalid || kind == fault.Conflict) {
		return r.chosen(ctx, c, chosen{Problem: r.Explain(c.Lang, err), Typed: c.Field("minutes")})
	}
	if err != nil {
		return err
	}
	c.See("/settings?saved=1")
	return nil
}

// askDomain asks the keepers for a further domain.
func (r *room) askDomain(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	f := further{Typed: c.Field("domain")}
	d := mail.NewDomain(f.Typed)
	_, err := r.Identity.RequestDomain(ctx, c.Who.Session, d, mail.NewDomain(c.Field("confirm-domain")))
	if kind := fault.Of(err); kind == fault.Invalid || kind == fault.Conflict {
		f.Problem = r.Problem(c, err).On("domain")
		if fault.Field(err) == "confirm-domain" {
			f.Confirm = d
		}
		return r.chosen(ctx, c, chosen{Further: f})
	}
	if err != nil {
		return err
	}
	c.See("/settings?asked=1")
	return nil
}
