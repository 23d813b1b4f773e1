package bound

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Name fails with kind Invalid where a text is no name for a new tenant: 1 to 100
// characters that are printed, with a letter or a digit among them, without a blank at
// either end, and without . or .. as an element of a path. "A/S" and "Müller & Söhne
// GmbH" are names.
func Name(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "" || n > maxName:
		return fault.New(fault.Invalid, "a tenant needs a name of at most 100 characters")
	case strings.ContainsFunc(name, unseen):
		return fault.New(fault.Invalid, "a tenant's name stands on one line, and each character of it can be seen: type it anew")
	case strings.TrimSpace(name) != name:
		return fault.New(fault.Invalid, "a tenant's name neither begins nor ends with a blank: leave it out")
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }):
		return fault.New(fault.Invalid, "a tenant's name needs a letter or a digit: name it as people call it, such as Müller & Söhne GmbH")
	case climbs(name):
		return fault.New(fault.Invalid, "a tenant's name is no path: leave out the . or .. that stands alone before or behind a slash")
	}
	return nil
}

// unseen reports whether a character is none, or none that people see: controls, what turns
// the direction of a line, blanks other than the usual one, marks without width. Two
// names that differ by these alone look the same. What is no UTF-8 is unseen, and so is
// what stands where it once was lost.
func unseen(r rune) bool {
	const emptyBraille = '\u2800' // printed, by the tables, as a blank
	return r == utf8.RuneError || r == emptyBraille || !unicode.IsPrint(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// climbs reports whether a name, taken as a path, leads somewhere else.
func climbs(name string) bool {
	for element := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if e := strings.TrimSpace(element); e == "." || e == ".." {
			return true
		}
	}
	return false
}

// Domain fails with kind Invalid where a name is no domain that a mail server of
// others could deliver to: two labels at least, since RFC 5321 section 2.3.5 wants names
// that mean the same everywhere (so not localhost, nor a name of a local network), each of
// letters, digits and hyphens (RFC 1123 section 2.1) or the A-label of a U-label (RFC
// 5891 section 4.2), and the last one not of digits alone, as that of an IPv4 address is
// (RFC 3696 section 2).
func Domain(d mail.Domain) error {
	name := d.String()
	switch last := name[strings.LastIndexByte(name, '.')+1:]; {
	case len(name) > maxDomain:
		return fault.Newf(fault.Invalid, "a domain has at most %d octets", maxDomain)
	case numeric(name, last):
		return fault.Newf(fault.Invalid, "%q is the address of a machine, not a domain: write what stands behind the @ of the e-mail addresses, such as firm.example", d)
	case !labels(name):
		return fault.Newf(fault.Invalid, "%q is not a domain: write what stands behind the @ of the e-mail addresses, such as firm.example", d)
	case last == name:
		return fault.Newf(fault.Invalid, "%q is no domain that others can send mail to: it needs a dot and what follows it, as firm.example has", d)
	}
	return nil
}

// numeric reports whether a name is the address of a machine, or looks like one.
func numeric(name, last string) bool {
	literal := strings.TrimPrefix(strings.Trim(name, "[]"), "ipv6:")
	_, err := netip.ParseAddr(literal)
	return err == nil || last != "" && strings.Trim(last, "0123456789") == ""
}

// labels reports whether a name consists of labels that can be registered: going to
// U-labels and back gives the name again.
func labels(name string) bool {
	u, err := idna.Registration.ToUnicode(name)
	if err != nil {
		return false
	}
	a, err := idna.Registration.ToASCII(u)
	return err == nil && a == name && !strings.HasSuffix(name, ".") // which a mail.Domain has not
}
