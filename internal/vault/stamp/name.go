package stamp

import (
	"crypto/x509/pkix"
	"strings"
	"unicode"
)

// maxName bounds a name that is shown, in characters.
const maxName = 200

// Name is how people read whom a certificate names: its common name, with the organisation
// in brackets where that is another one. It is no distinguished name as RFC 4514 writes
// them: nobody reads it again, so nothing in it is escaped; a comma or a backslash stands
// as it is. It is what the certificate claims, without characters that would move a cursor
// or turn the direction of writing, and at most 200 characters of it. A name that has
// neither is that of RFC 4514, and an empty one "?".
func Name(n pkix.Name) string {
	name, of := n.CommonName, strings.Join(n.Organization, ", ")
	switch {
	case name == "" && of == "":
		name = n.String()
	case name == "":
		name = of
	case of != "" && !strings.Contains(name, of):
		name += " (" + of + ")"
	}
	r := []rune(strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return c
	}, name)))
	switch {
	case len(r) == 0:
		return "?"
	case len(r) > maxName:
		return string(r[:maxName-1]) + "…"
	}
	return string(r)
}
