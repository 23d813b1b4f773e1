package header

import (
	"bytes"
	"strings"

	"siegel/internal/proto/mime/charset"
)

// Field is one header field.
type Field struct {
	// Name is the field's name as written, without the colon. It is empty for
	// a line that stands in a header and is no field (an mbox "From " line, a
	// line that lost its folding).
	Name string
	// Raw is the value as received, behind the colon, with its folding and
	// without the last line break. It can hold any byte.
	Raw []byte
	// Value is Raw unfolded and decoded for people, see [Text].
	Value string
}

// New reads one field from its bytes, folding lines and line break included.
// The field keeps b; the caller must not change it afterwards.
func New(b []byte) Field {
	b = bytes.TrimRight(b, "\r\n")
	name, value := split(b)
	return Field{Name: name, Raw: value, Value: Text(value)}
}

// Is reports whether the field has the given name, without case.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// Get returns the decoded value of the first field of that name, or "".
func Get(fields []Field, name string) string {
	return get(fields, name).Value
}

// get returns the first field of that name, or the zero Field.
func get(fields []Field, name string) Field {
	for _, f := range fields {
		if f.Is(name) {
			return f
		}
	}
	return Field{}
}

// split separates name and value; name is empty where b has not the form of a field.
func split(b []byte) (string, []byte) {
	start := 0
	for start < len(b) && isSpace(b[start]) {
		start++
	}
	end := start
	for end < len(b) && IsNameByte(b[end]) {
		end++
	}
	colon := end
	for colon < len(b) && isSpace(b[colon]) {
		colon++
	}
	if end == start || colon == len(b) || b[colon] != ':' {
		return "", b
	}
	return string(b[start:end]), b[colon+1:]
}

// IsNameByte reports whether c can stand in a field name. RFC 5322 section
// 2.2 allows all printable ASCII but the colon; we take the narrower token of
// RFC 9110 section 5.6.2, to which all names in use belong, because lines of
// text and of lost parameters (`boundary="a:b"`) often begin with the rest.
func IsNameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}

// Text returns an unstructured value for people: unfolded (a line break with
// the white space around it becomes one space), encoded words decoded, other
// bytes read as UTF-8 or else windows-1252, control characters dropped, white
// space at both ends trimmed. RFC 5322 section 2.2.3, RFC 2047.
func Text(raw []byte) string {
	return strings.TrimSpace(decodeWords(unfold(raw)))
}

// unfold joins the lines of a value. It returns raw itself where it is one line.
func unfold(raw []byte) []byte {
	raw = bytes.Trim(raw, " \t\r\n")
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if !isSpace(raw[i]) {
			out = append(out, raw[i])
			i++
			continue
		}
		start, broken := i, false
		for i < len(raw) && isSpace(raw[i]) {
			broken = broken || raw[i] == '\n' || raw[i] == '\r'
			i++
		}
		if broken {
			out = append(out, ' ')
		} else {
			out = append(out, raw[start:i]...)
		}
	}
	return out
}

// isSpace reports whether c is white space of a header: space, tab or part of
// a line break.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// clean makes decoded text fit for one line: tabs and line breaks become
// spaces, other control characters are dropped.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case r < ' ' || 0x7f <= r && r < 0xa0:
			return -1
		}
		return r
	}, s)
}

// readable is bytes without encoded words as clean text.
func readable(b []byte) string { return clean(charset.Guess(b)) }
