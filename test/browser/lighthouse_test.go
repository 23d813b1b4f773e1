package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/test/stand"
)

// view is a page as somebody sees it.
type view struct {
	path string
	who  string // reader, keeper; empty for who has not signed in
}

// views are all pages that can be asked for by their address, each as who has it at its
// fullest; TestEveryPageIsMeasured finds one that is missing here.
func views(message, person, dossier, job string) []view {
	return []view{
		{"/sign-in", ""},
		{"/invitation", ""},
		{"/found", ""},
		{"/proof", ""},
		{"/proof/check", ""},
		{"/help", ""},
		{"/api/v1/", ""},
		{"/", "reader"},
		{"/search", "reader"},
		{"/search?q=rich", "reader"},
		{message, "reader"},
		{message + "/history", "reader"},
		{"/sessions", "reader"},
		{"/password", "reader"},
		{"/cases", "reader"},
		{dossier, "reader"},
		{"/jobs", "reader"},
		{"/jobs/export?q=rich", "reader"},
		{job, "reader"},
		{"/", "keeper"},
		{"/search?q=rich", "keeper"},
		{message, "keeper"}, // asks for a reason
		{message + "/history", "keeper"},
		{"/people", "keeper"},
		{person, "keeper"},
		{"/requests", "keeper"},
		{"/settings", "keeper"},
		{"/sources", "keeper"},
		{"/trail", "keeper"},
		{"/cases", "keeper"},
		{dossier, "keeper"},
		{"/people", "administrator"},
		{person, "administrator"},
		{"/sources", "administrator"},
	}
}

// noPages are what can be asked for by an address and is not measured, and why.
func noPages() map[string]string {
	return map[string]string{
		"GET /static/{file}":            "a file of a page",
		"GET /.well-known/security.txt": "a text for programs",
		"GET /jobs/{id}/part/{part}":    "a file to save",
		"GET /proof/":                   "the verifier, a file of a page",
		"GET /proof/proof.html":         "a file to save: the page /proof/check with the verifier inside (ADR 9)",
	}
}

// Every page is measured by BenchmarkLighthouse: the addresses that the door for browsers has
// are those of views, or have a reason in noPages.
func TestEveryPageIsMeasured(t *testing.T) {
	mux, open := http.NewServeMux(), map[string]bool{}
	must(t, filepath.WalkDir("../../internal/front/web", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if pattern, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(pattern, "GET /") {
				mux.Handle(pattern, http.NotFoundHandler())
				open[pattern] = true
			}
			return true
		})
		return nil
	}))
	if len(open) < 25 {
		t.Fatalf("only %d addresses were found: the test looks in the wrong place", len(open))
	}
	for pattern, why := range noPages() {
		if !open[pattern] || why == "" {
			t.Errorf("%s is no address any more, or has no reason", pattern)
		}
		delete(open, pattern)
	}
	id := strings.Repeat("0", 32)
	for _, v := range views("/message/"+id, "/people/"+id, "/cases/"+id, "/jobs/"+id) {
		_, pattern := mux.Handler(httptest.NewRequestWithContext(t.Context(), http.MethodGet, v.path, nil))
		if pattern == "" && v.path != "/api/v1/" { // another door's
			t.Errorf("%s is no page", v.path)
		}
		delete(open, pattern)
	}
	for pattern := range open {
		t.Errorf("nobody measures %s: put it among the views, or say in noPages why not", pattern)
	}
}

// enough is what every page has at least, of performance and accessibility.
const enough = 95

// rounds is how often a page is measured whose performance is not enough: a machine that is
// busy with something else makes a page slow, and none makes it quick.
const rounds = 4

// BenchmarkLighthouse prints what Lighthouse says of each page, of performance (a phone with
// a slow line, which it simulates) and accessibility, and fails where one of them is below 95.
// Pages that are slow are measured again when all others were, and the best run counts; of
// accessibility every run. SIEGEL_LIGHTHOUSE chooses pages, by a pattern for their paths.
func BenchmarkLighthouse(b *testing.B) {
	tool, err := filepath.Abs("../../node_modules/.bin/lighthouse")
	must(b, err)
	for _, name := range []string{tool, "/usr/bin/chromium"} {
		if _, err := os.Stat(name); err != nil {
			b.Skip("make deps-test installs Chromium and Lighthouse")
		}
	}
	chosen, err := regexp.Compile(os.Getenv("SIEGEL_LIGHTHOUSE"))
	must(b, err)
	site := stand.Site(serve(b, slices.Repeat([]string{message("rich", "<p>some <b>HTML</b> of a message")}, 20)...))
	reader, keeper, admin := enter(b, site, stand.Reader), enter(b, site, stand.Keeper), enter(b, site, "admin@"+stand.Domain)
	cookies := map[string]string{"reader": reader.cookie, "keeper": keeper.cookie, "administrator": admin.cookie}
	seen := reader.find("/search?q=rich", `/message/[0-9a-f]{32}`)
	person := keeper.find("/people", `/people/[0-9a-f]{32}`)
	dossier := keeper.post("/cases", url.Values{"name": {"Audit"}, "email": {stand.Reader}, "search": {"rich"}, "until": {time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}, "reason": {"measured"}})
	job := reader.post("/jobs/export", url.Values{"q": {"rich"}, "format": {"mbox"}})
	for deadline := time.Now().Add(time.Minute); !strings.Contains(reader.get(job), job+"/part/1"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("the export does not end")
		}
	}
	for b.Loop() {
		var list []*measured
		for _, v := range views(seen, person, dossier, job) {
			if chosen.MatchString(v.path) {
				list = append(list, &measured{view: v, accessibility: 100})
			}
		}
		left := list
		for range rounds {
			var slow []*measured
			for _, m := range left {
				lighthouse(b, tool, site, cookies[m.who], m)
				m.print()
				if m.performance < enough {
					slow = append(slow, m)
				}
			}
			left = slow
		}
		low := 0
		for _, m := range list {
			if m.performance < enough || m.accessibility < enough {
				b.Errorf("%s for %s: performance %.0f (best of %d), accessibility %.0f, below %d", m.path, m.name(), m.performance, m.runs, m.accessibility, enough)
				low++
			}
		}
		fmt.Printf("lighthouse: %d pages, %d below %d\n", len(list), low, enough)
	}
}

