package document

import (
	"bytes"
	"io"

	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// mail reads a message: its subject, who it is from and to, its text and its attachments.
func (r *reader) mail(octets []byte, depth int) {
	var files []*attachment
	m, err := mime.Read(bytes.NewReader(octets), mime.Limits{Text: max(1, r.room())}, func(p *mime.Part) io.WriteCloser {
		if !Worth(p.FileName, p.Type) || len(files) >= r.members {
			return nil
		}
		a := &attachment{reader: r, name: p.FileName, kind: p.Type}
		files = append(files, a)
		return a
	})
	if err != nil { // of the reader above, which has none
		r.note(Damaged)
	}
	for _, name := range []string{"Subject", "From", "To", "Cc"} {
		r.add(header.Get(m.Fields, name), true)
	}
	r.add(m.Text(), !m.Truncated)
	r.add(m.AttachedText(), true)
	if m.Opaque() {
		r.note(Encrypted)
	}
	for _, a := range files {
		r.members--
		if a.over {
			r.note(Large)
			r.cut = true
			continue
		}
		r.file(File{Octets: a.octets, Name: a.name, Type: a.kind}, depth+1)
		a.octets = nil
	}
}

// attachment takes the decoded octets of an attachment of a message in a file.
type attachment struct {
	reader     *reader
	name, kind string
	octets     []byte
	over       bool // there are too many
}

func (a *attachment) Write(b []byte) (int, error) {
	a.reader.unpacked -= int64(len(b))
	if a.over = a.over || a.reader.unpacked < 0 || len(a.octets)+len(b) > maxMember; a.over {
		a.octets = nil
	} else {
		a.octets = append(a.octets, b...)
	}
	return len(b), nil
}

func (a *attachment) Close() error { return nil }
