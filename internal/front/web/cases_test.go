package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"siegel/test/stand"
)

// RT-14: a keeper opens a case in the browser, who gets it searches and reads there alone,
// and what others see of it is nothing.
func TestCases(t *testing.T) {
	s := newSite(t)
	s.deliver("From: a@a.example\r\nTo: sales@"+stand.Domain+"\r\nSubject: invoice\r\n\r\ncanary secret\r\n", "sales@"+stand.Domain)
	k, b, a := s.browser(), s.browser(), s.browser()
	k.signIn(stand.Keeper, stand.Password)
	a.signIn(admin, stand.Password)
	k.wants("no case", k.get("/cases"), http.StatusOK, "No case is open", "Open a case")
	form := url.Values{"name": {"Tax <audit>"}, "email": {stand.Reader}, "search": {"invoice"}, "reason": {"order 17"}, "until": {time.Now().AddDate(0, 0, -2).Format(time.DateOnly)}}
	k.wants("a day that was", k.do(http.MethodPost, "/cases", form), http.StatusUnprocessableEntity, "is today or later", "Tax &lt;audit&gt;")
	k.atField(k.do(http.MethodPost, "/cases", form), "until")
	form.Set("until", "soon")
	k.wants("no day", k.do(http.MethodPost, "/cases", form), http.StatusUnprocessableEntity, "is today or later")
	form.Set("until", time.Now().AddDate(0, 0, 2).Format(time.DateOnly))
	for field, value := range map[string]string{"email": "nobody@k.example", "search": "colour:red", "name": " ", "reason": " "} {
		wrong := maps.Clone(form)
		wrong.Set(field, value)
		k.atField(k.do(http.MethodPost, "/cases", wrong), field)
	}
	made := k.do(http.MethodPost, "/cases", form)
	to := strings.TrimSuffix(made.Header.Get("Location"), "?fill=1")
	if !regexp.MustCompile(`^/cases/[0-9a-f]{32}$`).MatchString(to) {
		t.Fatalf("opened: %d to %q %s", made.StatusCode, made.Header.Get("Location"), made.main())
	}
	k.wants("it is filled by itself", k.get(to+"?fill=1"), http.StatusOK, `hx-trigger="load"`, "not filled to the end yet")
	if r := k.do(http.MethodPost, to+"/fill", nil); r.Header.Get("Location") != to {
		t.Fatalf("filled: %d %s", r.StatusCode, r.main())
	}
	k.wants("the case", k.get(to), http.StatusOK, stand.Reader, "order 17", "<dd>1</dd>", "<dt>Until</dt>", "Add what has arrived since")
	a.wants("an administrator", a.get(to), http.StatusNotFound, "no such case for you")
	b.signIn(stand.Reader, stand.Password)
	b.wants("hers", b.get("/cases"), http.StatusOK, "Tax &lt;audit&gt;")
	in := "/search?case=" + strings.TrimPrefix(to, "/cases/")
	found := b.get(in + "&q=canary")
	b.wants("a search in it", found, http.StatusOK, "1 message", "invoice", "Search in Tax")
	message := link.FindString(found.text)
	b.wants("a message in it", b.get(message), http.StatusOK, "canary secret")
	outside := b.get("/search?q=secret")
	b.wants("outside", outside, http.StatusOK, "Nothing was found")
	k.wants("a keeper sees for whom", k.get(message+"/history"), http.StatusOK, "the case Tax &lt;audit&gt;", "Message opened", stand.Reader)
	k.wants("the keeper in it", k.get(in+"&q=canary"), http.StatusNotFound, "no such case for you")
	k.wants("ended without typing", k.do(http.MethodPost, to+"/end", url.Values{"typed": {"x"}}), http.StatusUnprocessableEntity, "type Tax")
	if r := k.do(http.MethodPost, to+"/end", url.Values{"typed": {"Tax <audit>"}}); r.Header.Get("Location") != "/cases" {
		t.Fatalf("ended: %d %s", r.StatusCode, r.main())
	}
	k.wants("what it had", k.get(to), http.StatusOK, "Messages that it had", "<dd>1</dd>")
	b.wants("her search afterwards", b.get(in+"&q=canary"), http.StatusConflict, "has ended")
	b.wants("her message afterwards", b.get(message), http.StatusNotFound, "there is no such message for you")
	k.wants("the trail", k.get("/trail?what=case"), http.StatusOK, "case.open", "case.fill", "case.end", "order 17")
}

