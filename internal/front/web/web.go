package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"siegel/internal/front"
	"siegel/internal/front/web/founding"
	"siegel/internal/front/web/jobs"
	"siegel/internal/front/web/office"
	"siegel/internal/front/web/own"
	"siegel/internal/front/web/page"
	"siegel/internal/front/web/proofpage"
	"siegel/internal/front/web/reading"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/door"
)

// Deps are the rooms that pages reach.
type Deps struct {
	Visits   *visit.Room
	Reading  reading.Deps
	Office   office.Deps
	Founding founding.Deps
	Jobs     jobs.Deps
	Log      *slog.Logger
	// API makes what answers below /api/v1/, which refuses by itself what comes from other
	// origins; nil for nothing there.
	API func(front.Callers) (http.Handler, error)
}

// Config is what a door works with.
type Config struct {
	Listen string      // host:port; empty for no door
	TLS    *tls.Config // for addresses that are not loopback
	URL    string      // how people reach it from outside; empty for the address itself
	// Proxies are networks of proxies in front, whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	// SecurityContact is the address of who is told about weaknesses; empty for security@
	// the host.
	SecurityContact string
}

// Door answers. Use it from many goroutines.
type Door struct {
	*door.Door

	config  Config
	log     *slog.Logger
	handler http.Handler
}

// Bounds of what a client may cost.
const (
	headTime  = 5 * time.Second
	readTime  = 30 * time.Second
	writeTime = 2 * time.Minute // an opened message may be large
	idleTime  = 2 * time.Minute
	maxHead   = 16 << 10
	maxForm   = 64 << 10
)

// Open listens; who asks waits until Run runs. Without an address the door is shut,
// which is no error.
func Open(c Config, deps Deps) (*Door, error) {
	d := &Door{config: c, log: deps.Log}
	var err error
	if d.Door, err = door.Listen(c.Listen, c.TLS); err != nil {
		return nil, err
	}
	if c.Listen == "" {
		return d, nil // nobody will see the pages, which take longer to make than all other rooms
	}
	secure := d.Secure() || strings.HasPrefix(c.URL, "https://")
	d.handler, err = d.pages(front.Callers{Visits: deps.Visits, Secure: secure, Proxies: c.Proxies}, deps)
	return d, err
}

// grace is how long pages in progress may take when the server stops.
const grace = 10 * time.Second

// Run answers until ctx is done and the pages in progress have come to their end.
func (d *Door) Run(ctx context.Context) error {
	return d.Serve(ctx, &http.Server{
		Handler: d.handler, ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHead, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}, grace)
}

// pages returns all pages, with what protects them.
func (d *Door) pages(callers front.Callers, deps Deps) (http.Handler, error) {
	mux := http.NewServeMux()
	frame, err := page.New(callers, deps.Log, mux)
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /static/{file}", frame.Static)
	mux.HandleFunc("GET /.well-known/security.txt", d.securityText)
	if err := own.Mount(mux, frame); err != nil {
		return nil, err
	}
	if err := reading.Mount(mux, frame, deps.Reading); err != nil {
		return nil, err
	}
	if err := office.Mount(mux, frame, deps.Office); err != nil {
		return nil, err
	}
	if err := jobs.Mount(mux, frame, deps.Jobs); err != nil {
		return nil, err
	}
	if err := founding.Mount(mux, frame, deps.Founding); err != nil {
		return nil, err
	}
	// The page for checking proofs, its verifier, and both as one file (docs/proof.md).
	check, err := proofpage.New()
	if err != nil {
		return nil, err
	}
	mux.Handle("GET /proof/check", check)
	mux.Handle("GET /proof/"+proofpage.VerifierName, check)
	mux.Handle("GET /proof/proof.html", check)
	mux.Handle("/", frame.Open(frame.Nothing))
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(frame.Open(frame.Foreign))
	if deps.API == nil {
		return shield(origin.Handler(mux), callers.Secure), nil
	}
	all := http.NewServeMux()
	all.Handle("/", origin.Handler(mux))
	programs, err := deps.API(callers)
	all.Handle("/api/v1/", programs)
	return shield(all, callers.Secure), err
}

// shield sets what every answer has, and bounds what is read.
func shield(next http.Handler, secure bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// securityText says whom to tell about a weakness (RFC 9116; OP-11).
func (d *Door) securityText(w http.ResponseWriter, r *http.Request) {
	contact := d.config.SecurityContact
	if contact == "" {
		host := r.Host
		if u, err := url.Parse(d.config.URL); err == nil && u.Host != "" {
			host = u.Host
		}
		contact = "security@" + domainOf(host)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "Contact: mailto:%s\nExpires: %s\nPreferred-Languages: de, en\n", contact,
		time.Now().UTC().AddDate(0, 6, 0).Format(time.RFC3339))
}

// domainOf is what stands behind the @ of an address at a host, with or without a port: an
// address of a machine stands in brackets (RFC 5321 section 4.1.3).
func domainOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return host
	case ip.Is4():
		return "[" + host + "]"
	}
	return "[IPv6:" + host + "]"
}
