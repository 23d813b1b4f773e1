// Package health is the door at which load balancers and monitors ask whether
// this process runs and whether it takes mail. It says nothing else: no version, no
// name, no reason.
//
//	GET /live   200 while the process runs
//	GET /ready  200 while it takes mail, 503 where it does not or is about to stop
//
// On loopback it speaks HTTP, elsewhere HTTPS with the server's certificate.
package health

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Config is what a door works with.
type Config struct {
	Listen string       // host:port; empty for no door
	TLS    *tls.Config  // for addresses that are not loopback
	State  func() error // why no mail is taken now, nil where it is
}

// Door answers. Use it from many goroutines.
type Door struct {
	Config

	listener net.Listener // nil without an address
	draining atomic.Bool
}

// errPlain says that an address is reached from elsewhere and there is no
// certificate.
type errPlain struct{}

// Error implements error.
func (errPlain) Error() string { return "health: an address that is not loopback needs a certificate" }

// Open listens; who asks waits until Run runs. Without an address the door is
// shut, which is no error.
func Open(c Config) (*Door, error) {
	d := &Door{Config: c}
	if c.Listen == "" {
		return d, nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		if c.TLS == nil {
			_ = l.Close()
			return nil, errPlain{}
		}
		l = tls.NewListener(l, c.TLS)
	}
	d.listener = l
	return d, nil
}

// Addr returns the address that is listened on, nil without one.
func (d *Door) Addr() net.Addr {
	if d.listener == nil {
		return nil
	}
	return d.listener.Addr()
}

// Drain says from now on that no mail is taken.
func (d *Door) Drain() { d.draining.Store(true) }

// Close closes a door that does not run.
func (d *Door) Close() error {
	if d.listener == nil {
		return nil
	}
	return d.listener.Close()
}

// Times that a client may take.
const (
	headTime = 5 * time.Second
	idleTime = 30 * time.Second
	maxHead  = 8 << 10 // octets
)

// Run answers until ctx is done.
func (d *Door) Run(ctx context.Context) error {
	if d.listener == nil {
		<-ctx.Done()
		return nil
	}
	s := &http.Server{
		Handler: d.handler(), ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: headTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHead,
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(d.listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return s.Close()
	}
}

func (d *Door) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) { answer(w, true) })
	m.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, !d.draining.Load() && d.State() == nil)
	})
	return m
}

func answer(w http.ResponseWriter, ok bool) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not ready\n") // who asked may have gone
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
