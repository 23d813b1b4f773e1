// Package plain shows what strangers wrote, so that nothing of it is hidden: "gpj.exe" must
// not read as "exe.jpg", and no name may turn around the address behind it.
package plain

import (
	"strings"
	"unicode"
)

// Mark stands where a character was that cannot be seen.
const Mark = '\uFFFD'

// Text returns a line as it can be shown: each character that cannot be seen, or that turns
// the direction of what follows (Unicode Standard Annex 9), is [Mark]; a tab is a blank. So
// it has as many characters as before. odd says that there was such a one. Joiners stay
// where scripts and pictures need them.
func Text(s string) (shown string, odd bool) {
	var b strings.Builder
	b.Grow(len(s))
	before := rune(0)
	for at, r := range s {
		out := r
		switch {
		case r == '\t':
			out = ' '
		case isJoiner(r) && joins(before) && joins(next(s[at+len("\u200D"):])):
		case isHidden(r):
			out, odd = Mark, true
		}
		b.WriteRune(out)
		before = r
	}
	return b.String(), odd
}

// Shown is [Text] for who does not tell what was hidden.
func Shown(s string) string {
	s, _ = Text(s)
	return s
}

// isHidden reports whether a character is not seen, or moves what is.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// isJoiner reports whether a character joins or parts letters: U+200C and U+200D.
func isJoiner(r rune) bool { return r == '\u200C' || r == '\u200D' }

// joins reports whether a joiner beside a character may have something to do: not between
// letters that never join, and not beside nothing.
func joins(r rune) bool {
	return r >= 0x0590 && r != Mark && !isHidden(r) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic) &&
		(unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsSymbol(r))
}

func next(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}
