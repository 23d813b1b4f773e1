package web_test

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"siegel/internal/front"
	"siegel/test/stand"
)

var (
	once     = regexp.MustCompile(`name="once" value="([0-9a-f]{32})"`)
	password = regexp.MustCompile(`id="password"[^>]*>([a-z2-7-]{39})<`)
)

// done waits until a job's page says that it is done.
func (b *browser) done(path string) answer {
	b.Helper()
	var a answer
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if a = b.get(path); strings.Contains(a.text, `class="ok"`) {
			return a
		}
	}
	b.Fatalf("the job has not ended: %s", a.main())
	return a
}

// EX-02, CR-09, D16: what a search finds is exported by a job, encrypted unless there is a
// reason; its person takes the parts away and sees the password.
func TestExport(t *testing.T) {
	s := newSite(t)
	b, k := s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	b.wants("no job", b.get("/jobs"), http.StatusOK, "There is no job.", `href="/search"`)
	found := b.get("/search?q=canary")
	b.wants("the form", found, http.StatusOK, "Export the 1 message found", `action="/jobs/export"`)
	form := url.Values{"q": {"canary"}, "format": {"eml"}, "once": {once.FindStringSubmatch(found.text)[1]}}
	a := b.do(http.MethodPost, "/jobs/export", form)
	job := a.Header.Get("Location")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(job, "/jobs/") {
		t.Fatalf("begun: %d %s", a.StatusCode, a.main())
	}
	if again := b.do(http.MethodPost, "/jobs/export", form); again.Header.Get("Location") != job {
		t.Errorf("the form that was sent twice began two jobs: %d %s", again.StatusCode, again.Header.Get("Location"))
	}
	whole := b.done(job)
	b.wants("the job", whole, http.StatusOK, "Export of <bdi>canary</bdi>", "Part 1", "1 message", "7-Zip opens them")
	if password.FindStringSubmatch(whole.text) == nil {
		t.Errorf("no password: %s", whole.main())
	}
	b.wants("the list", b.get("/jobs"), http.StatusOK, `href="`+job+`"`, "done")
	if strings.Contains(b.get("/jobs").text, "hx-get") {
		t.Error("the list comes again though nothing runs")
	}
	b.part(job+"/part/1", 3)
	for _, path := range []string{job, job + "/part/1", "/jobs/" + strings.Repeat("0", 32), "/jobs/x", "/jobs/x/part/1"} {
		k.wants("somebody else's "+path, k.get(path), http.StatusNotFound, "there is no such job")
	}
	b.wants("no part", b.get(job+"/part/2"), http.StatusNotFound, "there is no such job")
	b.wants("no number", b.get(job+"/part/x"), http.StatusNotFound, "there is no such job")
	b.wants("from another site", b.do(http.MethodGet, job+"/part/1", nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), http.StatusForbidden, "another site")
	k.wants("somebody else deletes", k.do(http.MethodPost, job+"/delete", nil), http.StatusNotFound, "there is no such job")
	k.wants("the audit trail", k.get("/trail?what=job."), http.StatusOK, "job.begin", "job.end", "job.download")
	if a := b.do(http.MethodPost, job+"/cancel", nil); a.Header.Get("Location") != job {
		t.Errorf("cancelled after its end: %d", a.StatusCode)
	}
	if a := b.do(http.MethodPost, job+"/delete", nil); a.Header.Get("Location") != "/jobs" {
		t.Errorf("deleted: %d %s", a.StatusCode, a.main())
	}
	b.wants("deleted", b.get(job), http.StatusNotFound, "there is no such job")
}

// part takes a part away, at once and in pieces.
func (b *browser) part(path string, files int) {
	b.Helper()
	a := b.get(path)
	z, err := zip.NewReader(strings.NewReader(a.text), int64(len(a.text)))
	if err != nil || a.StatusCode != http.StatusOK || a.ContentLength != int64(len(a.text)) || a.Header.Get("Content-Type") != "application/zip" ||
		!strings.Contains(a.Header.Get("Content-Disposition"), "attachment; filename=siegel-") || a.Header.Get("Content-Security-Policy") != "sandbox" {
		b.Fatalf("the part: %d %v, %v, %d octets", a.StatusCode, a.Header, err, len(a.text))
	}
	if len(z.File) != files-1 || z.File[0].Method != 99 {
		b.Errorf("%d files, method %d", len(z.File), z.File[0].Method)
	}
	rest := b.do(http.MethodGet, path, nil, func(r *http.Request) {
		r.Header.Set("Range", "bytes=100-")
		r.Header.Set("If-Range", a.Header.Get("ETag"))
	})
	if rest.StatusCode != http.StatusPartialContent || rest.text != a.text[100:] {
		b.Errorf("a piece: %d, %d octets of %d", rest.StatusCode, len(rest.text), len(a.text))
	}
}

