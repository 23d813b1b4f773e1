package web_test

import (
	"encoding/csv"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"siegel/test/stand"
)

const (
	admin = "admin@" + stand.Domain
	fresh = "new@" + stand.Domain
	other = "Another-1-password"
)

var (
	codeField = regexp.MustCompile(`id="code" readonly value="([^"]+)"`)
	linkField = regexp.MustCompile(`id="link" readonly[^>]*>([^<]+)<`)
)

// pageOf returns the page of a person.
func (b *browser) pageOf(email string) string {
	b.Helper()
	m := regexp.MustCompile(`href="(/people/[0-9a-f]{32})">` + regexp.QuoteMeta(email) + `<`).FindStringSubmatch(b.get("/people").text)
	if m == nil {
		b.Fatalf("%s is not listed", email)
	}
	return m[1]
}

// one returns what a pattern finds in a page.
func (b *browser) one(p *regexp.Regexp, text string) string {
	b.Helper()
	m := p.FindStringSubmatch(text)
	if m == nil {
		b.Fatalf("nothing like %s in %s", p, text)
	}
	return html.UnescapeString(m[1])
}

// atField checks that a page says what is wrong at a field, which has the focus and is read
// with it (WCAG 2.2, 3.3.1).
func (b *browser) atField(a answer, id string) {
	b.Helper()
	if a.StatusCode < 400 {
		b.Errorf("%s was not refused: %d", id, a.StatusCode)
	}
	field := regexp.MustCompile(`<(?:input|textarea|select) id="` + regexp.QuoteMeta(id) + `"[^>]*>`).FindString(a.text)
	if !regexp.MustCompile(`aria-describedby="`+regexp.QuoteMeta(id)+`-problem[" ]`).MatchString(field) || !strings.Contains(field, `aria-invalid="true" autofocus`) {
		b.Errorf("the field %s is not the wrong one: %s", id, field)
	}
	if !regexp.MustCompile(`role="alert" id="` + regexp.QuoteMeta(id) + `-problem"><span[^>]*>■</span> [a-zA-Z"0-9]`).MatchString(html.UnescapeString(a.text)) {
		b.Errorf("nothing is said at %s: %s", id, a.main())
	}
	if n := strings.Count(a.text, "autofocus"); n != 1 || strings.Count(a.text, `role="alert"`) != 1 {
		b.Errorf("%s: %d fields want the focus: %s", id, n, a.main())
	}
}

