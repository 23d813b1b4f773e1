// Package unwrap is the step that takes a message out of what a registered source
// handed in: a journal report becomes the message inside and the envelope that it
// tells, with all else kept beside it as evidence (docs/formats/journal.md). What
// cannot be unwrapped goes on as it came, and is marked. It never refuses.
package unwrap

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/journal"
	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/transfer"
	"siegel/internal/proto/smtp"
)

// Memory is how many octets of what surrounds messages all passages together may
// hold, and memoryWait how long one waits for its share.
const (
	Memory     = 64 << 20
	memoryWait = 10 * time.Second
)

// What a report takes, in octets.
const (
	window       = 64 << 10        // of who reads it
	perRecipient = 384             // beside his line: parsed, and as an item with salt and hash
	shortest     = len("To:a@b\n") // line of a recipient
)

// Room unwraps. Use it from many goroutines; make it with [New].
type Room struct {
	memory *semaphore.Weighted
}

// New returns the room.
func New() *Room { return &Room{memory: semaphore.NewWeighted(Memory)} }

// Prepare implements [flow.Preparer]. It fails with kind Exhausted where there is no
// memory in time.
func (r *Room) Prepare(ctx context.Context, p *flow.Passage) error {
	if p.Source.ID.IsZero() {
		return nil // a way in that is always there hands in messages
	}
	p.Source.Mark = mail.MarkMessage
	switch p.Source.Form {
	case mail.Reports:
		return r.report(ctx, p)
	case mail.CopiesFields:
		return fields(p)
	case mail.Copies:
	}
	return nil
}

// report unwraps a journal report.
func (r *Room) report(ctx context.Context, p *flow.Passage) error {
	// What is in a report shows only when it is read: until then it has its share for
	// the most that its size allows.
	size := p.Body.Size()
	most := min(size, journal.MaxAround)
	held := need(most, min(size/int64(shortest), journal.MaxRecipients), most) + window
	if err := r.hold(ctx, held); err != nil {
		return err
	}
	defer func() { r.memory.Release(held) }()
	rep, err := scan(p.Body)
	if errors.Is(err, journal.ErrNone) {
		return nil
	}
	var value []byte
	var inside *inner
	if err == nil {
		inside, value, err = take(p, rep)
	}
	if errors.Is(err, journal.ErrUndecodable) || errors.Is(err, journal.ErrIrregular) {
		p.Source.Mark = mail.MarkUndecodable
		return nil
	}
	if err != nil {
		return err
	}
	p.Source.Mark, p.Body, p.Report = mail.MarkReport, inside, value
	p.Envelope = mail.Envelope{From: rep.Sender, To: make([]string, len(rep.To)), How: make([]string, len(rep.To))}
	for i, to := range rep.To {
		p.Envelope.To[i], p.Envelope.How[i] = to.Address, to.Mark()
	}
	// The rest is the passage's until it has ended.
	encoded := int64(0)
	if rep.Encoding == transfer.QuotedPrintable {
		encoded = min(journal.MaxAround, rep.End-rep.Start)
	}
	kept := min(held, need(rep.Start+size-rep.End, int64(len(rep.To)), encoded))
	held -= kept
	p.Units = append(p.Units, flow.Unit{Release: func() { r.memory.Release(kept) }})
	return nil
}

// need is what a report takes with so many octets around its message, recipients, and
// octets that say how it was encoded: the text while it grows and its lines, later the
// octets, the evidence and its box.
func need(around, recipients, encoded int64) int64 {
	return 4*around + perRecipient*recipients + encoded
}

// hold takes memory from the common share.
func (r *Room) hold(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	if err := r.memory.Acquire(ctx, n); err != nil {
		return fault.Because(fault.Exhausted, "no memory for the message", err)
	}
	return nil
}

func scan(b flow.Body) (*journal.Report, error) {
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	rep, err := journal.Scan(r)
	return rep, errors.Join(err, r.Close())
}

// take returns the message of a report, and what the entry commits to of the rest.
// It fails with ErrIrregular where the report could not be written again from the
// two.
func take(p *flow.Passage, r *journal.Report) (*inner, []byte, error) {
	in := &inner{whole: p.Body, report: r}
	if err := in.measure(); err != nil {
		return nil, nil, err
	}
	before, err := in.part(0, r.Start)
	if err != nil {
		return nil, nil, err
	}
	after, err := in.part(r.End, p.Body.Size())
	if err != nil {
		return nil, nil, err
	}
	encoded, err := in.encoded()
	if err != nil {
		return nil, nil, err
	}
	how, err := journal.Describe(r.Encoding, encoded, journal.MaxAround)
	if err := errors.Join(err, encoded.Close()); err != nil {
		return nil, nil, err
	}
	hash := p.Body.SHA256()
	if err := again(in, before, after, how, hash); err != nil {
		return nil, nil, err
	}
	kept := [][]byte{hash[:], before, after, []byte(how), []byte(p.Envelope.From)}
	for _, to := range p.Envelope.To {
		kept = append(kept, []byte(to))
	}
	return in, tuple.Make("siegel/v1 report", kept...), nil
}

