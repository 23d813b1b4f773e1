package page

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"siegel/internal/front"
	"siegel/internal/identity"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/plain"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

//go:embed templates/*.html
var templates embed.FS

// Frame is around every page. Use it from many goroutines.
type Frame struct {
	front.Callers

	log   *slog.Logger
	texts *text.Catalog
	own   *Set
	pages *http.ServeMux // where the pages are

	signIn SignIn // set once, before anything is served
	given  Given  // set once, before anything is served
}

// Given tells whether who has signed in was given a part of the archive that is open still.
type Given func(ctx context.Context, s *identity.Session) (bool, error)

// Gives sets what tells it. It is called once, before anything is served.
func (f *Frame) Gives(g Given) { f.given = g }

// isGiven reports whether the frame of a page leads to what somebody was given.
func (f *Frame) isGiven(c *Call) bool {
	if f.given == nil || c.Role() == identity.Keeper {
		return false
	}
	given, err := f.given(c.R.Context(), c.Who.Session)
	if err != nil { // the page is what was asked for
		f.log.Error("whether there are cases for somebody was not found out", "error", err)
	}
	return given
}

// New returns the frame of the pages that are in, or will be put into, a mux.
func New(c front.Callers, log *slog.Logger, pages *http.ServeMux) (*Frame, error) {
	f := &Frame{Callers: c, log: log, texts: text.New(), pages: pages}
	var err error
	f.own, err = f.Pages(templates)
	return f, err
}

// Set are the pages of a room, in each language.
type Set struct {
	frame *Frame
	by    map[text.Lang]map[string]*template.Template
}

// Pages reads the templates of a room: files templates/NAME.html, each of which defines
// "main". Files templates/_NAME.html are parts that all of them may use.
func (f *Frame) Pages(from fs.FS) (*Set, error) {
	s := &Set{frame: f, by: make(map[text.Lang]map[string]*template.Template)}
	names, err := fs.Glob(from, "templates/*.html")
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, n := range names {
		if strings.HasPrefix(path.Base(n), "_") {
			parts = append(parts, n)
		}
	}
	for _, l := range []text.Lang{text.English, text.German} {
		s.by[l] = make(map[string]*template.Template)
		for _, name := range names {
			t, err := template.New("layout.html").Funcs(funcs(f.texts, l)).ParseFS(templates, "templates/layout.html")
			if err == nil {
				t, err = t.ParseFS(from, append([]string{name}, parts...)...)
			}
			if err != nil {
				return nil, err
			}
			s.by[l][strings.TrimSuffix(path.Base(name), ".html")] = t
		}
	}
	return s, nil
}

// funcs are what templates call.
func funcs(texts *text.Catalog, l text.Lang) template.FuncMap {
	return template.FuncMap{
		"say":  func(sentence string, args ...any) string { return texts.Say(l, sentence, args...) },
		"word": func(w any) string { return texts.Say(l, fmt.Sprint(w)) },
		"size": func(n int64) string { return together(text.Size(n).In(l)) },
		"unit": func(format string, n any) string { return together(fmt.Sprintf(format, n)) },
		// The operators that are offered, as index/query has them.
		"operators": func() []string {
			return []string{"from:", "to:", "subject:", "body:", "filename:", "has:attachment", "after:", "before:", "larger:"}
		},
		"count":   func(n any) string { return count(l, fmt.Sprint(n)) },
		"plain":   plain.Shown, // what strangers wrote, on one line
		"mailbox": newMailbox,
	}
}

// Mailbox is a sender as lists have it: name and address, which are kept apart where they
// are shown, so that neither turns the other around.
type Mailbox struct{ Name, Address string }

func newMailbox(from string) Mailbox {
	from = plain.Shown(from)
	if at := strings.LastIndex(from, " <"); at > 0 && strings.HasSuffix(from, ">") {
		return Mailbox{from[:at], from[at+1:]}
	}
	return Mailbox{Name: from}
}

// together keeps a number and its unit on one line.
func together(number string) string { return strings.ReplaceAll(number, " ", "\u00a0") }

