package web_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"siegel/internal/app"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/text"
	"siegel/test/stand"
)

// ceremony invites to found a tenant, as the operator does.
func (s *site) ceremony() string {
	s.Helper()
	c, err := client.Dial(context.Background(), app.ConsoleSocket(s.dir), text.English)
	s.ok(err)
	defer c.Close()
	var out console.Ceremony
	s.ok(c.Call(context.Background(), "tenant/ceremony", struct{}{}, &out, nil))
	if out.URL != s.url+"/found#"+out.Code {
		s.Errorf("the link is %s", out.URL)
	}
	return out.Code
}

var (
	hidden   = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"( data-carry)?>`)
	kitWords = regexp.MustCompile(`<ol class="words mono">((?:<li>[a-z]+</li>)+)</ol>`)
)

// The founding ceremony: a code that serves once, a kit whose words are typed back, and
// people who take their invitations.
func TestFounding(t *testing.T) {
	s := newSite(t)
	code := s.ceremony()
	b := s.browser()
	b.wants("the first step", b.get("/found"), http.StatusOK, "Step 1 of 3")
	form := url.Values{
		"code": {"aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"}, "name": {"Praxis"}, "domains": {"praxis.example"}, "administrators": {"it@praxis.example"},
		"keepers": {"k1@praxis.example, k2@praxis.example"}, "readers": {"r1@praxis.example\r\nr2@praxis.example"},
	}
	b.wants("another code", b.do(http.MethodPost, "/found", form), http.StatusForbidden, "has been used")
	form.Set("code", "x")
	b.wants("no code", b.do(http.MethodPost, "/found", form), http.StatusUnprocessableEntity, "not a code")
	b.atField(b.do(http.MethodPost, "/found", form), "code")
	form.Set("code", code)
	for field, value := range map[string]string{
		"name": " ", "domains": "a b@c", "administrators": "nobody", "keepers": "k1@praxis.example k2@praxis.example k3@praxis.example",
		"auditors": "it@praxis.example", "readers": "r1@elsewhere.example",
	} {
		wrong := maps.Clone(form)
		wrong.Set(field, value)
		b.atField(b.do(http.MethodPost, "/found", wrong), field)
	}
	form.Set("domains", stand.Domain)
	b.wants("a reader elsewhere", b.do(http.MethodPost, "/found", form), http.StatusUnprocessableEntity, "not in a domain", `value="Praxis"`)
	form.Set("readers", "")
	b.wants("a domain that is taken", b.do(http.MethodPost, "/found", form), http.StatusConflict, "belongs to a tenant already")
	b.atField(b.do(http.MethodPost, "/found", form), "domains")
	form.Set("domains", "praxis.example")
	form.Set("readers", "r1@praxis.example\r\nr2@praxis.example")
	// EX-06: who is of another domain is to be looked at, and the plan can be corrected.
	form.Set("auditors", "audit@praxis.exmaple")
	b.wants("a stranger", b.do(http.MethodPost, "/found", form), http.StatusOK, "<details open>", "Of none of the tenant", "<strong>audit@praxis.exmaple</strong>")
	corrected := maps.Clone(form)
	corrected.Set("correct", "1")
	b.wants("the plan to be corrected", b.do(http.MethodPost, "/found", corrected), http.StatusOK, "Step 1 of 3", `value="audit@praxis.exmaple"`, code)
	form.Set("auditors", "")
	kit := b.do(http.MethodPost, "/found", form)
	if strings.Contains(kit.text, "Of none of the tenant") {
		t.Error("nobody is of another domain")
	}
	b.wants("the kit", kit, http.StatusOK, "Step 2 of 3", "Word number")
	next := url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(kit.text, -1) {
		next.Set(f[1], strings.ReplaceAll(f[2], "&#43;", "+"))
	}
	next.Set("readers", form.Get("readers"))
	file := b.do(http.MethodPost, "/found/kit", url.Values{"file": {next.Get("file")}, "domains": {next.Get("domains")}})
	if !strings.HasPrefix(file.text, "age-encryption.org/v1") || !strings.Contains(file.Header.Get("Content-Disposition"), `attachment; filename="siegel-recovery-praxis.example.age"`) {
		t.Errorf("the file of the kit: %d %.60q", file.StatusCode, file.text)
	}
	list := strings.Fields(strings.NewReplacer("<li>", " ", "</li>", " ").Replace(b.one(kitWords, kit.text)))
	asked := regexp.MustCompile(`Word number (\d+)`).FindAllStringSubmatch(kit.text, -1)
	if len(asked) != 2 {
		t.Fatalf("%d words are asked for", len(asked))
	}
	at := func(i int) string {
		n := 0
		for _, x := range asked[i][1] {
			n = 10*n + int(x-'0')
		}
		return list[n-1]
	}
	next.Set("first", at(0))
	next.Set("second", at(1))
	unsaved := b.do(http.MethodPost, "/found", next)
	b.wants("the file was not saved", unsaved, http.StatusUnprocessableEntity, "save the file of the recovery kit first", `id="saved-problem"`,
		`name="first" required autocomplete="off" spellcheck="false" class="mono" value="`+at(0)+`"`, `name="second" required autocomplete="off" spellcheck="false" class="mono" value="`+at(1)+`"`)
	next.Set("saved", "1")
	next.Set("first", "wrong")
	again := b.do(http.MethodPost, "/found", next)
	b.wants("a wrong word", again, http.StatusUnprocessableEntity, "is another one", "Word number "+asked[0][1],
		`value="wrong"`, `value="`+at(1)+`"`, `name="saved" value="1" required checked`)
	// What was typed is in this answer and nowhere else.
	if again.Header.Get("Cache-Control") != "no-store" || again.Header.Get("Hx-Push-Url") != "/found" || len(again.Cookies()) > 0 || !strings.Contains(again.text, `<meta name="again" content="/found">`) {
		t.Errorf("the answer is kept: %q", again.Header)
	}
	if strings.Contains(again.text, "<li>"+list[0]) {
		t.Error("the words are shown again")
	}
	next.Set("first", at(0))
	done := b.do(http.MethodPost, "/found", next)
	b.wants("founded", done, http.StatusOK, "The tenant is founded", "it@praxis.example", "k2@praxis.example", "r2@praxis.example", "tenant=Praxis#")
	if strings.Contains(done.text, `name="again"`) {
		t.Error("who loads the page of the links again does not send the form, and loses them")
	}
	if reloaded := b.do(http.MethodPost, "/found", next); reloaded.StatusCode != http.StatusOK || reloaded.main() != done.main() {
		t.Errorf("reloaded, because the answer got lost: %d %s", reloaded.StatusCode, reloaded.main())
	}
	wrong := maps.Clone(next)
	wrong.Set("first", "wrong")
	b.wants("another word", b.do(http.MethodPost, "/found", wrong), http.StatusForbidden, "has been used")
	b.wants("the code once more", b.do(http.MethodPost, "/found", form), http.StatusForbidden, "has been used")
	// A keeper of the new tenant takes the link.
	m := regexp.MustCompile(`invitation\?email=k1%40praxis.example&amp;tenant=Praxis#([a-z0-9-]+)<`).FindStringSubmatch(done.text)
	if m == nil {
		t.Fatalf("no link for k1: %s", done.main())
	}
	k := s.browser()
	if r := k.do(http.MethodPost, "/invitation", url.Values{"tenant": {"Praxis"}, "email": {"k1@praxis.example"}, "code": {m[1]}, "password": {other}, "again": {other}}); r.Header.Get("Location") != "/" {
		t.Fatalf("the invitation: %d %s", r.StatusCode, r.main())
	}
	k.wants("the keeper's people", k.get("/people"), http.StatusOK, "r2@praxis.example")
	if strings.Contains(k.get("/people").text, stand.Reader) {
		t.Error("another tenant's people are listed")
	}
}