// D15, AU-02, AU-03: an administrator invites, the person takes the invitation in her
// browser, the keeper approves what she may read; nobody does both.
func TestInvitation(t *testing.T) {
	s := newSite(t)
	a, k, n := s.browser(), s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	a.wants("a role that is requested", a.do(http.MethodPost, "/people", url.Values{"email": {fresh}, "role": {"compliance"}}), http.StatusUnprocessableEntity, "requested afterwards", fresh)
	made := a.do(http.MethodPost, "/people", url.Values{"email": {fresh}, "role": {"reader"}})
	a.wants("the invitation", made, http.StatusOK, "shown this once")
	code, link := a.one(codeField, made.text), a.one(linkField, made.text)
	if want := s.url + "/invitation?email=" + url.QueryEscape(fresh) + "&tenant="; !strings.HasPrefix(link, want) || !strings.HasSuffix(link, "#"+code) {
		t.Errorf("the link is %s", link)
	}
	a.wants("the same again", a.do(http.MethodPost, "/people", url.Values{"email": {fresh}, "role": {"reader"}}), http.StatusUnprocessableEntity, "already")
	form := func(password, again string) url.Values {
		return url.Values{"email": {fresh}, "code": {code}, "password": {password}, "again": {again}}
	}
	n.wants("two passwords", n.do(http.MethodPost, "/invitation", form(other, "x")), http.StatusUnprocessableEntity, "differ", code)
	for password, rule := range map[string]string{
		"Short-1x": "at least 10 characters", "alllower-1x": "upper-case", "ALLUPPER-1X": "lower-case", "No-digits-xx": "one digit", "Nospecial11": "special character",
	} {
		n.wants("a bad password", n.do(http.MethodPost, "/invitation", form(password, password)), http.StatusUnprocessableEntity, rule)
	}
	wrong := form(other, other)
	wrong.Set("code", strings.Repeat("lusab-", 7)+"lusab")
	if r := n.do(http.MethodPost, "/invitation", wrong); r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("another code: %d %s", r.StatusCode, r.text)
	}
	if r := n.do(http.MethodPost, "/invitation", form(other, other)); r.Header.Get("Location") != "/" {
		t.Fatalf("it is not taken: %d %s", r.StatusCode, r.text)
	}
	n.wants("she has signed in", n.get("/"), http.StatusOK, fresh)
	n.wants("the code once more", s.browser().do(http.MethodPost, "/invitation", form(other, other)), http.StatusUnauthorized, "has been used")
	n.wants("what is not hers", n.get("/people"), http.StatusForbidden)

	// Her address is requested, and the keeper decides.
	her := a.pageOf(fresh)
	if r := a.do(http.MethodPost, her+"/address", url.Values{"address": {fresh}}); r.Header.Get("Location") != her+"?done=requested" {
		t.Fatalf("the address: %d %s", r.StatusCode, r.text)
	}
	a.wants("it is said", a.get(her), http.StatusOK, "Requested by "+admin)
	approve := regexp.MustCompile(`action="(/requests/[0-9a-f]{32}/approve)"`)
	if approve.MatchString(a.get("/requests").text) {
		t.Error("who asks can approve")
	}
	// Who was invited less than seven days ago waits: the keeper is told until when.
	list := k.get("/requests")
	k.wants("the list", list, http.StatusOK, fresh, "can be approved from")
	k.wants("too early", k.do(http.MethodPost, k.one(approve, list.text), nil), http.StatusUnprocessableEntity, "seven days")
	withdraw := regexp.MustCompile(`action="(/requests/[0-9a-f]{32}/withdraw)"`)
	if r := a.do(http.MethodPost, a.one(withdraw, a.get("/requests").text), nil); r.StatusCode != http.StatusSeeOther {
		t.Errorf("withdrawn: %d %s", r.StatusCode, r.text)
	}
	a.wants("it is decided", a.get("/requests"), http.StatusOK, "withdrawn")
}

// EX-06: an invitation to a domain that is almost the tenant's is refused at its field until a box
// says that it is meant; the box holds for that domain alone.
func TestInvitationToMistypedDomain(t *testing.T) {
	s := newSite(t)
	a := s.browser()
	a.signIn(admin, stand.Password)
	invite := func(domain, confirmed string) answer {
		return a.do(http.MethodPost, "/people", url.Values{"email": {"new@" + domain}, "role": {"administrator"}, "confirm-domain": {confirmed}})
	}
	box := regexp.MustCompile(`<input type="checkbox" name="confirm-domain" value="([^"]*)">`)
	r := invite("stnad.example", "")
	a.wants("a mistyped domain", r, http.StatusUnprocessableEntity, "stnad.example is no domain of this tenant, and looks like stand.example", `value="new@stnad.example"`, `value="administrator" selected`)
	a.atField(r, "email")
	if got := a.one(box, r.text); got != "stnad.example" {
		t.Errorf("the box confirms %q", got)
	}
	a.wants("another mistake", invite("stadn.example", "stnad.example"), http.StatusUnprocessableEntity, "stadn.example is no domain")
	if r := a.get("/people"); strings.Contains(r.text, "new@") || box.MatchString(r.text) {
		t.Errorf("somebody is invited, or the box is always there: %s", r.main())
	}
	german := s.browser()
	german.lang = "de"
	german.signIn(admin, stand.Password)
	german.wants("in German", german.do(http.MethodPost, "/people", url.Values{"email": {"new@stnad.example"}, "role": {"reader"}}), http.StatusUnprocessableEntity, "keine Domain dieses Mandanten", "ist gemeint")
	a.wants("confirmed", invite("stnad.example", "stnad.example"), http.StatusOK, "shown this once")
	a.wants("a stranger", invite("auditors.example", ""), http.StatusOK, "shown this once")
}

