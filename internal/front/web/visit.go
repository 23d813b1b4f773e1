package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"siegel/internal/identity/brake"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// Cookies. The prefix __Host- binds one to this host and to HTTPS (RFC 6265bis section
// 4.1.3.2); a browser on the machine itself may come without TLS.
const (
	cookieSession  = "siegel"
	cookieDevice   = "siegel-device"
	cookieLanguage = "siegel-language"
	securePrefix   = "__Host-"

	deviceAge = 180 * 24 * time.Hour
)

func (d *Door) cookieName(name string) string {
	if d.secure {
		return securePrefix + name
	}
	return name
}

func (d *Door) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(d.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie gives a cookie to the browser; the empty value takes it away.
func (d *Door) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	c := &http.Cookie{
		Name: d.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: d.secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int(age / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// lang is the language that somebody has chosen, or that the browser asks for.
func (d *Door) lang(r *http.Request) text.Lang {
	if c := d.cookie(r, cookieLanguage); c != "" {
		return text.Parse(c)
	}
	return text.Parse(r.Header.Get("Accept-Language"))
}

// visitor says who comes. Addresses of the machine itself are those of a proxy or of a
// person at it: nothing is counted against them.
func (d *Door) visitor(r *http.Request) visit.Visitor {
	v := visit.Visitor{Agent: r.UserAgent(), Device: d.cookie(r, cookieDevice)}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return v
	}
	if a, err := netip.ParseAddr(host); err == nil && !a.Unmap().IsLoopback() {
		v.Peer = a.Unmap()
	}
	return v
}

// call is a request that is being answered.
type call struct {
	http.ResponseWriter

	r    *http.Request
	lang text.Lang
	who  *visit.Visit // nil where nobody has signed in
}

// handler answers a request, or returns why it cannot.
type handler func(ctx context.Context, c *call) error

// open serves whoever comes.
func (d *Door) open(f handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{ResponseWriter: w, r: r, lang: d.lang(r)}
		if err := f(r.Context(), c); err != nil {
			d.fail(c, err)
		}
	})
}

// page serves who has signed in, and sends others to sign in first.
func (d *Door) page(f handler) http.Handler {
	return d.open(func(ctx context.Context, c *call) error {
		v, err := d.Visits.Return(ctx, d.visitor(c.r), d.cookie(c.r, cookieSession))
		if fault.Of(err) == fault.Locked {
			d.setCookie(c, cookieSession, "", 0)
			to := "/sign-in"
			if c.r.Method == http.MethodGet && c.r.URL.Path != "/" {
				to += "?to=" + url.QueryEscape(c.r.URL.RequestURI())
			}
			http.Redirect(c, c.r, to, http.StatusSeeOther)
			return nil
		}
		if err != nil {
			return err
		}
		defer v.Release()
		c.who = v
		return f(ctx, c)
	})
}

// inside returns where to go after a sign-in: a page of ours, whatever was asked for.
func inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	// What is written may differ from what was read: a path with octets that no path has is
	// escaped anew, and its %2F comes out as a slash. Two slashes would lead to a host.
	to = u.RequestURI()
	if strings.HasPrefix(to, "//") {
		return "/"
	}
	return to
}

// signingIn is what the page for it shows.
type signingIn struct {
	Email, Tenant, To string
	Problem           string
}

func (d *Door) signInPage(ctx context.Context, c *call) error {
	to := inside(c.r.URL.Query().Get("to"))
	if v, err := d.Visits.Return(ctx, d.visitor(c.r), d.cookie(c.r, cookieSession)); err == nil {
		v.Release()
		http.Redirect(c, c.r, to, http.StatusSeeOther)
		return nil
	}
	return d.show(c, http.StatusOK, "sign-in", c.say("Sign in"), signingIn{To: to})
}

func (d *Door) signIn(ctx context.Context, c *call) error {
	if err := c.r.ParseForm(); err != nil {
		return errForm(err)
	}
	f := c.r.PostForm
	in := signingIn{Email: strings.TrimSpace(f.Get("email")), Tenant: strings.TrimSpace(f.Get("tenant")), To: inside(f.Get("to"))}
	e, err := d.Visits.SignIn(ctx, d.visitor(c.r), in.Tenant, mail.NewAddress(in.Email), []byte(f.Get("password")))
	switch kind := fault.Of(err); {
	case err == nil:
	case kind == fault.Denied || kind == fault.Exhausted || kind == fault.Invalid:
		status := http.StatusUnauthorized
		if held, ok := errors.AsType[*brake.Held](err); ok {
			status = http.StatusTooManyRequests
			c.Header().Set("Retry-After", strconv.Itoa(max(1, int(time.Until(held.Until)/time.Second))))
		}
		in.Problem = d.explain(c.lang, err)
		return d.show(c, status, "sign-in", c.say("Sign in"), in)
	default:
		return err
	}
	d.setCookie(c, cookieSession, e.Cookie, time.Until(e.Ends))
	d.setCookie(c, cookieDevice, e.Device, deviceAge)
	http.Redirect(c, c.r, in.To, http.StatusSeeOther)
	return nil
}

func (d *Door) signOut(ctx context.Context, c *call) error {
	if err := d.Visits.Leave(ctx, c.who); err != nil {
		return err
	}
	d.setCookie(c, cookieSession, "", 0)
	http.Redirect(c, c.r, "/sign-in", http.StatusSeeOther)
	return nil
}

func (d *Door) language(_ context.Context, c *call) error {
	if err := c.r.ParseForm(); err != nil {
		return errForm(err)
	}
	d.setCookie(c, cookieLanguage, string(text.Parse(c.r.PostForm.Get("language"))), deviceAge)
	http.Redirect(c, c.r, inside(c.r.PostForm.Get("to")), http.StatusSeeOther)
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

func (d *Door) sessions(ctx context.Context, c *call) error {
	list, err := d.Visits.List(ctx, c.who)
	if err != nil {
		return err
	}
	var out []listed
	for _, t := range list {
		out = append(out, listed{ID: t.ID, Device: deviceOf(t.Device), Agent: t.Device, Peer: t.Peer, Made: t.Made, Used: t.Used, Here: t.ID == c.who.Ticket.ID})
	}
	return d.show(c, http.StatusOK, "sessions", c.say("Your sessions"), out)
}

func (d *Door) endSession(ctx context.Context, c *call) error {
	id, err := mail.ParseID(c.r.PathValue("id"))
	if err != nil {
		return fault.New(fault.NotFound, "there is no such session; it may have ended meanwhile")
	}
	if err := d.Visits.End(ctx, c.who, id); err != nil {
		return err
	}
	http.Redirect(c, c.r, "/sessions", http.StatusSeeOther)
	return nil
}

func errForm(err error) error {
	return fault.Because(fault.Invalid, "the form cannot be read, or it is too long", err)
}
