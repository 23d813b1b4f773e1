// Package record is what of a message is sealed on arrival so that people find
// it again: the index record (docs/formats/index.md). It is plain text of mail:
// it is sealed before it leaves memory, and opened for a session that may read it.
package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// Version is the version of the records that are made.
const Version = 2

// MaxSize bounds a record when it is read back, in octets: the parser keeps 4 MiB
// of text and 256 KiB of header, and JSON may write six octets for one.
const MaxSize = 32 << 20

// Bounds of what a record lists.
const (
	MaxFiles      = 1000
	MaxReferences = 100
	maxReplies    = 20
)

// Record is an index record. Of one of version 1, To has To and Cc together,
// Files have no types, Body has the text of attachments, and the identifiers are
// missing.
type Record struct {
	Version    int      `json:"v"`
	Date       int64    `json:"date"`           // of arrival, in microseconds
	Sent       int64    `json:"sent,omitempty"` // as the message claims; 0 where it claims nothing
	Size       int64    `json:"size"`
	Subject    string   `json:"subject,omitempty"`
	From       []string `json:"from,omitempty"`
	To         []string `json:"to,omitempty"`
	Cc         []string `json:"cc,omitempty"`
	ID         string   `json:"id,omitempty"` // Message-ID
	References []string `json:"refs,omitempty"`
	Reply      []string `json:"reply,omitempty"` // In-Reply-To
	Files      []File   `json:"files,omitempty"`
	Body       string   `json:"body,omitempty"`
	Attached   string   `json:"attached,omitempty"` // text of attachments
	Opaque     bool     `json:"opaque,omitempty"`
	Cut        bool     `json:"cut,omitempty"`
}

// File is a part of the message that is an attachment or has a name.
type File struct {
	Part   string `json:"part,omitempty"` // its path, as IMAP numbers parts
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"` // media type
	Inline bool   `json:"inline,omitempty"`
}

// Describe takes out of a message of size octets what people search.
func Describe(m *mime.Message, arrived time.Time, size int64) Record {
	r := Record{
		Version: Version, Date: mail.Micros(arrived), Size: size,
		Subject:    header.Get(m.Fields, "Subject"),
		From:       values(m, "From", "Sender", "Reply-To"),
		To:         values(m, "To", "Resent-To"),
		Cc:         values(m, "Cc", "Resent-Cc"),
		ID:         header.MessageID(m.Fields),
		References: ids(m, "References"),
		Reply:      ids(m, "In-Reply-To"),
		Body:       m.Text(), Attached: m.AttachedText(), Opaque: m.Opaque(), Cut: m.Truncated,
	}
	if n := len(r.References); n > MaxReferences {
		// RFC 5322 section 3.6.4: the first names the root, the newest stand last.
		r.References = slices.Delete(r.References, 1, n-MaxReferences+1)
	}
	r.Reply = r.Reply[:min(len(r.Reply), maxReplies)]
	if sent, ok := m.Date(); ok {
		r.Sent = mail.Micros(sent)
	}
	for i := range m.Parts {
		part := &m.Parts[i]
		r.Cut = r.Cut || part.Cut
		attached := part.IsAttachment()
		switch {
		case !attached && part.FileName == "":
		case len(r.Files) == MaxFiles:
			r.Cut = true
		default:
			r.Files = append(r.Files, File{Part: part.Path, Name: part.FileName, Type: part.Type, Inline: !attached})
		}
	}
	return r
}

func values(m *mime.Message, names ...string) (list []string) {
	for _, name := range names {
		for _, f := range m.Fields {
			if f.Is(name) {
				list = append(list, f.Value)
			}
		}
	}
	return list
}

// ids returns the identifiers of all fields of a name, each once.
func ids(m *mime.Message, name string) (list []string) {
	seen := make(map[string]bool)
	for _, f := range m.Fields {
		if !f.Is(name) {
			continue
		}
		for _, id := range header.IDs(f.Raw) {
			if !seen[id] {
				seen[id] = true
				list = append(list, id)
			}
		}
	}
	return list
}

// Marshal returns the octets of a record. The caller clears them.
func (r Record) Marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the octets go into no page
	err := e.Encode(r)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Parse reads the octets of a record of any version. It fails with kind Damaged.
func Parse(plain []byte) (Record, error) {
	var head struct {
		Version int `json:"v"`
	}
	var err error
	if bytes.HasPrefix(plain, []byte(`{"v":2,`)) { // as we write it: it is read once
		head.Version = Version
	} else {
		err = json.Unmarshal(plain, &head)
	}
	var r Record
	switch {
	case err != nil:
	case head.Version == 1:
		return parseFirst(plain)
	case head.Version == Version:
		if err = json.Unmarshal(plain, &r); err == nil && r.Version != Version {
			err = fmt.Errorf("two versions, %d and %d", Version, r.Version)
		}
	default:
		err = fmt.Errorf("version %d", head.Version)
	}
	return r, fault.Because(fault.Damaged, "an index record is malformed", err)
}

// Equal reports whether two records say the same.
func (r Record) Equal(o Record) bool {
	a, err := r.Marshal()
	defer clear(a)
	b, other := o.Marshal()
	defer clear(b)
	return err == nil && other == nil && bytes.Equal(a, b)
}

// HasAttachment reports whether people would say that the message has one.
func (r Record) HasAttachment() bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return !f.Inline })
}

// Names are the names of files.
func (r Record) Names() (list []string) {
	for _, f := range r.Files {
		if f.Name != "" {
			list = append(list, f.Name)
		}
	}
	return list
}
