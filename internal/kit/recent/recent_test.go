package recent_test

import (
	"testing"

	"siegel/internal/kit/recent"
)

// What is used all the time is remembered however much else comes, and no more is
// remembered than may be.
func TestUsedStays(t *testing.T) {
	t.Parallel()
	const limit = 100
	s := recent.New[int, string](limit)
	s.Note(-1, "used")
	for i := range 10 * limit {
		s.Note(i, "once")
		if v, ok := s.Get(-1); !ok || v != "used" {
			t.Fatalf("forgotten after %d others", i)
		}
		if n := s.Len(); n > limit {
			t.Fatalf("%d are remembered", n)
		}
	}
	if _, ok := s.Get(0); ok {
		t.Error("what nobody uses is remembered for ever")
	}
	if _, ok := s.Get(10*limit - 1); !ok {
		t.Error("the newest is forgotten")
	}
}
