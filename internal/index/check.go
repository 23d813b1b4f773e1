package index

import (
	"context"
	"time"

	"siegel/internal/flow"
	"siegel/internal/index/attached"
	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/mime"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/packed"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Check compares rows of index records with the packs, without any key. Not safe
// for several goroutines.
type Check struct {
	index  *Index
	tenant db.Tenant
	id     mail.ID // of the pack below: records of a pack come one after the other
	pack   *packed.Pack
	err    error
}

// Check begins a check of a tenant.
func (x *Index) Check(t db.Tenant) *Check { return &Check{index: x, tenant: t} }

// Sealed fails with kind Damaged where a message has no index record, or where
// its row does not point at the record in the pack. Whether the record's octets
// are those that were written is for whoever reads whole packs.
func (c *Check) Sealed(ctx context.Context, message mail.ID) error {
	p, err := c.index.place(ctx, c.tenant, message)
	if err != nil {
		return err
	}
	if c.pack == nil && c.err == nil || c.id != p.pack {
		c.id = p.pack
		c.pack, c.err = packed.Open(ctx, c.index.Store, blob.PackName(c.tenant.ID(), p.pack))
	}
	switch fault.Of(c.err) {
	case fault.NotFound, fault.Damaged:
		if c.err != nil {
			return fault.Because(fault.Damaged, "the pack of the index record is missing or damaged", c.err)
		}
	}
	if c.err != nil {
		return c.err
	}
	it, ok := c.pack.Find(byte(flow.ObjectIndex), message)
	if !ok || it.Offset != p.start || it.Length != p.length {
		return fault.New(fault.Damaged, "the row of the index record points at another place than the pack's index")
	}
	return nil
}

// Opened is a message whose octets were read and whose key is open.
type Opened struct {
	Message mail.ID
	Arrived time.Time
	Size    int64
	Parsed  *mime.Message
	Key     *seal.Opened
}

// CheckOpened opens a message's index record and compares it with what the
// message itself gives. It fails with kind Damaged where the record is missing,
// does not open or says something else.
func (x *Index) CheckOpened(ctx context.Context, s Session, o Opened) error {
	if _, err := x.place(ctx, s.Tenant(), o.Message); err != nil {
		return err
	}
	have, err := x.record(ctx, s, o.Message, o.Key)
	switch fault.Of(err) {
	case fault.NotFound, fault.Damaged:
		if err != nil {
			return fault.Because(fault.Damaged, "the message's index record does not open: no search finds it", err)
		}
	}
	if err != nil {
		return err
	}
	if !have.Equal(record.As(have.Version, o.Parsed, o.Arrived, o.Size)) {
		return fault.New(fault.Damaged, "the message's index record is not the one that the message gives")
	}
	return attached.Check(ctx, s.Tenant(), o.Message, o.Key)
}
