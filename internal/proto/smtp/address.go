package smtp

import (
	"errors"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Bounds of addresses, in octets.
const (
	// maxLocal is more than the 64 of RFC 5321 section 4.5.3.1.1, which asks
	// to avoid limits where possible: bounce addresses of mailing lists are
	// longer, and an archive that refuses them loses evidence.
	maxLocal  = 255
	maxDomain = 255  // RFC 5321 section 4.5.3.1.2
	maxLabel  = 63   // RFC 1035 section 2.3.4
	maxPath   = 1000 // RFC 5321 section 4.5.3.1.3 asks for 256 at least
)

// ErrAddress means that a text is not a mailbox of RFC 5321 section 4.1.2.
var ErrAddress = errors.New("smtp: not an address")

// Address is a mailbox of an envelope. The zero Address is the null reverse
// path. Two ways to write one mailbox (with or without needless quotes) give
// equal Addresses; the case of letters is kept.
type Address struct {
	Local string // without quotes and quoting backslashes; valid UTF-8
	// Domain is a domain name as the client wrote it, or an address literal in
	// its brackets.
	Domain string
}

// ParseAddress parses a mailbox, without angle brackets, that must be all of
// s. Characters beyond ASCII are taken (RFC 6531 section 3.3); ask
// [Address.IsASCII] where they are not allowed. The error is [ErrAddress].
//
// Beyond RFC 5321: a local part may have 255 octets, and an underscore counts
// as a letter in domain names, since hosts with such names send mail. Narrower:
// the only tag of address literals is IPv6, the only one ever registered, and
// IPv4 literals have no leading zeros.
func ParseAddress(s string) (Address, error) {
	a, rest, err := parseMailbox(s)
	if err == nil && rest != "" {
		err = ErrAddress
	}
	if err != nil {
		return Address{}, err
	}
	return a, nil
}

// IsZero says whether a is the null reverse path.
func (a Address) IsZero() bool { return a == Address{} }

// IsASCII says whether a can be given without SMTPUTF8.
func (a Address) IsASCII() bool { return isASCII(a.Local) && isASCII(a.Domain) }

// String writes a as it stands between angle brackets, with quotes only where
// they are needed. It is an inverse of [ParseAddress]. Addresses are personal
// data: never log them.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	local := a.Local
	if rest, err := skipDotString(local); err != nil || rest != "" {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	if a.Domain == "" {
		return local
	}
	return local + "@" + a.Domain
}

// parsePath parses a Path of RFC 5321 section 4.1.2 in angle brackets and
// returns what follows it. null allows <>; without it <Postmaster> is allowed.
func parsePath(s string, null bool) (_ Address, rest string, _ error) {
	if s == "" || s[0] != '<' {
		return Address{}, s, ErrAddress
	}
	whole := s
	if s = s[1:]; null && strings.HasPrefix(s, ">") {
		return Address{}, s[1:], nil
	}
	s, err := skipRoute(s)
	if err != nil {
		return Address{}, s, err
	}
	const postmaster = "postmaster>"
	if !null && len(s) >= len(postmaster) && strings.EqualFold(s[:len(postmaster)], postmaster) {
		return Address{Local: s[:len(postmaster)-1]}, s[len(postmaster):], nil
	}
	a, s, err := parseMailbox(s)
	if err != nil {
		return Address{}, s, err
	}
	if s == "" || s[0] != '>' || len(whole)-len(s)+1 > maxPath {
		return Address{}, s, ErrAddress
	}
	return a, s[1:], nil
}

// skipRoute drops a source route, which a server must accept and should
// ignore (RFC 5321 section 4.1.1.3 and appendix C).
func skipRoute(s string) (string, error) {
	if s == "" || s[0] != '@' {
		return s, nil
	}
	for {
		var err error
		if _, s, err = cutName(s[1:]); err != nil {
			return s, err
		}
		switch {
		case strings.HasPrefix(s, ",@"):
			s = s[1:]
		case strings.HasPrefix(s, ":"):
			return s[1:], nil
		default:
			return s, ErrAddress
		}
	}
}

// parseMailbox parses a Mailbox of RFC 5321 section 4.1.2 at the front of s
// and returns what follows it.
func parseMailbox(s string) (a Address, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		a.Local, rest, err = cutQuoted(s)
	} else if rest, err = skipDotString(s); err == nil {
		a.Local = s[:len(s)-len(rest)]
	}
	if err != nil {
		return a, rest, err
	}
	if len(a.Local) > maxLocal || !isText(a.Local) || !strings.HasPrefix(rest, "@") {
		return a, rest, ErrAddress
	}
	if rest = rest[1:]; strings.HasPrefix(rest, "[") {
		a.Domain, rest, err = cutLiteral(rest)
	} else {
		a.Domain, rest, err = cutName(rest)
	}
	return a, rest, err
}

// skipDotString returns what follows the Dot-string at the front of s.
func skipDotString(s string) (rest string, err error) {
	i, atom := 0, false // atom: whether the octet before i is part of an atom
	for ; i < len(s); i++ {
		if s[i] == '.' {
			if !atom {
				return s, ErrAddress
			}
			atom = false
			continue
		}
		if !isAtext(s[i]) {
			break
		}
		atom = true
	}
	if !atom {
		return s, ErrAddress
	}
	return s[i:], nil
}

// cutQuoted decodes the Quoted-string at the front of s, which begins with a
// quote.
func cutQuoted(s string) (local, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c == '\\':
			// quoted-pairSMTP: any printable ASCII character or a space
			if i++; i == len(s) || s[i] < ' ' || s[i] > '~' {
				return "", s, ErrAddress
			}
			b.WriteByte(s[i])
		case c < ' ' || c == 0x7f:
			return "", s, ErrAddress
		default:
			b.WriteByte(c)
		}
	}
	return "", s, ErrAddress
}

// cutName takes a domain name from the front of s.
func cutName(s string) (name, rest string, err error) {
	i := 0
	for i < len(s) && (isAlnum(s[i]) || s[i] == '-' || s[i] == '_' || s[i] == '.' || s[i] >= 0x80) {
		i++
	}
	name, rest = s[:i], s[i:]
	ascii := name
	if !isASCII(name) {
		// RFC 6531 section 3.3: a U-label must be one that has an A-label.
		if ascii, err = idna.Lookup.ToASCII(name); err != nil || !isText(name) {
			return "", s, ErrAddress
		}
	}
	if len(ascii) > maxDomain || len(name) > maxDomain {
		return "", s, ErrAddress
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return "", s, ErrAddress
		}
	}
	return name, rest, nil
}

// cutLiteral takes an address literal from the front of s, which begins with a
// bracket (RFC 5321 section 4.1.3).
func cutLiteral(s string) (literal, rest string, err error) {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return "", s, ErrAddress
	}
	text, v6 := s[1:end], false
	if len(text) >= 5 && strings.EqualFold(text[:5], "IPv6:") {
		text, v6 = text[5:], true
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" || ip.Is6() != v6 {
		return "", s, ErrAddress
	}
	return s[:end+1], s[end+1:], nil
}

// isAtext says whether c may stand in an atom (RFC 5322 section 3.2.3, RFC
// 6531 section 3.3).
func isAtext(c byte) bool {
	return isAlnum(c) || c >= 0x80 || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// isText says whether s is valid UTF-8 without control characters, of which
// UTF-8 has 32 beyond those of ASCII.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
