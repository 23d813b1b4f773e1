package ingest

import "time"

// Renew sets how often a run says that it goes on. Call it before Begin.
func (r *Room) Renew(every time.Duration) { r.every = every }
