package index_test

import (
	"slices"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/test/stand"
)

// walked returns the names of what a walk finds, sorted, taken in pages.
func (w *world) walked(a *app.App, s *identity.Session, r index.Range, limit int) []string {
	w.t.Helper()
	names := []string{}
	for at := (index.Position{}); ; {
		list, err := a.Index.Walk(w.t.Context(), s, r, at, limit)
		if err != nil {
			w.t.Fatalf("%+v: %v", r, err)
		}
		if len(list) == 0 {
			break
		}
		if len(list) > limit {
			w.t.Fatalf("%d messages, want %d", len(list), limit)
		}
		for _, p := range list {
			names = append(names, w.ids[p.ID.String()])
		}
		at = list[len(list)-1].At
	}
	slices.Sort(names)
	return names
}

// RT-09: a walk finds what a search finds, and without one everything, in pages of any
// size, each message once; it leaves out what came after it had begun.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	w.deliver(messages())
	between := time.Now()
	w.deliver(map[string]string{"late": "To: reader@stand.example\nSubject: quarterly, too late\n\nx\n"})
	a, s := w.open(stand.Keeper)
	defer func() { w.stop() }()
	var all []string
	for name := range messages() {
		all = append(all, name)
	}
	slices.Sort(all)
	for _, limit := range []int{1, 2, 5, 100} {
		if got := w.walked(a, s, index.Range{Before: between}, limit); !slices.Equal(got, all) {
			t.Errorf("limit %d: %q, want %q", limit, got, all)
		}
		if got, want := w.walked(a, s, index.Range{Text: "quarterly", Before: between}, limit), []string{"html", "other office"}; !slices.Equal(got, want) {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
		if got := w.walked(a, s, index.Range{Before: time.Now().Add(time.Hour)}, limit); len(got) != len(all)+1 {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
	octets := int64(0)
	for id := range w.ids {
		if w.ids[id] != "late" {
			octets += int64(len(messages()[w.ids[id]]))
		}
	}
	m, err := a.Index.Measure(t.Context(), s, index.Range{Before: between})
	if err != nil || m.Messages != int64(len(all)) || m.Octets <= octets || m.Damaged != 0 || m.Former != 0 {
		t.Errorf("%+v, %v; %d octets with LF", m, err, octets)
	}
	if m, err := a.Index.Measure(t.Context(), s, index.Range{Text: "quarterly", Before: between}); err != nil || m.Messages != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	for _, text := range []string{`"open`, "before:x", "-"} {
		if _, err := a.Index.Walk(t.Context(), s, index.Range{Text: text, Before: between}, index.Position{}, 10); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := a.Index.Measure(t.Context(), s, index.Range{Text: text, Before: between}); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	w.stop()
	a, s = w.open(stand.Reader)
	if got := w.walked(a, s, index.Range{Before: between}, 3); slices.Contains(got, "other office") || len(got) != 4 {
		t.Errorf("a reader walks over %q", got)
	}
}
