package limit_test

import (
	"testing"
	"time"

	"siegel/internal/flow/receive/limit"
)

// The first of many is warned of at once, the others once a minute with how many
// there were.
func TestSeldom(t *testing.T) {
	var s limit.Seldom
	begin := time.Unix(1_000_000, 0)
	for _, one := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Second, 0}, {59 * time.Second, 0}, {time.Minute, 3}, {61 * time.Second, 0}, {3 * time.Minute, 2}} {
		if n := s.Count(begin.Add(one.after)); n != one.want {
			t.Errorf("after %v: %d, want %d", one.after, n, one.want)
		}
	}
}
