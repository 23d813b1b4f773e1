package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/stand"
)

// serve runs a server with a tenant, to which messages came.
func serve(t testing.TB, messages ...string) *app.Server {
	t.Helper()
	dir := t.TempDir()
	must(t, stand.New(t.Context(), dir))
	server, _ := stand.Start(t, app.Options{Dir: dir, Log: stand.Log(), Change: stand.Browsers})
	c, err := stand.Dial(stand.Socket(dir))
	must(t, err)
	for _, m := range messages {
		reply, err := c.Send(stand.Of([]byte(m), "anna@a.example", stand.Reader))
		must(t, err)
		if reply.Code != 250 {
			t.Fatal(reply)
		}
	}
	must(t, c.Close())
	return server
}

// drive runs a script in a browser, with what it is given. Each line that it says is a fault,
// but for those that are results, which are returned.
func drive(t *testing.T, given map[string]any, script string, args ...string) (results []string) {
	t.Helper()
	given["root"] = os.Getuid() == 0
	in, err := json.Marshal(given)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, `{"result"`) {
			results = append(results, line)
			continue
		}
		t.Error(line)
	}
	must(t, err)
	return results
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
