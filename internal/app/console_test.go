package app_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/app"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/test/stand"
)

// The operator's socket is the account's own, takes the place of what a killed
// server left, and is never taken from one that lives.
func TestConsoleSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.Init(dir); err != nil {
		t.Fatal(err)
	}
	socket := app.ConsoleSocket(dir)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false) // as SIGKILL leaves it
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	_, stop := stand.Start(t, app.Options{Dir: dir})
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	answers(t, socket)

	err = stand.Serve(t.Context(), app.Options{Dir: dir}, func(*app.Server) { t.Error("two servers have one directory") })
	if err == nil || fault.Of(err) == fault.Internal {
		t.Errorf("a second server is told %v", err)
	}
	if again, err := os.Stat(socket); err != nil || !os.SameFile(info, again) {
		t.Errorf("the second server took the socket: %v", err)
	}
	answers(t, socket)
	stop()
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("a stopped server left its socket: %v", err)
	}
}

func answers(t *testing.T, socket string) {
	t.Helper()
	c, err := client.Dial(t.Context(), socket, text.English)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
