package operation

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

	"siegel/internal/front"
	"siegel/internal/front/api/manual"
	"siegel/internal/front/api/problem"
	"siegel/internal/identity/replay"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// Root is where the API lies.
const Root = "/api/v1"

// Door has the operations. Register them before Handler is called.
type Door struct {
	front.Callers

	replays *replay.Shelf
	log     *slog.Logger
	texts   *text.Catalog
	words   problem.Words
	mux     *http.ServeMux
	api     huma.API
}

// New returns a door without operations.
func New(c front.Callers, replays *replay.Shelf, log *slog.Logger) *Door {
	d := &Door{Callers: c, replays: replays, log: log, texts: text.New(), mux: http.NewServeMux()}
	d.words = problem.Words{Texts: d.texts}
	d.api = humago.NewWithPrefix(d.mux, Root, d.config())
	return d
}

// Handler returns what answers below /api/v1/: the operations, the document that describes
// them, and a page of it. It refuses by itself what a browser sends from pages of other
// origins.
func (d *Door) Handler() (http.Handler, error) {
	document, err := d.document()
	if err != nil {
		return nil, err
	}
	d.mux.HandleFunc("GET "+Root+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document) // who asked may have gone
	})
	page, err := manual.New(d.texts, document)
	if err != nil {
		return nil, err
	}
	d.mux.HandleFunc("GET "+Root+"/{$}", func(w http.ResponseWriter, q *http.Request) { page.Serve(w, d.Lang(q)) })
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		d.fail(w, q, Foreign())
	}))
	return origin.Handler(http.HandlerFunc(d.serve)), nil
}

// Foreign says that a browser sent something from a page of another origin.
func Foreign() error {
	return &problem.Error{Name: "foreign", Public: fault.New(fault.Denied, "this came from another site, so nothing was done")}
}

// serve answers, also where nothing is: the mux would do that in words of its own.
func (d *Door) serve(w http.ResponseWriter, q *http.Request) {
	h, pattern := d.mux.Handler(q)
	if pattern != "" {
		d.mux.ServeHTTP(w, q)
		return
	}
	rec := newRecorder()
	h.ServeHTTP(rec, q)
	if rec.status == http.StatusMethodNotAllowed {
		d.fail(w, q, &problem.Error{
			Name: "method", Allow: rec.Header().Get("Allow"),
			Public: fault.Newf(fault.Invalid, "%s cannot be done here; what can is %s", q.Method, rec.Header().Get("Allow")),
		})
		return
	}
	d.fail(w, q, fault.New(fault.NotFound, "there is nothing at this address"))
}

// problem is how the API says an error. The log has more of those that are ours.
func (d *Door) problem(q *http.Request, err error) *problem.Problem {
	reference := uuid(mail.NewID())
	if kind := fault.Of(err); front.Broken(kind) && !errors.Is(err, context.Canceled) {
		d.log.Error("a call of the API failed", "operation", q.Pattern, "reference", reference, "error", err)
	}
	return d.words.From(d.Lang(q), err, func() string { return reference })
}

// uuid writes an id as RFC 9562 has it, version 4.
func uuid(id mail.ID) string {
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	s := id.String()
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// fail answers with a problem.
func (d *Door) fail(w http.ResponseWriter, q *http.Request, err error) {
	p := d.problem(q, err)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problem.MediaType)
	w.Header().Set("Content-Language", string(d.Lang(q)))
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
func (d *Door) config() huma.Config {
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
		ctx.SetHeader("Content-Language", string(d.Lang(q)))
		return d.words.Refused(d.Lang(q), e), nil
	}
	c := huma.Config{
		OpenAPI: d.outline(), Formats: map[string]huma.Format{"application/json": format, "json": format}, DefaultFormat: "application/json",
		RejectUnknownQueryParameters: true, Transformers: []huma.Transformer{ours},
	}
	return c
}

// document returns the OpenAPI document.
func (d *Door) document() ([]byte, error) {
	for _, name := range []string{"ErrorModel", "ErrorDetail"} { // the library's own, which nobody sends
		delete(d.api.OpenAPI().Components.Schemas.Map(), name)
	}
	return json.Marshal(d.api.OpenAPI())
}

// Say says a sentence in a language; nothing for the empty one.
func (d *Door) Say(l text.Lang, sentence string, args ...any) string {
	if sentence == "" {
		return ""
	}
	return d.texts.Say(l, sentence, args...)
}

// Broke ends an answer that has begun and cannot be ended well: the client must not take
// what it has for the whole.
func (d *Door) Broke(what string, err error) {
	d.log.Error(what, "error", err)
	panic(http.ErrAbortHandler)
}

// field returns a header's value without blanks around it.
func field(q *http.Request, name string) string { return strings.TrimSpace(q.Header.Get(name)) }
