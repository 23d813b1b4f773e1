package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/test/stand"
)

// site is a server with its door for browsers open, and mail in it.
type site struct {
	*testing.T
	url string
	dir string
	app *app.App
}

const evil = "<script>alert(1)</script> & \"quotes\" canary"

func newSite(t *testing.T) *site {
	t.Helper()
	s := emptySite(t)
	s.send("From: Anna <anna@a.example>\r\nTo: " + stand.Reader + "\r\nSubject: " + evil + "\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nHello <b>canary</b>\r\n")
	return s
}

// emptySite is one that no mail has come to.
func emptySite(t *testing.T) *site { t.Helper(); return siteOf(t, app.Options{}) }

func siteOf(t *testing.T, o app.Options) *site {
	t.Helper()
	t.Parallel()
	s := &site{T: t, dir: t.TempDir()}
	s.ok(stand.New(t.Context(), s.dir))
	o.Dir, o.Log = s.dir, stand.Log()
	if o.Change == nil {
		o.Change = stand.Browsers
	}
	srv, _ := stand.Start(t, o)
	s.app, s.url = srv.App, stand.Site(srv)
	return s
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) send(message string) { s.Helper(); s.deliver(message, stand.Reader) }

func (s *site) deliver(message, to string) {
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

// browser has cookies of its own and follows no redirect.
type browser struct {
	*site
	client *http.Client
	lang   string
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	s.ok(err)
	return &browser{site: s, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	*http.Response
	text string
}

// main is what a page has inside its frame.
func (a answer) main() string {
	_, text, found := strings.Cut(a.text, "<main")
	if !found {
		return fmt.Sprintf("%.300s", a.text)
	}
	text, _, _ = strings.Cut(text, "</main>")
	return text
}

func (b *browser) do(method, path string, form url.Values, change ...func(*http.Request)) answer {
	b.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, body)
	b.ok(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", b.lang)
	for _, f := range change {
		f(r)
	}
	res, err := b.client.Do(r)
	b.ok(err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	b.ok(err)
	return answer{res, string(text)}
}

func (b *browser) get(path string) answer { b.Helper(); return b.do(http.MethodGet, path, nil) }

func (b *browser) signIn(email, password string) answer {
	b.Helper()
	return b.do(http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {password}, "to": {"/search?q=canary"}})
}

// wants checks a status and what a page says.
func (b *browser) wants(what string, a answer, status int, says ...string) {
	b.Helper()
	if a.StatusCode != status {
		b.Errorf("%s: %d, want %d: %s", what, a.StatusCode, status, a.main())
	}
	for _, s := range says {
		// A fault's sentence begins a page's with a capital letter.
		if !strings.Contains(a.text, s) && !(s != "" && strings.Contains(a.text, strings.ToUpper(s[:1])+s[1:])) {
			b.Errorf("%s does not say %q: %s", what, s, a.main())
		}
	}
	for name, value := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if name == "Cross-Origin-Opener-Policy" && strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "sandbox") {
			continue // it has no origin at all
		}
		if got := a.Header.Get(name); got != value {
			b.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") && csp != "sandbox" {
		b.Errorf("%s: the policy is %q", what, csp)
	}
}

var link = regexp.MustCompile(`/message/[0-9a-f]{32}`)

// AU-01, EX-05: a reader signs in, searches, reads what is hers, as text and with nothing of
// it executed, and leaves.
func TestReader(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.get("/search?q=canary")
	if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/sign-in?to=%2Fsearch%3Fq%3Dcanary" {
		t.Errorf("who has not signed in: %d to %q", a.StatusCode, to)
	}
	a = b.get("/sign-in?to=%2Fsearch%3Fq%3Dcanary")
	b.wants("the page for it", a, http.StatusOK, `value="/search?q=canary"`)
	a = b.signIn(stand.Reader, "Wrong-1-password")
	b.wants("a wrong password", a, http.StatusUnauthorized, "the address or the password is wrong", stand.Reader)
	nobody := s.browser().signIn("nobody@"+stand.Domain, "Wrong-1-password")
	if strings.ReplaceAll(nobody.text, "nobody@"+stand.Domain, "X") != strings.ReplaceAll(a.text, stand.Reader, "X") {
		t.Error("the answer says whether there is such an account")
	}
	a = b.signIn(stand.Reader, stand.Password)
	if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/search?q=canary" {
		t.Fatalf("signed in: %d to %q: %s", a.StatusCode, to, a.text)
	}
	for _, c := range a.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 {
			t.Errorf("cookie %+v", c)
		}
	}
	a = b.get("/search?q=canary")
	b.wants("a search", a, http.StatusOK, "1 message", "&lt;script&gt;alert(1)&lt;/script&gt;", "Anna")
	if strings.Contains(a.text, "<script>") {
		t.Error("a subject is HTML")
	}
	message := link.FindString(a.text)
	a = b.get(message)
	b.wants("a message", a, http.StatusOK, "Hello &lt;b&gt;canary&lt;/b&gt;", "anna@a.example")
	a = b.do(http.MethodPost, message+"/eml", url.Values{})
	if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.text, "From: Anna") || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("as received: %d %q", a.StatusCode, a.text)
	}
	b.wants("a search with a mistake", b.get("/search?q=colour:red"), http.StatusUnprocessableEntity, "position 1", "colour:red")
	b.wants("nothing found", b.get("/search?q=nowhere"), http.StatusOK, "Nothing was found")
	b.wants("the start", b.get("/"), http.StatusOK, "Messages that you can read")
	b.lang = "de-DE,de;q=0.9"
	b.wants("in German", b.get("/search?q=canary"), http.StatusOK, `lang="de"`, "1 Nachricht", "Suche")
	b.lang = ""
	a = b.do(http.MethodPost, "/language", url.Values{"language": {"de"}, "to": {"//evil.example"}})
	if a.Header.Get("Location") != "/" {
		t.Errorf("out to %q", a.Header.Get("Location"))
	}
	b.wants("in the language chosen", b.get("/"), http.StatusOK, `lang="de"`)
	a = b.do(http.MethodPost, "/sign-out", url.Values{})
	if a.StatusCode != http.StatusSeeOther || b.get("/").Header.Get("Location") != "/sign-in" {
		t.Error("still signed in")
	}
}

