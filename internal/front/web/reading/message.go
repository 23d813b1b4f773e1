package reading

import (
	"context"
	"encoding/hex"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"siegel/internal/archive"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// read is what the page of a message shows.
type read struct {
	ID        mail.ID
	Asks      bool // a reason is needed
	Problem   string
	Reason    string
	Subject   string
	Sent      time.Time
	Arrived   time.Time
	Size      int64
	SHA256    string
	Fields    []header.Field // of who and whom
	All       []header.Field
	Text      string
	Cut       bool
	Opaque    bool
	Attached  []attached
	Truncated bool
	Frame     template.HTMLAttr // of the message as HTML; empty where it has none
	Remote    int               // pictures from elsewhere that were not loaded
	Loaded    bool              // they were asked for
	Odd       []string          // hosts of links that are not what they seem
}

type attached struct {
	Name, Type string
	Size       int64
}

// opens opens the message of a request, with the reason of its form.
func (r *room) opens(ctx context.Context, c *page.Call) (*archive.Message, mail.ID, string, error) {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return nil, id, "", fault.New(fault.NotFound, "there is no such message for you")
	}
	if _, err := c.Form(); err != nil {
		return nil, id, "", err
	}
	reason := c.Field("reason")
	m, err := r.Archive.Show(ctx, c.Who, id, reason)
	return m, id, reason, err
}

// limits of what a page shows of a message.
func limits() mime.Limits { return mime.Limits{Header: 64 << 10, Parts: 1000, Text: 1 << 20} }

func (r *room) message(ctx context.Context, c *page.Call) (err error) {
	m, id, reason, err := r.opens(ctx, c)
	if fault.Of(err) == fault.Invalid {
		out := read{ID: id, Asks: true, Reason: reason}
		status := http.StatusOK
		if c.R.Method == http.MethodPost {
			out.Problem, status = r.Explain(c.Lang, err), http.StatusUnprocessableEntity
		}
		return r.pages.Show(c, status, "message", c.Say("A reason is needed"), out)
	}
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	parts := newRich()
	parsed, err := mime.Read(m, limits(), parts.visit)
	if err != nil {
		return err
	}
	out := view(parsed, m, reason)
	out.Loaded = c.R.PostForm.Get("remote") == "yes"
	frame, found := parts.frame(out.Loaded)
	out.Frame, out.Cut = frame, out.Cut || found.Cut
	if !out.Loaded {
		out.Remote = found.Remote
	}
	for _, l := range found.Links {
		if l.Odd && !slices.Contains(out.Odd, l.Host) && len(out.Odd) < maxOdd {
			out.Odd = append(out.Odd, l.Host)
		}
	}
	// The frame takes the policy of the page that it is in.
	pictures := "'self' data:"
	if out.Loaded {
		pictures += " https: http:"
	}
	c.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src "+pictures+"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	return r.pages.Show(c, http.StatusOK, "message", page.As(subject(parsed)), out)
}

// maxOdd is how many hosts are named that are not what they seem.
const maxOdd = 10

// subject is that of a message, or what stands for it.
func subject(m *mime.Message) string { return strings.TrimSpace(header.Get(m.Fields, "Subject")) }

// view is what is shown of a message.
func view(p *mime.Message, m *archive.Message, reason string) read {
	out := read{
		ID: m.ID, Reason: reason, Subject: subject(p), Arrived: mail.FromMicros(m.Arrived), Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]),
		All: p.Fields, Text: p.Text(), Opaque: p.Opaque(), Truncated: p.Truncated,
	}
	if sent, ok := p.Date(); ok {
		out.Sent = sent
	}
	for _, name := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Date"} {
		for _, f := range p.Fields {
			if f.Is(name) {
				out.Fields = append(out.Fields, f)
			}
		}
	}
	for i := range p.Parts {
		part := &p.Parts[i]
		out.Cut = out.Cut || part.Cut
		if part.IsAttachment() {
			out.Attached = append(out.Attached, attached{Name: part.FileName, Type: part.Type, Size: part.Size})
		}
	}
	return out
}

// eml sends a message as it was receiver. A form asks for it, so that no link does.
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
	if _, err := io.Copy(c, m); err != nil {
		r.Broke("a message broke off", err)
	}
	return nil
}
