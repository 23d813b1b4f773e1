package health_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/front/health"
)

// state is what a door is told to say.
type state struct {
	mu  sync.Mutex
	err error // guarded by mu
}

func (s *state) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *state) get() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func serve(t *testing.T, c health.Config) *health.Door {
	t.Helper()
	d, err := health.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d
}

func ask(t *testing.T, client *http.Client, method, url string) (int, string, http.Header) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Header
}

// OP-05: a process says that it runs, and apart from that whether it takes mail;
// no reason leaves it.
func TestHealth(t *testing.T) {
	t.Parallel()
	var s state
	d := serve(t, health.Config{Listen: "127.0.0.1:0", State: s.get})
	base := "http://" + d.Addr().String()
	want := func(path string, code int, body string) {
		t.Helper()
		got, text, header := ask(t, http.DefaultClient, http.MethodGet, base+path)
		if got != code || text != body || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v, want %d %q", path, got, text, header, code, body)
		}
	}
	want("/live", 200, "ok\n")
	want("/ready", 200, "ok\n")
	s.set(errors.New("canary"))
	want("/live", 200, "ok\n")
	want("/ready", 503, "not ready\n")
	s.set(nil)
	want("/ready", 200, "ok\n")
	d.Drain()
	want("/live", 200, "ok\n")
	want("/ready", 503, "not ready\n")
	for _, q := range []struct {
		method, path string
		code         int
	}{{http.MethodPost, "/ready", 405}, {http.MethodGet, "/", 404}, {http.MethodGet, "/ready/../../etc/passwd", 404}} {
		if got, _, _ := ask(t, http.DefaultClient, q.method, base+q.path); got != q.code {
			t.Errorf("%s %s: %d, want %d", q.method, q.path, got, q.code)
		}
	}
}

// ML-13: beyond this machine it speaks TLS or not at all.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	var s state
	if _, err := health.Open(health.Config{Listen: "0.0.0.0:0", State: s.get}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without a certificate: %v", err)
	}
	d := serve(t, health.Config{Listen: "0.0.0.0:0", State: s.get, TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS12}})
	_, port, err := net.SplitHostPort(d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if code, _, _ := ask(t, client, http.MethodGet, "https://127.0.0.1:"+port+"/ready"); code != 200 {
		t.Errorf("with TLS: %d", code)
	}
	r, err := http.Get("http://127.0.0.1:" + port + "/ready") //nolint:noctx // of the test
	if err == nil {
		_ = r.Body.Close()
		if r.StatusCode == 200 {
			t.Error("plain HTTP was answered")
		}
	}
	none := serve(t, health.Config{State: s.get})
	if none.Addr() != nil {
		t.Errorf("no address was given, and %v is listened on", none.Addr())
	}
}

// A client that says nothing, or too much, is cut off.
func TestRudeClients(t *testing.T) {
	t.Parallel()
	var s state
	d := serve(t, health.Config{Listen: "127.0.0.1:0", State: s.get})
	for what, says := range map[string]string{"silent": "GET /ready HTT", "long": "GET /ready HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"} {
		c, err := net.Dial("tcp", d.Addr().String()) //nolint:noctx // of the test
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, says); err != nil && what == "silent" {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		b, err := io.ReadAll(c)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Errorf("%s: not cut off", what)
		}
		if strings.Contains(string(b), "200 OK") {
			t.Errorf("%s: %q", what, b)
		}
		_ = c.Close()
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
