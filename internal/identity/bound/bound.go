// Package bound says what names, domains and e-mail addresses may be, of what
// people type.
package bound

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Bounds of what is kept of what people type.
const (
	maxName    = 100 // of a tenant, in characters
	maxAddress = 998 // in octets, as the door for mail has it
	maxDomain  = 253 // in octets (RFC 1035 section 2.3.4, as text)
)

// unfit reports whether a text has what no name or address has, and what would
// break a line of a log or a terminal.
func unfit(s string) bool { return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) }

// Address fails with kind Invalid where an address cannot be one.
func Address(a mail.Address) error {
	if len(a) > maxAddress {
		return fault.Newf(fault.Invalid, "an e-mail address has at most %d octets", maxAddress)
	}
	at := strings.LastIndexByte(a.String(), '@')
	if at < 1 || a.Domain() == "" || unfit(a.String()) {
		return fault.Newf(fault.Invalid, "%q is not an e-mail address", a)
	}
	return nil
}

// Domain fails with kind Invalid where a domain cannot be one.
func Domain(d mail.Domain) error {
	if len(d) > maxDomain {
		return fault.Newf(fault.Invalid, "a domain has at most %d octets", maxDomain)
	}
	if d == "" || strings.ContainsAny(d.String(), "@ /") || unfit(d.String()) {
		return fault.Newf(fault.Invalid, "%q is not a domain", d)
	}
	return nil
}

// Name fails with kind Invalid where a text is no name of a tenant.
func Name(name string) error {
	if strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxName || unfit(name) {
		return fault.New(fault.Invalid, "a tenant needs a name of at most 100 characters")
	}
	return nil
}
