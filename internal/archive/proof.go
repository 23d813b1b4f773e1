package archive

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// Prover makes the ledger's part of a bundle: vault/ledger.Prover.
type Prover interface {
	// Prove proves the entry at an index of a tenant's log. It fails with kind
	// Busy where no timestamp covers it yet.
	Prove(ctx context.Context, t db.Tenant, log string, index int64) (*bundle.Ledger, error)
	// Ready fails as Prove does where nobody can prove the entry yet.
	Ready(ctx context.Context, t db.Tenant, log string, index int64) error
}

// Notary writes proof bundles (requirement EV-04). Use it from many goroutines.
type Notary struct {
	archive *Archive
	prover  Prover
	stamps  bundle.Stamps
}

// NewNotary returns a notary. stamps verifies timestamps against the roots that
// the operator configured.
func NewNotary(a *Archive, p Prover, stamps bundle.Stamps) *Notary {
	return &Notary{archive: a, prover: p, stamps: stamps}
}

// ProofOf says of what a bundle is wanted.
type ProofOf struct {
	ID     mail.ID
	Reason string // needed for what is not one's own
	// WithoutMessage leaves out the octets and their parts: whoever has the
	// message shows it himself, and its SHA-256 is compared with the opening.
	WithoutMessage bool
}

// Proof writes the bundle of a message to w: the octets as received (unless they
// are not wanted), the entry with the openings that the session may see, the
// proofs. Who holds the archive
// gives the whole envelope away, others only the lines of their own addresses.
// The opening is entered in the audit log before the first octet leaves, and
// the bundle is verified as its reader will. Opening what is not one's own
// takes a reason.
//
// Errors are those of [Archive.Show], and one of kind Busy where no timestamp
// covers the message yet; nothing is entered in the audit log then. After an
// error of w, or of the disk in the middle of a large message, w has the
// beginning of a bundle, which no verifier takes for one.
func (n *Notary) Proof(ctx context.Context, s Reader, of ProofOf, w io.Writer) (err error) {
	defer fault.Wrap(&err, "proof")
	a := n.archive
	r, err := a.find(ctx, s.Tenant(), of.ID)
	if err != nil {
		return err
	}
	// Whether a message is stamped is nobody's business who cannot open it.
	key, err := s.Unlocked().Open(ctx, of.ID, s.Archive())
	if err != nil {
		return err
	}
	key.Close()
	ledger, err := n.prover.Prove(ctx, s.Tenant(), "message", r.leaf)
	if err != nil {
		return err
	}
	o, err := a.open(ctx, s, of.ID, of.Reason, "message.proof")
	if err != nil {
		return err
	}
	defer o.key.Close()
	b, err := n.bundle(s, o, ledger)
	if err != nil {
		return err
	}
	if !of.WithoutMessage {
		if err := n.message(ctx, s, o, b); err != nil {
			return err
		}
	}
	report := b.Check(bundle.Trust{Key: &ledger.Key, Stamps: n.stamps})
	if report.Verdict == bundle.Refused {
		last := report.Lines[len(report.Lines)-1]
		return fault.Because(fault.Damaged, "the proof of this message does not verify: verify the ledger", fmt.Errorf("%s: %s", last.Check, last.EN))
	}
	return b.Write(w)
}

// Ready says whether a message can be proven: it fails with kind Busy where it cannot yet,
// and says what is waited for, with kind Invalid where no timestamps are given, and as
// [Archive.Show] does for who cannot open the message. The audit log has nothing of it.
func (n *Notary) Ready(ctx context.Context, s Reader, id mail.ID) (err error) {
	defer fault.Wrap(&err, "proof")
	r, err := n.archive.find(ctx, s.Tenant(), id)
	if err != nil {
		return err
	}
	key, err := s.Unlocked().Open(ctx, id, s.Archive())
	if err != nil {
		return err
	}
	key.Close()
	return n.prover.Ready(ctx, s.Tenant(), "message", r.leaf)
}

// message adds the octets and their parts.
func (n *Notary) message(ctx context.Context, s Reader, o *opened, b *bundle.Bundle) error {
	b.Parts = &bundle.Parts{Salt: o.content.PartsSalt, Seed: o.content.PartSeed, Lengths: o.content.Lengths}
	b.Message = &bundle.Message{Size: o.size, Open: func() (io.ReadCloser, error) {
		return n.archive.stream(ctx, s.Tenant(), o)
	}}
	digest, err := hex.DecodeString(string(o.content.SHA256.Value))
	if err != nil || copy(b.Message.SHA256[:], digest) != len(b.Message.SHA256) {
		return fault.New(fault.Damaged, "the message's opening is malformed")
	}
	return nil
}

// bundle puts together what the session may show, without the message.
func (n *Notary) bundle(s Reader, o *opened, ledger *bundle.Ledger) (*bundle.Bundle, error) {
	b := &bundle.Bundle{Ledger: *ledger, SHA256: &o.content.SHA256}
	if o.key.Holder == s.Archive() {
		return b, n.evidence(o, b)
	}
	return b, own(o, b)
}

// evidence adds the whole envelope, source and decision.
func (n *Notary) evidence(o *opened, b *bundle.Bundle) error {
	plain, err := o.key.OpenEvidence(o.evidence)
	if err != nil {
		return err
	}
	e, err := entry.DecodeEvidence(plain)
	if err != nil {
		return fault.Because(fault.Damaged, "the message's evidence is malformed", err)
	}
	b.Source, b.Decision = &e.Source, &e.Decision
	b.Envelope = &entry.Opening{Salt: e.EnvelopeSalt, Value: e.Tree().Value()}
	for i, item := range e.Envelope {
		b.Items = append(b.Items, bundle.Item{Index: int64(i), Opening: item})
	}
	return nil
}

// own adds the lines of the envelope that bear the reader's own addresses.
func own(o *opened, b *bundle.Bundle) error {
	list, err := entry.DecodeOwn(o.key.Own)
	if err != nil {
		return fault.Because(fault.Damaged, "the message's evidence is malformed", err)
	}
	for i, item := range list {
		if i == 0 {
			b.Envelope = &item.Envelope
		}
		b.Items = append(b.Items, bundle.Item{Index: item.Index, Opening: item.Item, Path: item.Path})
	}
	// A bundle has its lines in order; a person may have two addresses in one line.
	slices.SortFunc(b.Items, func(x, y bundle.Item) int { return cmp.Compare(x.Index, y.Index) })
	b.Items = slices.CompactFunc(b.Items, func(x, y bundle.Item) bool { return x.Index == y.Index })
	if b.Envelope == nil {
		return nil
	}
	all, _, err := entry.ParseTree(b.Envelope.Value)
	if err != nil {
		return fault.Because(fault.Damaged, "the message's evidence is malformed", err)
	}
	if int64(len(b.Items)) == all { // the whole tree needs no paths
		for i := range b.Items {
			b.Items[i].Path = nil
		}
	}
	return nil
}
