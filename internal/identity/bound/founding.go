package bound

import (
	"slices"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Bounds of a founding ceremony.
const (
	MaxDomains = 1000 // of a tenant, also of those that it takes later
	maxPeople  = 1000
)

// Founding is what the founding ceremony decides.
type Founding struct {
	Name           string
	Domains        []mail.Domain
	Administrators []mail.Address
	Keepers        []mail.Address // one or two
	Auditors       []mail.Address
	Readers        []mail.Address // each reads what bears the address she signs in with, which is in one of the domains
	// Kit is the recovery kit that was shown, and Words two of its words typed
	// back: the WordsAsked of the kit.
	Kit   mail.ID
	Words []string
}

// Strangers are the people who sign in with an address of none of the domains. They may be
// meant, as outside auditors are; who types the plan is asked to look at them, since an
// invitation of somebody whose domain is mistyped is one for somebody else.
func (f Founding) Strangers() (list []mail.Address) {
	for _, a := range slices.Concat(f.Administrators, f.Keepers, f.Auditors, f.Readers) {
		if !slices.Contains(f.Domains, a.Domain()) {
			list = append(list, a)
		}
	}
	return list
}

// Check fails with kind Invalid where a founding cannot be; [fault.Field] says which field
// it is about: name, domains, administrators, keepers, auditors or readers.
func (f Founding) Check() error {
	if err := Name(f.Name); err != nil {
		return fault.At("name", err)
	}
	switch {
	case len(f.Domains) == 0:
		return fault.At("domains", fault.New(fault.Invalid, "a tenant needs a domain"))
	case len(f.Administrators) == 0:
		return fault.At("administrators", fault.New(fault.Invalid, "a tenant needs an administrator"))
	case len(f.Keepers) == 0:
		return fault.At("keepers", fault.New(fault.Invalid, "a tenant needs a keeper: without one nobody could give anybody access"))
	case len(f.Keepers) > 2:
		return fault.At("keepers", fault.New(fault.Invalid, "the founding ceremony takes one or two keepers; more are requested afterwards"))
	case len(f.Domains) > MaxDomains:
		return fault.At("domains", TooMany())
	case len(f.Administrators)+len(f.Keepers)+len(f.Auditors)+len(f.Readers) > maxPeople:
		return fault.Newf(fault.Invalid, "the founding ceremony takes at most %d people; invite the others afterwards", maxPeople)
	}
	for _, d := range f.Domains {
		if err := Domain(d); err != nil {
			return fault.At("domains", err)
		}
	}
	return f.checkPeople()
}

// TooMany is the error of kind Invalid for a domain more than a tenant has.
func TooMany() error {
	return fault.Newf(fault.Invalid, "a tenant has at most %d domains", MaxDomains)
}

// checkPeople checks the people: each has one role, and the address of each
// reader is one whose mail the tenant takes.
func (f Founding) checkPeople() error {
	seen := make(map[mail.Address]bool)
	for _, of := range []struct {
		field string
		list  []mail.Address
	}{{"administrators", f.Administrators}, {"keepers", f.Keepers}, {"auditors", f.Auditors}, {"readers", f.Readers}} {
		for _, a := range of.list {
			if err := f.checkAddress(a); err != nil {
				return fault.At(of.field, err)
			}
			if seen[a] {
				return fault.At(of.field, fault.Newf(fault.Invalid, "%s is named twice; everybody has one role", a))
			}
			seen[a] = true
		}
	}
	for _, a := range f.Readers {
		if !slices.Contains(f.Domains, a.Domain()) {
			return fault.At("readers", Foreign(a))
		}
	}
	return nil
}

// checkAddress checks an address that somebody shall sign in with: of one of the domains,
// or of another one that can be.
func (f Founding) checkAddress(a mail.Address) error {
	if err := Address(a); err != nil || slices.Contains(f.Domains, a.Domain()) {
		return err
	}
	return Domain(a.Domain())
}
