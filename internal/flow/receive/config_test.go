package receive_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/flow/receive"
	"siegel/internal/kit/fault"
)

// TestReplies: every kind of fault has a reply that is well formed, and none
// says that a message was kept.
func TestReplies(t *testing.T) {
	t.Parallel()
	for _, k := range fault.Kinds() {
		r, ok := receive.Reply(k)
		if !ok || r.Code < 400 || r.Enhanced == "" || !strings.Contains(r.String(), " "+r.Enhanced+" ") {
			t.Errorf("%v: %v, %v", k, r, ok)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	cert := &tls.Config{Certificates: []tls.Certificate{{}}}
	for _, c := range []struct {
		name   string
		config receive.Config
		want   string // fields with problems
	}{
		{"empty", receive.Config{}, ""},
		{"small", small(), ""},
		{"loopback", receive.Config{TCP: []string{"127.0.0.1:24", "[::1]:24", "localhost:24", "127.9.9.9:0", "[::ffff:127.0.0.1]:1"}}, ""},
		{"plain text for all", receive.Config{TCP: []string{":24"}}, "TCP"},
		{"plain text for the network", receive.Config{TCP: []string{"192.0.2.1:24", "0.0.0.0:24", "[::]:24"}}, "TCP,TCP,TCP"},
		{"with TLS", receive.Config{TCP: []string{":24", "192.0.2.1:24"}, TLS: cert}, ""},
		{"name of a host", receive.Config{TCP: []string{"mx.example:24"}, TLS: cert}, "TCP"},
		{"no port", receive.Config{TCP: []string{"127.0.0.1"}}, "TCP"},
		{"TLS without certificate", receive.Config{TLS: &tls.Config{}}, "TLS"},
		{"old TLS", receive.Config{TLS: &tls.Config{Certificates: cert.Certificates, MaxVersion: tls.VersionTLS11}}, "TLS"},
		{"sockets", receive.Config{Unix: []string{"", strings.Repeat("x", 108)}}, "Unix,Unix"},
		{"host name", receive.Config{Hostname: "a b"}, "Hostname"},
		{"negative", receive.Config{MaxSize: -1, MinRate: -1, IdleTime: -time.Second}, "MaxSize,IdleTime,MinRate"},
		{"memory", receive.Config{Memory: 1000}, "Memory"},
	} {
		var got []string
		if err := c.config.Check(); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				field, _, _ := strings.Cut(line, ":")
				got = append(got, field)
			}
		}
		if s := strings.Join(got, ","); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
	if _, err := receive.New(receive.Config{}, receive.Deps{}); err == nil {
		t.Error("New without dependencies")
	}
	if _, err := receive.New(receive.Config{TCP: []string{":24"}}, receive.Deps{}); err == nil || !strings.Contains(err.Error(), "TCP") {
		t.Errorf("New with plain text for all: %v", err)
	}
}

// TestUnixSocket: group and owner only; a dead server's file is replaced, a
// living one's is not, and neither is a file of another kind.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	h, path := onUnix(t, small())
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	deps := receive.Deps{Path: h.way, Router: router{}, Spool: h.spool, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	c := small()
	c.Unix = []string{path}
	if _, err := receive.New(c, deps); err == nil {
		t.Error("took a living server's socket")
	}
	dir := filepath.Dir(path)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "dead")})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	c.Unix = []string{filepath.Join(dir, "dead")}
	s, err := receive.New(c, deps)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The first listener of a server that cannot start is closed again.
	c.Unix = []string{filepath.Join(dir, "other"), file}
	if _, err := receive.New(c, deps); err == nil {
		t.Error("took a file for a socket")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file: %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err == nil {
		t.Error("a socket was left behind")
	}
}
