// Package safehtml makes of the HTML of a mail what may be shown: an allow-list of
// elements, attributes and properties, written anew. Nothing of it runs, loads or sends
// anything: scripts, forms, frames, style sheets and links to anything but pages and
// addresses are gone; pictures are those of the message itself, and what would be loaded from elsewhere is
// counted and left out. What comes out is shown in a sandboxed frame under a policy
// of its own all the same.
//
// The work is linear in the input; functions may be called from many goroutines.
package safehtml

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// MaxInput is how much HTML is read, in octets; what is longer is cut.
const MaxInput = 2 << 20

// Options say what is shown beside the text.
type Options struct {
	// Image returns the address under which a part of the message can be loaded, by its
	// Content-ID; false where there is none. May be nil.
	Image func(contentID string) (address string, ok bool)
	// Remote lets pictures from elsewhere stay: the reader asked for them.
	Remote bool
}

// Found is what was seen on the way.
type Found struct {
	Remote int    // pictures from elsewhere
	Links  []Link // in order, at most 1,000
	// Lost is how many links lead nowhere, because their address is none that can safely be
	// opened: it stands beside them as text.
	Lost int
	Cut  bool // the input was longer than MaxInput, or deeper than the parser goes
}

// Link is a link to a page, or one to an address whose text names another host.
type Link struct {
	Host string // in ASCII: a name with other letters as punycode (RFC 5890)
	// Odd says that the host has letters beyond ASCII, or that the text, or what stands for
	// a picture in it, names a host of somebody else than the one it leads to.
	Odd bool
}

const maxLinks = 1000

// Clean returns what may be shown of a document or a part of one.
func Clean(src string, o Options) (string, Found) {
	c := cleaner{options: o}
	if len(src) > MaxInput {
		src, c.found.Cut = strings.ToValidUTF8(src[:MaxInput], ""), true
	}
	root, err := html.Parse(strings.NewReader(src))
	if err != nil { // deeper than the parser goes
		c.found.Cut = true
		return "", c.found
	}
	c.children(root)
	return c.out.String(), c.found
}

type cleaner struct {
	options Options
	out     strings.Builder
	found   Found
}

// kept are the elements that are written, with the attributes that they may have beside
// those of all.
func kept(a atom.Atom) (attributes []string, ok bool) {
	switch a {
	case atom.A, atom.Img:
		return nil, true // see link and image
	case atom.Td, atom.Th:
		return []string{"colspan", "rowspan", "nowrap", "scope"}, true
	case atom.Table:
		return []string{"border", "cellpadding", "cellspacing", "summary", "role"}, true
	case atom.Col, atom.Colgroup:
		return []string{"span"}, true
	case atom.Font:
		return []string{"face", "size"}, true
	case atom.Ol:
		return []string{"start", "type", "reversed"}, true
	case atom.Ul, atom.Li:
		return []string{"type", "value"}, true
	case atom.Hr:
		return []string{"size", "noshade"}, true
	case atom.Abbr, atom.Address, atom.Article, atom.Aside, atom.B, atom.Bdi, atom.Bdo, atom.Big, atom.Blockquote, atom.Br, atom.Caption, atom.Center,
		atom.Cite, atom.Code, atom.Dd, atom.Del, atom.Dfn, atom.Div, atom.Dl, atom.Dt, atom.Em, atom.Figcaption, atom.Figure, atom.Footer,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Header, atom.I, atom.Ins, atom.Kbd, atom.Main, atom.Mark, atom.Nav, atom.P, atom.Pre, atom.Q,
		atom.S, atom.Samp, atom.Section, atom.Small, atom.Span, atom.Strike, atom.Strong, atom.Sub, atom.Sup, atom.Tbody, atom.Tfoot, atom.Thead, atom.Time,
		atom.Tr, atom.Tt, atom.U, atom.Var, atom.Wbr:
		return nil, true
	}
	return nil, false
}

// gone are elements that go with all that is in them: their content is no text, or is
// not shown. Of others that are not kept the content stays.
func gone(n *html.Node) bool {
	if n.Namespace != "" { // SVG and MathML
		return true
	}
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Meta, atom.Link, atom.Base, atom.Iframe, atom.Frame, atom.Frameset, atom.Noframes,
		atom.Object, atom.Embed, atom.Applet, atom.Param, atom.Template, atom.Noscript, atom.Noembed, atom.Xmp, atom.Plaintext, atom.Canvas,
		atom.Audio, atom.Video, atom.Source, atom.Track, atom.Input, atom.Button, atom.Select, atom.Option, atom.Textarea, atom.Datalist, atom.Output,
		atom.Svg, atom.Math, atom.Map, atom.Area, atom.Dialog, atom.Slot:
		return true
	}
	return false
}