// again writes the report from what is kept of it and compares.
func again(in *inner, before, after []byte, how string, want [32]byte) error {
	h := sha256.New()
	h.Write(before)
	r, err := in.Open()
	if err != nil {
		return err
	}
	err = journal.Rebuild(h, r, how)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	h.Write(after)
	if !bytes.Equal(h.Sum(nil), want[:]) {
		return journal.ErrIrregular
	}
	return nil
}

// inner is the message in a report: a view of the report's octets, which are
// decoded while they are read.
type inner struct {
	whole  flow.Body
	report *journal.Report
	size   int64
	hash   [32]byte
}

var _ flow.Body = (*inner)(nil)

// Open implements [flow.Body].
func (in *inner) Open() (io.ReadCloser, error) {
	r, err := in.encoded()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{journal.NewReader(in.report.Encoding, r), r}, nil
}

// Size implements [flow.Body].
func (in *inner) Size() int64 { return in.size }

// SHA256 implements [flow.Body].
func (in *inner) SHA256() [32]byte { return in.hash }

// encoded opens the message as it stands in the report.
func (in *inner) encoded() (io.ReadCloser, error) { return in.open(in.report.Start, in.report.End) }

func (in *inner) open(start, end int64) (io.ReadCloser, error) {
	r, err := in.whole.Open()
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, start); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, end-start), r}, nil
}

// part returns octets of the report, of which there are few: journal.Scan has seen
// to that.
func (in *inner) part(start, end int64) ([]byte, error) {
	r, err := in.open(start, end)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) != end-start {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// measure reads the message once for its size and hash.
func (in *inner) measure() error {
	r, err := in.Open()
	if err != nil {
		return err
	}
	h := sha256.New()
	in.size, err = io.Copy(h, r)
	copy(in.hash[:], h.Sum(nil))
	return errors.Join(err, r.Close())
}

// Bounds of delivery fields.
const (
	maxHeader = 256 << 10
	maxFields = 100 // recipients that they name
)

// fieldNames are the delivery fields that a source may be trusted with: of Google
// Workspace's routing, and of Postfix, Exim and Dovecot.
func fieldNames() []string {
	return []string{"X-Gm-Original-To", "Delivered-To", "X-Original-To", "Envelope-To"}
}

// fields adds the recipients that delivery fields name to the envelope, behind
// those of the transaction.
func fields(p *flow.Passage) (err error) {
	r, err := p.Body.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	seen := make(map[mail.Address]bool)
	for _, to := range p.Envelope.To {
		seen[mail.NewAddress(to)] = true
		p.Envelope.How = append(p.Envelope.How, "")
	}
	most := len(p.Envelope.To) + maxFields
	br := bufio.NewReader(io.LimitReader(r, maxHeader))
	for len(p.Envelope.To) < most {
		f, ok, err := next(br)
		if err != nil || !ok {
			return err
		}
		for _, name := range fieldNames() {
			if f.Is(name) {
				named(p, f, mail.FieldMark+strings.ToLower(name), seen, most)
			}
		}
	}
	return nil
}

// named adds the recipients that a field names, until there are most in all.
func named(p *flow.Passage, f header.Field, how string, seen map[mail.Address]bool, most int) {
	for one := range strings.SplitSeq(f.Value, ",") {
		if len(p.Envelope.To) == most {
			return
		}
		a, err := smtp.ParseAddress(strings.Trim(strings.TrimSpace(one), "<>"))
		if err != nil || seen[mail.NewAddress(a.String())] {
			continue
		}
		seen[mail.NewAddress(a.String())] = true
		p.Envelope.To = append(p.Envelope.To, a.String())
		p.Envelope.How = append(p.Envelope.How, how)
	}
}

// next reads one field of a header. ok is false behind the last one.
func next(br *bufio.Reader) (f header.Field, ok bool, err error) {
	var one []byte
	for {
		line, err := br.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return f, false, err
		}
		if one = append(one, line...); len(bytes.TrimRight(one, "\r\n")) == 0 {
			return f, false, nil
		}
		more, _ := br.Peek(1)
		if errors.Is(err, io.EOF) || len(more) == 0 || (more[0] != ' ' && more[0] != '\t') {
			return header.New(one), true, nil
		}
	}
}
