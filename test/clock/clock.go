// Package clock is a clock that a test turns on. It knows nothing of Siegel, so that every
// package's tests can have it.
package clock

import (
	"sync"
	"time"
)

// Clock stands still until it is turned on. Use it from many goroutines.
type Clock struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

// At returns a clock that shows a time.
func At(t time.Time) *Clock { return &Clock{at: t} }

// Now is the time that it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance turns it on, or back where d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
