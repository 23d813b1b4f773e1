package finder_test

import (
	"testing"
	"time"

	"siegel/internal/app/finder"
	"siegel/internal/kit/fault"
)

// EX-02: a position of an export that was not ours is refused before anything is looked for
// (there is no index here): read in part, it would leave messages out of the export.
func TestForeignPositions(t *testing.T) {
	for _, at := range []string{"x", "202611", "202611.", ".7", "202611.7x", "202611.7.8", " 202611.7", "202611.7 ", "202611. 7", "0202611.7", "202611.07", "+202611.7", "202611.0x7", "202611,7", "202611.99999999999999999999"} {
		list, err := finder.Finder{}.Walk(t.Context(), "invoice", time.Time{}, at, 10)
		if fault.Of(err) != fault.Invalid || list != nil {
			t.Errorf("%q: %v, %v", at, list, err)
		}
	}
}
