package office

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/identity/request"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// roll is what the page of all people shows.
type roll struct {
	People  []identity.Person
	Removed int
	All     bool // removed ones are listed too
	Invites bool // who looks may invite
	Form    struct{ Email, Role string }
	Problem page.Problem
	Confirm mail.Domain // that looks like one of the tenant's, and may be meant
}

func (r *room) people(ctx context.Context, c *page.Call) error { return r.roll(ctx, c, roll{}) }

// roll shows the list, and the form that somebody filled in.
func (r *room) roll(ctx context.Context, c *page.Call, out roll) error {
	list, err := r.Identity.People(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	out.All = c.R.URL.Query().Get("all") != ""
	for _, p := range list {
		if p.State == identity.Removed {
			out.Removed++
		}
		if p.State != identity.Removed || out.All {
			out.People = append(out.People, p)
		}
	}
	out.Invites = c.Role() == identity.Administrator
	status := http.StatusOK
	if out.Problem.Text != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "people", c.Say("People"), out)
}

// coded is what the page of a new code shows, once.
type coded struct {
	Email  string
	Code   string
	Link   string
	Until  time.Time
	Again  bool           // the account was reset
	Ended  []mail.Address // whose mail is sealed to her no longer
	Person mail.ID
}

// link leads to the page where an invitation is taken. The code is behind the # and so
// never reaches a server's log.
func (r *room) link(c *page.Call, email, code string) string {
	v := url.Values{"email": {email}, "tenant": {c.Who.TenantName()}}
	return r.Base(c, r.URL) + "/invitation?" + v.Encode() + "#" + code
}

// invitationFor is how long a code opens an invitation, as identity has it.
const invitationFor = 14 * 24 * time.Hour

func (r *room) invite(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	var out roll
	out.Form.Email, out.Form.Role = c.Field("email"), c.Field("role")
	email := mail.NewAddress(out.Form.Email)
	p, code, err := r.Identity.Invite(ctx, c.Who.Session, email, identity.Role(out.Form.Role), mail.NewDomain(c.Field("confirm-domain")))
	if kind := fault.Of(err); kind == fault.Invalid || kind == fault.Conflict {
		out.Problem = r.Problem(c, err, "role")
		switch fault.Field(err) {
		case "role":
		case "confirm-domain":
			out.Confirm = email.Domain()
			fallthrough
		default:
			out.Problem = out.Problem.On("email")
		}
		return r.roll(ctx, c, out)
	}
	if err != nil {
		return err
	}
	c.Once = true
	return r.pages.Show(c, http.StatusOK, "code", c.Say("Invitation"), coded{
		Email: p.Email.String(), Code: code, Link: r.link(c, p.Email.String(), code), Until: r.Now().Add(invitationFor), Person: p.ID,
	})
}

// shownPerson is what the page of a person shows.
type shownPerson struct {
	identity.Person

	Self, Admin, Keeper bool // who looks
	Requests            []identity.Request
	Problem             string
	At                  string // the form that has the problem
	Typed               string
	Done                string
	Once                mail.ID // of a job that is begun from the page
}

// find returns the person of an address of a page, removed ones too.
func (r *room) find(ctx context.Context, c *page.Call) (identity.Person, error) {
	list, err := r.Identity.People(ctx, c.Who.Session)
	if err != nil {
		return identity.Person{}, err
	}
	for _, p := range list {
		if p.ID.String() == c.R.PathValue("id") {
			return p, nil
		}
	}
	return identity.Person{}, fault.New(fault.NotFound, "there is no such person")
}

func (r *room) person(ctx context.Context, c *page.Call) error {
	p, err := r.find(ctx, c)
	if err != nil {
		return err
	}
	return r.showPerson(ctx, c, shownPerson{Person: p})
}

