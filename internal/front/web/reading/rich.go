package reading

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"siegel/internal/front/file"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/charset"
	"siegel/internal/proto/safehtml"
)

// Bounds of what is collected to show a message as its sender meant it. Pictures lie in
// the page itself, so that a message is opened once and not once more for each of them.
const (
	maxRich     = safehtml.MaxInput
	maxPicture  = 2 << 20
	maxPictures = 8 << 20 // of all together
)

// rich collects the first HTML of a message and the pictures that it may name.
type rich struct {
	html     *bounded
	charset  string
	pictures map[string]*picture      // by Content-ID
	left     int                      // of maxPictures
	kinds    map[string]*file.Sniffed // what attachments begin with, by their paths
}

type picture struct {
	kind string
	*bounded
}

// bounded keeps octets up to a number, and whether there were more.
type bounded struct {
	bytes.Buffer

	most int
	over bool
}

// Write implements [io.Writer]. It takes everything.
func (b *bounded) Write(p []byte) (int, error) {
	keep := p[:min(len(p), b.most-b.Len())]
	b.over = b.over || len(keep) < len(p)
	_, _ = b.Buffer.Write(keep) // memory
	return len(p), nil
}

// Close implements [io.Closer].
func (b *bounded) Close() error { return nil }

// visit implements [mime.Visit].
func (r *rich) visit(p *mime.Part) io.WriteCloser {
	if p.Type == "text/html" && !p.IsAttachment() && r.html == nil {
		r.html, r.charset = &bounded{most: maxRich}, p.Charset
		return r.html
	}
	kind, ok := strings.CutPrefix(p.Type, "image/")
	if p.IsAttachment() && (!ok || p.ContentID == "") {
		r.kinds[p.Path] = &file.Sniffed{}
		return r.kinds[p.Path]
	}
	if !ok || p.ContentID == "" || r.pictures[p.ContentID] != nil || r.left <= 0 || !strings.Contains(" png gif jpeg jpg webp ", " "+kind+" ") {
		return nil
	}
	b := &bounded{most: min(maxPicture, r.left)}
	r.left -= b.most
	r.pictures[p.ContentID] = &picture{kind, b}
	return b
}

func newRich() *rich {
	return &rich{pictures: make(map[string]*picture), left: maxPictures, kinds: make(map[string]*file.Sniffed)}
}

// image implements [safehtml.Options]: the picture itself, as an address.
func (r *rich) image(id string) (string, bool) {
	p := r.pictures[id]
	if p == nil || p.over || p.Len() == 0 {
		return "", false
	}
	return "data:image/" + p.kind + ";base64," + base64.StdEncoding.EncodeToString(p.Bytes()), true
}

// look is how a message looks that says nothing of it. It is shown on white: that is
// what senders see who write one.
const look = `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><style>` +
	`html{background:#fff;color:#1d2126;font:16px/1.5 system-ui,sans-serif}body{margin:12px;overflow-wrap:break-word}img{max-width:100%;height:auto}` +
	`table{max-width:100%}pre{white-space:pre-wrap}blockquote{margin:0 0 0 8px;padding-left:8px;border-left:3px solid #e3dfd7}</style>`

// clean returns the HTML of a message, written anew from an allow-list; empty where it has
// none.
func (r *rich) clean(remote bool) (clean string, found safehtml.Found) {
	if r.html == nil {
		return "", found
	}
	clean, found = safehtml.Clean(charset.Decode(r.charset, r.html.Bytes()), safehtml.Options{Image: r.image, Remote: remote})
	found.Cut = found.Cut || r.html.over
	return strings.TrimSpace(clean), found
}
