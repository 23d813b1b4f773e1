package reading

import (
	"context"
	"encoding/hex"
	"html"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"siegel/internal/archive"
	"siegel/internal/front/file"
	record "siegel/internal/front/history"
	"siegel/internal/front/trail/words"
	"siegel/internal/front/web/page"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
)

// read is what the page of a message shows.
type read struct {
	ID           mail.ID
	Asks         bool // a reason is needed
	Problem      string
	Reason       string
	Subject      string
	Sent         time.Time // by the field Date; zero where there is none that is understood
	Arrived      time.Time
	Size         int64
	SHA256       string
	Fields       []field // of who and whom
	All          []field
	Hidden       bool // a field had characters that turn or hide what it says
	Text         string
	Cut          bool
	Opaque       bool
	Attached     []file.Attachment
	Truncated    bool
	HTML         string   // of the message, from an allow-list; empty where it has none
	Remote       int      // pictures from elsewhere that were not loaded
	Loaded       bool     // they were asked for
	Odd          []string // hosts of links that are not what they seem
	Lost         int      // links whose address stands beside them, because it is not safe to open
	Conversation *index.Conversation
	Unproven     string // why there is no proof of it yet; empty where there is one
	Case         string // in which it was found; empty for none
}

// opens opens the message of a request, with the reason of its form.
func (r *room) opens(ctx context.Context, c *page.Call) (*archive.Message, mail.ID, string, error) {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return nil, id, "", errNone()
	}
	if _, err := c.Form(); err != nil {
		return nil, id, "", err
	}
	reason := c.Field("reason")
	m, err := r.Archive.Show(ctx, c.Who, id, reason)
	return m, id, reason, err
}

// errNone is the one answer for what is not there and what is somebody else's.
func errNone() error { return fault.New(fault.NotFound, "there is no such message for you") }

// Frame returns what the frame of the message's HTML has, which runs nothing whatever it
// is; empty where there is none.
func (r *read) Frame() template.HTMLAttr {
	if r.HTML == "" {
		return ""
	}
	//nolint:gosec // what is not ours was written anew from an allow-list, and is escaped here
	return template.HTMLAttr(`srcdoc="` + html.EscapeString(look+r.HTML) + `"`)
}

// Brief reports whether the HTML surely needs little height: a few lines and no picture.
func (r *read) Brief() bool {
	return len(r.HTML) < 2000 && len(r.Text) < 400 && strings.Count(r.Text, "\n") < 8 && !strings.Contains(r.HTML, "<img")
}

// Sheet returns the message's HTML for a page of its own.
func (r *read) Sheet() template.HTML {
	return template.HTML(r.HTML) //nolint:gosec // it was written anew from an allow-list, and its page is sandboxed
}

