// Package transfer decodes content transfer encodings (RFC 2045 section 6) as
// streams. Nothing fails: what does not belong to an encoding is skipped or
// stands for itself, so that damaged mail yields what is left of it.
package transfer

import (
	"bytes"
	"io"
	"strings"
)

// Encoding is a content transfer encoding, RFC 2045 section 6.
type Encoding uint8

// The encodings. Unknown ones are read as Identity.
const (
	Identity        Encoding = iota // 7bit, 8bit, binary, or none given
	Base64                          // RFC 2045 section 6.8
	QuotedPrintable                 // RFC 2045 section 6.7
	UUEncode                        // not standardised; x-uuencode
)

// String returns the name of the encoding as a header has it.
func (e Encoding) String() string {
	switch e {
	case Base64:
		return "base64"
	case QuotedPrintable:
		return "quoted-printable"
	case UUEncode:
		return "x-uuencode"
	}
	return "8bit"
}

// Parse reads a decoded Content-Transfer-Encoding value.
func Parse(v string) Encoding {
	v, _, _ = strings.Cut(strings.ToLower(v), ";")
	v, _, _ = strings.Cut(v, "(")
	switch strings.Trim(strings.ReplaceAll(v, " ", ""), "\"'.") {
	case "base64", "base-64", "x-base64":
		return Base64
	case "quoted-printable", "quotedprintable", "quoted_printable":
		return QuotedPrintable
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return UUEncode
	}
	return Identity
}

// Decoder decodes one stream piece by piece. What it returns depends on the
// bytes alone, not on the pieces, and all of it together is never longer than
// the input. It holds back at most 1 KiB and is for one goroutine.
type Decoder interface {
	// Decode decodes the next bytes and appends the result to dst.
	Decode(dst, src []byte) []byte
	// End appends what the end of the stream decides.
	End(dst []byte) []byte
}

// NewDecoder returns a decoder for e, or nil for Identity.
func NewDecoder(e Encoding) Decoder {
	switch e {
	case Base64:
		return &base64Decoder{table: base64Table()}
	case QuotedPrintable:
		return new(qpDecoder)
	case UUEncode:
		return new(uuDecoder)
	}
	return nil
}

const (
	b64Skip = 0xff // not of the alphabet: skipped, RFC 2045 section 6.8
	b64End  = 0xfe // padding
)

// base64Table maps bytes to values; "-" and "_" are taken as RFC 4648 section 5 has them.
func base64Table() *[256]byte {
	var t [256]byte
	for i := range t {
		t[i] = b64Skip
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	t['-'], t['_'], t['='] = 62, 63, b64End
	return &t
}

// base64Decoder skips what does not belong to the encoding and goes on after
// padding, since mailers glue encoded pieces together.
type base64Decoder struct {
	table *[256]byte
	acc   uint32
	n     int // digits in acc, 0 to 3
}

func (d *base64Decoder) Decode(dst, src []byte) []byte {
	t := d.table
	for i := 0; i < len(src); {
		// Four digits at a time: the way of nearly all input.
		if d.n == 0 {
			for i+4 <= len(src) {
				a, b, c, e := t[src[i]], t[src[i+1]], t[src[i+2]], t[src[i+3]]
				if a|b|c|e > 63 {
					break
				}
				dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|e)
				i += 4
			}
			if i == len(src) {
				break
			}
		}
		switch v := t[src[i]]; v {
		case b64Skip:
		case b64End:
			dst = d.End(dst)
		default:
			d.acc = d.acc<<6 | uint32(v)
			if d.n++; d.n == 4 {
				dst = append(dst, byte(d.acc>>16), byte(d.acc>>8), byte(d.acc))
				d.n = 0
			}
		}
		i++
	}
	return dst
}

// End decodes the last digits of a run, with or without padding.
func (d *base64Decoder) End(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.acc>>4))
	case 3:
		dst = append(dst, byte(d.acc>>10), byte(d.acc>>2))
	}
	d.acc, d.n = 0, 0
	return dst
}

// maxBlanks is how many blanks are held back because they may end a line.
const maxBlanks = 1024

// qpDecoder decodes quoted-printable. Blanks at the end of a line are dropped
// (RFC 2045 section 6.7 rule 3); a wrong escape stands for itself.
type qpDecoder struct {
	blanks []byte // seen, and not yet known to be in the middle of a line
	escape []byte // "=", "=X" or "=" and blanks or CR
}

