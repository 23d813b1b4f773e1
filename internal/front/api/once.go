package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"siegel/internal/front/api/problem"
	"siegel/internal/identity/replay"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
)

// once carries out a request with an idempotency key, or answers as it was answered.
func (r *room) once(c *call, k kind, run func(http.ResponseWriter)) {
	ask, err := r.ask(c)
	if err != nil {
		r.fail(c.w, c.r, err)
		return
	}
	// What has begun is noted to its end, also where the caller has gone.
	ctx := context.WithoutCancel(c.r.Context())
	answer, err := r.Replays.Begin(ctx, c.Tenant(), ask)
	if err != nil {
		r.fail(c.w, c.r, withheld(err))
		return
	}
	if answer != nil {
		h := c.w.Header()
		h.Set("Idempotency-Replayed", "true")
		if answer.Location != "" {
			h.Set("Location", answer.Location)
		}
		if len(answer.Body) > 0 {
			h.Set("Content-Type", "application/json")
		}
		c.w.WriteHeader(answer.Status)
		_, _ = c.w.Write(answer.Body) // who asked may have gone
		return
	}
	rec := newRecorder()
	noted := false
	defer func() {
		if !noted { // the operation panicked
			_ = r.Replays.Lose(ctx, c.Tenant(), ask) // a row that says nothing of an end means the same
		}
	}()
	run(rec)
	noted = true
	if err := r.note(ctx, c, k, ask, rec); err != nil {
		// The answer is true all the same. Without a note the key stays taken: nothing is done twice.
		r.Log.Error("what a request was answered with was not noted", "operation", c.r.Pattern, "error", err)
	}
	rec.sendTo(c.w)
}

// note notes what became of a request.
func (r *room) note(ctx context.Context, c *call, k kind, ask replay.Ask, rec *recorder) error {
	switch {
	case rec.status < 300 && k.secret:
		return r.Replays.Done(ctx, c.Tenant(), ask)
	case rec.status < 300:
		return r.Replays.Keep(ctx, c.Tenant(), ask, replay.Answer{Status: rec.status, Location: rec.header.Get("Location"), Body: rec.body.Bytes()})
	case rec.status >= 500 && rec.status != http.StatusServiceUnavailable:
		return r.Replays.Lose(ctx, c.Tenant(), ask)
	}
	return r.Replays.Forget(ctx, c.Tenant(), ask) // it was refused, and nothing was done
}

// ask reads what makes a request the one that its key is for.
func (r *room) ask(c *call) (replay.Ask, error) {
	key, ok := parseKey(field(c.r, "Idempotency-Key"))
	if !ok {
		return replay.Ask{}, fault.Newf(fault.Invalid, "an idempotency key has 1 to %d characters of ASCII", replay.MaxKey)
	}
	b, err := readBody(c.r)
	if err != nil {
		return replay.Ask{}, err
	}
	return replay.Ask{
		Person: c.Person(), Key: key,
		Request: tuple.Make("siegel/v1 request of the API", []byte(c.r.Method), []byte(c.r.URL.RequestURI()), b),
	}, nil
}

// parseKey reads the field Idempotency-Key: a string of structured fields (RFC 9651 section
// 3.3.3), or the same without quotation marks, as many programs send it.
func parseKey(s string) (key string, ok bool) {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return "", false
		}
	}
	return s, s != "" && len(s) <= replay.MaxKey
}

// withheld gives the reasons why a request is not carried out their types.
func withheld(err error) error {
	for reason, name := range map[error]string{replay.ErrOther: "key-used", replay.ErrRunning: "running", replay.ErrSecret: "done", replay.ErrUnknown: "unknown"} {
		if errors.Is(err, reason) {
			return &problem.Error{Name: name, Public: err}
		}
	}
	return err
}
