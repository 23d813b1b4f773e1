package reading

import (
	"bytes"
	"context"
	"io"
	stdmime "mime"
	"net/http"
	"strings"
	"unicode"

	"siegel/internal/archive"
	"siegel/internal/front/web/page"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
)

// sniffed keeps the first octets of a part, which say what it is.
type sniffed struct{ bytes.Buffer }

// sniffLen is how many octets [http.DetectContentType] looks at.
const sniffLen = 512

// Write implements [io.Writer]. It takes everything.
func (s *sniffed) Write(p []byte) (int, error) {
	_, _ = s.Buffer.Write(p[:min(len(p), sniffLen-s.Len())]) // memory
	return len(p), nil
}

// Close implements [io.Closer].
func (s *sniffed) Close() error { return nil }

// differs returns what a part is by its first octets, where its sender calls it something
// else: empty where that fits, or where octets alone do not tell.
func (s *sniffed) differs(said string) string {
	b := s.Bytes()
	if bytes.HasPrefix(b, []byte("MZ")) {
		return "application/x-msdownload"
	}
	got, _, _ := strings.Cut(http.DetectContentType(b), ";")
	zipped := strings.Contains(said, "zip") || strings.Contains(said, "officedocument") || strings.Contains(said, "opendocument") || strings.Contains(said, "epub")
	switch {
	case got == "application/octet-stream", got == said, said == "application/octet-stream" && got == "text/plain":
		return ""
	case strings.HasPrefix(got, "text/") && (strings.HasPrefix(said, "text/") || got == "text/plain" || got == "text/xml"):
		return ""
	case got == "application/zip" && zipped, strings.Contains(said, strings.TrimPrefix(got, "application/x-")):
		return ""
	case strings.HasPrefix(got, "image/") && strings.TrimPrefix(got, "image/") == "jpeg" && said == "image/jpg":
		return ""
	}
	return got
}

// maxName bounds a file's name, in characters.
const maxName = 200

// plainName returns a file's name as it can be shown, without characters that turn the
// direction of what follows or cannot be seen, and whether it had such: "gpj.exe" must not
// read as "exe.jpg".
func plainName(name string) (plain string, odd bool) {
	plain = strings.Map(func(x rune) rune {
		if unicode.IsControl(x) || unicode.Is(unicode.Cf, x) || unicode.Is(unicode.Zl, x) || unicode.Is(unicode.Zp, x) {
			odd = true
			return '\uFFFD'
		}
		return x
	}, name)
	if runes := []rune(plain); len(runes) > maxName {
		plain = string(runes[:maxName]) + "…"
	}
	return plain, odd
}

// fileName returns the name under which a browser saves a part: without folders.
func fileName(name string) string {
	name, _ = plainName(name)
	name = strings.Map(func(x rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, x) {
			return '_'
		}
		return x
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "attachment"
	}
	return name
}

// part sends an attachment, decoded. What it is decides the browser's user, so it always
// comes as a file.
func (r *room) part(ctx context.Context, c *page.Call) error {
	m, id, reason, err := r.opens(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	path := c.Field("part")
	w := &late{c: c, kind: "application/octet-stream"}
	var found mime.Part
	parsed, err := mime.Read(m, limits(), func(p *mime.Part) io.WriteCloser {
		if p.Path != path || p.Content == mime.Embedded || w.name != "" {
			return nil
		}
		w.name = fileName(p.FileName)
		return w
	})
	if err == nil && w.name == "" {
		for _, p := range parsed.Parts {
			if p.Path == path && p.IsAttachment() {
				found = p
			}
		}
		if found.Path == "" {
			return fault.New(fault.NotFound, "the message has no such attachment")
		}
		return r.inner(ctx, c, archive.ProofOf{ID: id, Reason: reason}, found)
	}
	if err == nil && !w.sent { // it is empty
		_, err = w.Write(nil)
	}
	if err != nil && w.sent {
		r.Broke("an attachment broke off", err)
	}
	return err
}

// inner sends a message that lies in another one, as it is there. Where it lies is known
// only when the outer one was read, so that is opened once more.
func (r *room) inner(ctx context.Context, c *page.Call, of archive.ProofOf, p mime.Part) error {
	m, err := r.Archive.Show(ctx, c.Who, of.ID, of.Reason)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }() // reading has said what there is to say
	name := fileName(p.FileName)
	if !strings.Contains(name, ".") {
		name += ".eml"
	}
	w := &late{c: c, kind: "application/octet-stream", name: name}
	if _, err = io.CopyN(io.Discard, m, p.Start); err == nil {
		_, err = io.CopyN(w, m, p.End-p.Start)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, m) // to the end, where a difference is found
	}
	if err != nil && w.sent {
		r.Broke("an attachment broke off", err)
	}
	return err
}

// late sends a file whose head is written with its first octet, so that what goes wrong
// before it is a page.
type late struct {
	c          *page.Call
	name, kind string
	sent       bool
}

// Write implements [io.Writer].
func (l *late) Write(b []byte) (int, error) {
	if !l.sent {
		l.sent = true
		h := l.c.Header()
		h.Set("Content-Type", l.kind)
		h.Set("Content-Disposition", stdmime.FormatMediaType("attachment", map[string]string{"filename": l.name}))
		h.Set("Content-Security-Policy", "sandbox")
	}
	return l.c.Steps().Write(b)
}

// Close implements [io.Closer].
func (l *late) Close() error { return nil }

var _ io.WriteCloser = (*late)(nil)

// proof sends the bundle that proves a message to strangers (EV-04).
func (r *room) proof(ctx context.Context, c *page.Call) error {
	id, err := mail.ParseID(c.R.PathValue("id"))
	if err != nil {
		return errNone()
	}
	if _, err := c.Form(); err != nil {
		return err
	}
	w := &late{c: c, name: "siegel-" + id.String() + ".zip", kind: "application/zip"}
	err = r.Prove(ctx, c.Who.Session, archive.ProofOf{ID: id, Reason: c.Field("reason")}, w)
	if err != nil && w.sent {
		r.Broke("a proof broke off", err)
	}
	return err
}
