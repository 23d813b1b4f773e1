package seal

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/hybrid"
	"siegel/internal/vault/seal/stream"
)

const (
	batchWrap = 0x01
	localWrap = 0x02

	purposeOpening  secret.Purpose = "siegel/v1 opening"
	purposeIndex    secret.Purpose = "siegel/v1 index"
	purposeAttached secret.Purpose = "siegel/v1 attachments"
	purposeEvidence secret.Purpose = "siegel/v1 evidence"
	purposeReport   secret.Purpose = "siegel/v1 report"
	purposeLocal    secret.Purpose = "siegel/v1 local wrap"
)

// Recipient is a holder that a message is sealed to.
type Recipient struct {
	Holder mail.HolderID
	// Extra is wrapped beside the data key: a person's own envelope openings. The
	// archive holder gets the evidence key without asking.
	Extra []byte
	// Archive marks the archive holder.
	Archive bool
}

// Pending is the data key of a message that is on its way: it can seal what
// belongs to the message and waits to be wrapped for its holders. It implements
// [flow.Key]. It belongs to one goroutine at a time.
type Pending struct {
	vault      *Vault
	tenant     mail.TenantID
	message    mail.ID
	month      int
	dek        secret.Key
	evidence   secret.Key
	recipients []Recipient
}

// NewKey makes the data key of a new message. month is that of its arrival,
// year times 100 and month, in UTC.
func (v *Vault) NewKey(tenant mail.TenantID, message mail.ID, month int) *Pending {
	return &Pending{vault: v, tenant: tenant, message: message, month: month, dek: secret.Random(), evidence: secret.Random()}
}

// Object implements [flow.Key].
func (p *Pending) Object() mail.ID { return p.message }

// For adds a holder.
func (p *Pending) For(r Recipient) { p.recipients = append(p.recipients, r) }

// Forget wipes the key. Commit's Release does that.
func (p *Pending) Forget() {
	p.dek.Wipe()
	p.evidence.Wipe()
}

// Data returns what seals and opens under the key.
func (p *Pending) Data() Data { return Data{p.vault, p.tenant, p.message, p.dek, p.evidence} }

// Data seals and opens what belongs to one message. The evidence part is there
// for the archive holder only.
type Data struct {
	vault    *Vault
	tenant   mail.TenantID
	message  mail.ID
	dek      secret.Key
	evidence secret.Key // zero for other holders
}

// Close wipes the keys.
func (d Data) Close() {
	d.dek.Wipe()
	d.evidence.Wipe()
}

func (d Data) context(kind flow.ObjectKind) [][]byte {
	return [][]byte{d.tenant[:], d.message[:], {byte(kind)}}
}

func (d Data) box(p secret.Purpose, under secret.Key) (secret.Key, []byte) {
	return under.Derive(p, nil, d.tenant[:], d.message[:]), tuple.Make(string(p), d.tenant[:], d.message[:])
}

func (d Data) seal(p secret.Purpose, under secret.Key, plain []byte) []byte {
	k, aad := d.box(p, under)
	defer k.Wipe()
	return stream.Box(k, plain, aad)
}

func (d Data) open(p secret.Purpose, under secret.Key, what string, box []byte) ([]byte, error) {
	k, aad := d.box(p, under)
	defer k.Wipe()
	return stream.OpenBox(what, k, box, aad)
}

// SealOpening seals the content opening.
func (d Data) SealOpening(plain []byte) []byte { return d.seal(purposeOpening, d.dek, plain) }

// OpenOpening is the inverse of SealOpening.
func (d Data) OpenOpening(box []byte) ([]byte, error) {
	return d.open(purposeOpening, d.dek, "the message's opening", box)
}

// SealEvidence seals the evidence opening.
func (d Data) SealEvidence(plain []byte) []byte { return d.seal(purposeEvidence, d.evidence, plain) }

// OpenEvidence is the inverse of SealEvidence. Without the evidence key it
// fails with kind Denied.
func (d Data) OpenEvidence(box []byte) ([]byte, error) {
	if d.evidence.IsZero() {
		return nil, fault.New(fault.Denied, "the envelope is for holders of the archive")
	}
	return d.open(purposeEvidence, d.evidence, "the message's evidence", box)
}

// SealReport seals what surrounded the message in a journal report.
func (d Data) SealReport(plain []byte) []byte { return d.seal(purposeReport, d.evidence, plain) }

// OpenReport is the inverse of SealReport, and fails as OpenEvidence does.
func (d Data) OpenReport(box []byte) ([]byte, error) {
	if d.evidence.IsZero() {
		return nil, fault.New(fault.Denied, "the envelope is for holders of the archive")
	}
	return d.open(purposeReport, d.evidence, "the message's evidence", box)
}

// SealIndex compresses and seals an index record.
func (d Data) SealIndex(plain []byte) []byte {
	return d.seal(purposeIndex, d.dek, d.vault.Compress(plain))
}

// OpenIndex is the inverse of SealIndex, for records of at most limit octets.
func (d Data) OpenIndex(box []byte, limit int64) ([]byte, error) {
	frame, err := d.open(purposeIndex, d.dek, "the index record", box)
	if err != nil {
		return nil, err
	}
	return d.vault.Decompress(frame, limit)
}

// SealAttachments compresses and seals a message's second index record.
func (d Data) SealAttachments(plain []byte) []byte {
	return d.seal(purposeAttached, d.dek, d.vault.Compress(plain))
}

