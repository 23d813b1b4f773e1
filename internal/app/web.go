package app

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"siegel/internal/app/checkup"
	"siegel/internal/archive/casefile"
	"siegel/internal/front/console"

	"siegel/internal/front"
	"siegel/internal/front/api"
	ceremonies "siegel/internal/front/api/founding"
	orders "siegel/internal/front/api/jobs"
	programs "siegel/internal/front/api/office"
	records "siegel/internal/front/api/reading"
	"siegel/internal/front/history"
	"siegel/internal/front/state"
	"siegel/internal/front/trail"
	"siegel/internal/front/web"
	"siegel/internal/front/web/founding"
	"siegel/internal/front/web/jobs"
	"siegel/internal/front/web/office"
	"siegel/internal/front/web/reading"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/query"
	"siegel/internal/index/saved"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/ledger/verified"
)

// openWeb opens the door for people in browsers.
func (a *App) openWeb() (*web.Door, error) {
	c := web.Config{Listen: a.Config.Web.Listen, URL: a.Config.Web.URL, SecurityContact: a.Config.Web.SecurityContact}
	var err error
	if c.TLS, err = a.certificate(); err != nil {
		return nil, err
	}
	if c.Proxies, err = a.Config.Web.Networks(); err != nil {
		return nil, err
	}
	d, err := web.Open(c, web.Deps{
		Visits: a.Visits, Log: a.Log,
		Reading:  reading.Deps{Cases: a.Cases, Archive: a.Archive, Index: a.Index, Saved: a.saved(), State: a.state(), History: a.history(), Prove: a.Proof, Provable: a.Provable, Now: a.Now},
		Jobs:     jobs.Deps{Jobs: a.Jobs},
		Founding: founding.Deps{Ceremony: a.Ceremony, URL: c.URL},
		Office:   office.Deps{Cases: a.Cases, Trail: a.trail(), Identity: a.Identity, Archive: a.Archive, Counts: a.Tally.Of, Whole: a.Whole, URL: c.URL, Now: a.Now},
		API:      a.api,
	})
	return d, fault.Because(fault.Invalid, "the door for browsers cannot be opened", err)
}

// saved makes the room of searches that people keep.
func (a *App) saved() *saved.Room {
	return saved.New(saved.Deps{Vault: a.Vault, Trail: a.Trail, Now: a.Now})
}

// state is what says how the archive is.
func (a *App) state() state.Deps {
	return state.Deps{Identity: a.Identity, Rows: a.rows, Proof: a.proof, Counts: a.Tally.Of}
}

// history is what says what became of a message.
func (a *App) history() history.Deps {
	return history.Deps{Archive: a.Archive, Identity: a.Identity, Cases: a.Cases}
}

// trail is what shows who did what.
func (a *App) trail() trail.Deps { return trail.Deps{Identity: a.Identity, Trail: a.Trail} }

// api makes the door for programs, which is behind the one for browsers.
func (a *App) api(c front.Callers) (http.Handler, error) {
	return api.New(api.Deps{
		Callers: c, Replays: a.Replays, Log: a.Log,
		Office:   programs.Deps{Identity: a.Identity, Trail: a.trail(), Tally: a.Tally, Cases: a.Cases, Whole: a.Whole, Now: a.Now},
		Reading:  records.Deps{Archive: a.Archive, Index: a.Index, Saved: a.saved(), Cases: a.Cases, State: a.state(), History: a.history(), Prove: a.Proof},
		Jobs:     orders.Deps{Jobs: a.Jobs},
		Founding: ceremonies.Deps{Ceremony: a.Ceremony},
	})
}

// rows are what the doctor finds that is the same for all tenants, for a page: other
// findings may name another tenant, and are the operator's.
func (a *App) rows(ctx context.Context) (list []state.Row) {
	for _, f := range append([]console.Finding{
		checkup.Disk(a.Dir), a.checkGrowth(ctx), a.checkClock(ctx), a.checkStamps(ctx), checkup.Swap(), checkup.Memory(),
	}, a.checkEnvironment()...) {
		list = append(list, state.Row{
			Name: f.Name, State: f.State,
			What: state.Sentence{Text: f.What.Text, Args: f.What.Args}, Remedy: state.Sentence{Text: f.Remedy.Text, Args: f.Remedy.Args},
		})
	}
	return list
}

// proof says how far a tenant's mail can be proven.
func (a *App) proof(ctx context.Context, tenant mail.TenantID) (p state.Proof, err error) {
	if p.Entries, err = a.Entries(ctx, tenant); err != nil {
		return p, err
	}
	reach, err := stamping.ReachOf(ctx, a.DB, tenant, ledger.Message)
	if err != nil {
		return p, err
	}
	last, err := verified.Read(ctx, a.DB.Tenant(tenant))
	p.Signed, p.Stamped, p.Verified, p.Problems = reach.Signed, reach.Stamped, last.At, last.Problems
	p.Uncovered = max(0, p.Entries-reach.Proven) // entries may come between the questions
	return p, err
}

// pages is where people find the pages: as configured, or where a door is open.
func (a *App) pages(w *web.Door) string {
	switch {
	case a.Config.Web.URL != "":
		return strings.TrimSuffix(a.Config.Web.URL, "/")
	case w == nil || w.Addr() == nil:
		return ""
	case w.Secure():
		return "https://" + w.Addr().String()
	}
	return "http://" + w.Addr().String()
}

// WebAddr returns the address of the door for browsers, nil where there is none.
func (s *Server) WebAddr() net.Addr { return s.web.Addr() }

// checkSearch fails where a text is no search.
func checkSearch(text string) error {
	_, err := query.Parse(text)
	return err
}

// patience is how long a search for a case waits for mail that is not in the index yet.
const patience = time.Minute

// findAll implements [casefile.Finder].
func (a *App) findAll(ctx context.Context, s *identity.Session, text, cursor string) (list []casefile.Found, next string, err error) {
	res, err := a.Index.Search(ctx, s, index.Request{Text: text, Cursor: cursor, Limit: index.MaxPage, Order: index.Oldest, Wait: index.Wait{Patience: patience, Attachments: patience}})
	if err != nil {
		return nil, "", err
	}
	if res.Waiting > 0 && strings.Contains(text, "attachment:") {
		return nil, "", fault.Newf(fault.Conflict, "attachments of %d {message|messages} are still being read; go on in a moment", res.Waiting)
	}
	if res.Pending > 0 {
		return nil, "", fault.Newf(fault.Conflict, "%d {message is|messages are} not in the index yet; go on in a moment", res.Pending)
	}
	for _, h := range res.Hits {
		list = append(list, casefile.Found{ID: h.ID, Arrived: h.Arrived})
	}
	return list, res.Next, nil
}
