// Package rtf takes the readable text out of a document in the Rich Text Format,
// version 1.9.1, for searching: what pictures, objects, style sheets and lists of fonts
// hold is left out. It is linear in the input, keeps nothing but the text, and fails for
// no input: what is no RTF gives what looks like text in it.
package rtf

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"siegel/internal/proto/mime/charset"
)

// Is reports whether a document begins as RTF does.
func Is(doc []byte) bool { return bytes.HasPrefix(doc, []byte(`{\rtf`)) }

// maxDepth is how many groups lie in each other of which each has a state of its own;
// deeper ones share that of the last.
const maxDepth = 500

// maxWord is the longest control word (32 letters) and number, in octets.
const maxWord = 32

// Text returns the text of a document, at most limit octets that end with a character,
// with LF between paragraphs, and whether that is all.
func Text(doc []byte, limit int) (text string, whole bool) {
	p := parser{doc: doc, limit: limit, page: "windows-1252", fonts: make(map[int]string)}
	p.state.skip = 1
	for p.at < len(p.doc) && !p.full {
		p.next()
	}
	p.flush()
	return strings.TrimSpace(p.out.String()), !p.full
}

// state is what a group changes for itself alone.
type state struct {
	unseen  bool   // a destination that is not text
	veiled  bool   // text that is hidden: \v
	table   bool   // the table of fonts
	charset string // of the font; empty for the document's
	skip    int    // \ucN: how many characters stand behind \u for who does not know it
}

type parser struct {
	doc   []byte
	at    int
	limit int

	state
	stack []state
	deep  int // open groups beyond the stack

	page  string         // character set of the document
	fonts map[int]string // character sets of fonts, within bounds
	font  int            // the one that the table is at

	out     strings.Builder
	raw     []byte // octets in the character set, not decoded yet
	units   []uint16
	pending int  // characters to leave out behind \u
	full    bool // there is no more room
}

// shown reports whether what stands here is text that people read.
func (p *parser) shown() bool { return !p.unseen && !p.veiled && !p.table }

func (p *parser) next() {
	c := p.doc[p.at]
	switch c {
	case '{':
		p.at++
		p.open()
	case '}':
		p.at++
		p.shut()
	case '\\':
		p.at++
		p.control()
	case '\r', '\n', 0:
		p.at++
	default:
		p.at++
		p.octet(c)
	}
}

func (p *parser) open() {
	p.flush()
	p.pending = 0
	if len(p.stack) == maxDepth {
		p.deep++
		return
	}
	p.stack = append(p.stack, p.state)
}

func (p *parser) shut() {
	p.flush()
	p.pending = 0
	switch n := len(p.stack); {
	case p.deep > 0:
		p.deep--
	case n > 0:
		p.state, p.stack = p.stack[n-1], p.stack[:n-1]
	}
}

// control reads what stands behind a backslash.
func (p *parser) control() {
	if p.at == len(p.doc) {
		return
	}
	c := p.doc[p.at]
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		word, number, has := p.word()
		p.act(word, number, has)
		return
	}
	p.at++
	switch c {
	case '\'':
		p.hex()
	case '\\', '{', '}':
		p.octet(c)
	case '~':
		p.write("\u00a0")
	case '_':
		p.write("-")
	case '*': // a destination that not everybody knows: none of them is text
		p.unseen = true
	case '\r', '\n':
		p.write("\n")
	}
}

