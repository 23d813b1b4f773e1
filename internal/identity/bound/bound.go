// Package bound says what names, domains and e-mail addresses may be, of what
// people type. It is asked where something new is made; what is there already was
// perhaps made under other rules, and stays as it is.
package bound

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

// Bounds of what is kept of what people type.
const (
	maxName    = 100 // of a tenant, in characters
	maxAddress = 998 // in octets, as the door for mail has it
	maxDomain  = 253 // in octets (RFC 1035 section 2.3.4, as text)
)

// unfit reports whether a text has what no name or address has, and what would
// break a line of a log or a terminal.
func unfit(s string) bool { return !utf8.ValidString(s) || strings.ContainsFunc(s, moves) }

// moves reports whether a character moves the cursor or turns the direction of
// what follows.
func moves(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// Address fails with kind Invalid where an address cannot be one: its local part
// is a Dot-string or a Quoted-string of RFC 5321 section 4.1.2, with letters
// beyond ASCII as in RFC 6531 section 3.3. An asterisk alone would be one too;
// who types it means all addresses, which is not what would happen.
func Address(a mail.Address) error {
	if len(a) > maxAddress {
		return fault.Newf(fault.Invalid, "an e-mail address has at most %d octets", maxAddress)
	}
	if strings.HasPrefix(a.String(), "*@") {
		return fault.Newf(fault.Invalid, "wildcards are not supported: %s would be one address of that name; name each address", a)
	}
	if _, err := smtp.ParseAddress(a.String()); err != nil || unfit(a.String()) {
		return fault.Newf(fault.Invalid, "%q is not an e-mail address", a)
	}
	return nil
}

// Foreign is the error of kind Invalid for an address of no domain of the tenant.
func Foreign(a mail.Address) error {
	return fault.Newf(fault.Invalid, "%s is not in a domain of this tenant", a)
}

// Taken is the error of kind Conflict for the address of an account that is there.
func Taken(a mail.Address) error {
	return fault.Newf(fault.Conflict, "there is a person %s already", a)
}

// Last is the error of kind Denied for the last account with a role, which is not
// taken away. kit says that the recovery kit appoints another one, where nobody
// else can.
func Last(a mail.Address, role fault.Spoken, kit bool) error {
	if kit {
		return fault.Newf(fault.Denied, "%s is the last person with the role %s; request it for another one first, and carry that out with the recovery kit where no keeper can approve it: siegel access recover", a, role)
	}
	return fault.Newf(fault.Denied, "%s is the last person with the role %s; appoint another one first", a, role)
}
