// Package office has the operations by which people are given access, and by which one sees
// how the tenant is set up and who did what.
package office

import (
	"context"
	"time"

	"siegel/internal/archive/casefile"
	"siegel/internal/flow/tally"
	"siegel/internal/front/api/operation"
	"siegel/internal/front/trail"
	"siegel/internal/front/trail/words"
	"siegel/internal/identity"
	"siegel/internal/mail"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Identity *identity.Identity
	Trail    trail.Deps
	Tally    *tally.Room
	Cases    *casefile.Room
	// Whole says whether what came in by each way is what the log has.
	Whole func(context.Context, mail.TenantID) (tally.Whole, error)
	Now   func() time.Time
}

type room struct {
	*operation.Door
	Deps

	kinds *words.Kinds
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d, words.New()}
	r.people()
	r.requests()
	r.cases()
	r.sources()
	r.domains()
	r.settings()
	r.events()
}
