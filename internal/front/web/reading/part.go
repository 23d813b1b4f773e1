package reading

import (
	"context"
	"io"

	"siegel/internal/archive"
	"siegel/internal/front"
	"siegel/internal/front/file"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// part sends an attachment, decoded. What it is decides the browser's user, so it always
// comes as a file.
func (r *room) part(ctx context.Context, c *page.Call) error {
	if _, err := c.Form(); err != nil {
		return err
	}
	sent, err := file.Part(c.ResponseWriter, c.Field("part"), func() (io.ReadCloser, error) {
		m, _, _, err := r.opens(ctx, c)
		return m, err
	})
	if err != nil && sent {
		r.Broke("an attachment broke off", err)
	}
	return err
}

// proof sends the bundle that proves a message to strangers (EV-04).
func (r *room) proof(ctx context.Context, c *page.Call) error {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return errNone()
	}
	if _, err := c.Form(); err != nil {
		return err
	}
	w := &file.Late{W: c.ResponseWriter, Name: "siegel-" + id.String() + ".zip", Kind: "application/zip"}
	err = r.Prove(ctx, c.Who.Session, archive.ProofOf{ID: id, Reason: c.Field("reason")}, w)
	if err != nil && w.Sent() {
		r.Broke("a proof broke off", err)
	}
	if err == nil {
		return nil
	}
	if wait := r.unproven(ctx, c, id); wait != "" {
		if after := front.RetryAfter(err); after != "" {
			c.Header().Set("Retry-After", after)
		}
		return r.pages.Show(c, front.Status(fault.Of(err)), "unproven", c.Say("There is no proof yet"), unproven{id, c.Field("reason"), wait})
	}
	return err
}

// unproven is what the page for a message without a proof shows.
type unproven struct {
	ID     mail.ID
	Reason string
	Wait   string // for what
}

// unproven says why a message cannot be proven to strangers, yet or at all; empty where it
// can, or where something else is wrong.
func (r *room) unproven(ctx context.Context, c *page.Call, id mail.ID) string {
	err := r.Provable(ctx, c.Who.Session, id)
	if kind := fault.Of(err); err == nil || kind != fault.Busy && kind != fault.Invalid {
		return ""
	}
	return r.Tell(c, err)
}
