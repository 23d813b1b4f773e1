package safehtml

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"siegel/internal/kit/plain"
)

// Bounds of addresses.
const (
	maxAddress = 64 << 10 // octets of one that is linked
	maxShown   = 500      // characters of one that is shown as text
)

// link returns where a link leads, if that is a page, an address or a number. Where it
// leads nowhere although its address is no program, it returns that to be shown.
func (c *cleaner) link(n *html.Node) (list []attribute, lost string) {
	raw := address(attr(n, "href"))
	u, written, ok := target(raw)
	if !ok {
		if !isHarmless(raw) {
			return nil, ""
		}
		c.found.Lost++
		if strings.TrimSpace(shownText(n)) == raw {
			return nil, ""
		}
		shown := []rune(plain.Shown(raw))
		if len(shown) > maxShown {
			shown = append(shown[:maxShown], '…')
		}
		return nil, " [" + string(shown) + "]"
	}
	l := Link{Host: u.Host}
	host := u.Hostname()
	if u.Host == "" {
		_, host, _ = strings.Cut(u.Opaque, "@")
		host, _, _ = strings.Cut(host, "?")
		host, _ = ascii(host)
		l.Host = host
	}
	l.Odd = u.Host != "" && (host != strings.ToLower(written) || strings.Contains("."+host, ".xn--")) || host != "" && namesAnother(shownText(n), host)
	if (u.Host != "" || l.Odd) && len(c.found.Links) < maxLinks {
		c.found.Links = append(c.found.Links, l)
	}
	return []attribute{{"href", u.String()}, {"rel", "noopener noreferrer nofollow"}, {"target", "_blank"}}, ""
}

// address returns what of an attribute is an address: browsers drop the rest before they
// look at the scheme (URL Standard section 4.4).
func address(raw string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(raw))
}

// isHarmless reports whether an address that is not linked can be shown: it has a scheme
// that a reader may use by hand, and is not a program.
func isHarmless(raw string) bool {
	scheme, _, found := strings.Cut(raw, ":")
	return found && slices.Contains([]string{"http", "https", "mailto", "tel", "ftp", "ftps", "sms", "geo", "sip", "sips", "xmpp", "webcal"}, strings.ToLower(scheme))
}

// target reads an address that a link may have, its host in ASCII; written is the host as it
// stands there.
func target(raw string) (u *url.URL, written string, ok bool) {
	if len(raw) > maxAddress {
		return nil, "", false
	}
	u, err := url.Parse(percent(raw))
	if err != nil || u.User != nil {
		return nil, "", false
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch u.Scheme {
	case "http", "https":
		written = u.Hostname()
		host, ok := ascii(written)
		if !ok {
			return nil, "", false
		}
		port := u.Port()
		if u.Host = host; port != "" {
			u.Host += ":" + port
		}
		return u, written, true
	case "mailto", "tel":
		return u, "", u.Opaque != ""
	}
	return nil, "", false
}

// percent encodes each percent sign that encodes nothing: browsers send it as it stands
// (URL Standard section 4.4), and it can mean nothing else.
func percent(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		b.WriteByte(raw[i])
		if raw[i] == '%' && (i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// shownText returns what a reader sees of an element, and what stands for its pictures.
// What begins a line or a cell is a word of its own.
func shownText(n *html.Node) string {
	var b strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		for child := range n.ChildNodes() {
			switch {
			case child.Type == html.TextNode:
				b.WriteString(child.Data)
			case child.Type != html.ElementNode || gone(child):
			case child.DataAtom == atom.Img:
				b.WriteString(" " + attr(child, "alt") + " ")
			case isInline(child.DataAtom):
				walk(child)
			default:
				b.WriteByte(' ')
				walk(child)
				b.WriteByte(' ')
			}
		}
	}
	walk(n)
	return b.String()
}

// isInline reports whether an element stands within a word.
func isInline(a atom.Atom) bool {
	switch a {
	case atom.Abbr, atom.B, atom.Bdi, atom.Bdo, atom.Big, atom.Cite, atom.Code, atom.Del, atom.Dfn, atom.Em, atom.Font, atom.I, atom.Ins, atom.Kbd, atom.Mark,
		atom.Q, atom.S, atom.Samp, atom.Small, atom.Span, atom.Strike, atom.Strong, atom.Sub, atom.Sup, atom.Time, atom.Tt, atom.U, atom.Var, atom.Wbr:
		return true
	}
	return false
}
