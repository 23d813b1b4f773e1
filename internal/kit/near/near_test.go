package near_test

import (
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/kit/near"
)

// Each way of mistyping counts once.
func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		one, other string
		away       int
	}{
		{"", "", 0},
		{"", "ab", 2},
		{"clinic.example", "clinic.example", 0},
		{"clinic.example", "clinik.example", 1},
		{"clinic.example", "clinc.example", 1},
		{"clinic.example", "clinnic.example", 1},
		{"clinic.example", "clinci.example", 1},
		{"clinic.example", "cilnci.example", 2},
		{"clinic.example", "clinic.exmaple", 1},
		{"bücher.example", "buecher.example", 2},
		{"bücher.example", "bucher.example", 1},
		{"ca", "abc", 3}, // two letters that changed places are not parted as well
		{"clinic.example", "firm.example", 5},
	} {
		for most := range 7 {
			if got := near.Within(most, tt.one, tt.other); got != (tt.away <= most) {
				t.Errorf("%q and %q within %d: %v", tt.one, tt.other, most, got)
			}
		}
	}
}

// It is the same in both directions, and no word is further away than its length.
func TestSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("abcü.")), 0, 8, -1)
		a, b, most := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(0, 9).Draw(t, "most")
		if near.Within(most, a, b) != near.Within(most, b, a) {
			t.Error("not the same in both directions")
		}
		if near.Within(0, a, b) != (a == b) || !near.Within(max(len([]rune(a)), len([]rune(b))), a, b) {
			t.Error("what is the same is away, or something is further away than it is long")
		}
	})
}
