// Package own has the pages of what is one's own: signing in and out, the language, and
// the sessions.
package own

import (
	"context"
	"embed"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"siegel/internal/front"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

//go:embed templates/*.html
var templates embed.FS

// room has the pages.
type room struct {
	*page.Frame

	pages *page.Set
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, pages}
	f.SignsIn(r.interrupted)
	mux.Handle("GET /sign-in", f.Open(r.signInPage))
	mux.Handle("POST /sign-in", f.Open(r.signIn))
	mux.Handle("GET /invitation", f.Open(r.invitationPage))
	mux.Handle("POST /invitation", f.Open(r.invitation))
	mux.Handle("GET /help", f.Open(r.leaflet("help", "Help")))
	mux.Handle("GET /proof", f.Open(r.leaflet("proof", "Check a proof")))
	mux.Handle("GET /password", f.Signed(r.passwordPage))
	mux.Handle("POST /password", f.Signed(r.password))
	mux.Handle("POST /language", f.Open(r.language))
	mux.Handle("GET /sessions", f.Signed(r.sessions))
	mux.Handle("POST /sessions/{id}/end", f.Signed(r.endSession))
	mux.Handle("POST /sign-out", f.Signed(r.signOut))
	return nil
}

// signingIn is what the page for it shows.
type signingIn struct {
	Email, Tenant, To string
	Problem           string
	Interrupted       bool      // who comes was signed out meanwhile
	Kept              page.Kept // the form that was sent meanwhile
}

// resumed is what the page for who has signed in again shows.
type resumed struct {
	page.Kept

	To string // where she goes who leaves it
}

// Shown are the fields that people typed, of those that have a name on the page.
func (r resumed) Shown() (list []page.KeptField) {
	for _, f := range r.Fields {
		if f.Value != "" && slices.Contains([]string{"name", "email", "address", "search", "q", "until", "reason", "networks", "minutes", "typed"}, f.Name) {
			list = append(list, f)
		}
	}
	return list
}

// interrupted asks who sent a form, and was signed out meanwhile, to sign in again.
func (r *room) interrupted(_ context.Context, c *page.Call, to string, k page.Kept) error {
	return r.pages.Show(c, http.StatusUnauthorized, "sign-in", c.Say("Sign in"), signingIn{Email: k.Who, To: to, Interrupted: true, Kept: k})
}

func (r *room) signInPage(ctx context.Context, c *page.Call) error {
	to := front.Inside(c.R.URL.Query().Get("to"))
	if v, err := r.Return(ctx, c.R); err == nil {
		v.Release()
		c.See(to)
		return nil
	}
	return r.pages.Show(c, http.StatusOK, "sign-in", c.Say("Sign in"), signingIn{To: to})
}

func (r *room) signIn(ctx context.Context, c *page.Call) error {
	f, err := c.Form()
	if err != nil {
		return err
	}
	in := signingIn{Email: strings.TrimSpace(f.Get("email")), Tenant: strings.TrimSpace(f.Get("tenant")), To: front.Inside(f.Get("to"))}
	c.Again = "/sign-in?" + url.Values{"to": {in.To}}.Encode()
	in.Kept = page.Keeping(f)
	c.Once = in.Kept.Action != ""
	err = r.SignIn(ctx, c, c.R, front.Login{Tenant: in.Tenant, Email: mail.NewAddress(in.Email), Password: []byte(f.Get("password"))})
	if problem, status := r.refused(c, err); problem != "" {
		in.Problem = problem
		if status == http.StatusUnprocessableEntity { // what cannot be an address is no account's
			status = http.StatusUnauthorized
		}
		return r.pages.Show(c, status, "sign-in", c.Say("Sign in"), in)
	}
	if err != nil {
		return err
	}
	if in.Kept = in.Kept.Of(mail.NewAddress(in.Email)); in.Kept.Action != "" {
		c.Again = in.To
		return r.pages.Show(c, http.StatusOK, "resume", c.Say("You are signed in again"), resumed{in.Kept, in.To})
	}
	c.See(in.To)
	return nil
}

func (r *room) signOut(ctx context.Context, c *page.Call) error {
	f, err := c.Form()
	if err == nil {
		err = r.SignOut(ctx, c, c.Who)
	}
	if err != nil {
		return err
	}
	to := "/sign-in"
	if f.Has("to") { // she comes again at once, to reach what her session did not
		to += "?" + url.Values{"to": {front.Inside(f.Get("to"))}}.Encode()
	}
	c.See(to)
	return nil
}

func (r *room) language(_ context.Context, c *page.Call) error {
	f, err := c.Form()
	if err != nil {
		return err
	}
	r.SetCookie(c, front.CookieLanguage, string(text.Parse(f.Get("language"))), front.Lasting)
	c.See(f.Get("to"))
	return nil
}

// listed is a session as its person sees it.
type listed struct {
	ID           mail.ID
	Device, Peer string
	Agent        string // all that the browser says of itself
	Made, Used   time.Time
	Here         bool
}

// deviceOf returns which browser and system a person would say that she uses, or what the
// browser says where neither is known. The first name that is found counts: browsers also name those
// that they are like.
func deviceOf(agent string) string {
	first := func(names ...string) string {
		for _, n := range names {
			said, name, ok := strings.Cut(n, "=")
			if strings.Contains(agent, said) {
				if !ok {
					name = said
				}
				return name
			}
		}
		return ""
	}
	browser := first("Edg=Edge", "OPR=Opera", "Firefox", "Chrome", "Safari")
	system := first("Android", "iPhone", "iPad", "Windows", "Mac OS X=macOS", "CrOS=ChromeOS", "Linux")
	if browser == "" || system == "" {
		return agent
	}
	return browser + " · " + system
}

func (r *room) sessions(ctx context.Context, c *page.Call) error {
	list, err := r.Visits.List(ctx, c.Who)
	if err != nil {
		return err
	}
	var out []listed
	for _, t := range list {
		out = append(out, listed{ID: t.ID, Device: deviceOf(t.Device), Agent: t.Device, Peer: t.Peer, Made: t.Made, Used: t.Used, Here: t.ID == c.Who.Ticket.ID})
	}
	return r.pages.Show(c, http.StatusOK, "sessions", c.Say("Your sessions"), out)
}

func (r *room) endSession(ctx context.Context, c *page.Call) error {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return fault.New(fault.NotFound, "there is no such session; it may have ended meanwhile")
	}
	if err := r.Visits.End(ctx, c.Who, id); err != nil {
		return err
	}
	c.See("/sessions")
	return nil
}
