package prove_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest/stage"
	"siegel/internal/vault/ledger/prove"
)

func prover(s *stage.Stage) *prove.Prover {
	return prove.New(s.DB, s.Ledger, s.Signer.Key(), prove.Plan{Every: 10 * time.Minute, Authority: true})
}

// A message is provable once a checkpoint covers it and a timestamp covers that;
// before, the error is Busy and says which of both is missing.
func TestWhatIsMissing(t *testing.T) {
	s := stage.New(t)
	s.Add(2)
	p := prover(s)
	_, unsigned := p.Prove(t.Context(), s.Tenant, ledger.Message, 0)
	early := p.Ready(t.Context(), s.Tenant, ledger.Message, 0)
	s.Sign()
	late := p.Ready(t.Context(), s.Tenant, ledger.Message, 0)
	_, unstamped := p.Prove(t.Context(), s.Tenant, ledger.Message, 0)
	for name, err := range map[string]error{"is signed together, next at …": unsigned, "its timestamp was asked for at": unstamped, "is signed together, next": early, "has not come": late} {
		if fault.Of(err) != fault.Busy || !bytes.Contains([]byte(err.Error()), []byte(name)) {
			t.Errorf("want %q: %v", name, err)
		}
	}
	if _, args := fault.Sentence(unsigned); len(args) != 1 {
		t.Errorf("when the next is due: %v", args)
	} else if _, err := time.Parse(time.RFC3339, fmt.Sprint(args[0])); err != nil {
		t.Errorf("it is no time: %v", err)
	}
	// Where nobody stamps, waiting helps nothing.
	none := prove.New(s.DB, s.Ledger, s.Signer.Key(), prove.Plan{Every: time.Hour})
	if _, err := none.Prove(t.Context(), s.Tenant, ledger.Message, 0); fault.Of(err) != fault.Invalid {
		t.Errorf("without an authority: %v", err)
	}
	s.OK(s.Queue.StampNow(t.Context()))
	if _, err := none.Prove(t.Context(), s.Tenant, ledger.Message, 0); err != nil {
		t.Errorf("what was stamped before: %v", err)
	}
	if _, err := p.Prove(t.Context(), s.Tenant, ledger.Message, 0); err != nil {
		t.Error(err)
	}
	if err := p.Ready(t.Context(), s.Tenant, ledger.Message, 0); err != nil {
		t.Error(err)
	}
	if _, err := p.Prove(t.Context(), s.Tenant, ledger.Message, 2); err == nil {
		t.Error("an entry that is not there is proven")
	}
}

// BX-02: the earliest checkpoint and the earliest timestamp that cover the entry
// are given, later ones change nothing, and both inclusions hold.
func TestProof(t *testing.T) {
	s := stage.New(t)
	s.Add(3)
	s.Sign()
	s.OK(s.Queue.StampNow(t.Context()))
	p := prover(s)
	first, err := p.Prove(t.Context(), s.Tenant, ledger.Message, 1)
	s.OK(err)
	if first.Before != nil {
		t.Error("something was stamped before the first entry")
	}
	s.Advance(time.Hour)
	s.Add(5)
	s.Sign()
	s.OK(s.Queue.StampNow(t.Context()))
	again, err := p.Prove(t.Context(), s.Tenant, ledger.Message, 1)
	s.OK(err)
	if !bytes.Equal(first.Inclusion.Note, again.Inclusion.Note) || !bytes.Equal(first.Stamp.Token, again.Stamp.Token) {
		t.Error("later checkpoints change an old proof")
	}
	later, err := p.Prove(t.Context(), s.Tenant, ledger.Message, 7)
	s.OK(err)
	if later.Before == nil || !bytes.Equal(later.Before.Stamp.Token, first.Stamp.Token) {
		t.Error("the timestamp before the entry is not there, or another one")
	}
	for index, l := range map[int64]*bundle.Ledger{1: first, 7: later} {
		c, err := checkpoint.OpenLog(l.Inclusion.Note, s.Signer.Key())
		s.OK(err)
		if l.Inclusion.Index != index {
			t.Errorf("index %d, want %d", l.Inclusion.Index, index)
		}
		if err := l.Inclusion.Check(entry.LeafData(l.Entry, l.Sealed), c.Checkpoint); err != nil {
			t.Error(err)
		}
		anchor, err := checkpoint.OpenLog(l.AnchorInclusion.Note, s.Signer.Key())
		s.OK(err)
		if err := l.AnchorInclusion.Check(entry.LeafData(l.AnchorEntry, entry.Nothing()), anchor.Checkpoint); err != nil {
			t.Errorf("anchor: %v", err)
		}
	}
}
