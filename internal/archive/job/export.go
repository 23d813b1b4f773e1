package job

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"time"

	"siegel/internal/archive/export"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/manifest"
	"siegel/internal/proto/parcel"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/file"
	"siegel/internal/vault/seal/stream"
)

// partMessages is how many messages a part has at most: its list is held in memory.
const partMessages = 20_000

// export takes out what is not in parts yet.
func (c *carried) export(ctx context.Context, j row, what ordered) error {
	parts, err := partsOf(ctx, c.s.Tenant(), c.id)
	if err != nil {
		return err
	}
	e := c.begun
	if c.begun = nil; e == nil {
		q := what.request()
		q.Job, q.Name, q.Before, q.After = c.id, what.Name, what.Before, j.place
		if e, err = c.room.Exports.Begin(ctx, c.s, c.room.Find(c.s), q); err != nil {
			return err
		}
	}
	out := &outgoing{carried: c, ctx: ctx, what: what}
	out.packer = parcel.New(parcel.Plan{
		Mbox: what.Format == export.AsMbox, Export: c.id.String(), Part: len(parts) + 1, Most: c.room.Times.Part, Octets: parcel.MaxOctets,
		Begin: out.begin, Finished: out.finished,
		Tick: func(octets, _ int64) { c.octets.Store(octets); c.done.Add(1) }, PackedOctets: j.octets, PackedMessages: j.done - j.problems,
	})
	_, err = e.Run(ctx, out)
	if err == nil {
		err = out.packer.Close()
	}
	if err != nil {
		return errors.Join(err, out.packer.Abort())
	}
	return nil
}

// outgoing is one run of an export. It implements [export.Packer].
type outgoing struct {
	*carried
	ctx    context.Context //nolint:containedctx // the packer's parts end with the run
	what   ordered
	packer *parcel.Packer
	made   part // the last one that is whole
}

// Begin implements [export.Packer].
func (o *outgoing) Begin(h export.Head) error {
	if err := o.ctx.Err(); err != nil {
		return err
	}
	return o.packer.Letter(parcel.Head{
		ID: h.ID.String(), SHA256: hex.EncodeToString(h.SHA256[:]), Size: h.Size, Arrived: h.Arrived, Carried: h.Carried, At: h.At,
	})
}

// Write implements [export.Packer].
func (o *outgoing) Write(b []byte) (int, error) { return o.packer.Write(b) }

// End implements [export.Packer].
func (o *outgoing) End() error { return o.packer.End() }

// Problem implements [export.Packer].
func (o *outgoing) Problem(id mail.ID, at string, why error) error {
	o.done.Add(1)
	o.problems.Add(1)
	// The manifest is English: it is read by programs and by strangers.
	sentence, _ := fault.Sentence(why)
	return o.packer.Missing(id.String(), at, sentence)
}

// begin begins a part: what is written of it is sealed, and a file without a name has the
// sealed octets until the store has them.
func (o *outgoing) begin(int) (_ parcel.Tree, err error) {
	b := &bundle{out: o, id: mail.NewID(), sum: sha256.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Abort())
		}
	}()
	if b.file, err = os.CreateTemp(o.room.TempDir, "job-*"); err != nil {
		return nil, full(err)
	}
	if err := os.Remove(b.file.Name()); err != nil {
		return nil, err
	}
	if b.key, b.note, err = file.New(o.ctx, o.room.Vault, o.s.Tenant(), o.s.Unlocked().Person(), b.id); err != nil {
		return nil, err
	}
	b.buffer = bufio.NewWriterSize(b.file, 256<<10)
	if b.sealed, err = b.key.Writer(b.buffer); err != nil {
		return nil, full(err)
	}
	if o.what.Plain {
		b.Zip = parcel.Plain(b)
	} else {
		b.Zip = parcel.Encrypted(b, o.what.Password)
	}
	return b, nil
}

func full(err error) error {
	return fault.Because(fault.Exhausted, "there is no room for a part of an export", err)
}

