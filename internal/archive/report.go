package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/proto/journal"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// reportOf seals what surrounded a message in a journal report and adds its field
// to the entry. It returns nil where there is none.
func reportOf(p *flow.Passage, d seal.Data, fields *[]entry.Field) []byte {
	if p.Report == nil {
		return nil
	}
	o := entry.Opening{Salt: seal.NewSalt(), Value: p.Report}
	*fields = append(*fields, entry.Field{Name: "report", Commitment: o.Commit()})
	return d.SealReport(append(o.Salt[:], o.Value...))
}

// surroundings is a journal report without its message.
type surroundings struct {
	hash          entry.Hash // of the whole
	before, after []byte
	encoding      string
}

// openReport opens what surrounded a message and compares it with the entry. It
// returns nil where the entry speaks of no report, and fails with kind Damaged where
// what is kept is not what was entered.
func (a *Archive) openReport(ctx context.Context, t db.Tenant, e entry.Entry, key *seal.Opened) (*surroundings, error) {
	if !slices.ContainsFunc(e.Fields, func(f entry.Field) bool { return f.Name == "report" }) {
		return nil, nil //nolint:nilnil // it came in none
	}
	var box []byte
	id := mail.ID(e.ID)
	// Read apart: it is large, and seldom there.
	if err := t.QueryRow(ctx, `SELECT report FROM archive_message WHERE tenant = $1 AND id = $2`, id.Bytes()).Scan(&box); err != nil {
		return nil, err
	}
	plain, err := key.OpenReport(box)
	if err != nil {
		return nil, damage(err, fault.Because(fault.Damaged, "the evidence does not open", err))
	}
	var o entry.Opening
	if len(plain) < len(o.Salt) {
		return nil, fault.New(fault.Damaged, "the message's evidence is malformed")
	}
	copy(o.Salt[:], plain)
	o.Value = plain[len(o.Salt):]
	if err := e.Check("report", o); err != nil {
		return nil, fault.Because(fault.Damaged, "the journal report is not the one that was entered", err)
	}
	f, err := tuple.Parse("siegel/v1 report", o.Value)
	if err != nil || len(f) < 5 || len(f[0]) != len(entry.Hash{}) {
		return nil, fault.New(fault.Damaged, "the message's evidence is malformed")
	}
	return &surroundings{entry.Hash(f[0]), f[1], f[2], string(f[3])}, nil
}

// ShowReport opens the journal report that a message came in, octet by octet as it
// was received, as [Archive.Show] opens the message. It is for who holds the archive:
// others get kind Denied, since a report tells of blind copies. It fails with kind
// NotFound where the message came in none.
func (a *Archive) ShowReport(ctx context.Context, s Reader, id mail.ID, reason string) (_ *Message, err error) {
	defer fault.Wrap(&err, "show report")
	o, err := a.open(ctx, s, id, reason, "message.report")
	if err != nil {
		return nil, err
	}
	defer o.key.Close()
	around, err := a.openReport(ctx, s.Tenant(), o.entry, o.key)
	if err != nil {
		return nil, err
	}
	if around == nil {
		return nil, fault.New(fault.NotFound, "this message did not come in a journal report")
	}
	m, err := a.stream(ctx, s.Tenant(), o)
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = in.CloseWithError(around.rebuild(in, m)) // nil is the end
	}()
	return &Message{ID: m.ID, SHA256: around.hash, Arrived: m.Arrived, ReadCloser: &rebuilt{out, m, done}}, nil
}

// rebuild writes the report and compares it with what was received.
func (r *surroundings) rebuild(w io.Writer, message io.Reader) error {
	h := sha256.New()
	both := io.MultiWriter(w, h)
	if _, err := both.Write(r.before); err != nil {
		return err
	}
	if err := journal.Rebuild(both, message, r.encoding); err != nil {
		if errors.Is(err, journal.ErrIrregular) {
			err = fault.Because(fault.Damaged, "the journal report cannot be written again", err)
		}
		return err
	}
	if _, err := both.Write(r.after); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), r.hash[:]) {
		return fault.New(fault.Damaged, "the journal report is not the one that was received")
	}
	return nil
}

// rebuilt is a report that is written while it is read.
type rebuilt struct {
	*io.PipeReader
	message *Message
	done    chan struct{} // closed when nothing reads the message any more
}

// Close ends the writing, and then what it reads from.
func (r *rebuilt) Close() error {
	err := r.PipeReader.Close()
	<-r.done
	return errors.Join(err, r.message.Close())
}

// cameFrom returns the source of a message as it was entered, for who holds the
// archive, and nothing for others, or where that cannot be told.
func cameFrom(o *opened) string {
	plain, err := o.key.OpenEvidence(o.evidence)
	if err != nil {
		return ""
	}
	e, err := entry.DecodeEvidence(plain)
	if err != nil || o.entry.Check("source", e.Source) != nil {
		return "" // ledger verify says what is wrong
	}
	return string(e.Source.Value)
}
