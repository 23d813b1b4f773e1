package safehtml

import (
	"net/netip"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// ascii returns a host's name in ASCII, as browsers look it up (URL Standard section 3.5):
// in names that are in use there are underscores, and hyphens in any place.
func ascii(host string) (string, bool) {
	name, err := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true), idna.CheckHyphens(false), idna.StrictDomainName(false)).ToASCII(host)
	name = strings.ToLower(name)
	return name, err == nil && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// namesAnother reports whether a text names a host that is of somebody else than that one.
func namesAnother(text, host string) bool {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point):
			return -1 // nobody sees it
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		}
		return r
	}, text)
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" <>()[]{}\"',;|„“”«»‹›‘’", r) }) {
		for _, named := range hosts(word) {
			if owner(named) != owner(host) {
				return true
			}
		}
	}
	return false
}

// hosts returns the hosts that a word names, in ASCII: one behind a scheme or an @, one that
// begins with "www.", or any that ends like one that exists.
func hosts(word string) (list []string) {
	if !strings.ContainsAny(word, ".。．｡") { // all are dots: Unicode Technical Standard 46 section 2.3
		return nil
	}
	lower := strings.ToLower(word)
	certain := strings.HasPrefix(lower, "www.")
	scheme, rest, found := strings.Cut(word, "://")
	if found {
		word, certain = rest, strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
	}
	if at := strings.IndexAny(word, "/?#\\"); at >= 0 {
		word = word[:at]
	}
	names := strings.Split(word, "@")
	if len(names) > 1 && !found {
		names, certain = names[len(names)-1:], true // an address, whose name may have dots too
	}
	for _, name := range names {
		name, _, _ = strings.Cut(name, ":")
		name, ok := ascii(strings.Trim(name, ".!…·*_-"))
		if ok && (certain && isName(name) || exists(name)) {
			list = append(list, name)
		}
	}
	return list
}

// isName reports whether something has the form of a host's name: its last part is of
// letters (RFC 3696 section 2), or it is an address.
func isName(name string) bool {
	at := strings.LastIndexByte(name, '.')
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[at+1:]
	return at > 0 && len(last) > 1 && (strings.HasPrefix(last, "xn--") || !strings.ContainsAny(last, "0123456789-_"))
}

// exists reports whether a name ends like one that exists, by the public suffix list. What is
// as well the name of a file, or of a thing such as Node.js, is none.
func exists(name string) bool {
	at := strings.LastIndexByte(name, '.')
	if !isName(name) || at < 0 {
		return false
	}
	switch name[at+1:] {
	case "zip", "mov": // files that are linked under their names; hardly anybody is there
		return false
	case "example": // of documentation: RFC 6761 section 6.5
		return true
	}
	suffix, managed := publicsuffix.PublicSuffix(name)
	return (managed || strings.Contains(suffix, ".")) && suffix != name
}

// owner returns the part of a name that somebody has registered: names below are his.
func owner(name string) string {
	name = strings.TrimSuffix(name, ".")
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	if own, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return own
	}
	return name
}
