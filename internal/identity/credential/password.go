package credential

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"siegel/internal/kit/fault"
)

// minPassword is the least number of characters (requirement AU-02).
const minPassword = 10

// MaxPassword bounds the work with a password, in octets.
const MaxPassword = 1024

// CheckPassword fails with kind Invalid and the rules that a new password breaks,
// joined, a fault for each (requirements AU-02 and AU-03). Letters of every script
// count.
func CheckPassword(p []byte) error {
	if len(p) > MaxPassword || !utf8.Valid(p) {
		return fault.Newf(fault.Invalid, "the password must be text of at most %d octets", MaxPassword)
	}
	// What counts is what the lock is derived from: composed characters, no
	// control characters (RFC 8265 section 4.2).
	prepared, err := precis.OpaqueString.Bytes(p)
	if len(p) > 0 && err != nil {
		return fault.Newf(fault.Invalid, "the password must be text of at most %d octets", MaxPassword)
	}
	defer clear(prepared)
	var broken []error
	if utf8.RuneCount(prepared) < minPassword {
		broken = append(broken, fault.Newf(fault.Invalid, "the password must have at least %d characters", minPassword))
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
