package commit

import (
	"time"

	"siegel/internal/kit/fault"
)

// stall is how long the database has not made a transaction true. A transaction that
// waits for another's lock fails before one that waits for a standby does, and the
// next waits again: the time counts from the first of them.
type stall struct {
	since   time.Time // when the first began that has not succeeded; zero for none
	failed  time.Time // when the last that failed did; zero for none
	running bool
}

// forget is how long a failure counts when nothing is tried any more: a server that
// says that it takes no mail gets none, and could not find out that it does again.
const forget = 30 * time.Second

// begin notes that a transaction begins.
func (s *stall) begin(now time.Time) {
	if s.at(now) == 0 {
		s.since, s.failed = now, time.Time{}
	}
	s.running = true
}

// end notes how it ended.
func (s *stall) end(now time.Time, err error) {
	s.running = false
	if fault.Of(err) == fault.Busy {
		s.failed = now
		return
	}
	s.since, s.failed = time.Time{}, time.Time{}
}

// at is how long nothing has succeeded; zero where the last transaction did. While
// nothing is tried, time does not count: one that failed for want of a lock says
// nothing of the next.
func (s *stall) at(now time.Time) time.Duration {
	switch {
	case s.since.IsZero(), !s.running && now.Sub(s.failed) > forget:
		return 0
	case !s.running:
		return s.failed.Sub(s.since)
	default:
		return now.Sub(s.since)
	}
}
