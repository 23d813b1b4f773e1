package browser_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/test/stand"
)

// report is what wapiti writes.
type report struct {
	Vulnerabilities map[string][]finding `json:"vulnerabilities"`
	Anomalies       map[string][]finding `json:"anomalies"`
}

type finding struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Info   string `json:"info"`
}

// TestScan has wapiti, signed in as each role and as nobody, look for holes. It is for the
// days before a release: SIEGEL_SCAN says for how many seconds each role looks for pages;
// then each module tries what was found, until it is done with all, and says how much that
// was (scan.py). One that does not end within its time fails the test.
func TestScan(t *testing.T) {
	patience := os.Getenv("SIEGEL_SCAN")
	if patience == "" {
		t.Skip("a scan takes minutes: SIEGEL_SCAN=120 runs it, with wapiti installed")
	}
	if _, err := exec.LookPath("wapiti"); err != nil {
		t.Fatal("wapiti is not installed")
	}
	for role, email := range map[string]string{"administrator": "admin@" + stand.Domain, "keeper": stand.Keeper, "reader": stand.Reader, "nobody": ""} {
		t.Run(role, func(t *testing.T) { // a server for each: a scan presses every button
			scan(t, stand.Site(serve(t, message("rich", "<p>some <b>HTML</b>"), message("other", "text"))), email, patience)
		})
	}
}

// modules are what wapiti tries.
func modules() []string {
	return []string{"blindsql", "csp", "crlf", "exec", "file", "http_headers", "cookieflags", "permanentxss", "redirect", "sql", "xss"}
}

// moduleTime is how long one of them may take for a role.
const moduleTime = 20 * time.Minute

func scan(t *testing.T, site, email, patience string) {
	t.Helper()
	cookie := ""
	if email != "" {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site+"/sign-in", strings.NewReader(url.Values{"email": {email}, "password": {stand.Password}}.Encode()))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := client.Do(r)
		must(t, err)
		must(t, res.Body.Close())
		for _, k := range res.Cookies() {
			cookie += k.Name + "=" + k.Value + "; "
		}
		if res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d", email, res.StatusCode)
		}
		// A scan that signed itself out would find nothing from then on.
		defer func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site+"/sessions", nil)
			must(t, err)
			r.Header.Set("Cookie", cookie)
			res, err := client.Do(r)
			must(t, err)
			must(t, res.Body.Close())
			if res.StatusCode != http.StatusOK {
				t.Errorf("%q has been signed out: %d", email, res.StatusCode)
			}
		}()
	}
	out := filepath.Join(t.TempDir(), "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "scan.py", "-u", site+"/", "--scope", "domain", "-s", site+"/search?q=rich", "-s", site+"/search?q=from:anna&order=oldest", "-H", "Cookie: "+cookie,
		"-x", site+"/sign-out", "-x", site+"/password", "-x", site+"/proof/check", "-x", site+"/proof/proof.html", "-m", strings.Join(modules(), ","),
		"--scan-force", "sneaky", "--max-scan-time", patience, "--max-attack-time", strconv.Itoa(int(moduleTime.Seconds())), "--flush-session", "--store-session", t.TempDir(), "--store-config", t.TempDir(), "--no-bugreport", "-f", "json", "-o", out)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	from, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = &said
	must(t, cmd.Start())
	ended := 0
	for lines := bufio.NewScanner(io.TeeReader(from, &said)); lines.Scan(); {
		what, ours := strings.CutPrefix(lines.Text(), "scan: ")
		switch {
		case !ours:
		case strings.HasSuffix(what, "BROKEN OFF"):
			t.Errorf("it did not end: %s", what)
		case strings.HasPrefix(what, "module "):
			ended++
			fallthrough
		default:
			t.Log(what)
		}
	}
	if err := cmd.Wait(); err != nil || ended != len(modules()) {
		t.Fatalf("wapiti: %v, %d modules ended\n%s", err, ended, said.String())
	}
	b, err := os.ReadFile(out)
	must(t, err)
	var r report
	must(t, json.Unmarshal(b, &r))
	for _, group := range []map[string][]finding{r.Vulnerabilities, r.Anomalies} {
		for kind, list := range group {
			if strings.Contains(kind, "Secure Flag") || strings.Contains(kind, "Secure Headers") {
				continue // on loopback without TLS; with TLS tests of the pages look at both
			}
			for _, f := range list {
				t.Errorf("%q: %s: %s %s: %s", email, kind, f.Method, f.Path, f.Info)
			}
		}
	}
}