// when writes a time on the reader's clock, with the exact one in UTC for machines and for
// who points at it.
func when(l text.Lang, zone *time.Location, t time.Time) template.HTML {
	utc := t.UTC().Format(time.RFC3339)
	//nolint:gosec // digits, letters and signs of a date only
	return template.HTML(`<time datetime="` + utc + `" title="` + utc + `">` + clock(l, zone, t) + `</time>`)
}

// Clock writes a time for the reader, where it stands in a sentence.
func (c *Call) Clock(t time.Time) string { return clock(c.Lang, c.Zone, t) }

func clock(l text.Lang, zone *time.Location, t time.Time) string {
	form := "2 Jan 2006 15:04"
	if l == text.German {
		form = "02.01.2006 15:04"
	}
	if zone == time.UTC {
		form += " UTC"
	}
	return t.In(zone).Format(form)
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

// Call is a request that is being answered.
type Call struct {
	http.ResponseWriter

	R    *http.Request
	Lang text.Lang
	Zone *time.Location
	Who  *visit.Visit // nil where nobody has signed in
	// Again is where a page that answers a form is asked for again; empty for the nearest
	// page above the form's address.
	Again string
	// Once says that what is shown is shown this once, so that no link leads to it in
	// another language.
	Once bool
	// Repeats says that the form has the same answer when it is sent again: who loads the
	// page again sends it.
	Repeats bool
}

// Role is that of who has signed in, empty for nobody.
func (c *Call) Role() identity.Role {
	if c.Who == nil {
		return ""
	}
	return c.Who.Account().Role
}

// See sends the browser to another page of ours, which it gets.
func (c *Call) See(to string) { http.Redirect(c, c.R, front.Inside(to), http.StatusSeeOther) }

// Form reads the form of the request.
func (c *Call) Form() (url.Values, error) {
	if err := c.R.ParseForm(); err != nil {
		return nil, fault.Because(fault.Invalid, "the form cannot be read, or it is too long", err)
	}
	c.received()
	return c.R.PostForm, nil
}

// received says that the request was read: the time that reading it may take must not
// break off what takes longer to answer.
func (c *Call) received() {
	_ = http.NewResponseController(c.ResponseWriter).SetReadDeadline(time.Time{}) // a writer of a test has none
}

// Field returns a field of the form that was read, without blanks around it.
func (c *Call) Field(name string) string { return strings.TrimSpace(c.R.PostForm.Get(name)) }

// Title is a sentence that waits for its language.
type Title struct {
	text string
	args []any
}

// Say makes a title of a sentence.
func (c *Call) Say(sentence string, args ...any) Title { return Title{sentence, args} }

// As makes a title of words that are nobody's language.
func As(words string) Title { return Title{text: words} }

// Handler answers a call, or returns why it cannot.
type Handler func(ctx context.Context, c *Call) error

// Open serves whoever comes.
func (f *Frame) Open(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &Call{ResponseWriter: w, R: r, Lang: f.Lang(r), Zone: f.Zone(r)}
		defer f.caught(c)
		if r.ContentLength == 0 {
			c.received()
		}
		if err := h(r.Context(), c); err != nil {
			f.fail(c, err)
		}
	})
}

// caught turns a panic into the page of an error: it is a bug of ours, and the log has where.
func (f *Frame) caught(c *Call) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		f.log.Error("a page panicked", "page", c.R.Pattern, "panic", p, "stack", string(debug.Stack()))
		f.fail(c, fmt.Errorf("panic: %v", p))
	}
}

// Signed serves who has signed in, and sends others to sign in first.
func (f *Frame) Signed(h Handler) http.Handler {
	return f.Open(func(ctx context.Context, c *Call) error {
		v, err := f.Return(ctx, c.R)
		if fault.Of(err) == fault.Locked {
			f.SetCookie(c, front.CookieSession, "", 0)
			if holds(c.R) {
				return f.interrupted(ctx, c)
			}
			to := "/sign-in"
			if c.R.Method == http.MethodGet && c.R.URL.Path != "/" {
				to += "?to=" + url.QueryEscape(c.R.URL.RequestURI())
			}
			if c.R.Header.Get("HX-Request") != "" {
				c.Header().Set("HX-Redirect", to) // the whole page goes there, not the part
				c.WriteHeader(http.StatusUnauthorized)
				return nil
			}
			c.See(to)
			return nil
		}
		if err != nil {
			return err
		}
		defer v.Release()
		c.Who = v
		return h(ctx, c)
	})
}

