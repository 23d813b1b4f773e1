package office

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
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
}

func (r *room) settings(ctx context.Context, c *page.Call) error {
	return r.chosen(ctx, c, chosen{Saved: c.R.URL.Query().Get("saved") != ""})
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
	if out.Problem != "" {
		status = http.StatusUnprocessableEntity
	} else {
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
