package routing

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"siegel/internal/identity/bound"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/near"
	"siegel/internal/mail"
)

// Meant fails with kind Invalid where nobody can be meant by an address: it is none (see
// [bound.Address]), or its domain is none of a tenant's and can be nobody's (see
// [bound.Domain]). It fails likewise where that domain is so much like one of the tenant's
// that it may be mistyped, unless it is among those that somebody confirmed: strangers may be
// invited, such as outside auditors, and nobody finds out where a code for an address that
// does not exist went. That error is about the field confirm-domain, which is where doors
// take the confirmation: the domain itself, so that it holds for no other one.
func (r *Router) Meant(ctx context.Context, tenant mail.TenantID, a mail.Address, confirmed []mail.Domain) error {
	if err := bound.Address(a); err != nil {
		return err
	}
	d := a.Domain()
	own, _, err := r.Domains(ctx, tenant)
	if err != nil || own[d] {
		return err
	}
	if err := bound.Domain(d); err != nil || slices.Contains(confirmed, d) {
		return err
	}
	like := alike(d, own)
	if like == "" {
		return nil
	}
	return fault.At("confirm-domain", fault.Newf(fault.Invalid,
		"%s is no domain of this tenant, and looks like %s: correct the address, or confirm that the domain is meant", told(d, like), like))
}

// alike returns the first of a tenant's domains that one may be mistyped for; empty for none.
func alike(d mail.Domain, own map[mail.Domain]bool) (first mail.Domain) {
	for one := range own {
		if mistyped(d, one) && (first == "" || one < first) {
			first = one
		}
	}
	return first
}

// mistyped reports whether one domain may be another one mistyped: by two letters at most,
// and by one for three letters of its name at most, so that short names are not all alike.
func mistyped(typed, own mail.Domain) bool {
	name := own.Readable()
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		name = name[:at]
	}
	return near.Within(min(2, len([]rune(name))/3), typed.Readable(), own.Readable())
}

// told is a domain as it was typed. Where it has letters beyond ASCII that the tenant's has
// not, they may look like some of these, and be pasted: then the form that cannot deceive
// stands beside it.
func told(typed, own mail.Domain) string {
	s := typed.Readable()
	strange := func(r rune) bool { return r > unicode.MaxASCII && !strings.ContainsRune(own.Readable(), r) }
	if strings.ContainsFunc(s, strange) {
		s += " (" + typed.String() + ")"
	}
	return s
}