// layout is what every page has.
type layout struct {
	Lang   text.Lang
	Title  string
	Path   string // of the page, with its query; empty where what it shows cannot be asked for again
	Again  string // the same of a page that answers a form, for the browser's history; empty for others
	Here   string // its first folder
	Who    string // the address of who has signed in; empty for nobody
	Tenant string
	Role   identity.Role
	Reads  bool // this role reads mail
	Cases  bool // this person gives parts of the archive, or was given one
	Trail  bool // this the audit trail
	People bool // and this changes or decides who may do what
	Zone   *time.Location
	Data   any
}

// When writes a time for the reader: a [time.Time], or where one is.
func (l layout) When(t any) template.HTML {
	if p, ok := t.(*time.Time); ok {
		t = *p
	}
	at, _ := t.(time.Time) // templates give nothing else
	return when(l.Lang, l.Zone, at)
}

// Show writes a page. It is made as a whole first, so that one that fails is an error and
// no half of a page.
func (s *Set) Show(c *Call, status int, name string, t Title, data any) error {
	l := layout{Lang: c.Lang, Title: s.frame.texts.Say(c.Lang, t.text, t.args...), Path: c.R.URL.RequestURI(), Zone: c.Zone, Data: data}
	if c.R.Method != http.MethodGet && c.R.Method != http.MethodHead {
		l.Again = front.Inside(cmp.Or(c.Again, s.frame.above(c.R.URL.Path)))
		l.Path = l.Again
		c.Header().Set("Hx-Push-Url", l.Again) // for who sent the form by script
	}
	if c.Repeats {
		l.Again = ""
	}
	if c.Once {
		l.Path = ""
	}
	_, l.Here, _ = strings.Cut(c.R.URL.Path, "/")
	l.Here, _, _ = strings.Cut(l.Here, "/")
	if c.Who != nil {
		p := c.Who.Account()
		l.Who, l.Tenant, l.Role, l.Reads = p.Email.String(), c.Who.TenantName(), p.Role, p.Role != identity.Administrator
		l.Trail = p.Role != identity.Reader
		l.People = p.Role == identity.Administrator || p.Role == identity.Keeper
		l.Cases = p.Role == identity.Keeper || s.frame.isGiven(c)
	}
	return s.write(c, status, name, "layout.html", l)
}

// above returns the nearest page to that path which can be asked for.
func (f *Frame) above(path string) string {
	for path != "" {
		u := &url.URL{Path: path}
		if _, pattern := f.pages.Handler(&http.Request{Method: http.MethodGet, URL: u}); strings.HasPrefix(pattern, http.MethodGet+" ") {
			return u.EscapedPath()
		}
		path = path[:strings.LastIndex(path, "/")]
	}
	return "/"
}

// Bare writes a page without the frame: what the template NAME.html defines as "bare".
func (s *Set) Bare(c *Call, name string, data any) error {
	return s.write(c, http.StatusOK, name, "bare", layout{Lang: c.Lang, Zone: c.Zone, Data: data})
}

func (s *Set) write(c *Call, status int, name, part string, l layout) error {
	var b bytes.Buffer
	if err := s.by[c.Lang][name].ExecuteTemplate(&b, part, l); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	c.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.Header().Set("Content-Language", string(c.Lang))
	c.WriteHeader(status)
	_, _ = c.Write(b.Bytes()) // who asked may have gone
	return nil
}

// failed is what the page of an error shows.
type failed struct {
	What      string
	Reference string // by which the log has more; empty where there is no more
	Again     string // the page that a new session may reach; empty where that is none
}