// A keeper assigns addresses at once, to others; roles, resets and removals take an
// administrator, and what is destroyed is typed.
func TestOffice(t *testing.T) {
	s := newSite(t)
	a, k := s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	her := k.pageOf(stand.Reader)
	if r := k.do(http.MethodPost, her+"/address", url.Values{"address": {"team@" + stand.Domain}}); r.Header.Get("Location") != her+"?done=address" {
		t.Fatalf("assigned: %d %s", r.StatusCode, r.text)
	}
	k.wants("it is hers", k.get(her), http.StatusOK, "team@"+stand.Domain)
	k.wants("a foreign one", k.do(http.MethodPost, her+"/address", url.Values{"address": {"x@elsewhere.example"}}), http.StatusUnprocessableEntity, "not in a domain")
	k.wants("his own", k.do(http.MethodPost, k.pageOf(stand.Keeper)+"/address", url.Values{"address": {"team@" + stand.Domain}}), http.StatusUnprocessableEntity, "nobody assigns")
	if r := k.do(http.MethodPost, her+"/address/remove", url.Values{"address": {"team@" + stand.Domain}}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("ended: %d %s", r.StatusCode, r.text)
	}
	k.wants("a keeper resets", k.do(http.MethodPost, her+"/reset", url.Values{"typed": {stand.Reader}}), http.StatusUnprocessableEntity, "administrator")
	a.wants("without typing it", a.do(http.MethodPost, her+"/remove", url.Values{"typed": {"x"}}), http.StatusUnprocessableEntity, "type "+stand.Reader)
	reset := a.do(http.MethodPost, her+"/reset", url.Values{"typed": {strings.ToUpper(stand.Reader)}})
	a.wants("reset", reset, http.StatusOK, "The account is reset", stand.Reader, "not sealed to this account")
	a.one(codeField, reset.text)
	if r := a.do(http.MethodPost, her+"/remove", url.Values{"typed": {stand.Reader}}); r.Header.Get("Location") != her+"?done=removed" {
		t.Errorf("removed: %d %s", r.StatusCode, r.text)
	}
	if strings.Contains(a.get("/people").text, stand.Reader) {
		t.Error("who was removed is listed")
	}
	a.wants("all", a.get("/people?all=1"), http.StatusOK, stand.Reader, "removed")
	a.wants("nobody", a.get("/people/"+strings.Repeat("0", 32)), http.StatusNotFound, "no such person")
	// Who takes the archive from somebody types whose it is: it comes back by a request only.
	keeper := a.pageOf(stand.Keeper)
	a.wants("the keeper's page", a.get(keeper), http.StatusOK, "reads the archive no longer", "role-typed")
	a.wants("taken by one click", a.do(http.MethodPost, keeper+"/role", url.Values{"role": {"reader"}}), http.StatusUnprocessableEntity, "type "+stand.Keeper)
	a.wants("somebody else typed", a.do(http.MethodPost, keeper+"/role", url.Values{"role": {"reader"}, "typed": {admin}}), http.StatusUnprocessableEntity, "type "+stand.Keeper, `value="`+admin+`"`)
	a.wants("still a keeper", a.get(keeper), http.StatusOK, "<dd>compliance</dd>")
	if r := a.do(http.MethodPost, keeper+"/role", url.Values{"role": {"reader"}, "typed": {strings.ToUpper(stand.Keeper)}}); strings.Contains(r.text, "to confirm; what was typed") {
		t.Errorf("typed: %d %s", r.StatusCode, r.text)
	}
	a.wants("his own role", a.do(http.MethodPost, a.pageOf(admin)+"/role", url.Values{"role": {"reader"}}), http.StatusUnprocessableEntity, "his own role")
}

// AU-08, EV-09: the limit of inactivity is chosen by an administrator, within bounds, and
// the audit trail says what it was.
func TestSettings(t *testing.T) {
	s := newSite(t)
	a, k := s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	a.wants("the settings", a.get("/settings"), http.StatusOK, stand.Domain, `value="1440"`)
	for _, bad := range []string{"0", "-5", "x", "", "999999999999", "43201"} {
		a.wants("a limit of "+bad, a.do(http.MethodPost, "/settings/idle", url.Values{"minutes": {bad}}), http.StatusUnprocessableEntity, "choose between", `value="`+bad+`"`)
	}
	for _, was := range [][]string{nil, {"1440"}} { // what holds already
		if r := a.do(http.MethodPost, "/settings/idle", url.Values{"minutes": {"1440"}, "was": was}); r.Header.Get("Location") != "/settings?saved=1" {
			t.Fatalf("chosen anew: %d %s", r.StatusCode, r.text)
		}
	}
	if r := a.get("/trail?what=setting"); strings.Contains(r.text, "session.idle-minutes") {
		t.Errorf("what changes nothing is an event: %s", r.main())
	}
	if r := a.do(http.MethodPost, "/settings/idle", url.Values{"minutes": {"10"}, "was": {"1440"}}); r.Header.Get("Location") != "/settings?saved=1" {
		t.Fatalf("chosen: %d %s", r.StatusCode, r.text)
	}
	a.wants("a tab from before", a.do(http.MethodPost, "/settings/idle", url.Values{"minutes": {"60"}, "was": {"1440"}}), http.StatusUnprocessableEntity, "somebody else has changed this")
	k.wants("a keeper sees it", k.get("/settings"), http.StatusOK, "for 10 minutes")
	k.wants("and does not choose", k.do(http.MethodPost, "/settings/idle", url.Values{"minutes": {"20"}}), http.StatusForbidden)
	k.wants("the trail", k.get("/trail?what=setting"), http.StatusOK, "session.idle-minutes", "<del>1440</del>", "<ins>10</ins>")
}

