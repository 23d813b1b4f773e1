package archive_test

import (
	"context"
	"testing"

	"siegel/internal/archive"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// arriving is a log before whose answer at its end one more message arrives.
type arriving struct {
	archive.Entries
	end     int64
	deliver func()
}

func (a *arriving) Entry(ctx context.Context, t db.Tenant, log string, index int64) ([]byte, entry.Hash, error) {
	if deliver := a.deliver; index == a.end && deliver != nil {
		a.deliver = nil
		deliver()
	}
	return a.Entries.Entry(ctx, t, log, index)
}

// What arrives while the packs are verified is verified too, and no finding; a
// row that is missing at the end is one.
func TestVerifySealedWhileMailArrives(t *testing.T) {
	h := newHall(t)
	verify := func() (checked int64, found []int64) {
		t.Helper()
		checked, err := h.archive.VerifySealed(t.Context(), h.tenant, func(f archive.Finding) { found = append(found, f.Index) })
		h.ok(err)
		return checked, found
	}
	one := func() { h.deliver(octets("Subject: x\r\n\r\nx\r\n"), "a@x.test", "ann@example.com") }
	one()
	one()
	a := &arriving{Entries: h.archive.Entries, end: 2, deliver: one}
	h.archive.Entries = a
	if checked, found := verify(); checked != 3 || len(found) != 0 || a.deliver != nil {
		t.Errorf("%d messages, findings at %d", checked, found)
	}
	for _, leaf := range []int64{2, 0} {
		h.ok(h.tenant.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM archive_message WHERE tenant = $1 AND leaf = $2`, leaf)
			return err
		}))
	}
	if checked, found := verify(); checked != 1 || len(found) != 2 || found[0] != 0 || found[1] != 2 {
		t.Errorf("%d messages, findings at %d", checked, found)
	}
}
