package page

import (
	"io"
	"strings"
	"time"

	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// Bounds of what is shown of a message, in octets.
const (
	maxRead  = 64 << 20 // of the message
	maxText  = 256 << 10
	maxValue = 2000 // of one field of the letterhead
	maxFiles = 200  // attachments that are named
)

// Letter is the message as text. All of it but place and size is what the sender
// claims: characters that turn the direction of writing are taken out, so that it
// reads as it is written.
type Letter struct {
	Offset int64 `json:"offset"` // of its octets in the bundle's file
	Size   int64 `json:"size"`

	From    string     `json:"from"`
	To      string     `json:"to"`
	Cc      string     `json:"cc"`
	Subject string     `json:"subject"`
	Date    *time.Time `json:"date,omitempty"`

	Text     string `json:"text"`
	Attached []File `json:"attached,omitempty"`
	Opaque   bool   `json:"opaque"` // a part is encrypted
	Cut      bool   `json:"cut"`    // there is more than is shown
}

// File is an attachment.
type File struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
}

func readLetter(r *io.SectionReader) *Letter {
	_, offset, size := r.Outer()
	l := &Letter{Offset: offset, Size: size}
	// The octets were read before: what cannot be read now is not shown.
	m, err := mime.Read(io.LimitReader(r, maxRead), mime.Limits{Header: 64 << 10, Parts: 1000, Text: maxText}, nil)
	field := func(name string) string { return plain(header.Clip(header.Get(m.Fields, name), maxValue)) }
	l.From, l.To, l.Cc, l.Subject = field("From"), field("To"), field("Cc"), strings.TrimSpace(field("Subject"))
	if at, ok := m.Date(); ok {
		at = at.UTC()
		l.Date = &at
	}
	l.Text, l.Opaque, l.Cut = plain(m.Text()), m.Opaque(), m.Truncated || err != nil || size > maxRead
	for i := range m.Parts {
		p := &m.Parts[i]
		l.Cut = l.Cut || p.Cut
		if !p.IsAttachment() {
			continue
		}
		if len(l.Attached) == maxFiles {
			l.Cut = true
			break
		}
		l.Attached = append(l.Attached, File{Name: plain(header.Clip(p.FileName, maxValue)), Type: plain(header.Clip(p.Type, maxValue)), Size: p.Size})
	}
	return l
}

// plain takes out what changes the direction of writing: a name would read other
// than it is (Unicode Standard Annex 9, explicit directional formatting).
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return -1
		default:
			return r
		}
	}, s)
}