// EX-06: a further domain is asked for on the page that lists the tenant's, what cannot be one is
// said at its field, and a keeper who is somebody else approves it.
func TestFurtherDomain(t *testing.T) {
	s := newSite(t)
	a, k, reader := s.browser(), s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	reader.signIn(stand.Reader, stand.Password)
	ask := func(b *browser, domain, confirmed string) answer {
		return b.do(http.MethodPost, "/settings/domains", url.Values{"domain": {domain}, "confirm-domain": {confirmed}})
	}
	s.ok(stand.FoundAs(s.Context(), s.app, "other", "other.example"))
	a.wants("the page", a.get("/settings"), http.StatusOK, `name="domain"`, "<li>"+stand.Domain+"</li>", "stays for good")
	reader.wants("a reader", ask(reader, "new.example", ""), http.StatusForbidden)
	for domain, words := range map[string]string{"new": "domain", "": "domain", stand.Domain: "of this tenant already", "other.example": "belongs to a tenant already"} {
		r := ask(a, domain, "")
		a.wants("a domain "+domain, r, http.StatusUnprocessableEntity, words, `name="domain"`)
		a.atField(r, "domain")
	}
	r := ask(a, "stnad.example", "")
	a.wants("a mistyped one", r, http.StatusUnprocessableEntity, "looks like "+stand.Domain, `value="stnad.example"`, `name="confirm-domain"`)
	a.atField(r, "domain")
	if r := ask(a, "stnad.example", "stnad.example"); r.Header.Get("Location") != "/settings?asked=1" {
		t.Fatalf("confirmed: %d %s", r.StatusCode, r.text)
	}
	if r := ask(a, "NEU-müller.example", ""); r.Header.Get("Location") != "/settings?asked=1" {
		t.Fatalf("asked: %d %s", r.StatusCode, r.text)
	}
	a.wants("it is said", a.get("/settings?asked=1"), http.StatusOK, "is asked for", "/requests")
	approve := regexp.MustCompile(`action="(/requests/[0-9a-f]{32}/approve)"`)
	if r := a.get("/requests"); approve.MatchString(r.text) || !strings.Contains(r.text, "the domain xn--neu-mller-u9a.example") {
		t.Errorf("for who asked: %s", r.main())
	}
	a.wants("her own page", a.get(a.pageOf(admin)), http.StatusOK)
	if r := a.get(a.pageOf(admin)); strings.Contains(r.main(), "xn--neu") {
		t.Errorf("a domain is told as if it were for who asked: %s", r.main())
	}
	list := k.get("/requests")
	// The newest stands first.
	if r := k.do(http.MethodPost, approve.FindStringSubmatch(list.text)[1], nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("approved: %d %s", r.StatusCode, r.text)
	}
	k.wants("it is the tenant's", k.get("/settings"), http.StatusOK, "<li>xn--neu-mller-u9a.example</li>")
	k.wants("the trail", k.get("/trail?what=domain."), http.StatusOK, "approved a further domain", "<ins>xn--neu-mller-u9a.example</ins>", "asked for a further domain")
	german := s.browser()
	german.lang = "de"
	german.signIn(stand.Keeper, stand.Password)
	german.wants("in German", german.get("/trail?what=domain."), http.StatusOK, "hat einer weiteren Domain zugestimmt", "Domain angenommen")
	german.wants("the form in German", german.get("/settings"), http.StatusOK, "Eine weitere Domain", "bleibt auf Dauer")
	// A keeper's own one is another keeper's.
	if r := ask(k, "keepers.example", ""); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("a keeper asks: %d %s", r.StatusCode, r.text)
	}
	own := regexp.MustCompile(`action="(/requests/[0-9a-f]{32})/withdraw"`).FindStringSubmatch(k.get("/requests").text)
	k.wants("his own", k.do(http.MethodPost, own[1]+"/approve", nil), http.StatusUnprocessableEntity, "nobody approves his own request")
}

