package commit

import (
	"testing"
	"time"

	"siegel/internal/kit/fault"
)

// Transactions that fail one after another are one stall, until one succeeds, fails
// for another reason, or nothing was tried for a while.
func TestStall(t *testing.T) {
	var s stall
	begun := time.Now()
	after := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	busy := fault.New(fault.Busy, "wait")
	is := func(seconds, want int) {
		t.Helper()
		if got := s.at(after(seconds)); got != time.Duration(want)*time.Second {
			t.Errorf("after %d s: %v, want %d s", seconds, got, want)
		}
	}
	is(0, 0)
	s.begin(after(1))
	is(100, 99) // one that waits for a standby
	s.end(after(100), nil)
	is(100, 0)

	s.begin(after(200))
	s.end(after(210), busy)
	is(211, 10)
	is(239, 10) // what is not tried does not last longer
	s.begin(after(211))
	is(217, 17)
	s.end(after(221), busy)
	is(251, 21)
	is(252, 0) // nothing was tried
	s.begin(after(260))
	is(261, 1)
	s.end(after(262), busy)
	s.begin(after(263))
	s.end(after(264), fault.New(fault.Conflict, "another reason"))
	is(264, 0)
}