// EX-05: HTML is shown in a sandboxed frame, with its own pictures, without what runs or
// loads; what is elsewhere is loaded when it is asked for.
func TestRich(t *testing.T) {
	s := newSite(t)
	s.send("From: anna@a.example\r\nTo: " + stand.Reader + "\r\nSubject: rich\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"<p onclick=3D\"x()\" style=3D\"color:red;position:fixed\">Gr=FC=DFe</p><script>alert(1)</script><img src=3Dcid:pic@a alt=3Dlogo>" +
		"<img src=3Dhttps://track.example/x.gif><a href=3Dhttps://evil.example/>Visit bank.example now</a><a href=3Dhttps://u:p@a.example/>a</a>\r\n" +
		"--x\r\nContent-Type: image/png\r\nContent-ID: <pic@a>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--x--\r\n")
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	message := link.FindString(b.get("/search?q=subject:rich").text)
	a := b.get(message)
	b.wants("the message", a, http.StatusOK, `sandbox="allow-popups allow-popups-to-escape-sandbox"`, "Grüße", "data:image/png;base64,iVBORw0KGgo=",
		"1 picture from elsewhere was not loaded", "lead elsewhere", "<code>evil.example</code>", "1 link leads nowhere", "[https://u:p@a.example/]", "color: red")
	for _, bad := range []string{"<script>", "onclick", "alert(1)", "track.example", "position", "allow-scripts", "allow-same-origin"} {
		if strings.Contains(a.text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "https:") {
		t.Errorf("the policy is %q", csp)
	}
	s.send("FROM: anna@a.example\r\nto: " + stand.Reader + "\r\nSubject: few lines\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>See you</p>\r\n")
	b.wants("a few lines", b.get(link.FindString(b.get("/search?q=subject:few").text)), http.StatusOK, `class="framed brief"`, "See you", "<dt>From</dt>", "<dt>To</dt>")
	b.wants("a picture", a, http.StatusOK, `class="framed"`)
	a = b.do(http.MethodPost, message, url.Values{"remote": {"yes"}})
	b.wants("with what is elsewhere", a, http.StatusOK, "https://track.example/x.gif")
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self' data: https: http:") {
		t.Errorf("the policy is %q", csp)
	}
}