// D16: plain takes a reason, at the form, which keeps what was typed.
func TestExportPlain(t *testing.T) {
	s := newSite(t)
	b, k := s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	form := url.Values{"q": {`canary "Hello"`}, "format": {"mbox"}, "plain": {"1"}}
	b.wants("without a reason", b.do(http.MethodPost, "/jobs/export", form), http.StatusUnprocessableEntity, "takes a reason", `value="canary &#34;Hello&#34;"`, "checked", "selected")
	k.wants("mail of others", k.do(http.MethodPost, "/jobs/export", url.Values{"q": {"canary"}, "format": {"eml"}}), http.StatusUnprocessableEntity, "mail of others")
	b.wants("a mistake", b.do(http.MethodPost, "/jobs/export", url.Values{"q": {"colour:red"}, "format": {"eml"}}), http.StatusUnprocessableEntity, "colour:")
	b.wants("nothing", b.do(http.MethodPost, "/jobs/export", url.Values{"q": {"zebra"}, "format": {"eml"}}), http.StatusUnprocessableEntity, "no message to export")
	form.Set("reason", "the lawyer asks for it")
	job := b.do(http.MethodPost, "/jobs/export", form).Header.Get("Location")
	b.wants("plain", b.done(job), http.StatusOK, "The parts are not encrypted")
	a := b.get(job + "/part/1")
	z, err := zip.NewReader(strings.NewReader(a.text), int64(len(a.text)))
	s.ok(err)
	f, err := z.Open("mail.mbox")
	s.ok(err)
	var octets bytes.Buffer
	_, err = octets.ReadFrom(f)
	s.ok(err)
	if !strings.Contains(octets.String(), "Hello <b>canary</b>") {
		t.Errorf("%q", octets.String())
	}
	k.wants("the reason", k.get("/trail?what=export."), http.StatusOK, "the lawyer asks for it")
	b.lang = "de"
	b.wants("in German", b.get(job), http.StatusOK, "Die Teile sind nicht verschlüsselt")
}

// OP-04: a keeper gives older mail back by a job, from the person's page.
func TestRegrant(t *testing.T) {
	s := newSite(t)
	b, k, a := s.browser(), s.browser(), s.browser()
	b.signIn(stand.Reader, stand.Password)
	k.signIn(stand.Keeper, stand.Password)
	a.signIn(admin, stand.Password)
	list := k.get("/people")
	reader := regexp.MustCompile(`href="(/people/[0-9a-f]{32})"[^>]*>[^<]*` + regexp.QuoteMeta(stand.Reader)).FindStringSubmatch(list.text)
	if reader == nil {
		t.Fatal(list.main())
	}
	page := k.get(reader[1])
	k.wants("her page", page, http.StatusOK, "Give back older mail")
	if strings.Contains(a.get(reader[1]).text, "Give back older mail") {
		t.Error("an administrator may give mail")
	}
	form := url.Values{"person": {stand.Reader}, "once": {once.FindStringSubmatch(page.text)[1]}}
	job := k.do(http.MethodPost, "/jobs/regrant", form).Header.Get("Location")
	k.wants("given", k.done(job), http.StatusOK, "Older mail for <bdi>"+stand.Reader, "0 messages can be read now")
	b.wants("a reader", b.do(http.MethodPost, "/jobs/regrant", form), http.StatusForbidden, "role")
	k.wants("nobody", k.do(http.MethodPost, "/jobs/regrant", url.Values{"person": {"nobody@" + stand.Domain}}), http.StatusNotFound, "")
}

// AU-07: what asks by itself, again and again, says so: a session rests also where a page
// stays open.
func TestPollsSaySo(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*/templates/*.html")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d templates: %v", len(files), err)
	}
	polls := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range regexp.MustCompile(`<[a-z]+ [^>]*hx-trigger="[^"]*every [^>]*>`).FindAllString(string(b), -1) {
			if polls++; !strings.Contains(tag, `hx-headers='{"`+front.HeaderPoll+`": "1"}'`) || !strings.Contains(tag, `hx-disinherit="hx-headers"`) {
				t.Errorf("%s: %s", file, tag)
			}
		}
	}
	if polls != 2 {
		t.Errorf("%d things ask by themselves", polls)
	}
}
