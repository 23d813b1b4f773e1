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
	"siegel/internal/app/config"
	"siegel/test/stand"
)

// serve returns the address of a server with a tenant, one message, and the server.
func serve(t *testing.T) (site string, server *app.Server) {
	t.Helper()
	dir := t.TempDir()
	must(t, stand.New(t.Context(), dir))
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan *app.Server, 1), make(chan error, 1)
	go func() {
		done <- stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log(), Change: func(c *config.Config) { c.Web.Listen = "127.0.0.1:0" }}, func(s *app.Server) { ready <- s })
	}()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
	select {
	case server = <-ready:
	case err := <-done:
		done <- nil // the end is waited for once more
		t.Fatal(err)
	}
	c, err := stand.Dial(stand.Socket(dir))
	must(t, err)
	reply, err := c.Send(stand.Of([]byte(message("rich", `<h1>Rich text</h1><p>of some kind</p>`)), "anna@a.example", stand.Reader))
	must(t, err)
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	must(t, c.Close())
	return "http://" + server.WebAddr().String(), server
}

// drive runs a script on the pages, each of whose lines is a fault.
func drive(t *testing.T, script, site string, given map[string]any) {
	t.Helper()
	given["root"] = os.Getuid() == 0
	in, err := json.Marshal(given)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script, site)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		t.Error(strings.TrimSpace(line))
	}
	must(t, err)
}

// Who was refused, goes on and comes back finds the page again (and no page of the browser's own
// that wants to send the form once more), and can read it in the other language; what is
// shown once has no link to itself.
func TestBack(t *testing.T) {
	if testing.Short() {
		t.Skip("the same pages on every database: once is enough")
	}
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		t.Skip("this machine has no Chromium: make deps-test installs it")
	}
	site, server := serve(t)
	invitation, err := server.Ceremony.Invite(t.Context())
	must(t, err)
	drive(t, "back.mjs", site, map[string]any{
		"people": map[string]string{"administrator": "admin@" + stand.Domain, "keeper": stand.Keeper, "reader": stand.Reader, "password": stand.Password},
		"code":   invitation.Code,
	})
}
