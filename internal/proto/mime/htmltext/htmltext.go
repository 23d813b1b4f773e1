// Package htmltext extracts the readable text of HTML for searching and
// previews. What it returns is text, never markup: it must still be escaped
// before it is shown in a page.
//
// The work is linear in the input, and nothing is executed or loaded. All
// functions are pure and may be called from many goroutines.
package htmltext

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// Text returns the text of an HTML document in UTF-8: tags dropped, character
// references decoded, white space collapsed outside <pre>, a line break where
// an element breaks the line, the contents of script, style, template and
// other elements that browsers do not show as text left out, images replaced
// by their alternative text. Text that a style sheet hides is text. At most
// limit bytes are returned, ending at a character; whole tells whether that
// was all.
func Text(doc string, limit int) (text string, whole bool) {
	w := writer{limit: limit}
	z := html.NewTokenizer(strings.NewReader(doc))
	hidden := atom.Atom(0) // element whose content is left out
	for !w.full {
		switch tt := z.Next(); tt {
		case html.ErrorToken:
			return w.text(), errors.Is(z.Err(), io.EOF)
		case html.TextToken:
			if hidden == 0 {
				w.write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, attrs := z.TagName()
			tag := atom.Lookup(name)
			if hidden != 0 {
				continue
			}
			w.tag(tag, true)
			switch {
			case tag == atom.Img && attrs:
				w.alternative(z)
			case invisible(tag) && tt == html.StartTagToken:
				hidden = tag
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			if tag == hidden {
				hidden = 0
			}
			w.tag(tag, false)
		}
	}
	return w.text(), false
}

// DeclaredCharset returns the name of the character set of an HTML document
// that came without one: by its byte order mark or its meta element, in the
// first 1,024 bytes. Empty means that it says nothing.
func DeclaredCharset(doc []byte) string {
	_, name, certain := charset.DetermineEncoding(doc[:min(len(doc), 1024)], "")
	// Without a declaration the function guesses from the bytes.
	if !certain && name == "windows-1252" {
		return ""
	}
	return name
}

// invisible reports whether an element's content is never shown as text.
// Elements of raw text come from the tokenizer as one text token.
func invisible(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Noembed, atom.Noframes,
		atom.Iframe, atom.Object, atom.Svg, atom.Math:
		return true
	}
	return false
}

// breaks reports whether an element begins and ends lines.
func breaks(tag atom.Atom) bool {
	switch tag {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Br, atom.Center, atom.Dd,
		atom.Div, atom.Dl, atom.Dt, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Footer,
		atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Header, atom.Hr,
		atom.Li, atom.Main, atom.Nav, atom.Ol, atom.Option, atom.P, atom.Pre, atom.Section,
		atom.Table, atom.Tbody, atom.Tfoot, atom.Thead, atom.Tr, atom.Ul:
		return true
	}
	return false
}

// writer collects text and collapses white space.
type writer struct {
	b     bytes.Buffer
	limit int
	full  bool
	pre   int // open <pre> elements
	// gap is the white space due before the next character: 0, ' ' or '\n'.
	gap byte
}

// tag acts on a start or end tag.
func (w *writer) tag(tag atom.Atom, start bool) {
	switch {
	case breaks(tag):
		w.gap = '\n'
	case tag == atom.Td || tag == atom.Th:
		w.space()
	}
	if tag == atom.Pre {
		if start {
			w.pre++
		} else {
			w.pre = max(0, w.pre-1)
		}
	}
}

// alternative writes the alternative text of an image.
func (w *writer) alternative(z *html.Tokenizer) {
	for more := true; more; {
		var key, value []byte
		key, value, more = z.TagAttr()
		if string(key) == "alt" && len(value) > 0 {
			w.space()
			w.write(value)
			w.space()
			return
		}
	}
}

// space makes sure that what follows is a word of its own.
func (w *writer) space() {
	if w.gap == 0 {
		w.gap = ' '
	}
}

// write appends text.
func (w *writer) write(text []byte) {
	for len(text) > 0 && !w.full {
		i := 0
		for i < len(text) && !isSpace(text[i]) {
			i++
		}
		if i > 0 {
			w.word(text[:i])
		}
		if i == len(text) {
			return
		}
		if w.pre > 0 && text[i] == '\n' {
			w.gap = '\n'
		}
		w.space()
		text = text[i+1:]
	}
}

// word appends a word and the gap before it.
func (w *writer) word(word []byte) {
	if w.gap != 0 && w.b.Len() > 0 {
		w.b.WriteByte(w.gap)
	}
	w.gap = 0
	if room := w.limit - w.b.Len(); len(word) > room {
		w.full = true
		word = word[:max(room, 0)]
	}
	w.b.Write(word)
}

// text returns what was collected, within the limit and as valid UTF-8.
func (w *writer) text() string {
	b := w.b.Bytes()
	b = b[:min(len(b), w.limit)]
	if w.full {
		// The limit may have split a character.
		for n := 0; n < 4 && len(b) > 0 && b[len(b)-1] >= 0x80; n++ {
			b = b[:len(b)-1]
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// isSpace reports whether c is ASCII white space of HTML.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f'
}
