package mime

import (
	"strings"
	"unicode/utf8"

	"siegel/internal/proto/mime/charset"
	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/htmltext"
)

// collector gathers the decoded bytes of one text leaf, within what is left of
// the text budget; they become text when the leaf ends.
type collector struct {
	on   bool
	html bool
	raw  []byte
	room int  // bytes that may still be gathered
	cut  bool // more came than there was room for
	run  int  // of HTML: length of the present run of letters and digits
}

// maxRun is how much of an unbroken run of letters and digits is gathered of
// HTML: images inside attributes (data: URLs) would otherwise use up the room.
// Runs hold no character that a tag, comment or element ends with.
const maxRun = 4 << 10

// start begins a leaf. The buffer is used again.
func (c *collector) start(p *Part, room int) {
	*c = collector{on: isText(p.Type), html: isHTML(p.Type), raw: c.raw[:0], room: room}
}

// write gathers decoded bytes.
func (c *collector) write(b []byte) {
	if !c.on || len(b) == 0 {
		return
	}
	if !c.html {
		c.gather(b)
		return
	}
	from := 0 // b[from:i] is to be gathered
	for i, ch := range b {
		if !inRun(ch) {
			if c.run > maxRun {
				from = i
			}
			c.run = 0
			continue
		}
		if c.run++; c.run == maxRun+1 {
			c.gather(b[from:i])
		}
	}
	if c.run <= maxRun {
		c.gather(b[from:])
	}
}

// inRun reports whether c is of base64 or percent-encoding.
func inRun(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=' || c == '%'
}

// gather keeps bytes while there is room.
func (c *collector) gather(b []byte) {
	n := min(len(b), c.room)
	c.raw = append(c.raw, b[:n]...)
	c.room -= n
	c.cut = c.cut || n < len(b)
}

// text returns the text of the leaf that ends, at most limit bytes, and
// whether it is all.
func (c *collector) text(label string, limit int) (string, bool) {
	raw := c.raw
	if c.cut {
		raw = trimHalfRune(raw)
	}
	if c.html && label == "" {
		label = htmltext.DeclaredCharset(raw)
	}
	s := charset.Decode(label, raw)
	whole := true
	if c.html {
		s, whole = htmltext.Text(s, limit)
	}
	s = strings.TrimPrefix(s, "\uFEFF")
	s = cleanText(s)
	if len(s) > limit {
		s, whole = header.Clip(s, limit), false
	}
	return s, whole && !c.cut
}

// trimHalfRune cuts off a UTF-8 sequence that has lost its end.
func trimHalfRune(b []byte) []byte {
	for i := 1; i <= min(3, len(b)); i++ {
		if c := b[len(b)-i]; c >= 0xC0 {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// cleanText makes all line breaks LF and drops control characters but tab.
func cleanText(s string) string {
	i := nextControl(s, 0)
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for from := 0; ; i = nextControl(s, from) {
		b.WriteString(s[from:i])
		if i == len(s) {
			return b.String()
		}
		switch {
		case s[i] == 0xC2: // U+0080 to U+009F
			i++
		case s[i] == '\r' && (i+1 == len(s) || s[i+1] != '\n'):
			b.WriteByte('\n')
		}
		from = i + 1
	}
}

// nextControl returns where the next control character but tab and LF begins
// in s, not before i, or its length.
func nextControl(s string, i int) int {
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' && c != '\n' && c != '\t' || c == 0x7f:
			return i
		case c == 0xC2 && i+1 < len(s) && s[i+1] < 0xA0:
			return i
		}
	}
	return i
}
