package bound_test

import (
	"testing"

	"siegel/internal/identity/bound"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// RFC 5321 section 4.1.2, RFC 6531 section 3.3: what is no mailbox is no address
// of a person.
func TestAddress(t *testing.T) {
	for _, a := range []string{
		"anna@clinic.example", "anna.b+c@clinic.example", "müller@clinic.example", "用户@clinic.example", "x@klinik-süd.example",
		`"x y"@clinic.example`, "o'brien@clinic.example", "a*b@clinic.example", "a@b",
	} {
		if err := bound.Address(mail.NewAddress(a)); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, a := range []string{
		"", "@", "anna", "anna@", "@clinic.example", "*@clinic.example", `"*"@clinic.example`, "x y@clinic.example", "x..y@clinic.example", ".x@clinic.example",
		"x.@clinic.example", "a@b@clinic.example", "x,y@clinic.example", "x(y)@clinic.example", "<x@clinic.example>", "Anna <x@clinic.example>",
		"x@clinic .example", "x@-clinic.example", "x@clinic..example", "x\n@clinic.example", "x\u202e@clinic.example ", "x;y@clinic.example", `"x@clinic.example`,
	} {
		if err := bound.Address(mail.NewAddress(a)); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", a, err)
		}
	}
}
