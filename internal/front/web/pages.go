package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static/*
var statics embed.FS

// pages are the templates in each language.
type pages struct {
	by map[text.Lang]map[string]*template.Template
}

// newPages reads the templates.
func newPages(texts *text.Catalog) (*pages, error) {
	p := &pages{by: make(map[text.Lang]map[string]*template.Template)}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, l := range []text.Lang{text.English, text.German} {
		p.by[l] = make(map[string]*template.Template)
		for _, name := range names {
			if name == "templates/layout.html" {
				continue
			}
			t, err := template.New("layout.html").Funcs(funcs(texts, l)).ParseFS(templates, "templates/layout.html", name)
			if err != nil {
				return nil, err
			}
			p.by[l][strings.TrimSuffix(path.Base(name), ".html")] = t
		}
	}
	return p, nil
}

// funcs are what templates call.
func funcs(texts *text.Catalog, l text.Lang) template.FuncMap {
	return template.FuncMap{
		"say":  func(sentence string, args ...any) string { return texts.Say(l, sentence, args...) },
		"word": func(w any) string { return texts.Say(l, fmt.Sprint(w)) },
		"size": func(n int64) string { return text.Size(n).In(l) },
		"date": func(t time.Time) string { return date(l, t) },
		"utc":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"count": func(n any) string {
			return count(l, fmt.Sprint(n))
		},
	}
}

// date writes a time, in UTC, which it says.
func date(l text.Lang, t time.Time) string {
	if l == text.German {
		return t.UTC().Format("02.01.2006 15:04") + " UTC"
	}
	return t.UTC().Format("2 Jan 2006 15:04") + " UTC"
}

// count groups the digits of a number.
func count(l text.Lang, digits string) string {
	mark := ","
	if l == text.German {
		mark = "."
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + mark + digits[at:]
	}
	return digits
}

// layout is what every page has.
type layout struct {
	Lang   text.Lang
	Title  string
	Path   string // of the page, with its query
	Who    string // the address of who has signed in; empty for nobody
	Tenant string
	Role   identity.Role
	Reads  bool // this role reads mail
	Trail  bool // and this the audit trail
	Data   any
}

func (c *call) say(sentence string, args ...any) title { return title{sentence, args} }

// title is a sentence that waits for its language.
type title struct {
	text string
	args []any
}

// show writes a page. It is made as a whole first, so that one that fails is an error and
// no half of a page.
func (d *Door) show(c *call, status int, name string, t title, data any) error {
	l := layout{Lang: c.lang, Title: d.texts.Say(c.lang, t.text, t.args...), Path: c.r.URL.RequestURI(), Data: data}
	if c.r.Method != http.MethodGet {
		l.Path = c.r.URL.Path
	}
	if c.who != nil {
		p := c.who.Account()
		l.Who, l.Tenant, l.Role, l.Reads = p.Email.String(), c.who.TenantName(), p.Role, p.Role != identity.Administrator
		l.Trail = p.Role != identity.Reader
	}
	var b bytes.Buffer
	if err := d.pages.by[c.lang][name].Execute(&b, l); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	c.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.Header().Set("Content-Language", string(c.lang))
	c.WriteHeader(status)
	_, _ = c.Write(b.Bytes()) // who asked may have gone
	return nil
}

// statusOf is the only place where a fault becomes a status of HTTP (RFC 9110 section 15).
func statusOf(k fault.Kind) int {
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

// failed is what the page of an error shows.
type failed struct {
	What      string
	Reference string // by which the log has more; empty where there is no more
}

// explain is what a user reads of an error.
func (d *Door) explain(l text.Lang, err error) string {
	sentence, args := fault.Sentence(err)
	return d.texts.Say(l, sentence, args...)
}

// fail answers with the page of an error.
func (d *Door) fail(c *call, err error) {
	kind := fault.Of(err)
	f := failed{What: d.explain(c.lang, err)}
	if errors.Is(err, context.Canceled) {
		return // nobody reads it
	}
	if kind == fault.Internal || kind == fault.Damaged {
		f.Reference = mail.NewID().String()[:8]
		d.Log.Error("a page failed", "page", c.r.Pattern, "reference", f.Reference, "error", err)
	}
	if kind == fault.Busy {
		c.Header().Set("Retry-After", "5")
	}
	if err := d.show(c, statusOf(kind), "error", c.say("This did not work"), f); err != nil {
		d.Log.Error("the page of an error failed", "error", err)
	}
}

func (d *Door) nothing(context.Context, *call) error {
	return fault.New(fault.NotFound, "there is no such page")
}

func (d *Door) foreign(context.Context, *call) error {
	return fault.New(fault.Denied, "this form came from another site, so nothing was done")
}

// static serves what pages look like. Its names have no folder.
func (d *Door) static(w http.ResponseWriter, r *http.Request) {
	b, err := statics.ReadFile("static/" + r.PathValue("file"))
	if err != nil {
		d.open(d.nothing).ServeHTTP(w, r)
		return
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	w.Header().Set("Content-Type", kinds[path.Ext(r.PathValue("file"))])
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(b) // who asked may have gone
}

// securityText says whom to tell about a weakness (RFC 9116; OP-11).
func (d *Door) securityText(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if d.config.URL != "" {
		host = strings.TrimPrefix(strings.TrimPrefix(d.config.URL, "https://"), "http://")
	}
	name, _, _ := strings.Cut(host, ":")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "Contact: mailto:security@%s\nExpires: %s\nPreferred-Languages: de, en\n", strings.TrimSuffix(name, "/"),
		time.Now().UTC().AddDate(0, 6, 0).Format(time.RFC3339))
}
