package api

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

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"siegel/internal/front/api/problem"
	"siegel/internal/identity"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// maxBody is how long a body may be, in octets. The door refuses longer ones than 64 KiB
// without an answer.
const maxBody = 48 << 10

// call is a request that is being answered.
type call struct {
	*visit.Visit // nil where nobody has to have signed in

	r    *http.Request
	w    http.ResponseWriter
	lang text.Lang
}

type callKey struct{}

// kind is what an operation is like, beyond what its types say.
type kind struct {
	open   bool  // nobody has to have signed in
	tagged bool  // its answer has an ETag
	match  bool  // it needs If-Match
	once   bool  // it takes an idempotency key
	secret bool  // its answer has a secret
	also   []int // statuses of success beside the first, with the same answer
	errors []int // statuses of problems beside those that every operation has
}

// register adds an operation.
func register[I, O any](r *room, op huma.Operation, k kind, h func(context.Context, *call, *I) (*O, error)) {
	op.MaxBodyBytes = maxBody
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	r.describe(&op, k, reflect.TypeFor[I](), reflect.TypeFor[O]())
	op.Middlewares = append(op.Middlewares, r.enter(k))
	huma.Register(r.api, op, func(ctx context.Context, in *I) (*O, error) {
		c, ok := ctx.Value(callKey{}).(*call)
		if !ok {
			return nil, errors.New("api: a call came past its middleware")
		}
		out, err := h(ctx, c, in)
		if err != nil {
			c.w.Header().Set("Content-Language", string(c.lang))
			return nil, r.problem(c.r, err)
		}
		return out, nil
	})
	if k.also != nil {
		responses := r.api.OpenAPI().Paths[op.Path]
		one := operationOf(responses, op.Method)
		for _, status := range k.also {
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
func (r *room) enter(k kind) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		q, w := humago.Unwrap(ctx)
		c := &call{r: q, w: w, lang: r.Callers.Lang(q)}
		if !k.open {
			v, err := r.Callers.Return(q.Context(), q)
			if err != nil {
				r.fail(w, q, err)
				return
			}
			defer v.Release()
			c.Visit = v
		}
		run := func(w http.ResponseWriter) {
			one := *c
			one.w = w
			next(huma.WithValue(humago.NewContext(ctx.Operation(), q, w), callKey{}, &one))
		}
		switch {
		case k.once && field(q, "Idempotency-Key") != "":
			r.once(c, k, run)
		case k.tagged:
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

// unchanged fails where a thing is not any more what the caller has read of it.
func (c *call) unchanged(now any) error {
	want := field(c.r, "If-Match")
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

// sooner makes a change that came too late a failed condition.
func sooner(err error) error {
	if fault.Of(err) == fault.Conflict {
		return &problem.Error{Name: "changed", Public: err}
	}
	return err
}

// reads fails where a person reads no mail, in the words of the pages.
func (c *call) reads() error {
	if c.Account().Role == identity.Administrator {
		return fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to search")
	}
	return nil
}

// readBody reads a body that is needed before the operation reads it.
func readBody(q *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(q.Body, maxBody))
	if err != nil {
		return nil, &problem.Error{Name: "malformed", Public: fault.Because(fault.Invalid, "the body cannot be read to its end", err)}
	}
	if len(b) == maxBody {
		return nil, &problem.Error{Name: "too-large", Public: fault.Newf(fault.Invalid, "the body has more than %d KiB", maxBody>>10)}
	}
	q.Body = io.NopCloser(bytes.NewReader(b))
	return b, nil
}
