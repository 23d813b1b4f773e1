package header

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"siegel/internal/proto/mime/charset"
)

// Bounds of parameters.
const (
	maxParams   = 200  // pieces read from one value, continuations counted singly
	maxFileName = 1024 // bytes of a file name
)

// Media is a Content-Type or Content-Disposition value.
type Media struct {
	// Type is the part before the parameters, lower-case: "text/plain",
	// "attachment". Empty if there is none.
	Type string
	// Params are the parameters in the order of their first piece, each name once.
	Params []Param
}

// Param is one parameter, its RFC 2231 pieces joined.
type Param struct {
	Name string // lower-case
	// Raw is the value after unquoting and percent-decoding and before any
	// character set: what a boundary is compared by. It can hold any byte.
	Raw []byte
	// Value is the value for people. Encoded words are decoded although
	// RFC 2047 section 5 forbids them here, because many mailers write them.
	Value string
}

// Get returns the decoded value of a parameter (name in lower case), or "".
func (m Media) Get(name string) string {
	return m.param(name).Value
}

// Raw returns the bytes of a parameter (name in lower case), or nil.
func (m Media) Raw(name string) []byte {
	return m.param(name).Raw
}

func (m Media) param(name string) Param {
	for _, p := range m.Params {
		if p.Name == name {
			return p
		}
	}
	return Param{}
}

// FileName returns the file name that a part's disposition or type gives, or
// "". Directories are cut off (RFC 2183 section 2.3) and the length is at most
// 1,024 bytes. The name is the sender's claim: it may be "..", a device name
// or lie about the contents.
func FileName(disposition, contentType Media) string {
	name := cmp.Or(disposition.Get("filename"), contentType.Get("name"),
		disposition.Get("name"), contentType.Get("filename"))
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return Clip(strings.TrimSpace(name), maxFileName)
}

// Clip returns the longest beginning of s that has at most n bytes and ends at
// a character.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// piece is one parameter as written: name, name*, name*2 or name*2*.
type piece struct {
	name     string
	index    int  // of a continuation (RFC 2231 section 3), otherwise -1
	extended bool // percent-encoded (section 4)
	value    []byte
}

// ParseMedia reads a Content-Type or Content-Disposition value. It takes what
// is sent: missing semicolons and closing quotes, comments, white space around
// every token, unquoted values with blanks. At most 200 pieces are read. RFC
// 2045 section 5.1, RFC 2183, RFC 2231.
func ParseMedia(raw []byte) Media {
	p := paramParser{b: unfold(raw)}
	var m Media
	// "Content-Disposition: filename=x" has parameters only.
	if !p.atParam(0) {
		m.Type = mediaType(p.value(true))
	}
	var pieces []piece
	for len(pieces) < maxParams {
		pc, ok := p.next()
		if !ok {
			break
		}
		pieces = append(pieces, pc)
	}
	m.Params = join(pieces)
	return m
}

// mediaType normalises the part before the parameters.
func mediaType(b []byte) string {
	s := strings.ToLower(readable(b))
	return strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, s)
}

// paramParser walks over an unfolded value.
type paramParser struct {
	b []byte
	i int
}

// space skips white space and semicolons.
func (p *paramParser) space() {
	for p.i < len(p.b) && (isSpace(p.b[p.i]) || p.b[p.i] == ';') {
		p.i++
	}
}

// atParam reports whether `name=` follows at i. The name is bounded, so that
// asking at every blank stays linear.
func (p *paramParser) atParam(i int) bool {
	const longest = 64
	start := i
	for i < len(p.b) && i-start < longest && IsNameByte(p.b[i]) {
		i++
	}
	return i > start && i < len(p.b) && p.b[i] == '='
}

// next reads the next parameter; ok is false at the end.
func (p *paramParser) next() (pc piece, ok bool) {
	for {
		p.space()
		if p.i == len(p.b) {
			return piece{}, false
		}
		start := p.i
		for p.i < len(p.b) && p.b[p.i] != '=' && p.b[p.i] != ';' {
			p.i++
		}
		name := bytes.TrimSpace(p.b[start:p.i])
		if p.i == len(p.b) || p.b[p.i] == ';' || len(name) == 0 || len(name) > 200 {
			if p.i < len(p.b) && p.b[p.i] == '=' {
				p.i++
				p.value(true) // of a nameless parameter
			}
			continue
		}
		p.i++
		pc = newPiece(strings.ToLower(readable(name)))
		isFile := pc.name == "name" || pc.name == "filename"
		pc.value = p.value(!isFile)
		return pc, true
	}
}

