package credential

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"siegel/internal/kit/fault"
)

// MinPassword is the least number of characters (requirement AU-02).
const MinPassword = 10

// MaxPassword bounds the work with a password, in octets.
const MaxPassword = 1024

// CheckPassword fails with kind Invalid and the rules that a new password breaks,
// joined, a fault for each (requirements AU-02 and AU-03). Letters of every script
// count.
func CheckPassword(p []byte) error {
	switch {
	case len(p) > MaxPassword:
		return fault.Newf(fault.Invalid, "the password must be text of at most %d octets", MaxPassword)
	case bytes.ContainsAny(p, "\r\n"):
		return fault.New(fault.Invalid, "the password must be text of one line; there are several")
	}
	// What counts is what the lock is derived from: composed characters, no
	// control characters (RFC 8265 section 4.2).
	prepared, err := precis.OpaqueString.Bytes(p)
	if len(p) > 0 && (err != nil || !utf8.Valid(p)) {
		return fault.New(fault.Invalid, "the password must be text in UTF-8; it has a character that none may have, such as a control character")
	}
	defer clear(prepared)
	var broken []error
	if utf8.RuneCount(prepared) < MinPassword {
		broken = append(broken, fault.Newf(fault.Invalid, "the password must have at least %d characters", MinPassword))
	}
	for _, r := range rules() {
		if !strings.ContainsFunc(string(prepared), r.has) {
			broken = append(broken, r.broken)
		}
	}
	return errors.Join(broken...)
}

// rule is a kind of character that a password must have (AU-03).
type rule struct {
	has    func(rune) bool
	broken error
}

func rules() []rule {
	return []rule{
		{unicode.IsUpper, fault.New(fault.Invalid, "the password must have at least one upper-case letter")},
		{unicode.IsLower, fault.New(fault.Invalid, "the password must have at least one lower-case letter")},
		{unicode.IsDigit, fault.New(fault.Invalid, "the password must have at least one digit")},
		{isSpecial, fault.New(fault.Invalid, "the password must have at least one special character")},
	}
}

func isSpecial(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsControl(r)
}