// D17: a source is registered, its secret is shown once, and what it counted is there.
func TestSources(t *testing.T) {
	s := newSite(t)
	a, k := s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	a.wants("the ways in", a.get("/sources"), http.StatusOK, "lmtp", "What is counted is what the message log has")
	form := url.Values{"name": {"exchange"}, "address": {"journal@" + stand.Domain}, "form": {"reports"}, "networks": {"192.0.2.0/24, 198.51.100.7"}, "sign-in": {"yes"}}
	bad := url.Values{"name": {"Ex Change"}, "address": {"journal@" + stand.Domain}, "form": {"reports"}}
	a.wants("a bad name", a.do(http.MethodPost, "/sources", bad), http.StatusUnprocessableEntity, `value="Ex Change"`)
	for field, value := range map[string]string{
		"name": "Ex Change", "address": "journal@elsewhere.example", "form": "nonsense", "networks": "0.0.0.0/0", "certificate": "-----BEGIN NOTHING-----",
	} {
		wrong := maps.Clone(form)
		wrong.Set(field, value)
		got := a.do(http.MethodPost, "/sources", wrong)
		a.atField(got, field)
		for other := range form { // what was typed is kept
			if v := html.EscapeString(wrong.Get(other)); other != "sign-in" && other != "form" && !strings.Contains(got.text, v) {
				t.Errorf("with a wrong %s the page has lost %s", field, v)
			}
		}
	}
	a.atField(a.do(http.MethodPost, "/sources", url.Values{"name": {"x"}, "address": {"journal@" + stand.Domain}, "form": {"reports"}}), "networks")
	made := a.do(http.MethodPost, "/sources", form)
	a.wants("registered", made, http.StatusOK, "is registered", "shown this once", "exchange@", "198.51.100.7")
	if strings.Contains(a.get("/sources").text, "shown this once") {
		t.Error("the secret is shown again")
	}
	a.wants("a new secret", a.do(http.MethodPost, "/sources/exchange/secret", nil), http.StatusOK, "shown this once")
	a.atField(a.do(http.MethodPost, "/sources", form), "name") // it is there already
	a.atField(a.do(http.MethodPost, "/sources/exchange/remove", url.Values{"typed": {"x"}}), "remove-exchange")
	a.wants("removed without typing", a.do(http.MethodPost, "/sources/exchange/remove", url.Values{"typed": {"x"}}), http.StatusUnprocessableEntity, "type exchange")
	if r := a.do(http.MethodPost, "/sources/exchange/remove", url.Values{"typed": {"exchange"}}); r.Header.Get("Location") != "/sources" {
		t.Errorf("removed: %d %s", r.StatusCode, r.text)
	}
	if r := k.do(http.MethodPost, "/sources", form); r.StatusCode != http.StatusForbidden {
		t.Errorf("a keeper registers: %d", r.StatusCode)
	}
}

// AU-02: who changes a password knows the one that there is.
func TestPassword(t *testing.T) {
	s := newSite(t)
	b, elsewhere := s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	elsewhere.signIn(stand.Reader, stand.Password)
	form := func(now, next string) url.Values {
		return url.Values{"now": {now}, "password": {next}, "again": {next}}
	}
	b.wants("another password", b.do(http.MethodPost, "/password", form("Wrong-1-password", other)), http.StatusUnauthorized, "until now is wrong")
	b.wants("the same one", b.do(http.MethodPost, "/password", form(stand.Password, stand.Password)), http.StatusUnprocessableEntity, "choose another")
	b.wants("a bad one", b.do(http.MethodPost, "/password", form(stand.Password, "short")), http.StatusUnprocessableEntity, "at least 10 characters", "upper-case")
	if r := b.do(http.MethodPost, "/password", form(stand.Password, other)); r.Header.Get("Location") != "/password?done=1" {
		t.Fatalf("changed: %d %s", r.StatusCode, r.text)
	}
	b.wants("still here", b.get("/password?done=1"), http.StatusOK, "is changed")
	if elsewhere.get("/").Header.Get("Location") != "/sign-in" {
		t.Error("the other session goes on")
	}
	if r := elsewhere.signIn(stand.Reader, other); r.StatusCode != http.StatusSeeOther {
		t.Errorf("the new password: %d", r.StatusCode)
	}
	b.wants("help", s.browser().get("/help"), http.StatusOK, "Help", "<kbd>j</kbd>")
}

