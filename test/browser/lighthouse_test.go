package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/test/stand"
)

// BenchmarkLighthouse prints what Lighthouse says of each page, of performance (a phone with
// a slow line, which it simulates) and accessibility: at least 95 is asked for. SIEGEL_LIGHTHOUSE
// chooses pages, by a pattern for their paths.
func BenchmarkLighthouse(b *testing.B) {
	tool, err := filepath.Abs("../../node_modules/.bin/lighthouse")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{tool, "/usr/bin/chromium"} {
		if _, err := os.Stat(name); err != nil {
			b.Skip("make deps-test installs Chromium and Lighthouse")
		}
	}
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	site := stand.Site(serve(b, slices.Repeat([]string{message("rich", "<p>some <b>HTML</b> of a message")}, 20)...))
	cookie, found := enter(b, site, stand.Reader)
	keeper, _ := enter(b, site, stand.Keeper)
	chosen, err := regexp.Compile(os.Getenv("SIEGEL_LIGHTHOUSE"))
	check(err)
	for b.Loop() {
		for _, p := range []struct{ path, cookie string }{
			{"/sign-in", ""},
			{"/invitation", ""},
			{"/found", ""},
			{"/proof", ""},
			{"/proof/check", ""},
			{"/help", ""},
			{"/api/v1/", ""},
			{"/", cookie},
			{"/search", cookie},
			{"/search?q=rich", cookie},
			{found, cookie},
			{found + "/history", cookie},
			{"/sessions", cookie},
			{"/password", cookie},
			{"/cases", cookie},
			{"/", keeper},
			{"/people", keeper},
			{"/requests", keeper},
			{"/settings", keeper},
			{"/sources", keeper},
			{"/trail", keeper},
			{"/cases", keeper},
		} {
			if !chosen.MatchString(p.path) {
				continue
			}
			lighthouse(b, tool, site+p.path, p.cookie)
		}
	}
}

// enter signs in and returns the cookies, and the path of a message.
func enter(b *testing.B, site, email string) (cookie, message string) {
	b.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path, body string) *http.Response {
		r, err := http.NewRequestWithContext(b.Context(), method, site+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookie)
		res, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		return res
	}
	res := ask(http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {stand.Password}}.Encode())
	_ = res.Body.Close()
	var parts []string
	for _, k := range res.Cookies() {
		parts = append(parts, k.Name+"="+k.Value)
	}
	cookie = strings.Join(parts, "; ")
	res = ask(http.MethodGet, "/search?q=rich", "")
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return cookie, regexp.MustCompile(`/message/[0-9a-f]{32}`).FindString(string(text))
}

func lighthouse(b *testing.B, tool, page, cookie string) {
	b.Helper()
	headers, err := json.Marshal(map[string]string{"Cookie": cookie})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, page, "--quiet", "--output=json", "--only-categories=performance,accessibility", "--chrome-flags=--headless=new --no-sandbox", "--extra-headers="+string(headers))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "CHROME_PATH=/usr/bin/chromium")
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", page, err)
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
	if err := json.Unmarshal(out, &r); err != nil {
		b.Fatal(err)
	}
	if r.FinalURL != page {
		b.Fatalf("%s led to %s", page, r.FinalURL)
	}
	u, err := url.Parse(page)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("lighthouse %-50.50s performance %3.0f, accessibility %3.0f\n", u.RequestURI(), 100*r.Categories["performance"].Score, 100*r.Categories["accessibility"].Score)
	for name, score := range r.Categories {
		if score.Score < 0.95 {
			for id, a := range r.Audits {
				if a.Score != nil && *a.Score < 0.9 {
					fmt.Printf("  %s: %s: %s\n", name, id, a.Title)
				}
			}
		}
	}
}
