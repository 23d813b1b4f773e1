package job

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/parcel"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/seal/file"
)

// File is a part that is being read. Close it. It reads on when the session has ended
// meanwhile. It belongs to one goroutine.
type File struct {
	Name string // for who keeps it: without anything of what is in it
	Tag  string // the same for the same octets
	Size int64

	ctx   context.Context //nolint:containedctx // a reader has no other place for it
	store blob.Store
	from  blob.Name
	long  int64 // sealed octets
	key   *file.Key

	at   int64 // where the next octet is read
	plan int64 // where the open stream is
	open io.ReadCloser
	raw  io.ReadCloser
}

var _ io.ReadSeekCloser = (*File)(nil)

// Open opens a part of one of the person's exports, whose octets are compared as they are
// read. It stands in the audit log before an octet leaves. It fails with kind NotFound where
// she has no such job or it no such part, with kind Conflict where the job has not been done.
func (r *Room) Open(ctx context.Context, s *identity.Session, id mail.ID, number int) (_ *File, err error) {
	defer fault.Wrap(&err, "job")
	j, err := r.read(ctx, s.Tenant(), id)
	if err != nil {
		return nil, err
	}
	if j.person != s.Person() {
		return nil, errNone()
	}
	if j.state != Done {
		return nil, fault.New(fault.Conflict, "the job has made nothing that is whole")
	}
	parts, err := partsOf(ctx, s.Tenant(), id)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.Number != number {
			continue
		}
		p.note.Holder = s.Unlocked().Person()
		key, err := file.Open(r.Vault, s.Tenant().ID(), s.Unlocked(), p.note, p.object)
		if err != nil {
			return nil, err
		}
		err = r.Trail.Record(ctx, s.Tenant(), s.Archive(), audit.Event{
			What: "job.download", Who: s.Person().String(), Object: id.String(), Detail: map[string]any{"part": number, "octets": p.Size},
		})
		if err != nil {
			key.Close()
			return nil, err
		}
		return &File{
			Name: fmt.Sprintf("siegel-%s-%s.zip", mail.FromMicros(j.begun).UTC().Format("2006-01-02"), parcel.Name(number)), Tag: p.object.String(), Size: p.Size,
			ctx: ctx, store: r.Store, from: objectName(s.Tenant().ID(), id, p.object), long: p.sealed, key: key,
		}, nil
	}
	return nil, errNone()
}

// Read reads the part. Before its end, where all of it was compared, what was read counts
// segment by segment.
func (f *File) Read(b []byte) (int, error) {
	if f.key == nil {
		return 0, fs.ErrClosed
	}
	if f.at >= f.Size {
		return 0, io.EOF
	}
	if f.open == nil || f.at < f.plan {
		if err := f.begin(); err != nil {
			return 0, err
		}
	}
	if f.at > f.plan {
		n, err := io.CopyN(io.Discard, f.open, f.at-f.plan)
		if f.plan += n; err != nil {
			return 0, err
		}
	}
	n, err := f.open.Read(b)
	f.at, f.plan = f.at+int64(n), f.plan+int64(n)
	if err == nil && f.plan == f.Size {
		// Who reads as many octets as there are does not ask for the end, which tells
		// whether they are all.
		var more [1]byte
		if _, err = f.open.Read(more[:]); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return n, err
}

// begin opens the stream at its beginning: it opens nowhere else.
func (f *File) begin() (err error) {
	if err := f.end(); err != nil {
		return err
	}
	if f.raw, err = f.store.Get(f.ctx, f.from, 0, f.long); err != nil {
		return err
	}
	f.plan = 0
	f.open, err = f.key.Reader(bufio.NewReaderSize(f.raw, 256<<10), f.Size)
	return err
}

func (f *File) end() (err error) {
	if f.open != nil {
		err = f.open.Close()
	}
	if f.raw != nil {
		err = errors.Join(err, f.raw.Close())
	}
	f.open, f.raw = nil, nil
	return err
}

// Seek implements [io.Seeker]. Going back costs what stands before.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.Size
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	f.at = offset
	return offset, nil
}

// Close forgets the key.
func (f *File) Close() error {
	if f.key == nil {
		return nil
	}
	f.key.Close()
	f.key = nil
	return f.end()
}
