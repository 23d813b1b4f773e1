package web

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"siegel/internal/archive"
	"siegel/internal/identity"
	"siegel/internal/identity/visit"
	"siegel/internal/index"
	"siegel/internal/kit/door"
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

	*door.Door

	config Config
	secure bool // browsers reach it by HTTPS
	pages  *pages
	texts  *text.Catalog
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
	d := &Door{Deps: deps, config: c, texts: text.New()}
	var err error
	if d.pages, err = newPages(d.texts); err != nil {
		return nil, err
	}
	if d.Door, err = door.Listen(c.Listen, c.TLS); err != nil {
		return nil, err
	}
	d.secure = d.Secure() || strings.HasPrefix(c.URL, "https://")
	return d, nil
}

// grace is how long pages in progress may take when the server stops.
const grace = 10 * time.Second

// Run answers until ctx is done and the pages in progress have come to their end.
func (d *Door) Run(ctx context.Context) error {
	return d.Serve(ctx, &http.Server{
		Handler: d.Handler(), ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHead, ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
	}, grace)
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
