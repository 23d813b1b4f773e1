package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
)

// A log has a signed checkpoint in the object store from its beginning, so that a
// missing one is damage, also where nothing else was ever signed.
func TestGuardFromTheBeginning(t *testing.T) {
	w := newWorld(t)
	w.must(w.check())
	w.add(3)
	w.must(w.check())
	for _, r := range verify(w) {
		if len(r.Problems) > 0 || r.Checkpoints > 0 {
			t.Errorf("%s: %d checkpoints, %+v", r.Log, r.Checkpoints, r.Problems)
		}
	}
	w.must(w.guard.Delete(t.Context(), guardOf(w)))
	if err := w.check(); fault.Of(err) != fault.Damaged || !strings.Contains(err.Error(), "is missing in the object store") {
		t.Errorf("checked: %v", err)
	}
	if err := w.points.CheckpointNow(t.Context()); fault.Of(err) != fault.Damaged {
		t.Errorf("signed: %v", err)
	}
	found := false
	for _, r := range verify(w) {
		found = found || (r.Log == ledger.Message && len(r.Problems) > 0)
	}
	if !found {
		t.Error("verify finds nothing")
	}
	if _, err := w.newLedger().Newest(t.Context(), w.tenant, ledger.Message, mail.NewID()); fault.Of(err) != fault.Damaged {
		t.Errorf("relied on: %v", err)
	}
}

// The checkpoint lies there before the log can be committed. What a transaction
// that did not come left is taken over; what was signed of a log that is gone is
// not.
func TestBeginAgain(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.tenant = w.db.Tenant(mail.NewID())
	stop := errors.New("stop")
	err := w.tenant.Update(ctx, func(tx *db.Tx) error {
		w.must(w.ledger.Create(ctx, tx, ledger.Message))
		if note, err := w.guard.Load(ctx, guardOf(w)); err != nil || note == nil {
			t.Errorf("no checkpoint before the commit: %v", err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	for _, log := range []string{ledger.Message, ledger.Audit} {
		w.must(w.ledger.Ensure(ctx, w.tenant, log))
	}
	w.must(w.check())
	w.add(2)
	w.must(w.points.CheckpointNow(ctx))
	w.must(w.check())

	w.exec(w.tenant, `DELETE FROM ledger_log WHERE tenant = $1 AND name = 'message'`)
	if err := w.newLedger().Ensure(ctx, w.tenant, ledger.Message); fault.Of(err) != fault.Damaged {
		t.Errorf("made anew: %v", err)
	}
	if err := w.check(); fault.Of(err) != fault.Damaged {
		t.Errorf("checked: %v", err)
	}
	w.must(w.guard.Delete(ctx, guardOf(w)))
	if err := w.check(); fault.Of(err) != fault.Damaged {
		t.Errorf("both are gone: %v", err)
	}
}
