package source

import "testing"

// People of both languages read spans in units that are the same in both.
func TestSpan(t *testing.T) {
	for seconds, want := range map[int64]string{
		0: "0 s", 59: "59 s", 60: "1 min", 3599: "59 min", 3600: "1 h 0 min", 9000: "2 h 30 min", 86399: "23 h 59 min", 86400: "1 d 0 h", 648000: "7 d 12 h",
	} {
		if got := span(seconds); got != want {
			t.Errorf("%d: %q, want %q", seconds, got, want)
		}
	}
}
