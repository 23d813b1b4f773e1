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
	"net/http"
	"sync/atomic"
	"time"

	"siegel/internal/kit/door"
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
	*door.Door

	draining atomic.Bool
}

// Open listens; who asks waits until Run runs. Without an address the door is
// shut, which is no error.
func Open(c Config) (*Door, error) {
	l, err := door.Listen(c.Listen, c.TLS)
	return &Door{Config: c, Door: l}, err
}

// Drain says from now on that no mail is taken.
func (d *Door) Drain() { d.draining.Store(true) }

// Times that a client may take.
const (
	headTime = 5 * time.Second
	idleTime = 30 * time.Second
	maxHead  = 8 << 10 // octets
)

// Run answers until ctx is done.
func (d *Door) Run(ctx context.Context) error {
	return d.Serve(ctx, &http.Server{
		Handler: d.handler(), ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: headTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHead,
	}, 0)
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
