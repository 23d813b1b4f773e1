// Package office has the operations by which people are given access, and by which one sees
// how the tenant is set up and who did what.
package office

import (
	"time"

	"siegel/internal/archive/casefile"
	"siegel/internal/flow/tally"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Identity *identity.Identity
	Tally    *tally.Room
	Cases    *casefile.Room
	Now      func() time.Time
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
	r.cases()
	r.sources()
	r.settings()
	r.events()
}
