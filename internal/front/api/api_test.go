package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/proto/bundle"
	"siegel/test/contract"
	"siegel/test/stand"
)

// site is a server with its door for programs open, and mail in it. What conforms goes to
// it through Prism.
type site struct {
	*testing.T
	url    string
	dir    string
	app    *app.App
	strict func() http.RoundTripper // requests and answers have to be as described
	loose  func() http.RoundTripper // answers have to
}

const admin = "admin@" + stand.Domain

// newSite begins a server with one tenant.
func newSite(t *testing.T) *site {
	t.Helper()
	return begin(t, false, app.Options{})
}

// begin begins a server, with another tenant beside the stand's if that is wanted.
func begin(t *testing.T, other bool, o app.Options) *site {
	t.Helper()
	t.Parallel()
	s := &site{T: t, dir: t.TempDir()}
	s.ok(stand.Init(s.dir))
	o.Dir = s.dir
	a, err := stand.Open(t.Context(), app.Options{Dir: s.dir})
	s.ok(err)
	s.ok(stand.Found(t.Context(), a))
	if other {
		s.ok(stand.FoundAs(t.Context(), a, "other", "other.example"))
	}
	s.ok(a.Close())
	o.Log = stand.Log()
	o.Change = stand.Browsers
	srv, _ := stand.Start(t, o)
	s.app, s.url = srv.App, stand.Site(srv)
	s.send("From: Anna <anna@a.example>\r\nTo: " + stand.Reader + "\r\nSubject: Angebot\r\nMessage-ID: <1@a.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello canary\r\n--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF\r\n--x--\r\n")
	through := func(requests bool) func() http.RoundTripper {
		return sync.OnceValue(func() http.RoundTripper {
			if testing.Short() { // as on the second database: what is said there is the same
				return http.DefaultTransport
			}
			return contract.Start(t, s.url, requests)
		})
	}
	s.strict, s.loose = through(true), through(false)
	return s
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) send(message string) {
	s.Helper()
	s.sendTo(message, stand.Reader)
}

func (s *site) sendTo(message, to string) {
	s.Helper()
	c, err := stand.Dial(stand.Socket(s.dir))
	s.ok(err)
	defer c.Close()
	reply, err := c.Send(stand.Of([]byte(message), "anna@a.example", to))
	s.ok(err)
	if reply.Code != 250 {
		s.Fatal(reply)
	}
}

// client has cookies of its own.
type client struct {
	*site
	jar     http.CookieJar
	through http.RoundTripper
	lang    string
}

func (s *site) client() *client {
	jar, err := cookiejar.New(nil)
	s.ok(err)
	return &client{site: s, jar: jar, through: s.strict()}
}

// wrong is a client whose requests are not as described.
func (c *client) wrong() *client {
	d := *c
	d.through = c.loose()
	return &d
}

// nobody is a client whose cookie is nobody's: who comes without one is refused by Prism itself.
func (s *site) nobody() *client {
	c := s.client()
	u, err := url.Parse(s.url)
	s.ok(err)
	c.jar.SetCookies(u, []*http.Cookie{{Name: "siegel", Value: strings.Repeat("A", 43)}})
	return c
}

// direct is a client whose requests go to the server itself: Prism would not pass them on, or
// not as they are.
func (c *client) direct() *client {
	d := *c
	d.through = http.DefaultTransport
	return &d
}

// answer is what the server said.
type answer struct {
	*http.Response
	text string
	body map[string]any // of JSON
}

func (a answer) str(name string) string { return str(a.body[name]) }

// yes reports whether a value of JSON is true.
func yes(v any) bool { b, _ := v.(bool); return b }

// str returns a text of JSON.
func str(v any) string { s, _ := v.(string); return s }

