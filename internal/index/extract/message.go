package extract

import (
	"context"
	"errors"
	"io"

	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/proto/document"
	"siegel/internal/proto/mime"
)

// attempts is how often a message is read of which an attachment ends the child: a
// machine that is busy or short of memory can be the reason, once.
const attempts = 2

// Message reads the attachments of a message, whose octets open yields, into a second
// record. A child reads one message and no other: who takes it over by an attachment
// sees the rest of the message that he has sent himself. What becomes of attachments, and damage of the message, stands in the record;
// an error says that nothing is known: no child can be started ([ErrNone]), ctx is done,
// or the octets cannot be had now.
func (r *Reader) Message(ctx context.Context, open func() (io.ReadCloser, error)) (record.Attachments, error) {
	defer func() { _ = r.Close() }() // ending the child cannot fail
	var l *listing
	for range attempts {
		l = &listing{ctx: ctx, reader: r, room: record.MaxAttachmentsText, out: record.Attachments{Version: record.AttachmentsVersion}}
		if err := l.read(open); err != nil {
			return record.Attachments{}, err
		}
		if !l.failed {
			break
		}
	}
	return l.out, nil
}

// listing gathers the texts of a message's attachments.
type listing struct {
	ctx    context.Context //nolint:containedctx // of the one call of Message
	reader *Reader
	room   int // octets of text that it may still take
	count  int
	out    record.Attachments
	failed bool  // an attachment ended the child
	err    error // no child could be started
}

// read reads the message once.
func (l *listing) read(open func() (io.ReadCloser, error)) error {
	octets, err := open()
	if err == nil {
		_, err = mime.Read(octets, mime.Limits{Text: 1}, l.visit)
		err = errors.Join(err, octets.Close())
	}
	kind := fault.Of(err)
	switch {
	case l.ctx.Err() != nil: // what was killed for that says nothing of a document
		return l.ctx.Err()
	case l.err != nil:
		return l.err
	case err != nil && (kind == fault.Damaged || kind == fault.NotFound):
		l.out.Texts = append(l.out.Texts, record.AttachmentText{State: document.Damaged})
		return nil
	default:
		return err
	}
}

// visit implements [mime.Visit]: attachments that are worth it go to the child as they
// are decoded.
func (l *listing) visit(p *mime.Part) io.WriteCloser {
	if l.err != nil || !document.Worth(p.FileName, p.Type) {
		return nil
	}
	if l.count++; l.count > record.MaxAttachments || l.room <= 0 {
		l.out.Cut = true
		return nil
	}
	d, err := l.reader.Document(l.ctx, p.FileName, p.Type, l.room)
	if err != nil {
		l.err = err
		return nil
	}
	return &attachment{Document: d, list: l, part: p.Path}
}

// attachment is a document of a message.
type attachment struct {
	*Document

	list *listing
	part string
}

// Close ends the document and notes its text.
func (a *attachment) Close() error {
	err := a.Document.Close()
	r, l := a.Result(), a.list
	l.failed = l.failed || r.State == document.Failed
	l.out.Cut = l.out.Cut || r.Cut
	l.room -= len(r.Text)
	if r.Text != "" || r.State != document.Read {
		l.out.Texts = append(l.out.Texts, record.AttachmentText{Part: a.part, Text: r.Text, State: r.State})
	}
	return err
}
