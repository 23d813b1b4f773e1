package index_test

import (
	"io"
	"slices"
	"testing"

	"siegel/internal/index"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// Who was reset reads nothing of what was sealed to her, which is no damage, and
// gains all of it when a keeper re-grants it: whether she searched in between or
// not.
func TestResetAndRegrant(t *testing.T) {
	for name, searches := range map[string]bool{"searching in between": true, "not searching": false} {
		t.Run(name, func(t *testing.T) { resetAndRegrant(t, searches) })
	}
}

func resetAndRegrant(t *testing.T, searches bool) {
	w := newWorld(t)
	w.deliver(messages())
	hers := []string{"attachment", "html", "opaque", "umlaut"}
	a, s := w.open(stand.Reader)
	if got := w.found(a, s, "after:1900"); !slices.Equal(got, hers) {
		t.Fatalf("before: %q", got)
	}
	w.stop()

	a, s = w.open("admin@" + stand.Domain)
	out, err := a.Identity.Reset(t.Context(), s, stand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Identity.Accept(t.Context(), stand.Tenant, stand.Reader, out.Code, []byte(stand.Password)); err != nil {
		t.Fatal(err)
	}
	w.stop()
	a, s = w.open(stand.Reader)
	if searches {
		r, err := a.Index.Search(t.Context(), s, index.Request{Text: "after:1900"})
		if err != nil || r.Total != 0 || r.Indexed != 0 || r.Damaged != 0 || r.Pending != 0 || r.Former != 4 {
			t.Fatalf("after the reset: %+v, %v", r, err)
		}
	}
	w.stop()

	a, s = w.open(stand.Keeper)
	if _, err := a.Identity.AddAddress(t.Context(), s, stand.Reader, stand.Reader); err != nil {
		t.Fatal(err)
	}
	owner, err := a.Identity.Owner(t.Context(), s, stand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{4, 0} {
		if n, err := a.Archive.Regrant(t.Context(), s, owner, func(int64, int64) {}); n != want || err != nil {
			t.Fatalf("%d gained, want %d; %v", n, want, err)
		}
	}
	w.stop()

	w.deliver(map[string]string{"late": "Subject: latecomer\n\nx\n"})
	a, s = w.open(stand.Reader)
	defer w.stop()
	if got := w.found(a, s, "after:1900"); !slices.Equal(got, append(slices.Clone(hers[:2]), "late", "opaque", "umlaut")) {
		t.Errorf("after the re-grant: %q", got)
	}
	if got := w.found(a, s, "quarterly"); !slices.Equal(got, []string{"html"}) {
		t.Errorf("words: %q", got)
	}
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "after:1900"})
	if err != nil || r.Indexed != 5 || r.Former != 0 {
		t.Errorf("after the re-grant: %+v, %v", r, err)
	}
	for id, name := range w.ids {
		if !slices.Contains(hers, name) {
			continue
		}
		parsed, err := mail.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.Archive.Show(t.Context(), s, parsed, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := io.ReadAll(m); err != nil || len(b) == 0 {
			t.Errorf("%s: %d octets, %v", name, len(b), err)
		}
		_ = m.Close()
	}
}
