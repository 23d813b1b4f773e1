// Package jobs has the operations of long work: exports of what a search finds, and giving
// older mail to somebody. A job goes on when nobody asks for it, for as long as the session
// of its person is open.
package jobs

import (
	"siegel/internal/archive/job"
	"siegel/internal/front/api/operation"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Jobs *job.Room
}

type room struct {
	*operation.Door
	Deps
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d}
	r.orders()
	r.works()
	r.parts()
}