func (a answer) items() (list []map[string]any) {
	all, _ := a.body["items"].([]any)
	for _, one := range all {
		if m, ok := one.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// first returns the first item of a list, which a machine with much to do may be slow to have.
func (c *client) first(path string) map[string]any {
	c.Helper()
	var a answer
	for range 30 {
		if a = c.get(path); len(a.items()) > 0 {
			return a.items()[0]
		}
		time.Sleep(time.Second)
	}
	c.Fatalf("%s has nothing: %d %s", path, a.StatusCode, a.text)
	return nil
}

// find returns the item whose field has a value.
func (a answer) find(name, value string) map[string]any {
	for _, one := range a.items() {
		if one[name] == value {
			return one
		}
	}
	return map[string]any{}
}

func (c *client) do(method, path string, body any, change ...func(*http.Request)) answer {
	c.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		c.ok(err)
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(c.Context(), method, c.url+contract.Root+path, in)
	c.ok(err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.lang != "" {
		r.Header.Set("Accept-Language", c.lang)
	}
	for _, f := range change {
		f(r)
	}
	res, err := (&http.Client{Jar: c.jar, Transport: c.through}).Do(r)
	c.ok(err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	c.ok(err)
	a := answer{Response: res, text: string(b)}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(b, &a.body); err != nil {
			c.Errorf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return a
}

func (c *client) get(path string, change ...func(*http.Request)) answer {
	c.Helper()
	return c.do(http.MethodGet, path, nil, change...)
}

func (c *client) post(path string, body any, change ...func(*http.Request)) answer {
	c.Helper()
	return c.do(http.MethodPost, path, body, change...)
}

// with sets a header.
func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

type object map[string]any

func (c *client) signIn(email string) *client {
	c.Helper()
	a := c.post("/sessions", object{"email": email, "password": stand.Password, "tenant": stand.Tenant})
	c.is("signing in", a, http.StatusCreated, "")
	return c
}

// is checks a status, and the type of a problem where one is wanted.
func (c *client) is(what string, a answer, status int, problem string) {
	c.Helper()
	if a.StatusCode != status {
		c.Errorf("%s: %d, want %d: %.500s", what, a.StatusCode, status, a.text)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		c.Errorf("%s may be kept: %q", what, a.Header.Get("Cache-Control"))
	}
	if problem == "" {
		return
	}
	if got := a.str("type"); got != "/api/v1/#problem-"+problem || a.Header.Get("Content-Type") != "application/problem+json" || a.str("title") == "" || a.str("detail") == "" ||
		a.body["status"] != float64(status) {
		c.Errorf("%s: the problem is %q: %s", what, got, a.text)
	}
}

// proven gets a proof, which there is when a timestamp covers the message, and reads it as
// its reader does (EV-04).
func (s *site) proven(c *client, path string) {
	s.Helper()
	a := c.get(path)
	c.is("a proof, before a timestamp", a, http.StatusServiceUnavailable, "busy")
	if a.Header.Get("Retry-After") == "" {
		s.Error("it does not say when to ask again")
	}
	s.ok(s.app.ProofNow(s.Context()))
	c.is("a proof", c.get(path), http.StatusOK, "")
	a = c.direct().get(path) // Prism passes on text
	key := s.app.Evidence.Signer.Key()
	r := bundle.Verify(strings.NewReader(a.text), int64(len(a.text)), bundle.Trust{Key: &key, Stamps: s.app.Evidence.Stamps})
	if r.Verdict != bundle.Verified || a.Header.Get("Content-Type") != "application/zip" {
		s.Errorf("the proof: %v %+v", r.Verdict, r.Lines)
	}
}

// AU-01, AU-09, EX-18: a reader signs in, searches, reads, proves and leaves.
func TestReader(t *testing.T) {
	s := newSite(t)
	c := s.client()
	c.is("nobody", s.nobody().get("/me"), http.StatusUnauthorized, "signed-out")
	wrong := c.post("/sessions", object{"email": stand.Reader, "password": "Wrong-1-password"})
	c.is("a wrong password", wrong, http.StatusUnauthorized, "wrong-password")
	nobody := s.client().post("/sessions", object{"email": "nobody@" + stand.Domain, "password": "Wrong-1-password"})
	if nobody.text != wrong.text {
		t.Errorf("the answer says whether there is such an account: %s %s", wrong.text, nobody.text)
	}
	c.signIn(stand.Reader)
	a := c.get("/me")
	c.is("who it is", a, http.StatusOK, "")
	if a.str("email") != stand.Reader || a.str("role") != "reader" || a.str("tenant") != stand.Tenant {
		t.Error(a.text)
	}
	a = c.get("/messages?q=canary&excerpts=true")
	c.is("a search", a, http.StatusOK, "")
	if len(a.items()) != 1 || a.body["total"] != 1.0 || !strings.Contains(a.text, "Hello canary") {
		t.Fatal(a.text)
	}
	id := str(a.items()[0]["id"])
	a = c.get("/messages/" + id)
	c.is("a message", a, http.StatusOK, "")
	if a.str("subject") != "Angebot" || !strings.Contains(a.str("text"), "Hello canary") || !strings.Contains(a.text, `"a.pdf"`) {
		t.Error(a.text)
	}
	raw := c.get("/messages/" + id + "/raw")
	c.is("its octets", raw, http.StatusOK, "")
	if direct := c.direct().get("/messages/" + id + "/raw"); direct.text != raw.text || !strings.HasPrefix(raw.text, "From: Anna") || direct.Header.Get("Content-Type") != "message/rfc822" {
		t.Errorf("%q", raw.text)
	}
	s.proven(c, "/messages/"+id+"/proof")
	c.is("its conversation", c.get("/messages/"+id+"/conversation"), http.StatusOK, "")
	c.is("arrivals", c.get("/arrivals?since=2026-01-01"), http.StatusOK, "")
	c.is("the state", c.get("/state"), http.StatusOK, "")
	c.is("domains", c.get("/domains"), http.StatusOK, "")
	list := c.get("/sessions")
	c.is("sessions", list, http.StatusOK, "")
	if current, _ := list.items()[0]["current"].(bool); len(list.items()) != 1 || !current {
		t.Error(list.text)
	}
	other := s.client().signIn(stand.Reader)
	for _, one := range c.get("/sessions").items() {
		if current, _ := one["current"].(bool); !current {
			c.is("ended", c.do(http.MethodDelete, "/sessions/"+str(one["id"]), nil), http.StatusNoContent, "")
		}
	}
	c.is("the other", other.get("/me"), http.StatusUnauthorized, "signed-out")
	c.is("this one", c.get("/me"), http.StatusOK, "")
	c.is("leaving", c.do(http.MethodDelete, "/sessions/current", nil), http.StatusNoContent, "")
	c.is("having left", s.nobody().get("/me"), http.StatusUnauthorized, "signed-out")
}
