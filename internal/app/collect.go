package app

import "runtime"

// headroom is memory that a server reserves and never touches, in octets, so it takes
// none; the collector counts it as held, and collects later by twice as much. Each
// message leaves some 70 KB of garbage and the server holds little else, so Go's own
// mark would have it collect 30 times a second. A higher percentage would do the
// same for small mail and multiply what ten large texts need.
const headroom = 16 << 20

// collectLater reserves the headroom until undo is called.
func collectLater() (undo func()) {
	reserved := make([]byte, headroom)
	return func() { runtime.KeepAlive(reserved) }
}