// EX-06, D15: an administrator reads nothing, a keeper opens another's mail with a reason.
func TestRoles(t *testing.T) {
	s := newSite(t)
	admin, keeper := s.browser(), s.browser()
	admin.signIn("admin@"+stand.Domain, stand.Password)
	keeper.signIn(stand.Keeper, stand.Password)
	admin.wants("an administrator searches", admin.get("/search?q=canary"), http.StatusForbidden, "read no mail")
	admin.wants("his start", admin.get("/"), http.StatusOK, "How the archive is", "are free")
	message := link.FindString(keeper.get("/search?q=canary").text)
	if message == "" {
		t.Fatal("the keeper finds nothing")
	}
	a := keeper.get(message)
	keeper.wants("without a reason", a, http.StatusOK, "A reason is needed")
	if strings.Contains(a.text, "Hello") {
		t.Error("it is shown without a reason")
	}
	keeper.wants("no reason", keeper.do(http.MethodPost, message, url.Values{"reason": {"..."}}), http.StatusUnprocessableEntity, "takes a reason")
	keeper.wants("with a reason", keeper.do(http.MethodPost, message, url.Values{"reason": {"audit 17"}}), http.StatusOK, "Hello")
	keeper.wants("the audit trail", keeper.get("/trail?what=message.open"), http.StatusOK, "message.open", "audit 17", stand.Keeper)
	admin.wants("his audit trail", admin.get("/trail?person="+url.QueryEscape(stand.Keeper)), http.StatusOK, "sign-in")
	if strings.Contains(admin.get("/trail").text, "audit 17") {
		t.Error("an administrator reads reasons")
	}
	a = keeper.do(http.MethodPost, message+"/proof", url.Values{"reason": {"audit 17"}})
	if a.StatusCode == http.StatusOK && !strings.HasPrefix(a.text, "PK") || a.StatusCode != http.StatusOK && a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a proof: %d %.200s", a.StatusCode, a.text)
	}
	reader := s.browser()
	reader.signIn(stand.Reader, stand.Password)
	reader.wants("a reader's audit trail", reader.get("/trail"), http.StatusForbidden, "You are a reader")
	one := admin.get(message)
	other := admin.get("/message/" + strings.Repeat("0", 32))
	if one.StatusCode != http.StatusForbidden || one.text != strings.ReplaceAll(other.text, strings.Repeat("0", 32), strings.TrimPrefix(message, "/message/")) {
		t.Errorf("what is not his: %d, and what is not there: %d", one.StatusCode, other.StatusCode)
	}
}

// AU-09: each session is ended on its own, and that one only.
func TestSessions(t *testing.T) {
	s := newSite(t)
	one, two := s.browser(), s.browser()
	one.signIn(stand.Reader, stand.Password)
	two.signIn(stand.Reader, stand.Password)
	a := one.get("/sessions")
	one.wants("the list", a, http.StatusOK, "Go-http-client", "this session", "this machine")
	end := regexp.MustCompile(`/sessions/[0-9a-f]{32}/end`).FindAllString(a.text, -1)
	if len(end) != 1 {
		t.Fatalf("%d can be ended: %s", len(end), a.text)
	}
	if a := one.do(http.MethodPost, end[0], url.Values{}); a.StatusCode != http.StatusSeeOther {
		t.Errorf("ended: %d", a.StatusCode)
	}
	if a := two.get("/"); a.Header.Get("Location") != "/sign-in" {
		t.Error("the other is still signed in")
	}
	one.wants("this session", one.get("/sessions"), http.StatusOK, "this session")
	one.wants("ended twice", one.do(http.MethodPost, end[0], url.Values{}), http.StatusNotFound, "no such session")
}

