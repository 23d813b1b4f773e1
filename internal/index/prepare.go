package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"time"

	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
)

// record is an index record (docs/formats/index.md).
type record struct {
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

// maxRecord bounds a record when it is read back, in octets: the parser keeps
// 4 MiB of text and 256 KiB of header, and JSON may write six octets for one.
const maxRecord = 32 << 20

// errOrder says that the rooms of the path stand in the wrong order.
var errOrder = errors.New("index: the message has not been parsed and sealed")

// Prepare seals the message's index record.
func (x *Index) Prepare(_ context.Context, p *flow.Passage) error {
	if p.Parsed == nil || p.Sealer == nil {
		return errOrder
	}
	plain, err := json.Marshal(describe(p.Parsed, p.Arrived, p.Body.Size()))
	if err != nil {
		return err
	}
	sealed := p.Sealer.SealIndex(plain)
	clear(plain)
	p.Units = append(p.Units, flow.Unit{
		Objects: []flow.Object{{
			ID: p.ID, Kind: flow.ObjectIndex, Size: int64(len(sealed)), SHA256: sha256.Sum256(sealed),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sealed)), nil },
		}},
		Rows: func(at flow.Place) []flow.Row {
			return []flow.Row{{
				Query:  `INSERT INTO index_record (tenant, message, pack, start, length) VALUES ($1, $2, $3, $4, $5)`,
				Values: []any{p.ID.Bytes(), at.Pack.Bytes(), at.Objects[0].Offset, at.Objects[0].Length},
			}}
		},
	})
	return nil
}

// describe takes out of a message of size octets what people search.
func describe(m *mime.Message, arrived time.Time, size int64) record {
	r := record{
		Version: 1, Date: mail.Micros(arrived), Size: size,
		Subject: header.Get(m.Fields, "Subject"),
		From:    values(m, "From", "Sender", "Reply-To"),
		To:      values(m, "To", "Cc", "Resent-To", "Resent-Cc"),
		Body:    m.Text(), Opaque: m.Opaque(), Cut: m.Truncated,
	}
	if more := m.AttachedText(); more != "" {
		r.Body += "\n\n" + more
	}
	if sent, ok := m.Date(); ok {
		r.Sent = mail.Micros(sent)
	}
	for _, part := range m.Parts {
		if part.FileName != "" {
			r.Files = append(r.Files, part.FileName)
		}
		r.Cut = r.Cut || part.Cut
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
