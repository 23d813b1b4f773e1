package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"siegel/test/stand"
)

// EV-04, EX-05: a message that cannot be proven yet says when it can, on its reader's clock,
// and who asks for the proof all the same comes back to the message; once it is stamped the
// proof is offered and comes.
func TestProofOfFreshMessage(t *testing.T) {
	s := newSite(t)
	b, k := s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	message := link.FindString(b.get("/search?q=canary").text)
	when := regexp.MustCompile(`signed together, next at \d+ \w{3} 20\d\d \d\d:\d\d`)
	fresh := b.get(message)
	b.wants("the message", fresh, http.StatusOK, "is not ready yet")
	if !when.MatchString(fresh.text) || strings.Contains(fresh.text, message+`/proof"`) {
		t.Errorf("a link that fails, or no time: %s", fresh.main())
	}
	asked := b.do(http.MethodPost, message+"/proof", nil)
	b.wants("asked for", asked, http.StatusServiceUnavailable, "There is no proof yet", "is not ready yet", "can be read and downloaded meanwhile", `href="`+message+`"`)
	if !when.MatchString(asked.text) || asked.Header.Get("Retry-After") == "" {
		t.Errorf("no time: %s", asked.main())
	}
	b.wants("German", b.do(http.MethodPost, message+"/proof", nil, func(r *http.Request) { r.Header.Set("Accept-Language", "de") }), http.StatusServiceUnavailable,
		"Es gibt noch keinen Beweis", "gemeinsam signiert, das nächste Mal am", "Zurück zur Nachricht")
	k.wants("with a reason", k.do(http.MethodPost, message+"/proof", url.Values{"reason": {"audit 17"}}), http.StatusServiceUnavailable, `name="reason" value="audit 17"`)
	s.ok(s.app.ProofNow(s.Context()))
	b.wants("stamped", b.get(message), http.StatusOK, message+`/proof"`)
	if a := b.do(http.MethodPost, message+"/proof", nil); a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/zip" {
		t.Errorf("the proof: %d %q", a.StatusCode, a.Header)
	}
}
