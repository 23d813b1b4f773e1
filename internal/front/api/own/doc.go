// Package own has the operations of what is one's own: signing in and out, sessions, and
// the password.
package own

import (
	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Identity *identity.Identity
}

type room struct {
	*operation.Door
	Deps
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d}
	r.sessions()
	r.me()
}