// EV-09, EX-17: the trail says in the reader's language what happened, to whom, by addresses;
// code words are a detail, and what one filters by are the names.
func TestTrailIsTold(t *testing.T) {
	s := newSite(t)
	k := s.browser()
	k.lang = "de"
	k.signIn(stand.Keeper, stand.Password)
	a := s.browser()
	a.signIn(admin, stand.Password)
	a.do(http.MethodPost, "/people", url.Values{"email": {fresh}, "role": {"reader"}})
	all := k.get("/trail")
	k.wants("the trail", all, http.StatusOK, admin+" hat "+fresh+" eingeladen", "<ins>Leser</ins>", stand.Keeper+" hat sich angemeldet",
		"Der Betreiber des Servers hat den Mandanten gegründet", `<optgroup label="Personen und Zugriff"><option value="person.invite">Person eingeladen</option>`, "<code>person.invite</code>")
	if got := regexp.MustCompile(`</time>\s*<div><p>[^<]*[0-9a-f]{32}`).FindString(all.text); got != "" {
		t.Errorf("an id stands where somebody reads: %s", got)
	}
	one := k.get("/trail?what=search&person=")
	k.wants("one kind", one, http.StatusOK, `<option value="search" selected>Gesucht</option>`)
	k.get("/search?q=canary")
	k.do(http.MethodPost, "/search/saved", url.Values{"q": {"canary"}, "name": {"x"}})
	one = k.get("/trail?what=search")
	k.wants("one kind", one, http.StatusOK, stand.Keeper+" hat gesucht")
	if strings.Contains(one.text, "hat eine Suche gespeichert") {
		t.Error("a kind whose name begins like the one that was chosen is listed")
	}
	k.wants("several kinds", k.get("/trail?what=search."), http.StatusOK, "hat eine Suche gespeichert", `<option value="search." selected>`)
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	k.wants("of today", k.get("/trail?from="+today+"&to="+today), http.StatusOK, "hat eine Suche gespeichert", `type="date" value="`+today+`"`)
	k.wants("of tomorrow", k.get("/trail?from="+tomorrow), http.StatusOK, "Ein solches Ereignis gibt es nicht")
	k.wants("of no day", k.get("/trail?to=soon"), http.StatusUnprocessableEntity, "schreiben Sie einen Tag wie")
	if table := k.do(http.MethodPost, "/trail/export", url.Values{"from": {tomorrow}}); strings.Count(table.text, "\n") != 1 {
		t.Errorf("the table of tomorrow: %s", table.text)
	}
}

