package operation

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
func (d *Door) once(c *Call, k Kind, run func(http.ResponseWriter)) {
	ask, err := d.ask(c)
	if err != nil {
		d.fail(c.W, c.R, err)
		return
	}
	// What has begun is noted to its end, also where the caller has gone.
	ctx := context.WithoutCancel(c.R.Context())
	answer, err := d.replays.Begin(ctx, c.Tenant(), ask)
	if err != nil {
		d.fail(c.W, c.R, withheld(err))
		return
	}
	if answer != nil {
		h := c.W.Header()
		h.Set("Idempotency-Replayed", "true")
		if answer.Location != "" {
			h.Set("Location", answer.Location)
		}
		if len(answer.Body) > 0 {
			h.Set("Content-Type", "application/json")
		}
		c.W.WriteHeader(answer.Status)
		_, _ = c.W.Write(answer.Body) // who asked may have gone
		return
	}
	rec := newRecorder()
	noted := false
	defer func() {
		if !noted { // the operation panicked
			_ = d.replays.Lose(ctx, c.Tenant(), ask) // a row that says nothing of an end means the same
		}
	}()
	run(rec)
	noted = true
	if err := d.note(ctx, c, k, ask, rec); err != nil {
		// The answer is true all the same. Without a note the key stays taken: nothing is done twice.
		d.log.Error("what a request was answered with was not noted", "operation", c.R.Pattern, "error", err)
	}
	rec.sendTo(c.W)
}

// note notes what became of a request.
func (d *Door) note(ctx context.Context, c *Call, k Kind, ask replay.Ask, rec *recorder) error {
	switch {
	case rec.status < 300 && k.Secret:
		return d.replays.Done(ctx, c.Tenant(), ask)
	case rec.status < 300:
		return d.replays.Keep(ctx, c.Tenant(), ask, replay.Answer{Status: rec.status, Location: rec.header.Get("Location"), Body: rec.body.Bytes()})
	case rec.status >= 500 && rec.status != http.StatusServiceUnavailable:
		return d.replays.Lose(ctx, c.Tenant(), ask)
	}
	return d.replays.Forget(ctx, c.Tenant(), ask) // it was refused, and nothing was done
}

// ask reads what makes a request the one that its key is for.
func (d *Door) ask(c *Call) (replay.Ask, error) {
	key, ok := parseKey(field(c.R, "Idempotency-Key"))
	if !ok {
		return replay.Ask{}, fault.Newf(fault.Invalid, "an idempotency key has 1 to %d characters of ASCII", replay.MaxKey)
	}
	return replay.Ask{
		Person: c.Person(), Key: key,
		Request: tuple.Make("siegel/v1 request of the API", []byte(c.R.Method), []byte(c.R.URL.RequestURI()), c.body),
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
			e := &problem.Error{Name: name, Public: err}
			if name == "running" {
				e.After = "2"
			}
			return e
		}
	}
	return err
}
