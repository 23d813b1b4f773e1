// Package scratch lends buffers for a moment. What comes back is cleared before it
// is lent again, so that nobody finds another's plaintext in one.
package scratch

import (
	"slices"
	"sync"
)

// maxKept is the largest buffer that is kept, in octets; larger ones are left to
// the collector, cleared.
const maxKept = 256 << 10

// Pool lends buffers. The zero Pool is ready; use it from many goroutines.
type Pool struct {
	buffers sync.Pool // of *[]byte, cleared up to their capacity
}

// Get lends a buffer of n octets, all zero. The caller may cut it and append to
// it, and gives it back with [Pool.Put] when nobody reads it any more.
func (p *Pool) Get(n int) []byte {
	b, ok := p.buffers.Get().(*[]byte)
	if !ok {
		return make([]byte, n)
	}
	return slices.Grow((*b)[:0], n)[:n]
}

// Put takes a buffer back and clears it up to its capacity. Where append moved a
// lent buffer, what it was before is not reached.
func (p *Pool) Put(b []byte) {
	b = b[:cap(b)]
	clear(b)
	if len(b) > 0 && len(b) <= maxKept {
		p.buffers.Put(&b)
	}
}
