// Package charset turns the bytes of mail, in whatever character set they are
// declared or not, into UTF-8.
//
// It never fails: a label that nobody knows, a label that is missing and bytes
// that do not fit their label all yield readable text, because mail that
// cannot be decoded must still be found and shown. Every string it returns is
// valid UTF-8. Labels are those of the WHATWG Encoding Standard, then those of
// the IANA registry (RFC 2978), then a few that mailers made up.
//
// All functions are pure and may be called from many goroutines.
package charset

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"
)

// maxLabel bounds a label; no registered name comes near it.
const maxLabel = 64

// Decode returns b, read in the character set named label, as UTF-8. The label
// is compared without case; empty, unknown and ASCII or UTF-8 labels are read
// as [Guess] reads. The result is at most three times as long as b, plus three
// bytes.
func Decode(label string, b []byte) string {
	enc := lookup(label)
	if enc == nil {
		return Guess(b)
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return Guess(b)
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// Guess reads bytes without a (believable) label: what is valid UTF-8 is kept,
// and every byte that is not part of a valid sequence is read as windows-1252,
// the two character sets that undeclared mail is written in.
func Guess(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+len(b)/4)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			r = charmap.Windows1252.DecodeByte(b[0])
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return string(out)
}

// NewReader returns a reader of r's bytes, read in the character set named
// label, as UTF-8: the same text as [Decode] gives, in constant memory. Errors
// are those of r.
func NewReader(label string, r io.Reader) io.Reader {
	if enc := lookup(label); enc != nil {
		return transform.NewReader(r, enc.NewDecoder())
	}
	return transform.NewReader(r, guesser{})
}

// Known reports whether label names a character set that is not guessed but
// decoded as declared (ASCII and UTF-8 included).
func Known(label string) bool {
	return plain(strings.ToLower(strings.TrimSpace(label))) || lookup(label) != nil
}

// plain reports whether a lower-case label means ASCII or UTF-8. Both are
// guessed rather than decoded: what claims to be ASCII and has the eighth bit
// set, or to be UTF-8 and is not, is wrongly labelled.
func plain(label string) bool {
	switch label {
	case "utf-8", "utf8", "unicode-1-1-utf-8", "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "646":
		return true
	}
	return false
}

// lookup returns the encoding of a label, or nil where the bytes are to be guessed.
func lookup(label string) encoding.Encoding {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\"'"))
	if label == "" || len(label) > maxLabel || plain(label) {
		return nil
	}
	if enc, err := htmlindex.Get(label); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(label); err == nil && enc != nil && enc != encoding.Replacement {
		return enc
	}
	// Names that mailers write and no registry has: "cp-850", "cp1252", "windows1252".
	for _, prefix := range []string{"cp-", "cp", "windows", "win-", "ibm-", "ms"} {
		number, ok := strings.CutPrefix(label, prefix)
		if !ok {
			continue
		}
		for _, name := range []string{"windows-" + number, "ibm" + number} {
			if enc, err := ianaindex.MIME.Encoding(name); err == nil && enc != nil {
				return enc
			}
		}
	}
	return nil
}

// guesser is [Guess] as a transformer, for streams.
type guesser struct{ transform.NopResetter }

// Transform implements [transform.Transformer].
func (guesser) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		r, n := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && n == 1 {
			if !atEOF && !utf8.FullRune(src[nSrc:]) {
				return nDst, nSrc, transform.ErrShortSrc
			}
			r = charmap.Windows1252.DecodeByte(src[nSrc])
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += n
	}
	return nDst, nSrc, nil
}
