package app

import "runtime/debug"

const (
	// gcPercent is how much garbage a server lets come before it collects, in
	// percent of what it holds. Each message leaves some 70 KB of garbage and the
	// server holds little else, so collecting at Go's own mark costs more than the
	// memory is worth: ten messages of 150 MB at once need 80 MiB with it (66 without).
	gcPercent = 300
	goPercent = 100 // Go's own, where nobody set GOGC
)

// collectLater sets the collector's mark, unless the operator did, and returns what
// sets it back.
func collectLater() (undo func()) {
	was := debug.SetGCPercent(gcPercent)
	if was != goPercent {
		debug.SetGCPercent(was)
	}
	return func() { debug.SetGCPercent(was) }
}
