package web_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"siegel/test/stand"
)

// carried are the hidden fields of the form with an action, as a browser would send them.
func carried(t *testing.T, page, action string) url.Values {
	t.Helper()
	_, form, found := strings.Cut(page, `<form method="post" action="`+action+`"`)
	if !found {
		t.Fatalf("no form to %s: %s", action, page)
	}
	form, _, _ = strings.Cut(form, "</form>")
	out := url.Values{}
	unescape := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+", "&amp;", "&")
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		out.Add(unescape.Replace(m[1]), unescape.Replace(m[2]))
	}
	return out
}

// EX-17, AU-09: who was signed out meanwhile and sends a form loses nothing of it, also without
// script: it comes back behind the sign-in, and is sent when it is wanted. Nobody else gets it.
func TestInterrupted(t *testing.T) {
	s := newSite(t)
	k := s.browser()
	k.signIn(stand.Keeper, stand.Password)
	k.do(http.MethodPost, "/sign-out", url.Values{})
	form := url.Values{"name": {"Tax <audit>"}, "email": {stand.Reader}, "search": {`"annual report" OR canary`}, "until": {"2027-01-31"}, "reason": {"order 17\r\nand a line more"}}
	a := k.do(http.MethodPost, "/cases", form)
	k.wants("signed out", a, http.StatusUnauthorized, "You were signed out meanwhile, so nothing was done.", "what you had typed comes back", `action="/sign-in"`)
	if strings.Contains(a.text, `action="/language"`) {
		t.Error("the language leads away from what was typed")
	}
	in := carried(t, a.text, "/sign-in")
	with := func(who, password string) url.Values {
		v := url.Values{"email": {who}, "password": {password}}
		for name, values := range in {
			v[name] = values
		}
		return v
	}
	refused := k.do(http.MethodPost, "/sign-in", with(stand.Keeper, "Wrong-1-password"))
	k.wants("a wrong password", refused, http.StatusUnauthorized, "the password is wrong")
	if again := carried(t, refused.text, "/sign-in"); again.Encode() != in.Encode() {
		t.Errorf("after a wrong password the form has %v, want %v", again, in)
	}
	back := k.do(http.MethodPost, "/sign-in", with(stand.Keeper, stand.Password))
	k.wants("signed in again", back, http.StatusOK, "What you had typed was not sent yet.", "<dt>Name</dt>", "Tax &lt;audit&gt;", "Send it now", `href="/cases"`)
	k.wants("nothing was done", k.get("/cases"), http.StatusOK, "No case is open.")
	got := carried(t, back.text, "/cases")
	for name, values := range form {
		if got.Get(name) != values[0] {
			t.Errorf("%s is %q, want %q", name, got.Get(name), values[0])
		}
	}
	if len(got) != len(form) {
		t.Errorf("the form has %v", got)
	}
	if sent := k.do(http.MethodPost, "/cases", got); sent.StatusCode != http.StatusSeeOther {
		t.Errorf("sent: %d %s", sent.StatusCode, sent.main())
	}
	k.wants("it is there", k.get("/cases"), http.StatusOK, "Tax &lt;audit&gt;")

	// What the browser says somebody else had typed is nobody's here.
	k.do(http.MethodPost, "/sign-out", url.Values{})
	form.Set("kept-who", "somebody@"+stand.Domain)
	form.Set("kept-page", "/cases?of=mine#top")
	a = k.do(http.MethodPost, "/cases", form)
	k.wants("her address stands there", a, http.StatusUnauthorized, `value="somebody@`+stand.Domain+`"`)
	in = carried(t, a.text, "/sign-in")
	if other := k.do(http.MethodPost, "/sign-in", with(stand.Keeper, stand.Password)); other.StatusCode != http.StatusSeeOther || strings.Contains(other.text, "audit") {
		t.Errorf("somebody else gets it: %d %s", other.StatusCode, other.main())
	}
}

// Passwords are not kept, nor is what is too long; and a form goes back to a page of ours only.
func TestInterruptedSecrets(t *testing.T) {
	s := emptySite(t)
	b := s.browser()
	a := b.do(http.MethodPost, "/password", url.Values{"now": {"Old-1-password"}, "password": {"New-1-password"}, "again": {"New-1-password"}})
	b.wants("a password", a, http.StatusUnauthorized, "Passwords are not kept.")
	if strings.Contains(a.text, "1-password") || strings.Contains(a.text, "kept-action") {
		t.Errorf("it is kept: %s", a.main())
	}
	a = b.do(http.MethodPost, "/cases", url.Values{"reason": {strings.Repeat("ä", 10_000)}})
	b.wants("a long one", a, http.StatusUnauthorized, "nothing was done")
	if strings.Contains(a.text, "kept-action") {
		t.Error("what is too long to come back is kept")
	}
	a = b.do(http.MethodPost, "/cases", url.Values{"name": {"x"}, "kept-page": {"//evil.example/"}})
	if strings.Contains(a.text, "evil") {
		t.Errorf("it leads out: %s", a.main())
	}
	in := url.Values{"email": {stand.Reader}, "password": {stand.Password}, "kept-action": {"https://evil.example/"}, "kept:name": {"x"}}
	if a = b.do(http.MethodPost, "/sign-in", in); strings.Contains(a.text, "evil") {
		t.Errorf("it is sent out: %s", a.main())
	}
	in = url.Values{"email": {stand.Reader}, "password": {stand.Password}, "kept-action": {"/password"}, "kept:password": {"New-1-password"}}
	if a = b.do(http.MethodPost, "/sign-in", in); strings.Contains(a.text, "New-1-password") {
		t.Errorf("a password goes through: %s", a.main())
	}
	// Every field of a page that takes a password is one that is never kept.
	files, err := filepath.Glob("*/templates/*.html")
	s.ok(err)
	fields := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		s.ok(err)
		for _, m := range regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]*(?:type="password"|data-code)`).FindAllStringSubmatch(string(text), -1) {
			fields++
			a := s.browser().do(http.MethodPost, "/cases", url.Values{m[1]: {"canary-of-a-secret"}})
			if strings.Contains(a.text, "canary-of-a-secret") {
				t.Errorf("%s: %s is kept", file, m[1])
			}
		}
	}
	if fields < 4 {
		t.Errorf("only %d such fields were found", fields)
	}
}
