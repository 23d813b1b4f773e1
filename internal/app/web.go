package app

import (
	"context"
	"net"
	"slices"

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
		Office:  office.Deps{Identity: a.Identity, Archive: a.Archive, Counts: a.Tally.Of, Whole: a.Whole, URL: c.URL, Now: a.Now},
	})
	return d, fault.Because(fault.Invalid, "the door for browsers cannot be opened", err)
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
