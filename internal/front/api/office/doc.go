// Package office has the operations by which people are given access, and by which one sees
// how the tenant is set up and who did what.
package office

import (
	"siegel/internal/flow/tally"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Identity *identity.Identity
	Tally    *tally.Room
}

type room struct {
	*operation.Door
	Deps
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d}
	r.people()
	r.requests()
	r.sources()
	r.settings()
	r.events()
}
