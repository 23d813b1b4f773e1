package audit_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// EV-09: who asks for events before a time gets all of them, also those that were entered a
// little out of order and those beside entries of other kinds, and reads few of the later ones.
func TestUntil(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	if n, err := d.trail.Until(ctx, d.newTenant(d.books.Ledger()), d.at); n != 0 || err != nil {
		t.Fatalf("of an empty log: %d, %v", n, err)
	}
	began := d.at
	other := d.books.Ledger()
	for n := range 120 {
		d.at = began.Add(time.Duration(n) * 30 * time.Minute)
		if n%3 == 0 {
			d.at = d.at.Add(-45 * time.Minute) // from a node whose clock is late
		}
		d.record(audit.Event{What: "message.open", Who: mail.NewID().String(), Object: mail.NewID().String()})
		d.ok(d.tenant.Update(ctx, func(tx *db.Tx) error { // a count of an hour long ago
			text, err := entry.Entry{Kind: "tally", ID: mail.NewID(), Time: began.AddDate(0, 0, -7)}.Text()
			if err == nil {
				_, err = other.Append(ctx, tx, "audit", []flow.Leaf{{Log: "audit", Entry: text, Sealed: entry.Nothing()}})
			}
			return err
		}))
	}
	var all []audit.Entry
	d.ok(d.trail.Below(ctx, d.tenant, nil, math.MaxInt64, func(e audit.Entry) error { all = append(all, e); return nil }))
	for hours := -2; hours < 65; hours++ {
		at := began.Add(time.Duration(hours) * time.Hour)
		begin, err := d.trail.Until(ctx, d.tenant, at)
		d.ok(err)
		// Each is early enough, or there; the later ones that are there are of two hours.
		missed := slices.IndexFunc(all, func(e audit.Entry) bool { return e.Time.Before(at) && e.Index >= begin })
		if missed >= 0 {
			t.Errorf("%d h: event %d of %s is not below %d", hours, all[missed].Index, all[missed].Time, begin)
		}
		more := 0
		for _, e := range all {
			if e.Index < begin && !e.Time.Before(at) {
				more++
			}
		}
		if more > 6 {
			t.Errorf("%d h: %d later events are looked at", hours, more)
		}
	}
}

// EV-06: damaged entries, whose times nobody knows, hide no event that is meant.
func TestUntilBesideDamage(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	began := d.at
	for n := range 120 {
		d.at = began.Add(time.Duration(n) * time.Hour)
		d.record(audit.Event{What: "message.open", Who: mail.NewID().String()})
	}
	d.tamper(`UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'audit' AND idx >= 40 AND idx < 100`, []byte("changed"))
	trail := audit.New(d.books.Ledger(), d.master, d.vault, func() time.Time { return d.at }) // which knows no entry yet
	for hours := range 130 {
		at := began.Add(time.Duration(hours) * time.Hour)
		begin, err := trail.Until(ctx, d.tenant, at)
		d.ok(err)
		err = trail.Below(ctx, d.tenant, nil, math.MaxInt64, func(e audit.Entry) error {
			if e.Time.Before(at) && e.Index >= begin {
				t.Errorf("%d h: event %d is not below %d", hours, e.Index, begin)
			}
			return nil
		})
		if err == nil {
			t.Fatal("nothing is damaged")
		}
	}
}
