package audit_test

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"siegel/internal/audit"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

const benched = 20_000 // events of a benchmark, 1,000 a day

// filled has a trail of many events.
func filled(b *testing.B) *desk {
	b.Helper()
	d := newDesk(b)
	const group, perDay = 500, 1000
	for n := 0; n < benched; n += group {
		if n%perDay == 0 {
			d.at = d.at.AddDate(0, 0, 1)
		}
		d.ok(d.tenant.Update(b.Context(), func(tx *db.Tx) error {
			for range group {
				e := audit.Event{What: "message.open", Who: mail.NewID().String(), Object: mail.NewID().String(), Detail: map[string]any{"as": "reader"}}
				if err := d.trail.RecordIn(b.Context(), tx, e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return d
}

// EV-09: what looking through the trail for what is not there costs an event. A page looks
// for three seconds.
func BenchmarkBelow(b *testing.B) {
	d := filled(b)
	b.ReportAllocs()
	var seen int
	began := spent(b)
	for b.Loop() {
		seen = 0
		d.ok(d.trail.Below(b.Context(), d.tenant, d.keeper, math.MaxInt64, func(audit.Entry) error {
			seen++
			return nil
		}))
	}
	if seen != benched {
		b.Errorf("%d events", seen)
	}
	b.ReportMetric(float64(spent(b)-began)/float64(b.N)/benched, "cpu-ns/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benched, "ns/event")
	b.ReportMetric(0, "ns/op")
}

// EV-09: what it costs to come to the events before a day, for the page that begins there.
func BenchmarkUntil(b *testing.B) {
	d := filled(b)
	began := spent(b)
	for b.Loop() {
		n, err := d.trail.Until(b.Context(), d.tenant, d.at.AddDate(0, 0, -18))
		if d.ok(err); n > benched/5 {
			b.Fatalf("events below %d", n)
		}
	}
	b.ReportMetric(float64(spent(b)-began)/float64(b.N)/1e6, "cpu-ms/op")
}

// spent is the CPU time of this process, in nanoseconds: on a machine that others use too,
// time says little.
func spent(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
