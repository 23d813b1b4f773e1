// Package front is what the doors for HTTP have in common: how callers are recognised
// (cookies, addresses, languages) and which status a fault has. A door's own pages and
// documents are in the packages below it.
package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	CookieSession  = "siegel"
	CookieLanguage = "siegel-language"
	CookieZone     = "siegel-zone" // where the reader's clock is; a page's script sets it
	cookieDevice   = "siegel-device"
	securePrefix   = "__Host-"

	// HeaderPoll is what a page says when it asks by itself how something is.
	HeaderPoll = "Siegel-Poll"

	// Lasting is how long browsers keep what is no session.
	Lasting = 180 * 24 * time.Hour
)

// Callers recognises who calls. Use it from many goroutines.
type Callers struct {
	Visits *visit.Room
	Secure bool // browsers come by HTTPS
	// Proxies are networks of proxies in front, whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
}

// CookieName is how a cookie is called here.
func (c Callers) CookieName(name string) string {
	if c.Secure {
		return securePrefix + name
	}
	return name
}

// Cookie returns the value of a cookie, empty where there is none.
func (c Callers) Cookie(r *http.Request, name string) string {
	k, err := r.Cookie(c.CookieName(name))
	if err != nil {
		return ""
	}
	return k.Value
}

// SetCookie gives a cookie to the browser; the empty value takes it away.
func (c Callers) SetCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	k := &http.Cookie{
		Name: c.CookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int(age / time.Second),
	}
	if value == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// Lang is the language that somebody has chosen, or that the browser asks for.
func (c Callers) Lang(r *http.Request) text.Lang {
	if chosen := c.Cookie(r, CookieLanguage); chosen != "" {
		return text.Parse(chosen)
	}
	return text.Parse(r.Header.Get("Accept-Language"))
}

// maxZone bounds the name of a time zone.
const maxZone = 64

// Zone is where the reader's clock is: UTC where the browser has not said.
func (c Callers) Zone(r *http.Request) *time.Location {
	name, err := url.QueryUnescape(c.Cookie(r, CookieZone))
	if err != nil || name == "" || name == "Local" || len(name) > maxZone {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Visitor says who comes. Addresses of the machine itself are those of a proxy that nobody
// named, or of a person at it: nothing is counted against them.
func (c Callers) Visitor(r *http.Request) visit.Visitor {
	v := visit.Visitor{Agent: r.UserAgent(), Device: c.Cookie(r, cookieDevice), Poll: r.Method == http.MethodGet && r.Header.Get(HeaderPoll) != ""}
	if a := c.peer(r); a.IsValid() && !a.IsLoopback() {
		v.Peer = a
	}
	return v
}

// maxForwarded bounds how many addresses of proxies are looked at.
const maxForwarded = 20

// peer is where a request comes from. Proxies in front write the address of who came to
// them behind those that they were told: from the last one on, the first that is no proxy's
// is where the request comes from. What stands before it may be anybody's invention.
func (c Callers) peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	a = a.Unmap().WithZone("")
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n := 0; c.proxy(a) && len(said) > 0 && n < maxForwarded; n++ {
		next, err := netip.ParseAddr(strings.TrimSpace(said[len(said)-1]))
		if err != nil {
			break
		}
		a, said = next.Unmap().WithZone(""), said[:len(said)-1]
	}
	return a
}

func (c Callers) proxy(a netip.Addr) bool {
	return slices.ContainsFunc(c.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Return opens the session of who calls, as [visit.Room.Return] does.
func (c Callers) Return(ctx context.Context, r *http.Request) (*visit.Visit, error) {
	return c.Visits.Return(ctx, c.Visitor(r), c.Cookie(r, CookieSession))
}

// Login is what somebody signs in with.
type Login struct {
	Tenant   string // empty where the address has one tenant only
	Email    mail.Address
	Password []byte
}

// SignIn opens a session and gives its cookies to the browser. It fails as
// [visit.Room.SignIn] does.
func (c Callers) SignIn(ctx context.Context, w http.ResponseWriter, r *http.Request, l Login) error {
	_, err := c.Enter(ctx, w, r, l)
	return err
}

// Enter does what SignIn does, and returns when the session ends whatever happens.
func (c Callers) Enter(ctx context.Context, w http.ResponseWriter, r *http.Request, l Login) (ends time.Time, err error) {
	e, err := c.Visits.SignIn(ctx, c.Visitor(r), l.Tenant, l.Email, l.Password)
	if err != nil {
		return time.Time{}, err
	}
	c.SetCookie(w, CookieSession, e.Cookie, time.Until(e.Ends))
	c.SetCookie(w, cookieDevice, e.Device, Lasting)
	return e.Ends, nil
}

// SignOut ends the session of who calls and takes its cookie away.
func (c Callers) SignOut(ctx context.Context, w http.ResponseWriter, v *visit.Visit) error {
	if err := c.Visits.Leave(ctx, v); err != nil {
		return err
	}
	c.SetCookie(w, CookieSession, "", 0)
	return nil
}

// Status is the only place where a fault becomes a status of HTTP (RFC 9110 section 15).
func Status(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Denied:
		return http.StatusForbidden
	case fault.Locked:
		return http.StatusUnauthorized
	case fault.Conflict:
		return http.StatusConflict
	case fault.Busy:
		return http.StatusServiceUnavailable
	case fault.Exhausted:
		return http.StatusTooManyRequests
	case fault.Internal, fault.Damaged:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// busyFor is after how many seconds who found the server busy may ask again.
const busyFor = 5

// RetryAfter returns the value of the header of that name (RFC 9110 section 10.2.3) for an
// error; empty for none.
func RetryAfter(err error) string {
	if held, ok := errors.AsType[*brake.Held](err); ok {
		return strconv.Itoa(max(1, int(time.Until(held.Until)/time.Second)))
	}
	if fault.Of(err) == fault.Busy {
		return strconv.Itoa(busyFor)
	}
	return ""
}

// Broken reports whether a fault is ours, so that the log has more of it.
func Broken(k fault.Kind) bool { return k == fault.Internal || k == fault.Damaged }

// Inside returns where to go after something was done: a page of ours, whatever was asked for.
func Inside(to string) string {
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