// AU-06: five failures lock, and the answer says for how long.
func TestLocked(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for range 5 {
		b.signIn(stand.Reader, "Wrong-1-password")
	}
	a := b.signIn(stand.Reader, stand.Password)
	b.wants("locked", a, http.StatusTooManyRequests, "15 minutes")
	if a.Header.Get("Retry-After") == "" {
		t.Error("it does not say when")
	}
}

// What comes from elsewhere, or is no form of ours, does nothing.
func TestForeign(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn(stand.Reader, stand.Password)
	for what, change := range map[string]func(*http.Request){
		"another origin":   func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"another site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a nameless frame": func(r *http.Request) { r.Header.Set("Origin", "null") },
	} {
		b.wants(what, b.do(http.MethodPost, "/sign-out", url.Values{}, change), http.StatusForbidden, "another site")
	}
	b.wants("still here", b.get("/"), http.StatusOK)
	for what, path := range map[string]string{
		"a path upwards": "/static/..%2fweb.go", "a folder": "/static/", "nothing": "/nothing", "no id": "/message/x", "an id that is none": "/message/..%2f..",
	} {
		b.wants(what, b.get(path), http.StatusNotFound)
	}
	b.wants("an oversized form", b.do(http.MethodPost, "/sign-in", url.Values{"email": {strings.Repeat("a", 1<<20)}}), http.StatusUnprocessableEntity, "too long")
	for _, to := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/a\r\nSet-Cookie: x=y"} {
		a := s.browser().do(http.MethodPost, "/sign-in", url.Values{"email": {stand.Reader}, "password": {stand.Password}, "to": {to}})
		if got := a.Header.Get("Location"); got != "/" {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	c := s.browser()
	c.wants("a forged cookie", c.do(http.MethodGet, "/", nil, func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "siegel", Value: strings.Repeat("A", 43)})
	}), http.StatusSeeOther)
	c.wants("whom to tell", func() answer { a := c.get("/.well-known/security.txt"); return a }(), http.StatusOK, "Contact: mailto:security@[127.0.0.1]\n", "Expires: 20")
}

// CR-02: every answer of a site that is reached by HTTPS says that it always is, whatever the
// answer is; OP-11: the address for weaknesses is as configured, or the site's.
func TestStrictTransport(t *testing.T) {
	for contact, want := range map[string]string{"": "security@archive.example", "cert@clinic.example": "cert@clinic.example"} {
		t.Run(want, func(t *testing.T) {
			s := siteOf(t, app.Options{Change: func(c *config.Config) {
				stand.Browsers(c)
				c.Web.URL, c.Web.SecurityContact = "https://archive.example:8443", contact
			}})
			c := s.browser()
			for what, a := range map[string]answer{
				"a page": c.get("/sign-in"), "what needs a session": c.get("/people"), "nothing": c.get("/nothing"), "a file": c.get("/static/siegel.css"),
				"refused": c.do(http.MethodPost, "/sign-in", url.Values{"email": {"x"}}), "the API": c.get("/api/v1/session"),
				"another origin": c.do(http.MethodPost, "/sign-in", url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }),
				"whom to tell":   c.get("/.well-known/security.txt"),
			} {
				if got := a.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
					t.Errorf("%s (%d): %q", what, a.StatusCode, got)
				}
			}
			c.wants("whom to tell", c.get("/.well-known/security.txt"), http.StatusOK, "Contact: mailto:"+want+"\n")
		})
	}
	t.Run("without HTTPS it would be lost for a year", func(t *testing.T) {
		if a := emptySite(t).browser().get("/sign-in"); a.Header.Get("Strict-Transport-Security") != "" {
			t.Error("it says that it is reached by HTTPS")
		}
	})
}

// BX-02: the page that checks proofs is for everybody, and is what its policy says.
func TestProofPage(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.wants("what leads to it", b.get("/proof"), http.StatusOK, "/proof/check#en", "/proof/proof.html")
	for path, attached := range map[string]bool{"/proof/check": false, "/proof/verifier.js": false, "/proof/proof.html": true} {
		a := b.get(path)
		csp := a.Header.Get("Content-Security-Policy")
		if a.StatusCode != http.StatusOK || !strings.Contains(csp, "connect-src 'none'") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe-inline") {
			t.Errorf("%s: %d %q", path, a.StatusCode, csp)
		}
		if got := strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment"); got != attached {
			t.Errorf("%s is a file: %v", path, got)
		}
	}
}