// given opens a case of what a search finds for the reader, and fills it.
func (b *browser) given(name, search string) (id string) {
	b.Helper()
	form := url.Values{"name": {name}, "email": {stand.Reader}, "search": {search}, "reason": {"order 17"}, "until": {time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}}
	to := strings.TrimSuffix(b.do(http.MethodPost, "/cases", form).Header.Get("Location"), "?fill=1")
	if r := b.do(http.MethodPost, to+"/fill", nil); r.StatusCode != http.StatusSeeOther {
		b.Fatalf("filled: %d %s", r.StatusCode, r.main())
	}
	return strings.TrimPrefix(to, "/cases/")
}

// RT-14: who was given a case finds it where she begins and where nothing is found, reads the
// conversations in it, and reaches one that was given while she was signed in. When it ends
// nothing leads to it.
func TestGivenCase(t *testing.T) {
	s := newSite(t)
	sales := "sales@" + stand.Domain
	s.deliver("From: a@a.example\r\nTo: "+sales+"\r\nSubject: invoice\r\nMessage-ID: <one@a.example>\r\n\r\nsecret\r\n", sales)
	s.deliver("From: b@a.example\r\nTo: "+sales+"\r\nSubject: Re: invoice\r\nMessage-ID: <two@a.example>\r\nIn-Reply-To: <one@a.example>\r\n\r\npaid\r\n", sales)
	k, b := s.browser(), s.browser()
	k.signIn(stand.Keeper, stand.Password)
	b.signIn(stand.Reader, stand.Password)
	if a := b.get("/"); strings.Contains(a.text, "Cases that you were given") || strings.Count(a.text, `href="/cases"`) != 1 {
		t.Errorf("before: %s", a.main())
	}
	id := k.given("Audit & more", "invoice")
	in := "/search?case=" + id
	for _, page := range []string{"/", "/search", "/search?q=secret"} {
		a := b.get(page)
		b.wants(page, a, http.StatusOK, "Cases that you were given", "Audit &amp; more", "2 messages", `href="`+in+`"`)
		if strings.Contains(a.text, "No mail is sealed to you yet") || strings.Count(a.text, `href="/cases"`) != 2 {
			t.Errorf("%s does not lead to it: %s", page, a.text)
		}
	}
	early := b.get(in)
	b.wants("a session from before", early, http.StatusUnauthorized, "given after you signed in", `action="/sign-out"`, `name="to" value="`+in+`"`, "Sign out, and in again")
	out := b.do(http.MethodPost, "/sign-out", url.Values{"to": {in}})
	if to := out.Header.Get("Location"); to != "/sign-in?to="+url.QueryEscape(in) {
		t.Fatalf("out to %q", to)
	}
	b.signIn(stand.Reader, stand.Password)
	found := b.get(in + "&q=secret")
	message := link.FindString(found.text)
	b.wants("a search in it", found, http.StatusOK, message+"?case="+id)
	b.wants("the conversation in it", b.get(message+"?case="+id), http.StatusOK, "Conversation of 2 messages", "b@a.example", message+"?case="+id)
	typed := url.Values{"typed": {"Audit & more"}}
	b.wants("in no case of hers", b.get(message+"?case="+strings.Repeat("0", 32)), http.StatusOK, "secret")
	if r := k.do(http.MethodPost, "/cases/"+id+"/end", typed); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("ended: %d %s", r.StatusCode, r.main())
	}
	if a := b.get("/"); strings.Contains(a.text, "Cases that you were given") {
		t.Errorf("afterwards: %s", a.main())
	}
	away := url.Values{"to": {"//evil.example"}}
	if to := b.do(http.MethodPost, "/sign-out", away).Header.Get("Location"); to != "/sign-in?to=%2F" {
		t.Errorf("out to %q", to)
	}
}
