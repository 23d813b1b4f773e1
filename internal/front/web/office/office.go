// Package office has the pages where people are given access, where mail comes in, what
// a tenant chooses, and where one sees what was done. What somebody may do is decided by
// the rooms; the pages only leave out what would be refused.
package office

import (
	"context"
	"embed"
	"net/http"
	"time"

	"siegel/internal/archive"
	"siegel/internal/archive/casefile"
	"siegel/internal/flow/tally"
	"siegel/internal/front/trail"
	"siegel/internal/front/trail/words"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

//go:embed templates/*.html
var templates embed.FS

// Deps are the rooms that these pages reach.
type Deps struct {
	Identity *identity.Identity
	Archive  *archive.Archive
	Cases    *casefile.Room
	Trail    trail.Deps
	// Counts says what came in by each way, and Whole whether that is what the log has.
	Counts func(ctx context.Context, tenant mail.TenantID) ([]tally.State, error)
	Whole  func(ctx context.Context, tenant mail.TenantID) (tally.Whole, error)
	URL    string // how people reach the pages from outside; empty for the address itself
	Now    func() time.Time
}

// room has the pages.
type room struct {
	*page.Frame
	Deps

	pages *page.Set
	kinds *words.Kinds
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame, d Deps) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, d, pages, words.New()}
	admin, keeper, auditor := identity.Administrator, identity.Keeper, identity.Auditor
	for _, of := range []struct {
		roles []identity.Role // whom the pages are for; the rooms say who may do what on them
		pages map[string]page.Handler
	}{
		{[]identity.Role{admin, keeper}, map[string]page.Handler{
			"GET /people":                      r.people,
			"POST /people":                     r.invite,
			"GET /people/{id}":                 r.person,
			"POST /people/{id}/role":           r.one(r.role),
			"POST /people/{id}/address":        r.one(r.addAddress),
			"POST /people/{id}/address/remove": r.one(r.removeAddress),
			"POST /people/{id}/reset":          r.one(r.reset),
			"POST /people/{id}/remove":         r.one(r.remove),
			"GET /requests":                    r.requests,
			"POST /requests/{id}/approve":      r.decide(d.Identity.Approve),
			"POST /requests/{id}/reject":       r.decide(d.Identity.Reject),
			"POST /requests/{id}/withdraw":     r.decide(d.Identity.Withdraw),
			"GET /settings":                    r.settings,
			"POST /settings/idle":              r.setIdle,
			"POST /settings/domains":           r.askDomain,
		}},
		{[]identity.Role{admin, keeper, auditor}, map[string]page.Handler{
			"GET /sources":                r.sources,
			"POST /sources":               r.addSource,
			"POST /sources/{name}/secret": r.renewSource,
			"POST /sources/{name}/remove": r.removeSource,
			"GET /trail":                  r.trail,
			"POST /trail/export":          r.exportTrail,
		}},
		{[]identity.Role{admin, keeper, auditor, identity.Reader}, map[string]page.Handler{
			"GET /cases":            r.cases,
			"POST /cases":           r.giveCase,
			"GET /cases/{id}":       r.showCase,
			"POST /cases/{id}/fill": r.fillCase,
			"POST /cases/{id}/end":  r.endCase,
		}},
	} {
		for pattern, h := range of.pages {
			mux.Handle(pattern, f.For(h, of.roles...))
		}
	}
	return nil
}

// errTyped says that what somebody typed to confirm is not what it should be.
func errTyped(want string) error {
	return fault.Newf(fault.Invalid, "type %s to confirm; what was typed is something else, so nothing was done", want)
}