// OP-08: who sends a request octet by octet is hung up on, and who takes long to answer is
// not broken off by the time that reading may take.
func TestSlow(t *testing.T) {
	s := newSite(t)
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	s.ok(err)
	defer c.Close()
	start := time.Now()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX-A: ")
	s.ok(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for time.Since(start) < 20*time.Second {
			if _, err := io.WriteString(c, "a"); err != nil {
				return
			}
			time.Sleep(250 * time.Millisecond)
		}
	}()
	s.ok(c.SetReadDeadline(start.Add(20 * time.Second)))
	_, _ = io.Copy(io.Discard, c) // an answer or none: it ends
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it was hung up on after %v", took)
	}
	<-done
}

// Where nothing has arrived nothing is said that only mail could show.
func TestEmptyStart(t *testing.T) {
	s := emptySite(t)
	disk := "nothing has arrived yet: how long the disk lasts cannot be told"
	if stand.Scaled() {
		disk = "the objects lie in a bucket: how much it takes, its store decides"
	}
	for _, email := range []string{admin, stand.Keeper} {
		b := s.browser()
		b.signIn(email, stand.Password)
		got := b.get("/")
		b.wants("the start", got, http.StatusOK, "No mail has arrived yet", "unused</span>", "nothing has come in by it yet", disk)
		if strings.Contains(got.text, "for years") {
			t.Error("a forecast without mail")
		}
	}
	r := s.browser()
	r.signIn(stand.Reader, stand.Password)
	r.wants("a reader's start", r.get("/"), http.StatusOK, "No mail is sealed to you yet")
	s.send("From: Anna <anna@a.example>\r\nTo: " + stand.Reader + "\r\n\r\nHello\r\n")
	if got := r.get("/"); strings.Contains(got.text, "No mail is sealed to you yet") {
		t.Errorf("after the first message: %s", got.main())
	}
	b := s.browser()
	b.signIn(admin, stand.Password)
	if got := b.get("/"); strings.Contains(got.text, "No mail has arrived yet") || strings.Contains(got.text, "unused</span>") {
		t.Errorf("after the first message: %s", got.main())
	}
}

// What answers a form says which page the browser's history gets, and to which the links to
// the other language lead: the nearest one above the form that can be asked for.
func TestAgain(t *testing.T) {
	s := newSite(t)
	a, k, nobody := s.browser(), s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	person, none := a.pageOf(stand.Reader), strings.Repeat("0", 32)
	for _, tt := range []struct {
		by       *browser
		to, want string
	}{
		{nobody, "/sign-in", "/sign-in?to=%2F"},
		{a, person + "/role", person},
		{a, person + "/address/remove", person},
		{a, "/requests/" + none + "/withdraw", "/requests"},
		{a, "/settings/idle", "/settings"},
		{a, "/sources/exchange/remove", "/sources"},
		{a, "/sessions/" + none + "/end", "/sessions"},
		{k, "/search/saved/" + none + "/delete", "/search"},
		{k, "/message/" + none + "/proof", "/message/" + none},
		{k, "/cases/" + none + "/end", "/cases/" + none},
		{k, "/jobs/regrant", "/jobs"},
		{k, "/jobs/export", "/jobs/export?q="},
		{k, "/nowhere/at/all", "/"},
	} {
		got := tt.by.do(http.MethodPost, tt.to, url.Values{"role": {"king"}, "address": {"x"}, "person": {"x"}})
		if got.StatusCode < 400 {
			t.Errorf("%s was not refused: %d", tt.to, got.StatusCode)
		}
		for _, says := range []string{`<meta name="again" content="` + tt.want + `">`, `<input type="hidden" name="to" value="` + tt.want + `">`} {
			if !strings.Contains(got.text, says) {
				t.Errorf("%s does not lead to %s: %d %s", tt.to, tt.want, got.StatusCode, got.text)
			}
		}
	}
	if strings.Contains(a.get("/people").text, `name="again"`) {
		t.Error("a page that answers no form names another one")
	}
}
