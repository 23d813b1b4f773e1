package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/stand"
)

// What is asked of the pages.
const (
	pageTurns    = 200 // of each page
	openSessions = 200
)

// pages opens the door for browsers of an app and measures how long each page takes, and
// what an open session costs.
func pages(b *testing.B, a *app.App) {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	server, err := app.NewServer(b.Context(), a)
	check(err)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		stop()
		check(<-done)
	}()
	v := &visitor{b, stand.Site(server), nil}
	v.signIn()
	v.get("/search?q=message") // what is not in the index yet is caught up
	message := regexp.MustCompile(`/message/[0-9a-f]{32}`).FindString(v.get("/search?q=the&order=newest"))
	words := []string{"the", "message", "list", "please", "from:a", "money", "linux", "time", "report", "with attachment"}
	for _, p := range []struct {
		name string
		at   func(i int) string
	}{
		{"start", func(int) string { return "/" }},
		{"search", func(i int) string {
			return "/search?q=" + url.QueryEscape(words[i%len(words)]+" "+words[(i/len(words)+3)%len(words)])
		}},
		{"message", func(int) string { return message }},
		{"history", func(int) string { return message + "/history" }},
		{"people", func(int) string { return "/people" }},
		{"sources", func(int) string { return "/sources" }},
		{"trail", func(int) string { return "/trail" }},
		{"cases", func(int) string { return "/cases" }},
		{"sessions", func(int) string { return "/sessions" }},
	} {
		var took []time.Duration
		for i := range pageTurns {
			start := time.Now()
			if p.name == "message" {
				v.post(p.at(i), url.Values{"reason": {"benchmark"}})
			} else {
				v.get(p.at(i))
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		at := func(q float64) time.Duration {
			return took[min(len(took)-1, int(q*float64(len(took))))].Round(10 * time.Microsecond)
		}
		fmt.Printf("page %-8s p50 %v, p95 %v, worst %v (asked: p95 under 50 ms)\n", p.name, at(0.5), at(0.95), took[len(took)-1].Round(10*time.Microsecond))
	}
	sessions(b, v)
}

// sessions signs in many times and says what each that is open costs.
func sessions(b *testing.B, v *visitor) {
	b.Helper()
	before := resident(b)
	for range openSessions {
		one := &visitor{b, v.site, nil}
		one.signIn()
		one.get("/")
	}
	after := resident(b)
	fmt.Printf("%d sessions that are open: %.0f KiB each\n", openSessions, float64(after-before)/openSessions/1024)
}

// resident is the memory that this process has now, after a collection.
func resident(b *testing.B) int64 {
	b.Helper()
	runtime.GC()
	runtime.GC()
	var pagesOf int64
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	for _, x := range strings.Fields(string(text))[1] {
		pagesOf = 10*pagesOf + int64(x-'0')
	}
	return pagesOf * int64(os.Getpagesize())
}

// visitor is a browser.
type visitor struct {
	b      *testing.B
	site   string
	client *http.Client
}

func (v *visitor) signIn() {
	v.b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.b.Fatal(err)
	}
	v.client = &http.Client{Jar: jar}
	v.post("/sign-in", url.Values{"email": {stand.Keeper}, "password": {stand.Password}})
}

func (v *visitor) get(path string) string {
	v.b.Helper()
	return v.do(http.MethodGet, path, nil)
}

func (v *visitor) post(path string, form url.Values) string {
	v.b.Helper()
	return v.do(http.MethodPost, path, strings.NewReader(form.Encode()))
}

func (v *visitor) do(method, path string, body io.Reader) string {
	v.b.Helper()
	r, err := http.NewRequestWithContext(v.b.Context(), method, v.site+path, body)
	if err != nil {
		v.b.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.b.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = res.Body.Close()
	}
	if err != nil || res.StatusCode != http.StatusOK {
		v.b.Fatalf("%s %s: %d %v %.500s", method, path, res.StatusCode, err, text)
	}
	return string(text)
}