// Explain is what a user reads of an error: a line for each of several that were joined.
func (f *Frame) Explain(l text.Lang, err error) string {
	return f.sentences(l, err, func(args []any) []any { return args })
}

// Tell is Explain for a page. Times in it are text, as they travel to the shell (RFC 3339):
// a page has them on its reader's clock.
func (f *Frame) Tell(c *Call, err error) string { return f.sentences(c.Lang, err, c.Clocked) }

func (f *Frame) sentences(l text.Lang, err error, in func([]any) []any) string {
	var lines []string
	for _, one := range fault.Each(err) {
		sentence, args := fault.Sentence(one)
		args = in(args)
		lines = append(lines, whole(f.texts.Say(l, sentence, args...), args))
	}
	return strings.Join(lines, "\n")
}

// whole makes a sentence for a page of one that stands behind a colon elsewhere: with a
// capital letter and a full stop, but for what somebody's words or an address begin or end.
func whole(said string, args []any) string {
	begins, ends := false, strings.HasSuffix(said, ".")
	for _, a := range args {
		word := fmt.Sprint(a)
		begins = begins || word != "" && strings.HasPrefix(said, word)
		ends = ends || word != "" && strings.HasSuffix(said, word)
	}
	if first, size := utf8.DecodeRuneInString(said); !begins && size > 0 {
		said = string(unicode.ToUpper(first)) + said[size:]
	}
	if last, _ := utf8.DecodeLastRuneInString(said); !ends && (unicode.IsLetter(last) || unicode.IsDigit(last) || last == ')') {
		said += "."
	}
	return said
}

// Clocked returns what stands in a sentence with its times on the reader's clock.
func (c *Call) Clocked(args []any) []any {
	args = slices.Clone(args)
	for i, a := range args {
		said, _ := a.(string) // no other is a time
		if t, err := time.Parse(time.RFC3339, said); err == nil {
			args[i] = c.Clock(t)
		}
	}
	return args
}

// Say says a sentence in a language.
func (f *Frame) Say(l text.Lang, sentence string, args ...any) string {
	return f.texts.Say(l, sentence, args...)
}

// fail answers with the page of an error.
func (f *Frame) fail(c *Call, err error) {
	kind := fault.Of(err)
	out := failed{What: f.Tell(c, err)}
	if errors.Is(err, context.Canceled) {
		return // nobody reads it
	}
	if front.Broken(kind) {
		out.Reference = mail.NewID().String()[:8]
		f.log.Error("a page failed", "page", c.R.Pattern, "reference", out.Reference, "error", err)
	}
	if kind == fault.Locked && c.Who != nil && c.R.Method == http.MethodGet {
		out.Again = c.R.URL.RequestURI()
	}
	if after := front.RetryAfter(err); after != "" {
		c.Header().Set("Retry-After", after)
	}
	if err := f.own.Show(c, front.Status(kind), "error", c.Say("This did not work"), out); err != nil {
		f.log.Error("the page of an error failed", "error", err)
	}
}

// Broke ends an answer that has begun and cannot be ended well: the browser must not take
// what it has for the whole.
func (f *Frame) Broke(what string, err error) {
	f.log.Error(what, "error", err)
	panic(http.ErrAbortHandler)
}

// Base is the address of the pages, for links in what people are told: as configured, or
// as who asks has come.
func (f *Frame) Base(c *Call, configured string) string {
	if configured != "" {
		return strings.TrimSuffix(configured, "/")
	}
	scheme := "http://"
	if f.Secure {
		scheme = "https://"
	}
	return scheme + c.R.Host
}

// Nothing is the page where there is none.
func (f *Frame) Nothing(ctx context.Context, c *Call) error {
	if v, err := f.Return(ctx, c.R); err == nil { // with the frame of who has signed in
		v.Release()
		c.Who = v
	}
	return fault.New(fault.NotFound, "there is no such page")
}

// Foreign refuses a form of another site.
func (f *Frame) Foreign(context.Context, *Call) error {
	return fault.New(fault.Denied, "this form came from another site, so nothing was done")
}
