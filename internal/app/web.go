package app

import (
	"context"
	"net"
	"net/http"
	"slices"

	"siegel/internal/front"
	"siegel/internal/front/api"
	programs "siegel/internal/front/api/office"
	records "siegel/internal/front/api/reading"
	"siegel/internal/front/web"
	"siegel/internal/front/web/office"
	"siegel/internal/front/web/reading"
	"siegel/internal/kit/fault"
)

// openWeb opens the door for people in browsers.
func (a *App) openWeb() (*web.Door, error) {
	c := web.Config{Listen: a.Config.Web.Listen, URL: a.Config.Web.URL}
	var err error
	if c.TLS, err = a.certificate(); err != nil {
		return nil, err
	}
	d, err := web.Open(c, web.Deps{
		Visits: a.Visits, Log: a.Log,
		Reading: reading.Deps{Archive: a.Archive, Index: a.Index, State: a.rows, Prove: a.Proof},
		Office:  office.Deps{Identity: a.Identity},
		API:     a.api,
	})
	return d, fault.Because(fault.Invalid, "the door for browsers cannot be opened", err)
}

// api makes the door for programs, which is behind the one for browsers.
func (a *App) api(c front.Callers) (http.Handler, error) {
	return api.New(api.Deps{
		Callers: c, Replays: a.Replays, Log: a.Log, Office: programs.Deps{Identity: a.Identity, Tally: a.Tally},
		Reading: records.Deps{
			Archive: a.Archive, Index: a.Index, Prove: a.Proof,
			State: func(ctx context.Context) (list []records.Row) {
				for _, r := range a.rows(ctx) {
					list = append(list, records.Row{Name: r.Name, State: r.State, What: records.Sentence(r.What), Remedy: records.Sentence(r.Remedy)})
				}
				return list
			},
		},
	})
}

// shown are the doctor's rows for people of a tenant: what is the same for all tenants.
// Others may name another tenant, and are the operator's.
func shown(name string) bool {
	return slices.Contains([]string{"disk", "clock", "timestamps", "swap", "memory", "environment"}, name)
}

// rows are what the doctor finds, for a page.
func (a *App) rows(ctx context.Context) (list []reading.Row) {
	for _, f := range a.Doctor(ctx) {
		if !shown(f.Name) {
			continue
		}
		list = append(list, reading.Row{
			Name: f.Name, State: f.State,
			What: reading.Sentence{Text: f.What.Text, Args: f.What.Args}, Remedy: reading.Sentence{Text: f.Remedy.Text, Args: f.Remedy.Args},
		})
	}
	return list
}

// WebAddr returns the address of the door for browsers, nil where there is none.
func (s *Server) WebAddr() net.Addr { return s.web.Addr() }