func (c *cleaner) children(n *html.Node) {
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.node(child)
	}
}

func (c *cleaner) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		c.out.WriteString(html.EscapeString(n.Data))
	case html.DocumentNode:
		c.children(n)
	case html.ElementNode:
		c.element(n)
	}
}

func (c *cleaner) element(n *html.Node) {
	if gone(n) {
		return
	}
	own, ok := kept(n.DataAtom)
	if !ok {
		if n.DataAtom == atom.Body { // its colours are those of the whole
			c.open("div", c.attributes(n, nil))
			c.children(n)
			c.out.WriteString("</div>")
			return
		}
		c.children(n)
		return
	}
	list := c.attributes(n, own)
	switch n.DataAtom {
	case atom.Img:
		c.image(n, list)
		return
	case atom.A:
		to, lost := c.link(n)
		list = append(list, to...)
		if lost != "" {
			defer func() { c.out.WriteString(html.EscapeString(lost)) }() // behind the link
		}
	}
	c.open(n.Data, list)
	if n.DataAtom == atom.Br || n.DataAtom == atom.Hr || n.DataAtom == atom.Wbr || n.DataAtom == atom.Col {
		return // void (HTML Living Standard section 13.1.2)
	}
	if n.DataAtom == atom.Pre && n.FirstChild != nil && strings.HasPrefix(n.FirstChild.Data, "\n") {
		c.out.WriteByte('\n') // a parser drops the first
	}
	c.children(n)
	c.out.WriteString("</" + n.Data + ">")
}

type attribute struct{ name, value string }

func (c *cleaner) open(name string, list []attribute) {
	c.out.WriteString("<" + name)
	for _, a := range list {
		c.out.WriteString(" " + a.name + `="` + html.EscapeString(a.value) + `"`)
	}
	c.out.WriteByte('>')
}

// attributes returns those that may stay, in the order of their names.
func (c *cleaner) attributes(n *html.Node, own []string) (list []attribute) {
	for _, a := range n.Attr {
		if a.Namespace != "" {
			continue
		}
		var value string
		var ok bool
		switch a.Key {
		case "style":
			value = Style(a.Val)
			ok = value != ""
		case "dir":
			value = strings.ToLower(a.Val)
			ok = value == "ltr" || value == "rtl" || value == "auto"
		case "lang", "align", "valign", "width", "height", "bgcolor", "color", "alt", "title":
			value, ok = a.Val, true
			if a.Key != "alt" && a.Key != "title" {
				ok = isPlain(value)
			}
		default:
			value, ok = a.Val, slices.Contains(own, a.Key) && (isPlain(a.Val) || a.Key == "face" || a.Key == "summary")
		}
		if ok && !slices.ContainsFunc(list, func(o attribute) bool { return o.name == a.Key }) {
			list = append(list, attribute{a.Key, value})
		}
	}
	slices.SortFunc(list, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return list
}

// isPlain reports whether a value is a word, a number or a colour.
func isPlain(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("#%.- ", r)
	})
}

// image writes a picture of the message, or counts one from elsewhere.
func (c *cleaner) image(n *html.Node, list []attribute) {
	src := strings.TrimSpace(attr(n, "src"))
	lower := strings.ToLower(src)
	switch {
	case strings.HasPrefix(lower, "cid:"):
		id, err := url.PathUnescape(src[len("cid:"):])
		if err != nil || c.options.Image == nil {
			return
		}
		address, ok := c.options.Image(strings.Trim(id, "<>"))
		if !ok {
			return
		}
		src = address
	case isPicture(lower):
	case strings.HasPrefix(lower, "http:"), strings.HasPrefix(lower, "https:"), strings.HasPrefix(lower, "//"):
		c.found.Remote++
		if !c.options.Remote {
			if alt := attr(n, "alt"); alt != "" {
				c.out.WriteString("[" + html.EscapeString(alt) + "]")
			}
			return
		}
		u, err := url.Parse(src)
		if err != nil || u.Host == "" || u.User != nil {
			return
		}
		if u.Scheme == "" {
			u.Scheme = "https"
		}
		src = u.String()
	default:
		return
	}
	c.open("img", append(list, attribute{"src", src}))
}

// isPicture reports whether an address has a picture in itself, of a kind that holds
// nothing but one: SVG may have scripts.
func isPicture(lower string) bool {
	for _, kind := range []string{"png", "gif", "jpeg", "jpg", "webp"} {
		if rest, ok := strings.CutPrefix(lower, "data:image/"+kind+";base64,"); ok {
			return !strings.ContainsFunc(rest, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+/= \r\n\t", r)
			})
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}
