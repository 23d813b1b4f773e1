package record

import (
	"encoding/json"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// first is a record of version 1.
type first struct {
	Version int      `json:"v"`
	Date    int64    `json:"date"`
	Sent    int64    `json:"sent,omitempty"`
	Size    int64    `json:"size"`
	Subject string   `json:"subject"`
	From    []string `json:"from"`
	To      []string `json:"to"`
	Files   []string `json:"files"`
	Body    string   `json:"body"`
	Opaque  bool     `json:"opaque"`
	Cut     bool     `json:"cut"`
}

// record returns it as later versions have it.
func (f first) record() Record {
	r := Record{
		Version: 1, Date: f.Date, Sent: f.Sent, Size: f.Size, Subject: f.Subject, From: f.From, To: f.To, Body: f.Body, Opaque: f.Opaque, Cut: f.Cut,
	}
	for _, name := range f.Files {
		r.Files = append(r.Files, File{Name: name})
	}
	return r
}

func parseFirst(plain []byte) (Record, error) {
	var f first
	err := json.Unmarshal(plain, &f)
	return f.record(), fault.Because(fault.Damaged, "an index record is malformed", err)
}

// As describes a message as a record of an earlier version did, so that one that
// was sealed then can be compared with its message.
func As(version int, m *mime.Message, arrived time.Time, size int64) Record {
	if version != 1 {
		return Describe(m, arrived, size)
	}
	f := first{
		Version: 1, Date: mail.Micros(arrived), Size: size,
		Subject: header.Get(m.Fields, "Subject"),
		From:    values(m, "From", "Sender", "Reply-To"),
		To:      values(m, "To", "Cc", "Resent-To", "Resent-Cc"),
		Body:    m.Text(), Opaque: m.Opaque(), Cut: m.Truncated,
	}
	if more := m.AttachedText(); more != "" {
		f.Body += "\n\n" + more
	}
	if sent, ok := m.Date(); ok {
		f.Sent = mail.Micros(sent)
	}
	for _, part := range m.Parts {
		if part.FileName != "" {
			f.Files = append(f.Files, part.FileName)
		}
		f.Cut = f.Cut || part.Cut
	}
	return f.record()
}
