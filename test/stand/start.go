package stand

import (
	"context"
	"os"
	"sync"
	"testing"

	"siegel/internal/app"
	"siegel/internal/app/config"
)

// Browsers is the change of the configuration that opens the door for browsers, on a free
// port of loopback.
func Browsers(c *config.Config) { c.Web.Listen = "127.0.0.1:0" }

// Start runs a server on a data directory until it is stopped, at the latest when the test
// ends. A server that does not start, or ends with an error, fails the test.
func Start(t testing.TB, o app.Options) (s *app.Server, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan *app.Server, 1), make(chan error, 1)
	go func() { done <- Serve(ctx, o, func(s *app.Server) { ready <- s }) }()
	select {
	case s = <-ready:
	case err := <-done:
		cancel()
		t.Fatalf("the server does not start: %v", err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// Site is the address of a server's door for browsers.
func Site(s *app.Server) string { return "http://" + s.WebAddr().String() }

// Chromium skips a test where there is none; on the machine that decides (CI is set) it
// fails, since a test that skipped proves nothing.
func Chromium(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/chromium"); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this machine has no Chromium: make deps-test installs it")
	}
	t.Skip("this machine has no Chromium: make deps-test installs it")
}