// OpenAttachments is the inverse of SealAttachments, for records of at most limit octets.
func (d Data) OpenAttachments(box []byte, limit int64) ([]byte, error) {
	frame, err := d.open(purposeAttached, d.dek, "the record of the message's attachments", box)
	if err != nil {
		return nil, err
	}
	return d.vault.Decompress(frame, limit)
}

// Wrapped are the keys of a group, wrapped for all their holders and not yet
// written.
type Wrapped struct {
	batches []batch
}

// batch is one holder's part of a group.
type batch struct {
	id     mail.ID
	holder mail.HolderID
	term   int
	sealed []byte
	wraps  []wrapRow
}

type wrapRow struct {
	message mail.ID
	month   int
	wrap    []byte
}

// ErrTerm says that a holder got a new term while a group was wrapped: wrap
// again.
var ErrTerm = errors.New("seal: a holder has a new term")

// Wrap pays the post-quantum seal once per holder of the group and wraps every
// data key. It is done outside the transaction because it takes time.
func (v *Vault) Wrap(ctx context.Context, t db.Tenant, keys []flow.Key) (*Wrapped, error) {
	var w Wrapped
	open := make(map[mail.HolderID]secret.Key)
	at := make(map[mail.HolderID]int)
	defer func() {
		for _, k := range open {
			k.Wipe()
		}
	}()
	for _, key := range keys {
		p, ok := key.(*Pending)
		if !ok || p.tenant != t.ID() {
			return nil, errors.New("seal: a key of another kind or tenant")
		}
		for _, r := range p.recipients {
			i, ok := at[r.Holder]
			if !ok {
				b, k, err := v.newBatch(ctx, t, r)
				if err != nil {
					return nil, err
				}
				i = len(w.batches)
				w.batches = append(w.batches, b)
				at[r.Holder], open[r.Holder] = i, k
			}
			b := &w.batches[i]
			b.wraps = append(b.wraps, wrapRow{p.message, p.month, p.wrap(t.ID(), *b, r, open[r.Holder])})
		}
	}
	// Write locks the holders' rows in one order, or two groups could wait for
	// each other.
	slices.SortFunc(w.batches, func(a, b batch) int { return bytes.Compare(a.holder[:], b.holder[:]) })
	return &w, nil
}

func (v *Vault) newBatch(ctx context.Context, t db.Tenant, r Recipient) (batch, secret.Key, error) {
	b := batch{id: mail.NewID(), holder: r.Holder}
	c, err := v.currentKey(ctx, t, t, r.Holder)
	if err != nil {
		return b, secret.Key{}, err
	}
	if r.Archive {
		if err := c.is(Archive); err != nil {
			return b, secret.Key{}, err
		}
	}
	b.term = c.term
	k := secret.Random()
	k.Use(func(raw []byte) { b.sealed, err = hybrid.Seal(c.key, batchInfo(t.ID(), b), raw) })
	return b, k, err
}

func batchInfo(tenant mail.TenantID, b batch) []byte {
	return tuple.Make("siegel/v1 batch", tenant[:], b.holder[:], number(b.term), b.id[:])
}

func wrapAAD(kind byte, tenant mail.TenantID, b batch, message mail.ID) []byte {
	return tuple.Make("siegel/v1 wrap", []byte{kind}, tenant[:], b.holder[:], number(b.term), message[:], b.id[:])
}

func (p *Pending) wrap(tenant mail.TenantID, b batch, r Recipient, k secret.Key) []byte {
	extra := r.Extra
	if r.Archive {
		p.evidence.Use(func(raw []byte) { extra = append([]byte(nil), raw...) })
		defer clear(extra)
	}
	return wrapKey(batchWrap, k, p.dek, extra, wrapAAD(batchWrap, tenant, b, p.message))
}

func wrapKey(kind byte, k, dek secret.Key, extra, aad []byte) []byte {
	plain := make([]byte, 0, secret.Size+len(extra))
	dek.Use(func(raw []byte) { plain = append(plain, raw...) })
	plain = append(plain, extra...)
	defer clear(plain)
	return stream.SealAs(kind, k, plain, aad)
}

// Write writes batches and wraps, but for the messages in skip. It fails with
// ErrTerm where a holder's term is no longer the one the keys were wrapped for.
func (w *Wrapped) Write(ctx context.Context, tx *db.Tx, skip map[mail.ID]bool) error {
	for _, b := range w.batches {
		b.wraps = slices.DeleteFunc(slices.Clone(b.wraps), func(r wrapRow) bool { return skip[r.message] })
		if len(b.wraps) == 0 {
			continue
		}
		var next int64
		// The update takes the holder's lock: numbers are given in commit order.
		err := tx.QueryRow(ctx, `UPDATE seal_holder SET tenant = $1, next = next + $2 WHERE tenant = $1 AND id = $3 AND term = $4 RETURNING next`,
			len(b.wraps), b.holder.Bytes(), b.term).Scan(&next)
		if errors.Is(err, db.ErrNoRows) {
			return ErrTerm
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO seal_batch (tenant, id, holder, term, sealed) VALUES ($1, $2, $3, $4, $5)`,
			b.id.Bytes(), b.holder.Bytes(), b.term, b.sealed)
		if err != nil {
			return err
		}
		rows := make([][]any, len(b.wraps))
		for i, r := range b.wraps {
			seq := next - int64(len(b.wraps)) + int64(i)
			rows[i] = []any{b.holder.Bytes(), seq, r.message.Bytes(), r.month, b.term, b.id.Bytes(), r.wrap}
		}
		err = tx.Insert(ctx, `INSERT INTO seal_wrap (tenant, holder, seq, message, month, term, batch, wrap)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, rows)
		if err != nil {
			return err
		}
	}
	return nil
}
