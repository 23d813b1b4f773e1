package index_test

import (
	"slices"
	"testing"
	"time"

	"siegel/internal/index"
	"siegel/test/stand"
)

// Counts by day, for who may read them, also after messages were re-granted under
// other numbers.
func TestArrivals(t *testing.T) {
	w := newWorld(t)
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	letters := []letter{
		{name: "one", month: 0, day: 3},
		{name: "two", month: 0, day: 3},
		{name: "three", month: 0, day: 30},
		{name: "four", month: 2, day: 0, to: "office@" + stand.Domain},
	}
	w.fill(a, letters)
	size := func(names ...string) (n int64) {
		for _, l := range letters {
			if slices.Contains(names, l.name) {
				n += int64(len(l.octets()))
			}
		}
		return n
	}
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	r, err := a.Index.Arrivals(t.Context(), s, time.Time{}, time.Time{}, index.Wait{})
	want := []index.Day{{Day: day(1, 4), Messages: 2, Octets: size("one", "two")}, {Day: day(1, 31), Messages: 1, Octets: size("three")}, {Day: day(3, 1), Messages: 1, Octets: size("four")}}
	if err != nil || !slices.Equal(r.Days, want) || r.Messages != 4 || r.Octets != size("one", "two", "three", "four") || r.Indexed != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = a.Index.Arrivals(t.Context(), s, day(1, 5), day(3, 1), index.Wait{})
	if err != nil || !slices.Equal(r.Days, want[1:2]) || r.Messages != 4 {
		t.Errorf("some days: %+v, %v", r, err)
	}
	reader, err := a.Identity.SignIn(t.Context(), stand.Tenant, stand.Reader, []byte(stand.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	r, err = a.Index.Arrivals(t.Context(), reader, time.Time{}, time.Time{}, index.Wait{})
	if err != nil || !slices.Equal(r.Days, want[:2]) || r.Messages != 3 {
		t.Errorf("the reader's: %+v, %v", r, err)
	}
}
