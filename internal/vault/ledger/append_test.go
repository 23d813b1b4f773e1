package ledger_test

import (
	"crypto/sha256"
	"testing"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
)

// anothersMAC is what somebody has who can write the database and has no key.
type anothersMAC struct{}

func (anothersMAC) EntryMAC(b []byte) [32]byte { return sha256.Sum256(b) }

// An entry that was appended as the formats say, by somebody without the
// instance's key, is not relied on, not signed, not listed, and named.
func TestAppendedByAHand(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.enter("key", mail.NewID())
	w.must(w.points.CheckpointNow(ctx))
	hand := ledger.New(ledger.Config{Instance: "test.example", Now: w.clock.Now, Signer: w.signer, Guard: w.guard, MAC: anothersMAC{}})
	text, err := entry.Entry{Kind: "key", ID: mail.NewID(), Time: mail.Time(w.clock.Now())}.Text()
	w.must(err)
	w.must(w.tenant.Update(ctx, func(tx *db.Tx) error {
		_, err := hand.Append(ctx, tx, ledger.Audit, []flow.Leaf{{Log: ledger.Audit, Entry: text, Sealed: entry.Nothing()}})
		return err
	}))
	for name, l := range map[string]*ledger.Ledger{"the same process": w.ledger, "another process": w.newLedger()} {
		if _, err := l.Newest(ctx, w.tenant, ledger.Audit, mail.NewID()); fault.Of(err) != fault.Damaged {
			t.Errorf("%s relies on it: %v", name, err)
		}
		list, err := l.Recent(ctx, w.tenant, ledger.Audit, -1, 10)
		w.must(err)
		for _, e := range list {
			if (e.Err != nil) != (e.Index == 1) {
				t.Errorf("%s: entry %d: %v", name, e.Index, e.Err)
			}
		}
	}
	if err := w.points.CheckpointNow(ctx); fault.Of(err) != fault.Damaged {
		t.Errorf("signed: %v", err)
	}
	for _, r := range verify(w) {
		if r.Log == ledger.Audit && (len(r.Problems) == 0 || r.Problems[0].Index != 1) {
			t.Errorf("verify: %+v", r.Problems)
		}
	}
	// An entry's own MAC does not serve another place.
	w = newWorld(t)
	w.enter("key", mail.NewID())
	w.enter("key", mail.NewID())
	w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, mac = (SELECT e.mac FROM ledger_entry e WHERE e.tenant = $1 AND e.log = 'audit' AND e.idx = 0)
		WHERE tenant = $1 AND log = 'audit' AND idx = 1`)
	if _, err := w.ledger.Newest(ctx, w.tenant, ledger.Audit, mail.NewID()); fault.Of(err) != fault.Damaged {
		t.Errorf("a moved MAC: %v", err)
	}
}