// measured is what was found of a view.
type measured struct {
	view

	performance, accessibility float64 // the best and the worst run, of 100
	runs                       int
	lacks                      []string // of the last run
}

// name is who sees it.
func (m *measured) name() string {
	if m.who == "" {
		return "nobody"
	}
	return m.who
}

func (m *measured) print() {
	fmt.Printf("lighthouse %-13s %-50.50s performance %3.0f (best of %d), accessibility %3.0f\n", m.name(), m.path, m.performance, m.runs, m.accessibility)
	for _, l := range m.lacks {
		fmt.Println("  " + l)
	}
}

// guest is somebody who has signed in.
type guest struct {
	b            *testing.B
	site, cookie string
}

// enter signs in.
func enter(b *testing.B, site, email string) *guest {
	b.Helper()
	g := &guest{b: b, site: site}
	g.cookie = g.do(http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {stand.Password}}).cookie
	return g
}

// reply is what a guest got.
type reply struct {
	status           int
	to, cookie, text string
}

func (g *guest) do(method, path string, form url.Values) reply {
	g.b.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(g.b.Context(), method, g.site+path, strings.NewReader(form.Encode()))
	must(g.b, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", g.cookie)
	res, err := client.Do(r)
	must(g.b, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(g.b, err)
	var parts []string
	for _, k := range res.Cookies() {
		parts = append(parts, k.Name+"="+k.Value)
	}
	return reply{res.StatusCode, res.Header.Get("Location"), strings.Join(parts, "; "), string(text)}
}

func (g *guest) get(path string) string {
	g.b.Helper()
	return g.do(http.MethodGet, path, nil).text
}

// find returns the first address of that form on a page.
func (g *guest) find(path, form string) string {
	g.b.Helper()
	found := regexp.MustCompile(form).FindString(g.get(path))
	if found == "" {
		g.b.Fatalf("%s has no %s", path, form)
	}
	return found
}

// post sends a form and returns the path of what it made.
func (g *guest) post(path string, form url.Values) string {
	g.b.Helper()
	r := g.do(http.MethodPost, path, form)
	to, _, _ := strings.Cut(r.to, "?")
	if r.status != http.StatusSeeOther || to == "" {
		g.b.Fatalf("%s: %d %s", path, r.status, r.text)
	}
	return to
}

// lighthouse measures a page once more.
func lighthouse(b *testing.B, tool, site, cookie string, m *measured) {
	b.Helper()
	headers, err := json.Marshal(map[string]string{"Cookie": cookie})
	must(b, err)
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	page := site + m.path
	cmd := exec.CommandContext(ctx, tool, page, "--quiet", "--output=json", "--only-categories=performance,accessibility", "--chrome-flags=--headless=new --no-sandbox", "--extra-headers="+string(headers))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "CHROME_PATH=/usr/bin/chromium")
	m.runs++
	out, err := cmd.Output()
	if err != nil { // of the tool, on a busy machine: another run may tell
		m.lacks = []string{err.Error()}
		return
	}
	var r struct {
		FinalURL   string `json:"finalDisplayedUrl"`
		Categories map[string]struct {
			Score float64 `json:"score"`
		} `json:"categories"`
		Audits map[string]struct {
			Title string   `json:"title"`
			Score *float64 `json:"score"`
		} `json:"audits"`
	}
	must(b, json.Unmarshal(out, &r))
	if r.FinalURL != page {
		b.Fatalf("%s led to %s", page, r.FinalURL)
	}
	m.performance = max(m.performance, 100*r.Categories["performance"].Score)
	m.accessibility = min(m.accessibility, 100*r.Categories["accessibility"].Score)
	m.lacks = nil
	if m.performance >= enough && m.accessibility >= enough {
		return
	}
	for id, a := range r.Audits {
		if a.Score != nil && *a.Score < 0.9 {
			m.lacks = append(m.lacks, id+": "+a.Title)
		}
	}
	slices.Sort(m.lacks)
}
