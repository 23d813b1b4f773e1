package limit

import (
	"sync"
	"time"
)

// seldomTime is how long apart warnings of one thing are.
const seldomTime = time.Minute

// Seldom bounds warnings of what happens to every message. Its zero value is
// ready, for several goroutines.
type Seldom struct {
	mu   sync.Mutex
	last time.Time // of the last warning; guarded by mu
	n    int       // since then; guarded by mu
}

// Count counts one more. Where it is time to warn it returns how many there were
// since the last warning, otherwise zero.
func (s *Seldom) Count(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if !s.last.IsZero() && now.Sub(s.last) < seldomTime {
		return 0
	}
	n := s.n
	s.last, s.n = now, 0
	return n
}
