package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"siegel/test/stand"
)

// EX-17: the help has chapters on jobs and cases in both languages, reached from their pages,
// and its links lead where there is something.
func TestHelp(t *testing.T) {
	s := emptySite(t)
	k, nobody := s.browser(), s.browser()
	k.signIn(stand.Keeper, stand.Password)
	for lang, says := range map[string][]string{
		"en": {"<h2>Jobs</h2>", "siegel import list", "<h2>Cases</h2>", "until a day"}, "de": {"<h2>Aufträge</h2>", "siegel import list", "<h2>Fälle</h2>", "bis zu einem Tag"},
	} {
		k.lang, nobody.lang = lang, lang
		help := k.get("/help")
		k.wants("the help", help, http.StatusOK, append(says, `href="/jobs"`, `href="/cases"`)...)
		nobody.wants("the help of who has not signed in", nobody.get("/help"), http.StatusOK, says...)
		if strings.Contains(nobody.get("/help").main(), `href="/jobs"`) {
			t.Error("who has not signed in is sent to jobs")
		}
		for page, chapter := range map[string]string{"/jobs": "jobs", "/jobs/export": "jobs", "/cases": "cases"} {
			k.wants(page, k.get(page), http.StatusOK, `<a href="/help#`+chapter+`">`)
		}
		for _, m := range regexp.MustCompile(`href="#([a-z]+)"`).FindAllStringSubmatch(help.main(), -1) {
			if !strings.Contains(help.text, ` id="`+m[1]+`"`) {
				t.Errorf("#%s leads nowhere", m[1])
			}
		}
	}
}