// EV-09: the trail is taken out as a table, which is an event itself; nothing in it is a
// formula.
func TestTrailExport(t *testing.T) {
	s := newSite(t)
	a, k, b := s.browser(), s.browser(), s.browser()
	a.signIn(admin, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	b.signIn(stand.Reader, stand.Password)
	message := link.FindString(k.get("/search?q=canary").text)
	k.do(http.MethodPost, message, url.Values{"reason": {"=HYPERLINK(\"https://evil.example\")"}})
	out := k.do(http.MethodPost, "/trail/export", url.Values{"what": {"message."}})
	lines, err := csv.NewReader(strings.NewReader(out.text)).ReadAll()
	if err != nil || len(lines) != 2 || lines[1][3] != "message.open" || lines[1][7] != "'=HYPERLINK(\"https://evil.example\")" || lines[1][2] != stand.Keeper {
		t.Errorf("%v: %q", err, lines)
	}
	if len(lines) != 2 || lines[0][8] != "detail" || !strings.HasPrefix(lines[1][8], `{"`) || !strings.Contains(lines[1][8], `"own":false`) {
		t.Errorf("the detail: %q", lines)
	}
	if out.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(out.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v", out.Header)
	}
	if all := a.do(http.MethodPost, "/trail/export", nil); !strings.Contains(all.text, "audit.export") || strings.Contains(all.text, "HYPERLINK") {
		t.Errorf("an administrator's: %s", all.text)
	}
	b.wants("a reader's", b.do(http.MethodPost, "/trail/export", nil), http.StatusForbidden)
	k.wants("as text", k.do(http.MethodPost, message+"/source", url.Values{"reason": {"audit 19"}}), http.StatusOK, "From: Anna", "Subject: <script>")
}

// EV-06, EV-09: an event that was changed in the database is named beside the others, on the
// page and in the table.
func TestTrailDamaged(t *testing.T) {
	s := newSite(t)
	k := s.browser()
	k.signIn(stand.Keeper, stand.Password)
	message := link.FindString(k.get("/search?q=canary").text)
	k.wants("opened", k.do(http.MethodPost, message, url.Values{"reason": {"audit 17"}}), http.StatusOK)
	index, err := stand.Damage(t.Context(), s.app, "message.open")
	s.ok(err)
	page := k.get("/trail")
	k.wants("the page", page, http.StatusOK, fmt.Sprintf("event %d of the audit log is missing or not what was recorded", index), "<code>sign-in", `class="note bad lines"`)
	if strings.Contains(page.text, "audit 17") {
		t.Error("the event is shown all the same")
	}
	out := k.do(http.MethodPost, "/trail/export", nil)
	lines, err := csv.NewReader(strings.NewReader(out.text)).ReadAll()
	if err != nil || len(lines) < 4 || lines[1][3] != "audit.export" || lines[len(lines)-1][3] != "damaged" || !strings.Contains(lines[len(lines)-1][7], fmt.Sprintf("event %d ", index)) {
		t.Errorf("the table: %v %q", err, lines)
	}
}

// EX-17: who comes to a page that is not for the role reads what is true for that role, in
// both languages, and where to go on; nothing of what the page says to others.
func TestElsewhere(t *testing.T) {
	s := newSite(t)
	message := "/message/" + strings.Repeat("0", 32)
	for _, who := range []struct {
		email, en, de, on string
		pages             []string
	}{
		{admin, "You are an administrator", "Sie sind Administrator", "/people", []string{"/jobs", "/jobs/export", "/search", "/search?q=x", "/cases", message, message + "/history"}},
		{stand.Reader, "You are a reader", "Sie sind Leser", "/search", []string{"/people", "/people/" + strings.Repeat("0", 32), "/requests", "/settings", "/sources", "/trail"}},
	} {
		b := s.browser()
		b.signIn(who.email, stand.Password)
		for _, path := range who.pages {
			for lang, says := range map[string]string{"en": who.en, "de": who.de} {
				b.lang = lang
				got := b.get(path)
				b.wants(who.email+" at "+path, got, http.StatusForbidden, says, `<li><a href="`+who.on+`">`)
				if strings.Count(got.main(), "<h1>") != 1 || strings.Contains(got.main(), "<form") {
					t.Errorf("%s at %s also reads what is for others: %s", who.email, path, got.main())
				}
			}
		}
		b.lang = "en"
		b.wants("the password", b.get("/password"), http.StatusOK, "All other sessions of yours end.")
		if got := strings.Contains(b.get("/password").text, "Your sealed mail"); got != (who.email == stand.Reader) {
			t.Errorf("%s: mail that is sealed to the person: %t", who.email, got)
		}
	}
}

// EX-17: on a phone each cell of a table has the name of its column beside it, and to who
// hears the page a table stays one.
func TestTables(t *testing.T) {
	names, err := filepath.Glob("*/templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		tables += strings.Count(text, "<table")
		for tag, want := range map[string]string{"table": `role="table"`, "tr": `role="row"`, "td": `role="cell"`, "thead": `role="rowgroup"`, "tbody": `role="rowgroup"`} {
			for _, found := range regexp.MustCompile(`<`+tag+`\b[^>]*`).FindAllString(text, -1) {
				if !strings.Contains(found, want) || tag == "td" && !strings.Contains(found, "data-label=") {
					t.Errorf("%s: %s", name, found)
				}
			}
		}
	}
	if tables == 0 {
		t.Error("there is no table")
	}
}
