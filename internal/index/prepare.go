package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"siegel/internal/flow"
	"siegel/internal/index/record"
)

// errOrder says that the rooms of the path stand in the wrong order.
var errOrder = errors.New("index: the message has not been parsed and sealed")

// Prepare seals the message's index record.
func (x *Index) Prepare(_ context.Context, p *flow.Passage) error {
	if p.Parsed == nil || p.Sealer == nil {
		return errOrder
	}
	plain, err := record.Describe(p.Parsed, p.Arrived, p.Body.Size()).Marshal()
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