func (d *qpDecoder) Decode(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		if len(d.escape) > 0 {
			var used bool
			if dst, used = d.escaped(dst, src[i]); used {
				i++
			}
			continue
		}
		j := i
		for j < len(src) && src[j] != '=' && src[j] != ' ' && src[j] != '\t' && src[j] != '\r' && src[j] != '\n' {
			j++
		}
		if j > i {
			dst = d.flush(dst)
			dst = append(dst, src[i:j]...)
			i = j
			continue
		}
		switch c := src[i]; c {
		case '=':
			dst = d.flush(dst)
			d.escape = append(d.escape, c)
		case '\n', '\r':
			d.blanks = d.blanks[:0]
			dst = append(dst, c)
		default:
			if len(d.blanks) == maxBlanks {
				dst = d.flush(dst)
			}
			d.blanks = append(d.blanks, c)
		}
		i++
	}
	return dst
}

// flush writes blanks that turned out to stand inside a line.
func (d *qpDecoder) flush(dst []byte) []byte {
	dst = append(dst, d.blanks...)
	d.blanks = d.blanks[:0]
	return dst
}

// escaped takes c, which follows the beginning of an escape, and reports
// whether c belongs to it.
func (d *qpDecoder) escaped(dst []byte, c byte) ([]byte, bool) {
	e := d.escape
	soft := len(e) > 1 && isSpace(e[1])
	switch {
	case c == '\n' && (len(e) == 1 || soft): // a soft line break
		d.escape = e[:0]
		return dst, true
	case (c == ' ' || c == '\t' || c == '\r') && (len(e) == 1 || soft) && len(e) < maxBlanks:
		d.escape = append(e, c)
		return dst, true
	case len(e) == 1 && unhex(c) < 16:
		d.escape = append(e, c)
		return dst, true
	case len(e) == 2 && !soft && unhex(c) < 16:
		d.escape = e[:0]
		return append(dst, unhex(e[1])<<4|unhex(c)), true
	}
	dst = append(dst, e...)
	d.escape = e[:0]
	return dst, false
}

// End writes half an escape as it stands; a "=" that ends the text is a soft
// line break.
func (d *qpDecoder) End(dst []byte) []byte {
	if len(d.escape) > 1 && !isSpace(d.escape[1]) {
		dst = append(dst, d.escape...)
	}
	d.escape, d.blanks = d.escape[:0], d.blanks[:0]
	return dst
}

// unhex is the value of one hexadecimal digit, or 16.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

// uuDecoder decodes uuencode: between "begin" and "end" each line holds up to
// 45 bytes, its first character telling how many (POSIX uuencode).
type uuDecoder struct {
	line  []byte // beginning of the present line, at most maxUULine bytes
	begun bool
	done  bool
}

const maxUULine = 128

func (d *uuDecoder) Decode(dst, src []byte) []byte {
	for len(src) > 0 {
		n, done := len(src), false
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			n, done = i+1, true
		}
		if room := maxUULine - len(d.line); room > 0 {
			d.line = append(d.line, src[:min(n, room)]...)
		}
		src = src[n:]
		if done {
			dst = d.End(dst)
		}
	}
	return dst
}

// End decodes the line read so far.
func (d *uuDecoder) End(dst []byte) []byte {
	line := bytes.TrimRight(d.line, "\r\n")
	d.line = d.line[:0]
	switch {
	case d.done || len(line) == 0:
		return dst
	case !d.begun:
		d.begun = bytes.HasPrefix(line, []byte("begin "))
		return dst
	case string(line) == "end":
		d.done = true
		return dst
	}
	value := func(i int) byte {
		if i >= len(line) {
			return 0 // blanks at the end are lost in transport
		}
		return (line[i] - ' ') & 63
	}
	count := int(value(0))
	for i := 1; count > 0 && i < maxUULine; i += 4 {
		a, b, c, e := value(i), value(i+1), value(i+2), value(i+3)
		three := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | e}
		dst = append(dst, three[:min(count, 3)]...)
		count -= 3
	}
	return dst
}

// isSpace reports whether c is a blank, a tab or part of a line break.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// NewReader returns a reader of r's bytes decoded, in constant memory. Errors
// are those of r.
func NewReader(e Encoding, r io.Reader) io.Reader {
	d := NewDecoder(e)
	if d == nil {
		return r
	}
	return &reader{raw: r, decoder: d, in: make([]byte, 32<<10)}
}

// reader pulls through a decoder.
type reader struct {
	raw     io.Reader
	decoder Decoder
	in      []byte
	out     []byte // decoded, from next on not yet read
	next    int
	err     error
}

// Read implements [io.Reader].
func (d *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for d.next == len(d.out) {
		if d.err != nil {
			return 0, d.err
		}
		n, err := d.raw.Read(d.in)
		d.out, d.next = d.decoder.Decode(d.out[:0], d.in[:n]), 0
		if err != nil {
			d.err = err
			d.out = d.decoder.End(d.out)
		}
	}
	n := copy(p, d.out[d.next:])
	d.next += n
	return n, nil
}