// newPiece takes a parameter's name apart, RFC 2231 section 7.
func newPiece(name string) piece {
	pc := piece{name: name, index: -1}
	if cut, ok := strings.CutSuffix(pc.name, "*"); ok {
		pc.name, pc.extended = cut, true
	}
	if base, number, ok := strings.Cut(pc.name, "*"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < maxParams {
			pc.name, pc.index = base, n
		}
	}
	return pc
}

// value reads a quoted or bare value. A bare one ends at a semicolon, before
// the next `name=`, or, if comments are taken, before a comment; blanks inside
// it are kept, since unquoted file names have them.
func (p *paramParser) value(comments bool) []byte {
	for p.i < len(p.b) && isSpace(p.b[p.i]) {
		p.i++
	}
	if p.i < len(p.b) && p.b[p.i] == '"' {
		return p.quoted()
	}
	var out []byte
	for p.i < len(p.b) && p.b[p.i] != ';' {
		c := p.b[p.i]
		switch {
		case comments && c == '(':
			p.i = skipComment(p.b, p.i)
			continue
		case isSpace(c) && p.atParam(p.i+1):
			p.i++
			return bytes.TrimSpace(out)
		}
		out = append(out, c)
		p.i++
	}
	return bytes.TrimSpace(out)
}

// quoted reads a quoted string at p.i; without a closing quote it is the rest.
func (p *paramParser) quoted() []byte {
	var out []byte
	for p.i++; p.i < len(p.b); p.i++ {
		switch c := p.b[p.i]; c {
		case '"':
			p.i++
			return out
		case '\\':
			// Windows paths come with single backslashes: only what needs
			// escaping is unescaped.
			if p.i+1 < len(p.b) && (p.b[p.i+1] == '"' || p.b[p.i+1] == '\\' || p.b[p.i+1] == '\'') {
				p.i++
				c = p.b[p.i]
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// skipComment returns the index behind the comment at i, or the end. Comments
// nest (RFC 5322 section 3.2.2); depth is a number, not a stack.
func skipComment(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// join makes parameters of pieces. For one name the extended form wins over
// continuations, these over the plain form, and of equals the first.
func join(pieces []piece) []Param {
	if len(pieces) == 0 {
		return nil
	}
	groups := make(map[string][]piece, len(pieces))
	params := make([]Param, 0, len(pieces))
	for _, pc := range pieces {
		if _, ok := groups[pc.name]; !ok {
			params = append(params, Param{Name: pc.name})
		}
		groups[pc.name] = append(groups[pc.name], pc)
	}
	for i := range params {
		params[i].Raw, params[i].Value = assemble(groups[params[i].Name])
	}
	return params
}

// assemble makes one value of all pieces of a name.
func assemble(pieces []piece) (raw []byte, value string) {
	rank := func(pc piece) int {
		switch {
		case pc.index < 0 && pc.extended:
			return -2
		case pc.index >= 0:
			return pc.index
		}
		return maxParams // plain
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return rank(a) - rank(b) })
	first := pieces[0]
	if first.index < 0 && !first.extended {
		if bytes.Contains(first.value, []byte("=?")) {
			return first.value, strings.TrimSpace(decodeWords(first.value))
		}
		return first.value, readable(first.value)
	}
	label, encoded := "", false
	next := first.index
	for i, pc := range pieces {
		if i > 0 && (pc.index != next || first.index < 0) {
			continue // the plain form, a doubled piece or one behind a gap
		}
		next = pc.index + 1
		if !pc.extended {
			raw = append(raw, pc.value...)
			continue
		}
		encoded = true
		v := pc.value
		if i == 0 {
			if parts := bytes.SplitN(v, []byte("'"), 3); len(parts) == 3 {
				label, v = readable(parts[0]), parts[2]
			}
		}
		raw = append(raw, percentDecode(v)...)
	}
	if !encoded && bytes.Contains(raw, []byte("=?")) {
		return raw, strings.TrimSpace(decodeWords(raw))
	}
	return raw, clean(charset.Decode(label, raw))
}

// percentDecode decodes %XX; a wrong escape stands for itself.
func percentDecode(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]) {
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
			continue
		}
		out = append(out, b[i])
	}
	return out
}
