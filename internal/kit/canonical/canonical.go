// Package canonical reads base64 that has one spelling (RFC 4648 section 3.5): what is
// read and written again is the same text. Go's decoders pass over ends of lines, the
// strict ones too, so that what is bound to a signature, a sum or a person would have as
// many spellings as one likes.
package canonical

import (
	"encoding/base64"
	"strings"
)

// Base64 reads base64 with padding (RFC 4648 section 4), and reports whether the text is
// the one spelling of what it says.
func Base64(text string) ([]byte, bool) {
	return read(base64.StdEncoding, text)
}

// Base64URL reads base64url without padding (RFC 4648 section 5), and reports whether the
// text is the one spelling of what it says.
func Base64URL(text string) ([]byte, bool) {
	return read(base64.RawURLEncoding, text)
}

func read(e *base64.Encoding, text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := e.Strict().DecodeString(text)
	return b, err == nil
}
