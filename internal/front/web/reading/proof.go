package reading

import (
	"context"
	"io"

	"siegel/internal/archive"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// late sends a file whose head is written with its first octet, so that what goes wrong
// before it is a page.
type late struct {
	c    *page.Call
	name string
	sent bool
}

// Write implements [io.Writer].
func (l *late) Write(b []byte) (int, error) {
	if !l.sent {
		l.sent = true
		h := l.c.Header()
		h.Set("Content-Type", "application/zip")
		h.Set("Content-Disposition", `attachment; filename="`+l.name+`"`)
		h.Set("Content-Security-Policy", "sandbox")
	}
	return l.c.Write(b)
}

var _ io.Writer = (*late)(nil)

// proof sends the bundle that proves a message to strangers (EV-04).
func (r *room) proof(ctx context.Context, c *page.Call) error {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return fault.New(fault.NotFound, "there is no such message for you")
	}
	if _, err := c.Form(); err != nil {
		return err
	}
	w := &late{c: c, name: "siegel-" + id.String() + ".zip"}
	err = r.Prove(ctx, c.Who.Session, archive.ProofOf{ID: id, Reason: c.Field("reason")}, w)
	if err != nil && w.sent {
		r.Broke("a proof broke off", err)
	}
	return err
}