func (r *room) showPerson(ctx context.Context, c *page.Call, out shownPerson) error {
	all, err := r.Identity.Requests(ctx, c.Who.Session)
	if err != nil {
		return err
	}
	for _, q := range all {
		if q.Person == out.ID && q.State == "open" && q.Kind != request.Domain {
			out.Requests = append(out.Requests, q)
		}
	}
	out.Once = mail.NewID()
	out.Self = out.ID == c.Who.Person()
	out.Admin, out.Keeper = c.Role() == identity.Administrator, c.Role() == identity.Keeper
	out.Done = c.R.URL.Query().Get("done")
	status := http.StatusOK
	if out.Problem != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.pages.Show(c, status, "person", page.As(out.Email.String()), out)
}

// change changes something about a person, and says what the page tells afterwards.
type change func(ctx context.Context, c *page.Call, p identity.Person) (done string, err error)

// one answers a form about a person: with her page, which has the problem where there is
// one. A change that has shown a page itself returns the word "shown".
func (r *room) one(f change) page.Handler {
	return func(ctx context.Context, c *page.Call) error {
		if _, err := c.Form(); err != nil {
			return err
		}
		p, err := r.find(ctx, c)
		if err != nil {
			return err
		}
		done, err := f(ctx, c, p)
		switch kind := fault.Of(err); {
		case err == nil && done == shown:
			return nil
		case err == nil:
			c.See("/people/" + p.ID.String() + "?" + url.Values{"done": {done}}.Encode())
			return nil
		case kind == fault.Invalid || kind == fault.Conflict || kind == fault.Denied:
			form := c.R.URL.Path[strings.LastIndex(c.R.URL.Path, "/")+1:]
			return r.showPerson(ctx, c, shownPerson{Person: p, Problem: r.Explain(c.Lang, err), At: form, Typed: c.Field("typed")})
		default:
			return err
		}
	}
}

// shown says that a change has answered.
const shown = "shown"

func (r *room) role(ctx context.Context, c *page.Call, p identity.Person) (string, error) {
	role, err := identity.ParseRole(c.Field("role"))
	if err != nil {
		return "", err
	}
	if p.Role.HoldsArchive() && !role.HoldsArchive() && mail.NewAddress(c.Field("typed")) != p.Email {
		return "", errTyped(p.Email.String())
	}
	out, err := r.Identity.SetRole(ctx, c.Who.Session, p.Email, role)
	if out.Request != nil {
		return "requested", err
	}
	return "role", err
}

func (r *room) addAddress(ctx context.Context, c *page.Call, p identity.Person) (string, error) {
	q, err := r.Identity.AddAddress(ctx, c.Who.Session, p.Email, mail.NewAddress(c.Field("address")))
	if q != nil {
		return "requested", err
	}
	return "address", err
}

func (r *room) removeAddress(ctx context.Context, c *page.Call, p identity.Person) (string, error) {
	return "address", r.Identity.RemoveAddress(ctx, c.Who.Session, p.Email, mail.Address(c.Field("address")))
}

func (r *room) reset(ctx context.Context, c *page.Call, p identity.Person) (string, error) {
	if mail.NewAddress(c.Field("typed")) != p.Email {
		return "", errTyped(p.Email.String())
	}
	out, err := r.Identity.Reset(ctx, c.Who.Session, p.Email)
	if err != nil {
		return "", err
	}
	c.Once = true
	return shown, r.pages.Show(c, http.StatusOK, "code", c.Say("Account reset"), coded{
		Email: p.Email.String(), Code: out.Code, Link: r.link(c, p.Email.String(), out.Code), Until: r.Now().Add(invitationFor),
		Again: true, Ended: out.Ended, Person: p.ID,
	})
}

func (r *room) remove(ctx context.Context, c *page.Call, p identity.Person) (string, error) {
	if mail.NewAddress(c.Field("typed")) != p.Email {
		return "", errTyped(p.Email.String())
	}
	return "removed", r.Identity.Remove(ctx, c.Who.Session, p.Email)
}
