package file

import (
	"strings"

	"siegel/internal/mail"
)

// maxKitName bounds what of a domain is in a file's name: file systems take 255 octets, and
// the words that belong to the file have a longer one.
const maxKitName = 200

// KitName returns the name of the file of a tenant's recovery kit, by the tenant's first
// domain, so that the kits of several tenants can be told apart. It has small letters,
// digits, dots and dashes, whatever stands in the domain, and no folder.
func KitName[D ~string](domains []D) string {
	const kit = "siegel-recovery"
	if len(domains) == 0 {
		return kit + ".age"
	}
	name := strings.Map(func(x rune) rune {
		switch {
		case x >= 'a' && x <= 'z', x >= '0' && x <= '9', x == '.', x == '-':
			return x
		}
		return '-'
	}, mail.NewDomain(string(domains[0])).String())
	name = strings.Trim(name[:min(len(name), maxKitName)], ".-")
	for strings.Contains(name, "..") {
		name = strings.ReplaceAll(name, "..", ".")
	}
	if name == "" {
		return kit + ".age"
	}
	return kit + "-" + name + ".age"
}
