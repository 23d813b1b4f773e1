package page

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"siegel/internal/front"
	"siegel/internal/mail"
)

// Kept is a form that somebody sent who had been signed out meanwhile. The server keeps
// nothing of it: it stands in the answer, goes through the page for signing in, and stands
// in what follows. The zero value is none.
type Kept struct {
	Action string // where it goes
	Page   string // the page that it was on; empty where the browser did not say
	Who    string // who had typed it, as the browser says; empty where it did not
	Fields []KeptField
}

// KeptField is what one field of a form held.
type KeptField struct{ Name, Value string }

// Names of fields: two that the script adds to every form, and those by which a form goes
// through the page for signing in.
const (
	keptPage   = "kept-page"
	keptWho    = "kept-who"
	keptAction = "kept-action"
	keptPrefix = "kept:"
)

// maxKept bounds a form that is kept, in octets: it comes back in a form of at most 64 KiB.
const maxKept = 32 << 10

// secret reports whether a field holds what is never kept: passwords and codes.
func secret(name string) bool {
	return slices.Contains([]string{"password", "again", "now", "code"}, name)
}

// keep takes what a form held, but for what is secret; nothing of one that has only that,
// or that is too long.
func keep(action string, f url.Values) Kept {
	k := Kept{Action: front.Inside(action), Page: f.Get(keptPage), Who: f.Get(keptWho)}
	if page, part, _ := strings.Cut(k.Page, "#"); page != "" {
		k.Page = front.Inside(page)
		if part != "" { // which message is open beside a list
			k.Page += "#" + (&url.URL{Fragment: part}).EscapedFragment()
		}
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if strings.HasPrefix(name, "kept-") {
			continue
		}
		if secret(name) {
			return Kept{}
		}
		for _, value := range f[name] {
			k.Fields = append(k.Fields, KeptField{name, value})
			size += len(url.QueryEscape(name)) + len(url.QueryEscape(value)) + len(keptPrefix) + 2
		}
	}
	if size > maxKept {
		return Kept{}
	}
	return k
}

// Keeping returns the form that came through the page for signing in.
func Keeping(f url.Values) Kept {
	if f.Get(keptAction) == "" {
		return Kept{}
	}
	inner := url.Values{keptPage: f[keptPage], keptWho: f[keptWho]}
	for name, values := range f {
		if plain, ok := strings.CutPrefix(name, keptPrefix); ok {
			inner[plain] = values
		}
	}
	return keep(f.Get(keptAction), inner)
}

// Hidden are the fields by which the form goes through the page for signing in.
func (k Kept) Hidden() []KeptField {
	if k.Action == "" {
		return nil
	}
	list := []KeptField{{keptAction, k.Action}, {keptPage, k.Page}, {keptWho, k.Who}}
	for _, f := range k.Fields {
		list = append(list, KeptField{keptPrefix + f.Name, f.Value})
	}
	return list
}

// Of returns the form where it was typed by somebody with that address, as far as that is
// known: nobody gets what somebody else had typed.
func (k Kept) Of(who mail.Address) Kept {
	if k.Who != "" && mail.NewAddress(k.Who) != who {
		return Kept{}
	}
	return k
}

// interrupted answers who sends a form and was signed out meanwhile: with the page for
// signing in, which has the form.
func (f *Frame) interrupted(ctx context.Context, c *Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	to := f.above(c.R.URL.Path)
	k := keep(c.R.URL.Path, form)
	if k.Page != "" {
		to = k.Page
	}
	c.Again, c.Once = "/sign-in?"+url.Values{"to": {to}}.Encode(), true
	return f.signIn(ctx, c, to, k)
}

// SignIn shows the page for signing in, with a form that was interrupted.
type SignIn func(ctx context.Context, c *Call, to string, k Kept) error

// SignsIn says who shows the page for signing in. It is called once, before any page is
// served.
func (f *Frame) SignsIn(s SignIn) { f.signIn = s }

// holds reports whether a request is a form whose content would be lost.
func holds(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path != "/sign-out" && r.Header.Get("HX-Request") == ""
}
