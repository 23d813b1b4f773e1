package operation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"siegel/internal/front/api/cursor"
	"siegel/internal/front/api/problem"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// maxBody is how long a body may be, in octets. The door refuses longer ones than 64 KiB
// without an answer.
const maxBody = 48 << 10

// Call is a request that is being answered.
type Call struct {
	*visit.Visit // nil where nobody has to have signed in

	R    *http.Request
	W    http.ResponseWriter
	Lang text.Lang

	body []byte
}

type callKey struct{}

// Kind is what an operation is like, beyond what its types say.
type Kind struct {
	Open   bool  // nobody has to have signed in
	Tagged bool  // its answer has an ETag
	Match  bool  // it needs If-Match
	Once   bool  // it takes an idempotency key
	Secret bool  // its answer has a secret
	Pieces bool  // its answer is a file that can be had in pieces
	Also   []int // statuses of success beside the first, with the same answer
	Errors []int // statuses of problems beside those that every operation has
}

// Register adds an operation.
func Register[I, O any](d *Door, op huma.Operation, k Kind, h func(context.Context, *Call, *I) (*O, error)) {
	op.MaxBodyBytes, op.BodyReadTimeout = maxBody, -1 // it has been read by then
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	if k.Pieces {
		k.Also = append(k.Also, http.StatusPartialContent)
	}
	d.describe(&op, k, reflect.TypeFor[I](), reflect.TypeFor[O]())
	op.Middlewares = append(op.Middlewares, d.enter(k))
	huma.Register(d.api, op, func(ctx context.Context, in *I) (*O, error) {
		c, ok := ctx.Value(callKey{}).(*Call)
		if !ok {
			return nil, errors.New("api: a call came past its middleware")
		}
		out, err := h(ctx, c, in)
		if err != nil {
			c.W.Header().Set("Content-Language", string(c.Lang))
			return nil, d.problem(c.R, err)
		}
		return out, nil
	})
	if k.Also != nil {
		responses := d.api.OpenAPI().Paths[op.Path]
		one := operationOf(responses, op.Method)
		for _, status := range k.Also {
			copied := *one.Responses[strconv.Itoa(op.DefaultStatus)]
			copied.Description = statusText(status)
			one.Responses[strconv.Itoa(status)] = &copied
		}
	}
}

func operationOf(p *huma.PathItem, method string) *huma.Operation {
	return map[string]*huma.Operation{http.MethodGet: p.Get, http.MethodPost: p.Post, http.MethodPut: p.Put, http.MethodDelete: p.Delete}[method]
}

// enter finds out who calls, and does around an operation what its kind says.
func (d *Door) enter(k Kind) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		q, w := humago.Unwrap(ctx)
		c := &Call{R: q, W: w, Lang: d.Lang(q)}
		if !k.Open {
			v, err := d.Return(q.Context(), q)
			if err != nil {
				d.fail(w, q, err)
				return
			}
			defer v.Release()
			c.Visit = v
		}
		if err := c.read(); err != nil {
			d.fail(w, q, err)
			return
		}
		run := func(w http.ResponseWriter) {
			one := *c
			one.W = w
			next(huma.WithValue(humago.NewContext(ctx.Operation(), q, w), callKey{}, &one))
		}
		switch {
		case k.Once && field(q, "Idempotency-Key") != "":
			d.once(c, k, run)
		case k.Tagged:
			rec := newRecorder()
			run(rec)
			rec.tag(q)
			rec.sendTo(w)
		default:
			run(w)
		}
	}
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: make(http.Header)} }

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// sendTo sends the answer.
func (r *recorder) sendTo(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(max(r.status, http.StatusOK))
	_, _ = w.Write(r.body.Bytes()) // who asked may have gone
}

// tagOf is the strong ETag of a representation (RFC 9110 section 8.8.3).
func tagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// tag gives the answer an ETag, and leaves it out where the caller has it already.
func (r *recorder) tag(q *http.Request) {
	if r.status != http.StatusOK {
		return
	}
	tag := tagOf(r.body.Bytes())
	r.header.Set("ETag", tag)
	// RFC 9110 section 13.1.2: it is compared weakly, and counts for GET and HEAD.
	if (q.Method == http.MethodGet || q.Method == http.MethodHead) && matches(field(q, "If-None-Match"), tag, true) {
		r.status = http.StatusNotModified
		r.header.Del("Content-Type")
		r.body.Reset()
	}
}

// matches reports whether a list of ETags (RFC 9110 section 8.8.3) has one, or is "*".
func matches(list, tag string, weak bool) bool {
	if list == "*" {
		return true
	}
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if weak {
			one = strings.TrimPrefix(one, "W/")
		}
		if one == tag {
			return true
		}
	}
	return false
}

// Unchanged fails where a thing is not any more what the caller has read of it.
func (c *Call) Unchanged(now any) error {
	want := field(c.R, "If-Match")
	if want == "" {
		return &problem.Error{Name: "condition-needed", Public: fault.New(fault.Invalid, "two people could overwrite each other here: read the thing and send its ETag as If-Match")}
	}
	if !matches(want, tagOf(encode(now)), false) {
		return changed()
	}
	return nil
}

func changed() error {
	return &problem.Error{Name: "changed", Public: fault.New(fault.Conflict, "somebody else has changed this meanwhile; please look at it again")}
}

// Late makes a change that came too late a failed condition.
func Late(err error) error {
	if fault.Of(err) == fault.Conflict {
		return &problem.Error{Name: "changed", Public: err}
	}
	return err
}

// read reads the body, while the door's bound on how long that may take holds. When it has
// passed, net/http takes a client for gone who only waits: so it is lifted then.
func (c *Call) read() (err error) {
	if c.body, err = io.ReadAll(io.LimitReader(c.R.Body, maxBody)); err != nil {
		return &problem.Error{Name: "malformed", Public: fault.Because(fault.Invalid, "the body cannot be read to its end", err)}
	}
	if len(c.body) == maxBody {
		return &problem.Error{Name: "too-large", Public: fault.Newf(fault.Invalid, "the body has more than %d KiB", maxBody>>10)}
	}
	c.R.Body = io.NopCloser(bytes.NewReader(c.body))
	_ = http.NewResponseController(c.W).SetReadDeadline(time.Time{}) // a writer of a test has none
	return nil
}

// Named is a thing that the path names.
type Named struct {
	ID string `path:"id" maxLength:"100" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"Its id: 32 hexadecimal digits."`
}

// Thing returns the id that a path has, or the error that says that it is not there.
func (n Named) Thing(none error) (mail.ID, error) {
	id, err := mail.ParseID(n.ID)
	if err != nil {
		return id, none
	}
	return id, nil
}

// Paged is a page of a list.
type Paged struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items a page has at most."`
	Cursor string `query:"cursor" maxLength:"40" doc:"next_cursor of the page before; missing for the first page."`
}

// None is the input of operations that have none.
type None struct{}

// Nothing is the output of operations that have none.
type Nothing struct{}

// List names a list of whoever calls.
func (c *Call) List(name string, filters ...string) cursor.List {
	return cursor.List{Tenant: c.Tenant().ID(), Person: c.Person(), Name: name, Filters: filters}
}

// Tell marks a sentence of the document: it has a German form for its page.
func Tell(sentence string) string { return sentence }
