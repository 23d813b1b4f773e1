package header

import (
	"bytes"
	"strings"

	"siegel/internal/proto/mime/charset"
)

// word is one encoded word, RFC 2047 section 2: =?charset*language?encoding?text?=.
type word struct {
	charset string
	data    []byte // decoded from base64 or Q, not yet from the character set
}

// words finds encoded words from left to right.
type words struct {
	b []byte
	// last is the index of the last "?=" in b, or negative. Behind it nothing
	// is searched, so that many false beginnings cost no more than one pass.
	last int
}

func newWords(b []byte) words { return words{b: b, last: bytes.LastIndex(b, []byte("?="))} }

// at reads the encoded word that begins at i, and where it ends. White space
// inside the text is tolerated; mailers write it, though section 2 forbids it.
func (ws words) at(i int) (w word, end int, ok bool) {
	b := ws.b[i:]
	if len(b) < 8 || b[0] != '=' || b[1] != '?' || ws.last < i {
		return word{}, 0, false
	}
	q := bytes.IndexByte(b[2:min(len(b), 2+80)], '?')
	if q <= 0 || 2+q+3 > len(b) || b[2+q+2] != '?' {
		return word{}, 0, false
	}
	label, encoding, text := b[2:2+q], b[2+q+1]|0x20, b[2+q+3:]
	if encoding != 'b' && encoding != 'q' {
		return word{}, 0, false
	}
	// Only now, when what is found will be consumed, may the search be long.
	n := bytes.Index(text, []byte("?="))
	if n < 0 {
		return word{}, 0, false
	}
	if star := bytes.IndexByte(label, '*'); star >= 0 {
		label = label[:star] // RFC 2231 section 5
	}
	if encoding == 'b' {
		w.data = decodeBase64(text[:n])
	} else {
		w.data = decodeQ(text[:n])
	}
	w.charset = strings.ToLower(string(label))
	return w, i + 2 + q + 3 + n + 2, true
}

// decodeWords decodes the encoded words of an unfolded value. Words wherever
// they stand are decoded, also inside other text and quotes; white space
// between two of them is dropped (section 6.2), and the bytes of neighbours in
// one character set are joined first, since mailers split characters.
func decodeWords(b []byte) string {
	if !bytes.Contains(b, []byte("=?")) {
		return readable(b)
	}
	var out strings.Builder
	var open word // neighbours collected so far
	ws := newWords(b)
	flush := func() {
		out.WriteString(clean(charset.Decode(open.charset, open.data)))
		open = word{}
	}
	start, words := 0, 0 // text not yet written begins at start
	for i := 0; i < len(b); {
		next := bytes.Index(b[i:], []byte("=?"))
		if next < 0 {
			break
		}
		i += next
		w, end, ok := ws.at(i)
		if !ok {
			i += 2
			continue
		}
		between := b[start:i]
		near := words > 0 && len(bytes.TrimSpace(between)) == 0
		if !near || w.charset != open.charset {
			flush()
			open.charset = w.charset
		}
		if !near {
			out.WriteString(readable(between))
		}
		open.data = append(open.data, w.data...)
		words++
		start, i = end, end
	}
	flush()
	out.WriteString(readable(b[start:]))
	return out.String()
}

// decodeQ decodes the Q encoding, RFC 2047 section 4.2. A wrong escape stands for itself.
func decodeQ(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '_':
			out = append(out, ' ')
		case b[i] == '=' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out
}

// decodeBase64 decodes base64 and skips whatever does not belong to it.
func decodeBase64(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*3+3)
	var acc uint32
	bits := 0
	for _, c := range b {
		v := base64Value(c)
		if v < 0 {
			if c == '=' { // the end of one run; mailers glue several
				acc, bits = 0, 0
			}
			continue
		}
		acc = acc<<6 | uint32(v)
		if bits += 6; bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	return out
}

// base64Value is the value of one base64 digit, or -1. RFC 4648 section 4; the
// digits of section 5 are taken too.
func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+' || c == '-':
		return 62
	case c == '/' || c == '_':
		return 63
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unhex is the value of one hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
