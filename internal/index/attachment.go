package index

import (
	"context"
	"errors"
	"io"

	"siegel/internal/index/extract"
	"siegel/internal/index/record"
	"siegel/internal/mail"
	"siegel/internal/proto/document"
	"siegel/internal/proto/mime"
	"siegel/internal/vault/seal"
)

// attempts is how often a message is read of which an attachment ends the child: a
// machine that is busy or short of memory can be the reason, once.
const attempts = 2

// message reads the attachments of a message and returns their record, sealed; nil where
// the message cannot be opened any more. Errors say nothing of the message.
func (w *work) message(ctx context.Context, message mail.ID) ([]byte, error) {
	key, err := w.s.Unlocked().Open(ctx, message, w.s.Archive())
	if damage(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer key.Close()
	var list *listing
	for range attempts {
		list = &listing{ctx: ctx, reader: w.x.reading.reader, room: record.MaxAttachmentsText}
		if err := list.read(ctx, w.x, w.s, message, key); err != nil {
			return nil, err
		}
		if !list.failed {
			break
		}
	}
	list.out.Version = record.AttachmentsVersion
	plain, err := list.out.Marshal()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return key.SealAttachments(plain), nil
}

// listing gathers the texts of a message's attachments.
type listing struct {
	ctx    context.Context
	reader *extract.Reader
	room   int // octets of text that it may still take
	count  int
	out    record.Attachments
	failed bool  // an attachment ended the child
	err    error // no child could be started, or the session has ended
}

// read reads the message once. A damaged one is noted as such.
func (l *listing) read(ctx context.Context, x *Index, s Session, message mail.ID, key *seal.Opened) error {
	octets, err := x.Octets.Octets(ctx, s.Tenant(), message, key)
	if err == nil {
		_, err = mime.Read(octets, mime.Limits{Text: 1}, l.visit)
		err = errors.Join(err, octets.Close())
	}
	switch {
	case l.err != nil:
		return l.err
	case ctx.Err() != nil: // what was killed for that says nothing of a document
		return ctx.Err()
	case damage(err):
		l.out.Texts = append(l.out.Texts, record.AttachmentText{State: document.Damaged})
		return nil
	}
	return err
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
	*extract.Document

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
