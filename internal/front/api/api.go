package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"siegel/internal/archive"
	"siegel/internal/flow/tally"
	"siegel/internal/front"
	"siegel/internal/front/api/manual"
	"siegel/internal/front/api/problem"
	"siegel/internal/identity"
	"siegel/internal/identity/replay"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// Deps are the rooms that the API reaches.
type Deps struct {
	Callers  front.Callers
	Identity *identity.Identity
	Archive  *archive.Archive
	Index    *index.Index
	Tally    *tally.Room
	Replays  *replay.Shelf
	// State says how the server is.
	State func(context.Context) []Row
	// Prove writes the bundle of a message.
	Prove func(context.Context, *identity.Session, archive.ProofOf, io.Writer) error
	Log   *slog.Logger
}

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

// root is where the API lies.
const root = "/api/v1"

// room answers.
type room struct {
	Deps

	texts *text.Catalog
	words problem.Words
	mux   *http.ServeMux
	api   huma.API
}

// New returns the handler of everything below /api/v1/. It refuses by itself what a browser
// sends from pages of other origins.
func New(d Deps) (http.Handler, error) {
	r := &room{Deps: d, texts: text.New(), mux: http.NewServeMux()}
	r.words = problem.Words{Texts: r.texts}
	r.api = humago.NewWithPrefix(r.mux, root, r.config())
	r.sessions()
	r.me()
	r.messages()
	r.people()
	r.requests()
	r.sources()
	r.settings()
	r.events()
	r.state()
	document, err := r.document()
	if err != nil {
		return nil, err
	}
	r.mux.HandleFunc("GET "+root+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document) // who asked may have gone
	})
	page, err := manual.New(r.texts, document)
	if err != nil {
		return nil, err
	}
	r.mux.HandleFunc("GET "+root+"/{$}", func(w http.ResponseWriter, q *http.Request) { page.Serve(w, d.Callers.Lang(q)) })
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.fail(w, q, &problem.Error{Name: "foreign", Public: fault.New(fault.Denied, "this came from another site, so nothing was done")})
	}))
	return origin.Handler(http.HandlerFunc(r.serve)), nil
}

// serve answers, also where nothing is: the mux would do that in words of its own.
func (r *room) serve(w http.ResponseWriter, q *http.Request) {
	h, pattern := r.mux.Handler(q)
	if pattern != "" {
		r.mux.ServeHTTP(w, q)
		return
	}
	rec := newRecorder()
	h.ServeHTTP(rec, q)
	if rec.status == http.StatusMethodNotAllowed {
		r.fail(w, q, &problem.Error{
			Name: "method", Allow: rec.Header().Get("Allow"),
			Public: fault.Newf(fault.Invalid, "%s cannot be done here; what can is %s", q.Method, rec.Header().Get("Allow")),
		})
		return
	}
	r.fail(w, q, fault.New(fault.NotFound, "there is nothing at this address"))
}

// problem is how the API says an error. The log has more of those that are ours.
func (r *room) problem(q *http.Request, err error) *problem.Problem {
	reference := uuid(mail.NewID())
	if kind := fault.Of(err); front.Broken(kind) && !errors.Is(err, context.Canceled) {
		r.Log.Error("a call of the API failed", "operation", q.Pattern, "reference", reference, "error", err)
	}
	return r.words.From(r.Callers.Lang(q), err, func() string { return reference })
}

// uuid writes an id as RFC 9562 has it, version 4.
func uuid(id mail.ID) string {
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	s := id.String()
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// fail answers with a problem.
func (r *room) fail(w http.ResponseWriter, q *http.Request, err error) {
	p := r.problem(q, err)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problem.MediaType)
	w.Header().Set("Content-Language", string(r.Callers.Lang(q)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(encode(p)) // who asked may have gone
}

// encode writes a value as answers have it.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil // our own types encode
	}
	return b.Bytes()
}

// config is how the library works here.
func (r *room) config() huma.Config {
	format := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			_, err := w.Write(encode(v))
			return err
		},
		Unmarshal: json.Unmarshal,
	}
	// Problems are made from what the library found, in the caller's language.
	ours := func(ctx huma.Context, _ string, v any) (any, error) {
		e, ok := v.(*huma.ErrorModel)
		if !ok {
			return v, nil
		}
		q, _ := humago.Unwrap(ctx)
		ctx.SetHeader("Content-Language", string(r.Callers.Lang(q)))
		return r.words.Refused(r.Callers.Lang(q), e), nil
	}
	c := huma.Config{
		OpenAPI: r.outline(), Formats: map[string]huma.Format{"application/json": format, "json": format}, DefaultFormat: "application/json",
		RejectUnknownQueryParameters: true, Transformers: []huma.Transformer{ours},
	}
	return c
}

// document returns the OpenAPI document.
func (r *room) document() ([]byte, error) {
	delete(r.api.OpenAPI().Components.Schemas.Map(), "ErrorModel") // the library's own, which nobody sends
	return json.Marshal(r.api.OpenAPI())
}

// said returns a sentence of a row in a language.
func (r *room) said(l text.Lang, s Sentence) string {
	if s.Text == "" {
		return ""
	}
	return r.texts.Say(l, s.Text, s.Args...)
}

// field returns a header's value without blanks around it.
func field(q *http.Request, name string) string { return strings.TrimSpace(q.Header.Get(name)) }
