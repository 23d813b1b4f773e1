package document

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"

	"siegel/internal/proto/office"
)

// maxDirectory is how many members a directory may name, whether they are unpacked or
// not: each costs some hundred octets of memory before anything is asked.
const maxDirectory = 50_000

// maxMember is how large a member may be that is kept whole, in octets.
const maxMember = 64 << 20

// errBound means that a container has more than the bounds allow.
var errBound = errors.New("document: a container is beyond the bounds")

// zip reads a ZIP file: an office document, or the files in it one after the other.
func (r *reader) zip(octets []byte, depth int) {
	if bytes.Count(octets, []byte("PK\x01\x02")) > maxDirectory {
		r.note(Large)
		return
	}
	z, err := zip.NewReader(bytes.NewReader(octets), int64(len(octets)))
	if z == nil || err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are never paths of ours
		r.note(Damaged)
		return
	}
	c := &container{reader: r, zip: z}
	if k := office.Is(c.Names()); k != office.None {
		text, err := office.Text(c, k, r.room())
		r.add(text, true)
		r.judge(err)
		return
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		// Names are found too: who looks for a file knows what it was called.
		r.add(name(f), true)
		if r.room() == 0 {
			return
		}
		if hopeless(extension(f.Name)) {
			continue
		}
		b, err := c.whole(f)
		r.judge(err)
		if errors.Is(err, errBound) {
			return
		}
		if err == nil {
			r.file(File{Octets: b, Name: name(f)}, depth+1)
		}
	}
}

// name is a member's, as text.
func name(f *zip.File) string { return strings.ToValidUTF8(f.Name, "\uFFFD") }

// judge notes what an error of a container says.
func (r *reader) judge(err error) {
	switch {
	case err == nil:
	case errors.Is(err, errBound):
		r.note(Large)
		r.cut = true
	case errors.Is(err, office.ErrFull):
		r.cut = true
	case errors.Is(err, office.ErrEncrypted):
		r.note(Encrypted)
	default:
		r.note(Damaged)
	}
}

// container is an opened ZIP file whose members count to the bounds of the whole.
type container struct {
	reader *reader
	zip    *zip.Reader
}

// Names implements [office.Container].
func (c *container) Names() (names []string) {
	for _, f := range c.zip.File {
		names = append(names, f.Name)
	}
	return names
}

// Open implements [office.Container].
func (c *container) Open(name string) (io.ReadCloser, error) {
	for _, f := range c.zip.File {
		if f.Name == name {
			return c.open(f)
		}
	}
	return nil, zip.ErrFormat
}

// locked is the bit of a member's flags that says that it is encrypted: APPNOTE 4.4.4.
const locked = 1

func (c *container) open(f *zip.File) (io.ReadCloser, error) {
	if f.Flags&locked != 0 {
		return nil, office.ErrEncrypted
	}
	if c.reader.members--; c.reader.members < 0 {
		return nil, errBound
	}
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	return &unpacking{ReadCloser: rc, reader: c.reader}, nil
}

// whole returns the content of a member.
func (c *container) whole(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxMember {
		return nil, errBound
	}
	rc, err := c.open(f)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(rc, maxMember+1))
	if err == nil && len(b) > maxMember {
		err = errBound
	}
	return b, errors.Join(err, rc.Close())
}

// unpacking counts what is unpacked, whatever the directory says of its size.
type unpacking struct {
	io.ReadCloser
	reader *reader
}

func (u *unpacking) Read(b []byte) (int, error) {
	if u.reader.unpacked <= 0 {
		return 0, errBound
	}
	n, err := u.ReadCloser.Read(b[:min(int64(len(b)), u.reader.unpacked)])
	u.reader.unpacked -= int64(n)
	return n, err
}
