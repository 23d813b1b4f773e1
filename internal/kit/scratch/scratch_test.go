package scratch_test

import (
	"bytes"
	"sync"
	"testing"

	"siegel/internal/kit/scratch"
)

// Whatever was in a buffer, in its length or behind it, is gone when it comes
// back, also where it is too large to be kept.
func TestCleared(t *testing.T) {
	var p scratch.Pool
	for _, n := range []int{0, 1, 100, 5000, 300 << 10, 64} {
		b := p.Get(n)
		if len(b) != n || !bytes.Equal(b, make([]byte, n)) {
			t.Fatalf("%d octets, want %d zeros", len(b), n)
		}
		b = append(b, "secret"...)
		all := b[:cap(b)]
		for i := range all {
			all[i] = 0xff
		}
		p.Put(b[:1])
		if !bytes.Equal(all, make([]byte, len(all))) {
			t.Fatalf("%d octets were not cleared", n)
		}
	}
}

// No two have the same buffer.
func TestManyGoroutines(t *testing.T) {
	var p scratch.Pool
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for n := range 500 {
				b := p.Get(n)
				for i := range b {
					b[i] = byte(g)
				}
				for i := range b {
					if b[i] != byte(g) {
						t.Error("somebody else writes here")
						return
					}
				}
				p.Put(b)
			}
		})
	}
	wait.Wait()
}
