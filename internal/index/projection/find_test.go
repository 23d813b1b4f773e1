package projection

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/index/record"
	"siegel/internal/mail"
)

// EX-04: whatever the order is in which messages came, were sent and were given once more,
// the newest come first, page by page, as when all are sorted.
func TestLatest(t *testing.T) {
	quick := 0
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		s := b.person()
		f := b.take(s)
		defer s.close()
		defer f.Give()
		begins := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		jitter := rapid.SampledFrom([]int64{0, 3_000_000, 900_000_000}).Draw(rt, "jitter")
		delay := rapid.SampledFrom([]int64{0, 60_000_000, 4_000_000_000}).Draw(rt, "delay")
		n := rapid.IntRange(1, 500).Draw(rt, "messages")
		var all []Entry
		for i := range n {
			at := begins + 900_000_000 + int64(i)*20_000_000 - rapid.Int64Range(0, jitter).Draw(rt, "early")
			r := record.Record{Version: 2, Date: at, Size: 10, Body: "word"}
			if rapid.Bool().Draw(rt, "dated") {
				r.Sent = (at - rapid.Int64Range(0, delay).Draw(rt, "late")) / 1_000_000 * 1_000_000
			}
			all = append(all, Entry{Seq: int64(1000 + i), Message: mail.ID{byte(i), byte(i >> 8), 1}, Record: r})
		}
		// Some come first without a record, or once more: with the same number or another one.
		first := slices.Clone(all)
		var again []Entry
		for range rapid.IntRange(0, 3).Draw(rt, "again") {
			i := rapid.IntRange(0, n-1).Draw(rt, "which")
			switch rapid.IntRange(0, 2).Draw(rt, "how") {
			case 0:
				first[i].Damaged = true
			case 1:
				all[i].Seq = int64(2000 + len(again))
			}
			again = append(again, all[i])
		}
		for _, batch := range [][]Entry{first[:n/2], first[n/2:], again} {
			if err := f.Add(rt.Context(), batch); err != nil {
				rt.Fatal(err)
			}
		}
		slices.SortFunc(all, func(a, b Entry) int { return newestFirst(a.doc(), b.doc()) })
		a := Ask{Query: mustParse("word"), Match: `"word"`, Limit: rapid.IntRange(1, 30).Draw(rt, "limit")}
		for rest := all; ; rest = rest[min(len(rest), a.Limit):] {
			got, err := f.Find(rt.Context(), a)
			if err != nil {
				rt.Fatal(err)
			}
			if _, ok, err := f.latest(rt.Context(), a); err != nil {
				rt.Fatal(err)
			} else if ok && len(rest) > a.Limit {
				quick++
			}
			if len(got) != min(a.Limit, len(rest)) {
				rt.Fatalf("%d of %d, of a page of %d", len(got), len(rest), a.Limit)
			}
			for i, d := range got {
				if want := rest[i].doc(); d.Message != want.Message || d.Sent != want.Sent || d.Seq != want.Seq || d.Date != rest[i].Record.Date {
					rt.Fatalf("message %d of %d is %+v, want %+v", i, len(rest), d, want)
				}
			}
			if len(got) == 0 {
				break
			}
			end := got[len(got)-1]
			a.After = &Place{end.Sent, end.Seq}
		}
	})
	if quick == 0 {
		t.Error("every search looked at all messages")
	}
}

// doc is what a search returns of an entry, as far as the order goes.
func (e Entry) doc() Doc { return Doc{Message: e.Message, Seq: e.Seq, Sent: e.sent() * 1_000_000} }