// word reads a control word with its number, and the blank that ends it.
func (p *parser) word() (word string, number int, has bool) {
	start := p.at
	for p.at < len(p.doc) && p.at-start < maxWord && isLetter(p.doc[p.at]) {
		p.at++
	}
	word = string(p.doc[start:p.at])
	start = p.at
	if p.at < len(p.doc) && p.doc[p.at] == '-' {
		p.at++
	}
	digits := p.at
	for p.at < len(p.doc) && p.at-start < maxWord && p.doc[p.at] >= '0' && p.doc[p.at] <= '9' {
		p.at++
	}
	if p.at == digits {
		p.at = start
	} else if n, err := strconv.ParseInt(string(p.doc[start:p.at]), 10, 32); err == nil {
		number, has = int(n), true
	}
	if p.at < len(p.doc) && p.doc[p.at] == ' ' {
		p.at++
	}
	return word, number, has
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// hex reads an octet of the character set, written as two digits.
func (p *parser) hex() {
	if p.at+2 > len(p.doc) {
		p.at = len(p.doc)
		return
	}
	n, err := strconv.ParseUint(string(p.doc[p.at:p.at+2]), 16, 8)
	if err != nil {
		return
	}
	p.at += 2
	p.octet(byte(n))
}

// octet takes an octet of text.
func (p *parser) octet(c byte) {
	if p.pending > 0 {
		p.pending--
		return
	}
	if !p.shown() {
		return
	}
	p.flushUnits()
	p.raw = append(p.raw, c)
	if len(p.raw) >= 4<<10 && c < 0x80 {
		p.flush()
	}
}

// act does what a control word says.
func (p *parser) act(word string, number int, has bool) {
	switch word {
	case "u": // a unit of UTF-16, as a signed number
		p.flushRaw()
		p.pending = p.skip
		if p.shown() {
			p.units = append(p.units, uint16(number))
		}
		return
	case "uc":
		p.skip = min(max(number, 0), 100)
		return
	case "bin": // so many octets that are no text
		p.at += min(max(number, 0), len(p.doc)-p.at)
		return
	}
	p.flush()
	switch word {
	case "ansicpg":
		p.page = "windows-" + strconv.Itoa(number)
	case "mac":
		p.page = "macintosh"
	case "fonttbl":
		p.table = true
	case "f", "fcharset":
		p.setFont(word, number)
	case "plain":
		p.state.charset, p.veiled = "", false
	case "par", "line", "sect", "page", "row", "column":
		p.write("\n")
	case "tab", "cell", "nestcell":
		p.write("\t")
	case "v": // hidden text
		p.veiled = !has || number != 0
	default:
		if s, ok := symbol(word); ok {
			p.write(s)
		} else if unseen(word) {
			p.unseen = true
		}
	}
}

// setFont notes which character set a font has, or takes that of one.
func (p *parser) setFont(word string, number int) {
	switch {
	case word == "f" && p.table:
		p.font = number
	case word == "f":
		p.state.charset = p.fonts[number]
	case p.table && len(p.fonts) < 1000:
		p.fonts[p.font] = fontCharset(number)
	}
}

// fontCharset returns the character set of a number of \fcharset; empty is the
// document's.
func fontCharset(n int) string {
	switch n {
	case 77:
		return "macintosh"
	case 128:
		return "shift_jis"
	case 129:
		return "euc-kr"
	case 134:
		return "gbk"
	case 136:
		return "big5"
	case 161:
		return "windows-1253"
	case 162:
		return "windows-1254"
	case 163:
		return "windows-1258"
	case 177:
		return "windows-1255"
	case 178:
		return "windows-1256"
	case 186:
		return "windows-1257"
	case 204:
		return "windows-1251"
	case 222:
		return "windows-874"
	case 238:
		return "windows-1250"
	default:
		return ""
	}
}

func symbol(word string) (string, bool) {
	switch word {
	case "emdash":
		return "—", true
	case "endash":
		return "–", true
	case "lquote":
		return "‘", true
	case "rquote":
		return "’", true
	case "ldblquote":
		return "“", true
	case "rdblquote":
		return "”", true
	case "bullet":
		return "•", true
	case "emspace", "enspace", "qmspace":
		return " ", true
	default:
		return "", false
	}
}

// unseen reports whether a word begins a destination that is not text of the document.
func unseen(word string) bool {
	switch word {
	case "colortbl", "stylesheet", "info", "pict", "object", "objdata", "themedata", "colorschememapping", "latentstyles", "datastore",
		"listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl", "filetbl", "fldinst", "datafield", "private", "bkmkstart", "bkmkend",
		"revtbl", "pntext", "listtext", "nonshppict", "template", "mmathPr", "wgrffmtfilter", "pgptbl":
		return true
	default:
		return false
	}
}

// write takes text of ours in the place where the document is.
func (p *parser) write(s string) {
	if p.pending > 0 {
		p.pending--
		return
	}
	p.flush()
	if p.shown() {
		p.put(s)
	}
}

func (p *parser) flush() {
	p.flushRaw()
	p.flushUnits()
}

func (p *parser) flushRaw() {
	if len(p.raw) == 0 {
		return
	}
	label := p.page
	if p.state.charset != "" {
		label = p.state.charset
	}
	p.put(charset.Decode(label, p.raw))
	p.raw = p.raw[:0]
}

func (p *parser) flushUnits() {
	if len(p.units) == 0 {
		return
	}
	p.put(string(utf16.Decode(p.units)))
	p.units = p.units[:0]
}

// put writes text while there is room.
func (p *parser) put(s string) {
	if room := p.limit - p.out.Len(); len(s) > room {
		p.full = true
		for room > 0 && !utf8.RuneStart(s[room]) {
			room--
		}
		s = s[:max(room, 0)]
	}
	p.out.WriteString(s)
}
