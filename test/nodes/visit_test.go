package nodes_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"siegel/test/stand"
	"siegel/test/victim"
)

// browse asks a node for a page with the cookies of a browser, which knows nothing of
// nodes: behind a balancer all of them have one name.
func browse(t *testing.T, jar http.CookieJar, node *victim.Child, method, path string, form url.Values) (status int, to, text string) {
	t.Helper()
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+node.Web+path, strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.Do(r)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, res.Header.Get("Location"), string(b)
}

// A session is every node's: who has signed in at one that is killed reads on at another,
// and who signs out there is out everywhere.
func TestSessionsOutliveNodes(t *testing.T) {
	t.Parallel()
	address, endpoint := place(t)
	a, b := found(t, address, endpoint)
	one, two := start(t, a, "", 0), start(t, b, "", 0)
	client, err := stand.Dial(stand.Socket(a))
	must(t, err)
	m := stand.Of([]byte("From: a@a.example\r\nTo: "+stand.Reader+"\r\nSubject: canary\r\n\r\ntext\r\n"), "a@a.example", stand.Reader)
	reply, err := client.Send(m)
	must(t, err)
	must(t, client.Close())
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	jar, err := cookiejar.New(nil)
	must(t, err)
	status, to, text := browse(t, jar, one, http.MethodPost, "/sign-in", url.Values{"email": {stand.Reader}, "password": {stand.Password}})
	if status != http.StatusSeeOther || to != "/" {
		t.Fatalf("signed in: %d to %q %s", status, to, text)
	}
	if status, _, text = browse(t, jar, one, http.MethodGet, "/search?q=canary", nil); status != http.StatusOK || !strings.Contains(text, "1 message") {
		t.Fatalf("at the first node: %d %s", status, text)
	}
	must(t, one.Kill())
	if status, to, text = browse(t, jar, two, http.MethodGet, "/search?q=canary", nil); status != http.StatusOK || !strings.Contains(text, "1 message") {
		t.Fatalf("at the other node: %d to %q %s", status, to, text)
	}
	one = start(t, a, "", 0)
	if status, _, _ = browse(t, jar, one, http.MethodGet, "/search?q=canary", nil); status != http.StatusOK {
		t.Errorf("at the first node once more: %d", status)
	}
	// Cookies are not told apart by port, so this is what a thief has.
	u, err := url.Parse("http://" + one.Web)
	must(t, err)
	kept := jar.Cookies(u)
	if status, to, _ = browse(t, jar, two, http.MethodPost, "/sign-out", nil); status != http.StatusSeeOther || to != "/sign-in" {
		t.Errorf("signed out: %d to %q", status, to)
	}
	thief, err := cookiejar.New(nil)
	must(t, err)
	thief.SetCookies(u, kept)
	for _, node := range []*victim.Child{one, two} {
		if status, to, _ = browse(t, thief, node, http.MethodGet, "/search?q=canary", nil); status != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in") {
			t.Errorf("after signing out: %d to %q", status, to)
		}
	}
	must(t, one.Stop())
	must(t, two.Stop())
}