// sheet shows the message on a page of its own, to be read or printed: sandboxed, so that
// it runs nothing and has no origin. Its pictures from elsewhere are loaded where that was
// asked for, on the message's page: a page without an origin can ask for nothing itself. Its
// links open as those of the frame do.
func (r *room) sheet(ctx context.Context, c *page.Call) error {
	out, err := r.read(ctx, c)
	if out == nil || err != nil {
		return err
	}
	// A page without an origin is of no browsing context group: some browsers refuse both together.
	c.Header().Del("Cross-Origin-Opener-Policy")
	c.Header().Set("Content-Security-Policy", "sandbox allow-modals allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src "+pictures("data:", out.Loaded)+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	return r.pages.Bare(c, "message", out)
}

// maxOdd is how many hosts are named that are not what they seem.
const maxOdd = 10

func (r *room) message(ctx context.Context, c *page.Call) error {
	out, err := r.read(ctx, c)
	if out == nil || err != nil {
		return err
	}
	who, err := r.around(ctx, c, out)
	if err != nil {
		return err
	}
	out.Conversation, err = r.Index.Conversation(ctx, who, out.ID, index.Wait{Patience: patience})
	if fault.Of(err) == fault.NotFound || fault.Of(err) == fault.Busy { // it is not in the index yet
		out.Conversation, err = nil, nil
	}
	if err != nil {
		return err
	}
	out.Unproven = r.unproven(ctx, c, out.ID)
	c.Header().Set("Content-Security-Policy", policy(out.Loaded))
	return r.pages.Show(c, http.StatusOK, "message", page.As(out.Subject), out)
}

// around returns the session that looks for what was written to and fro with a message: the
// one of the case in which it was found, as long as that is open for who reads.
func (r *room) around(ctx context.Context, c *page.Call, out *read) (index.Session, error) {
	id, err := mail.ParseID(c.R.URL.Query().Get("case"))
	if err != nil {
		return c.Who, nil //nolint:nilerr // in none
	}
	within, _, err := r.Cases.Enter(ctx, c.Who.Session, id)
	switch fault.Of(err) {
	case fault.NotFound, fault.Conflict, fault.Locked: // it is her own mail too, or it would not be shown
		return c.Who, nil
	}
	if err == nil {
		out.Case = id.String()
	}
	return within, err
}

// Within is what addresses of messages end with where they lie in the same case.
func (r *read) Within() string {
	if r.Case == "" {
		return ""
	}
	return "?case=" + r.Case
}

// policy is that of a page with a message in a frame, which takes the policy of the page
// that it is in.
func policy(remote bool) string {
	return "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src " + pictures("'self' data:", remote) + "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// pictures is where pictures may come from.
func pictures(here string, remote bool) string {
	if remote {
		return here + " https: http:"
	}
	return here
}

// read opens and reads the message of a request. Where a reason is missing it shows the
// page that asks for one, and returns nothing.
func (r *room) read(ctx context.Context, c *page.Call) (out *read, err error) {
	m, id, reason, err := r.opens(ctx, c)
	if fault.Of(err) == fault.Invalid {
		out := &read{ID: id, Asks: true, Reason: reason}
		status := http.StatusOK
		if c.R.Method == http.MethodPost {
			out.Problem, status = r.Explain(c.Lang, err), http.StatusUnprocessableEntity
		}
		return nil, r.pages.Show(c, status, "message", c.Say("A reason is needed"), out)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	parts := newRich()
	parsed, err := mime.Read(m, file.Limits(), parts.visit)
	if err != nil {
		return nil, err
	}
	out = view(parsed, m, reason)
	reads, err := r.Index.Reads(ctx, c.Who, out.ID)
	if err != nil {
		return nil, err
	}
	out.Attached = file.Attachments(parsed, parts.kinds, reads)
	out.Loaded = c.Field("remote") == "yes"
	clean, found := parts.clean(out.Loaded)
	out.HTML, out.Cut, out.Lost = clean, out.Cut || found.Cut, found.Lost
	if !out.Loaded {
		out.Remote = found.Remote
	}
	for _, l := range found.Links {
		if l.Odd && !slices.Contains(out.Odd, l.Host) && len(out.Odd) < maxOdd {
			out.Odd = append(out.Odd, l.Host)
		}
	}
	return out, nil
}

// view is what is shown of a message beside its attachments and its HTML.
func view(p *mime.Message, m *archive.Message, reason string) *read {
	out := &read{
		ID: m.ID, Reason: reason, Arrived: mail.FromMicros(m.Arrived), Size: m.Size,
		SHA256: hex.EncodeToString(m.SHA256[:]), Text: p.Text(), Opaque: p.Opaque(), Truncated: p.Truncated,
	}
	if sent, ok := p.Date(); ok {
		out.Sent = sent
	}
	out.head(p.Fields)
	for i := range p.Parts {
		out.Cut = out.Cut || p.Parts[i].Cut
	}
	return out
}

// history is what the page of a message's history shows.
type history struct {
	record.History

	ID    mail.ID
	Kinds *words.Kinds
	// Damaged is what is wrong with events that are left out; empty for nothing.
	Damaged string
}

// history says when a message came, for whom it is sealed and who has seen it, as far as
// one may know.
func (r *room) history(ctx context.Context, c *page.Call) error {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return errNone()
	}
	h, err := r.History.Of(ctx, c.Who.Session, id)
	if err != nil {
		return err
	}
	out := history{History: h, ID: id, Kinds: r.kinds}
	if h.Damaged != nil {
		out.Damaged = r.Explain(c.Lang, h.Damaged)
	}
	return r.pages.Show(c, http.StatusOK, "history", c.Say("History of the message"), out)
}

// source shows a message as it was received, octet by octet, as text.
func (r *room) source(ctx context.Context, c *page.Call) error {
	m, _, _, err := r.opens(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	c.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	if _, err := io.Copy(file.Steps(c.ResponseWriter), m); err != nil {
		r.Broke("a message broke off", err)
	}
	return nil
}

// eml sends a message as it was received. A form asks for it, so that no link does.
func (r *room) eml(ctx context.Context, c *page.Call) error {
	m, id, _, err := r.opens(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	c.Header().Set("Content-Type", "message/rfc822")
	c.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+`.eml"`)
	c.Header().Set("Content-Length", strconv.FormatInt(m.Size, 10))
	c.Header().Set("Content-Security-Policy", "sandbox")
	if _, err := io.Copy(file.Steps(c.ResponseWriter), m); err != nil {
		r.Broke("a message broke off", err)
	}
	return nil
}
