// Package jobs has the pages of long work: what runs and how far it is, what has come of
// it, and the parts of exports to take away. Nothing waits for a page: a job goes on when
// it is closed.
package jobs

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"siegel/internal/archive/export"
	"siegel/internal/archive/job"
	"siegel/internal/front/file"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

//go:embed templates/*.html
var templates embed.FS

// Deps are the rooms that these pages reach.
type Deps struct {
	Jobs *job.Room
}

// room has the pages.
type room struct {
	*page.Frame
	Deps

	pages *page.Set
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame, d Deps) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, d, pages}
	mux.Handle("GET /jobs/export", f.For(r.form, identity.Keeper, identity.Auditor, identity.Reader))
	mux.Handle("POST /jobs/export", f.For(r.export, identity.Keeper, identity.Auditor, identity.Reader))
	for pattern, h := range map[string]page.Handler{
		"GET /jobs":                  r.list,
		"POST /jobs/regrant":         r.regrant,
		"GET /jobs/{id}":             r.one,
		"GET /jobs/{id}/part/{part}": r.part,
		"POST /jobs/{id}/cancel":     r.cancel,
		"POST /jobs/{id}/delete":     r.remove,
	} {
		mux.Handle(pattern, f.Signed(h))
	}
	return nil
}

// listed is what the list shows.
type listed struct {
	Jobs []job.Job
	Live bool // something changes by itself: the list comes again
}

func (r *room) list(ctx context.Context, c *page.Call) error {
	list, err := r.Jobs.List(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	if len(list) == 0 && c.Role() == identity.Administrator { // who read before may have some
		return r.Elsewhere(c)
	}
	out := listed{Jobs: list}
	for _, j := range list {
		out.Live = out.Live || !j.State.Ended()
	}
	return r.pages.Show(c, http.StatusOK, "jobs", c.Say("Jobs"), out)
}

// ID reads the id of a page's address.
func id(c *page.Call) (mail.ID, error) {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return id, fault.New(fault.NotFound, "there is no such job")
	}
	return id, nil
}

func (r *room) one(ctx context.Context, c *page.Call) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	j, err := r.Jobs.Get(ctx, c.Who.Session, id)
	if err != nil {
		return err
	}
	title := c.Say("Export")
	if j.Kind == job.Regrant {
		title = c.Say("Older mail")
	}
	return r.pages.Show(c, http.StatusOK, "job", title, j)
}

// ordered is what the form of an export shows.
type ordered struct {
	Query, Format, Reason string
	Plain, Others         bool
	Once                  mail.ID
	Problem               string
}

// form shows the form of an export on a page of its own.
func (r *room) form(_ context.Context, c *page.Call) error {
	return r.order(c, ordered{Query: c.R.URL.Query().Get("q"), Format: export.AsEML, Once: mail.NewID()})
}

func (r *room) order(c *page.Call, o ordered) error {
	o.Others = c.Who.Unlocked().Holds(c.Who.Archive())
	status := http.StatusOK
	if o.Problem != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "export", c.Say("Export"), o)
}

func (r *room) export(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	o := ordered{Query: c.Field("q"), Format: c.Field("format"), Reason: c.Field("reason"), Plain: c.Field("plain") != ""}
	c.Again = "/jobs/export?" + url.Values{"q": {o.Query}}.Encode()
	once, err := mail.ParseID(c.Field("once"))
	if err != nil {
		once = mail.NewID()
	}
	j, err := r.Jobs.Start(ctx, c.Who.Session, c.Who, job.Order{
		Kind: job.Export, Query: o.Query, Format: o.Format, Reason: o.Reason, Plain: o.Plain, Once: once,
	})
	if kind := fault.Of(err); kind == fault.Invalid || kind == fault.Exhausted {
		o.Problem, o.Once = r.Explain(c.Lang, err), mail.NewID()
		return r.order(c, o)
	}
	if err != nil {
		return err
	}
	c.See("/jobs/" + j.ID.String())
	return nil
}

func (r *room) regrant(ctx context.Context, c *page.Call) error {
	c.Again = "/jobs"
	if _, err := c.Form(); err != nil {
		return err
	}
	once, err := mail.ParseID(c.Field("once"))
	if err != nil {
		once = mail.NewID()
	}
	j, err := r.Jobs.Start(ctx, c.Who.Session, c.Who, job.Order{Kind: job.Regrant, Person: mail.NewAddress(c.Field("person")), Once: once})
	if err != nil {
		return err
	}
	c.See("/jobs/" + j.ID.String())
	return nil
}

func (r *room) cancel(ctx context.Context, c *page.Call) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	err = r.Jobs.Cancel(ctx, c.Who.Session, id)
	if fault.Of(err) == fault.Conflict && err != nil {
		err = nil // the page says how it has ended
	}
	if err == nil {
		c.See("/jobs/" + id.String())
	}
	return err
}

func (r *room) remove(ctx context.Context, c *page.Call) error {
	id, err := id(c)
	if err == nil {
		err = r.Jobs.Delete(ctx, c.Who.Session, id)
	}
	if err == nil {
		c.See("/jobs")
	}
	return err
}

// part sends a part of an export. It has an address of its own, so that a browser goes on
// with what broke off; a page of another site leads nobody to it.
func (r *room) part(ctx context.Context, c *page.Call) error {
	if site := c.R.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return r.Foreign(ctx, c)
	}
	id, err := id(c)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(c.R.PathValue("part"))
	if err != nil {
		return fault.Because(fault.NotFound, "there is no such job", err)
	}
	f, err := r.Jobs.Open(ctx, c.Who.Session, id, number)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // reading has said what there is to say
	err = file.Serve(c.ResponseWriter, c.R, file.Kept{Name: f.Name, Kind: "application/zip", Tag: f.Tag, Octets: f})
	if refused, ok := errors.AsType[*file.Refused](err); ok {
		c.WriteHeader(refused.Status) // a browser asks so, and nobody reads the answer
		return nil
	}
	if err != nil {
		r.Broke("a part of an export broke off", err)
	}
	return nil
}
