package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"siegel/internal/archive"
	"siegel/internal/identity"
	"siegel/internal/identity/visit"
	"siegel/internal/index"
	"siegel/internal/kit/text"
)

// Row is one line of how the server is.
type Row struct {
	Name, State  string // state: ok, warn, bad
	What, Remedy Sentence
}

// Sentence is a text that waits for its language.
type Sentence struct {
	Text string
	Args []any
}

// Deps are the rooms that pages reach.
type Deps struct {
	Visits   *visit.Room
	Identity *identity.Identity
	Archive  *archive.Archive
	Index    *index.Index
	State    func(ctx context.Context) []Row // how the server is
	// Prove writes the bundle of a message.
	Prove func(ctx context.Context, s *identity.Session, of archive.ProofOf, w io.Writer) error
	Log   *slog.Logger
}

// Config is what a door works with.
type Config struct {
	Listen string      // host:port; empty for no door
	TLS    *tls.Config // for addresses that are not loopback
	URL    string      // how people reach it from outside; empty for the address itself
}

// Door answers. Use it from many goroutines.
type Door struct {
	Deps

	config   Config
	secure   bool         // browsers reach it by HTTPS
	listener net.Listener // nil without an address
	server   *http.Server
	pages    *pages
	texts    *text.Catalog
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

var errPlain = errors.New("web: an address that is not loopback needs a certificate")

// Open listens; who asks waits until Run runs. Without an address the door is shut,
// which is no error.
func Open(c Config, deps Deps) (*Door, error) {
	d := &Door{Deps: deps, config: c, texts: text.New()}
	d.secure = len(c.URL) > 8 && c.URL[:8] == "https://"
	var err error
	if d.pages, err = newPages(d.texts); err != nil {
		return nil, err
	}
	if c.Listen == "" {
		return d, nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		if c.TLS == nil {
			return nil, errors.Join(errPlain, l.Close())
		}
		l = tls.NewListener(l, c.TLS)
		d.secure = true
	}
	d.listener = l
	d.server = &http.Server{
		Handler: d.Handler(), ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHead, ErrorLog: slog.NewLogLogger(deps.Log.Handler(), slog.LevelDebug),
	}
	return d, nil
}

// Addr returns the address, nil where the door is shut.
func (d *Door) Addr() net.Addr {
	if d.listener == nil {
		return nil
	}
	return d.listener.Addr()
}

// Close closes a door that does not run.
func (d *Door) Close() error {
	if d.listener == nil {
		return nil
	}
	return d.listener.Close()
}

// grace is how long pages in progress may take when the server stops.
const grace = 10 * time.Second

// Run answers until ctx is done and the pages in progress have come to their end.
func (d *Door) Run(ctx context.Context) error {
	if d.listener == nil {
		<-ctx.Done()
		return nil
	}
	failed := make(chan error, 1)
	go func() { failed <- d.server.Serve(d.listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := d.server.Shutdown(own); err != nil {
		return d.server.Close()
	}
	return nil
}

// Handler returns all pages, with what protects them.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{file}", d.static)
	mux.HandleFunc("GET /.well-known/security.txt", d.securityText)
	mux.Handle("GET /sign-in", d.open(d.signInPage))
	mux.Handle("POST /sign-in", d.open(d.signIn))
	mux.Handle("POST /language", d.open(d.language))
	mux.Handle("GET /{$}", d.page(d.start))
	mux.Handle("GET /search", d.page(d.search))
	mux.Handle("GET /message/{id}", d.page(d.message))
	mux.Handle("POST /message/{id}", d.page(d.message)) // with a reason
	mux.Handle("POST /message/{id}/eml", d.page(d.eml))
	mux.Handle("POST /message/{id}/proof", d.page(d.proof))
	mux.Handle("GET /trail", d.page(d.trail))
	mux.Handle("GET /sessions", d.page(d.sessions))
	mux.Handle("POST /sessions/{id}/end", d.page(d.endSession))
	mux.Handle("POST /sign-out", d.page(d.signOut))
	mux.Handle("/", d.open(d.nothing))
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(d.open(d.foreign))
	return d.shield(origin.Handler(mux))
}

// shield sets what every answer has, and bounds what is read.
func (d *Door) shield(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if d.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}