// bundle is a part on its way. It implements [parcel.Tree].
type bundle struct {
	parcel.Zip
	out    *outgoing
	id     mail.ID
	key    *file.Key
	note   seal.Note
	file   *os.File
	buffer *bufio.Writer
	sealed *stream.Writer
	size   int64
	sum    hash.Hash
}

// Write takes octets of the ZIP file.
func (b *bundle) Write(p []byte) (int, error) {
	b.size += int64(len(p))
	b.sum.Write(p)
	n, err := b.sealed.Write(p)
	if err != nil {
		err = full(err)
	}
	return n, err
}

// Close ends the part and puts it into the store.
func (b *bundle) Close() error {
	if err := b.Zip.Close(); err != nil {
		return err
	}
	if err := errors.Join(b.sealed.Close(), b.buffer.Flush()); err != nil {
		return full(err)
	}
	end, err := b.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if err := b.compare(end); err != nil {
		return err
	}
	o := b.out
	name := objectName(o.s.Tenant().ID(), o.id, b.id)
	if err := o.put(name, io.NewSectionReader(b.file, 0, end), end); err != nil {
		o.room.remove(o.ctx, name) // it may be there all the same
		return err
	}
	o.made = part{Part: Part{Size: b.size}, object: b.id, sealed: end, note: b.note}
	return b.Abort()
}

// compare opens what was sealed and compares it with what was written.
func (b *bundle) compare(end int64) error {
	r, err := b.key.Reader(bufio.NewReaderSize(io.NewSectionReader(b.file, 0, end), 256<<10), b.size)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if string(h.Sum(nil)) != string(b.sum.Sum(nil)) {
		return stream.ErrDamaged("the file")
	}
	return nil
}

// Abort gives up what there is of the part here.
func (b *bundle) Abort() error {
	if b.key != nil {
		b.key.Close()
	}
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// put gives a part to the store, and gives up where that takes no octet for long.
func (o *outgoing) put(name blob.Name, r io.ReadSeeker, size int64) error {
	ctx, cancel := context.WithCancelCause(o.ctx)
	defer cancel(nil)
	w := &watched{ReadSeeker: r, moved: make(chan struct{}, 1)}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.moved:
			case <-time.After(o.room.Times.Stall):
				cancel(fault.New(fault.Busy, "the object store does not answer"))
				return
			}
		}
	}()
	err := o.room.Store.Put(ctx, name, w, size)
	if cause := context.Cause(ctx); err != nil && cause != nil && o.ctx.Err() == nil {
		return errors.Join(cause, err)
	}
	return err
}

// watched tells when it is read.
type watched struct {
	io.ReadSeeker
	moved chan struct{}
}

func (w *watched) Read(b []byte) (int, error) {
	select {
	case w.moved <- struct{}{}:
	default:
	}
	return w.ReadSeeker.Read(b)
}

// finished counts a part that the store has: from here on it is durable, and the export
// goes on behind it.
func (o *outgoing) finished(number int, at string, e manifest.End) error {
	p := o.made
	t := o.s.Tenant()
	err := t.Update(o.ctx, func(tx *db.Tx) error {
		if err := o.mine(o.ctx, tx, `problem = ''`); err != nil {
			return err
		}
		if err := o.counts(o.ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(o.ctx, `UPDATE archive_job SET tenant = $1, place = $2 WHERE tenant = $1 AND id = $3`, at, o.id.Bytes()); err != nil {
			return err
		}
		_, err := tx.Exec(o.ctx, `INSERT INTO archive_job_part (tenant, job, part, object, size, sealed, messages, octets, problems, term, wrap)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			o.id.Bytes(), number, p.object.Bytes(), p.Size, p.sealed, e.Messages, e.Octets, e.Problems, p.note.Term, p.note.Sealed)
		return err
	})
	if err != nil && !errors.Is(err, db.ErrUnknown) {
		o.room.remove(o.ctx, objectName(t.ID(), o.id, p.object))
	}
	return err
}
