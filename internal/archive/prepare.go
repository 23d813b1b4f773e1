package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/proto/mime"
	"siegel/internal/vault/seal"
)

// small is the size up to which a message is sealed in memory, in octets.
const small = 1 << 20

// Prepare seals a message and appends what the archive wants kept. It leaves
// the parsed message and its sealer in the passage for the rooms that follow.
func (a *Archive) Prepare(ctx context.Context, p *flow.Passage) error {
	ranges, err := a.read(p)
	if err != nil {
		return err
	}
	key := a.Vault.NewKey(p.Tenant, p.ID, mail.Month(p.Arrived))
	p.Sealer = key.Data()
	object, release, err := a.seal(p, key.Data())
	if err != nil {
		key.Forget()
		return err
	}
	unit := flow.Unit{Objects: []flow.Object{object}, Keys: []flow.Key{key}, Release: func() {
		key.Forget()
		release()
	}}
	if err := a.describe(ctx, p, key, ranges, &unit); err != nil {
		unit.Release()
		return err
	}
	p.Units = append(p.Units, unit)
	return nil
}

// parts are the octet ranges of a message with their salted tree.
type parts struct {
	seed    entry.Hash
	lengths []int64
	tree    entry.Tree
}

// read passes over the message once: it is parsed, cut and hashed. A body that
// is not what the door hashed is refused: memory or spool are broken.
func (a *Archive) read(p *flow.Passage) (*parts, error) {
	c := &parts{seed: seal.NewSalt()}
	h, salts := sha256.New(), entry.NewPartSalts(c.seed)
	var salt, d entry.Hash
	start := func() { salt = salts.At(len(c.lengths)); h.Reset(); h.Write(salt[:]) }
	start()
	cutter := mime.NewCutter(mime.Limits{}, func(b []byte) { h.Write(b) }, func(r mime.Range) {
		h.Sum(d[:0])
		c.tree.Add(d)
		c.lengths = append(c.lengths, r.End-r.Start)
		start()
	})
	parser := mime.NewParser(mime.Limits{}, nil)
	whole := sha256.New()
	r, err := p.Body.Open()
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.MultiWriter(cutter, parser, whole), r)
	if err := errors.Join(err, r.Close(), cutter.Close(), parser.Close()); err != nil {
		return nil, err
	}
	if want := p.Body.SHA256(); !bytes.Equal(whole.Sum(nil), want[:]) {
		return nil, fault.New(fault.Damaged, "the message changed between the door and the seal")
	}
	p.Parsed = parser.Message()
	return c, nil
}

// seal encrypts the message, opens the result again and compares it with what
// came in: what is acknowledged can be read.
func (a *Archive) seal(p *flow.Passage, d seal.Data) (flow.Object, func(), error) {
	o := flow.Object{ID: p.ID, Kind: flow.ObjectMessage}
	release := func() {}
	if p.Body.Size() <= small {
		sealed, err := a.sealSmall(p.Body, d)
		if err != nil {
			return o, nil, err
		}
		o.Size, o.SHA256 = int64(len(sealed)), sha256.Sum256(sealed)
		o.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sealed)), nil }
	} else {
		f, err := a.sealLarge(p.Body, d, &o)
		if err != nil {
			return o, nil, err
		}
		release = func() { _ = f.Close() } // it has no name any more
		o.Open = func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, 0, o.Size)), nil }
	}
	if err := a.reopen(o, d, p.Body); err != nil {
		release()
		return o, nil, err
	}
	return o, release, nil
}

func (a *Archive) sealSmall(body flow.Body, d seal.Data) ([]byte, error) {
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	plain := a.scratch.Get(int(body.Size()))
	defer a.scratch.Put(plain)
	_, err = io.ReadFull(r, plain)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return d.Seal(plain)
}

// sealLarge writes the sealed octets to a file without a name.
func (a *Archive) sealLarge(body flow.Body, d seal.Data, o *flow.Object) (_ *os.File, err error) {
	f, err := os.CreateTemp(a.TempDir, "sealed-*")
	if err != nil {
		return nil, full(err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	h := sha256.New()
	w, err := d.Writer(io.MultiWriter(f, h))
	if err != nil {
		return nil, full(err)
	}
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(w, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, full(err)
	}
	if err := w.Close(); err != nil {
		return nil, full(err)
	}
	copy(o.SHA256[:], h.Sum(nil))
	o.Size, err = f.Seek(0, io.SeekCurrent)
	return f, err
}

func full(err error) error {
	return fault.Because(fault.Exhausted, "there is no room for a large message", err)
}

// reopen opens what was sealed and compares it with the octets as received.
func (a *Archive) reopen(o flow.Object, d seal.Data, body flow.Body) (err error) {
	defer fault.Wrap(&err, "the seal does not open again")
	sealed, err := o.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sealed.Close()) }()
	r, err := d.Stream(sealed, body.Size())
	if err != nil {
		return err
	}
	h, buffer := sha256.New(), a.scratch.Get(int(min(body.Size()+1, 32<<10)))
	_, err = io.CopyBuffer(h, r, buffer)
	a.scratch.Put(buffer)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if want := body.SHA256(); !bytes.Equal(h.Sum(nil), want[:]) {
		return fault.New(fault.Damaged, "other octets came out")
	}
	return nil
}

// describe makes the ledger entry with its openings, finds the holders, and
// says which row is to be written.
func (a *Archive) describe(ctx context.Context, p *flow.Passage, key *seal.Pending, c *parts, u *flow.Unit) error {
	hash := p.Body.SHA256()
	content := entry.Content{
		SHA256:    entry.Opening{Salt: seal.NewSalt(), Value: []byte(entry.Hex(hash))},
		PartsSalt: seal.NewSalt(), PartSeed: c.seed, Lengths: c.lengths,
	}
	evidence := entry.Evidence{
		EnvelopeSalt: seal.NewSalt(),
		Source:       entry.Opening{Salt: seal.NewSalt(), Value: []byte(p.Source.String())},
		Decision:     entry.Opening{Salt: seal.NewSalt(), Value: []byte("policy 0 archive")},
		Envelope:     []entry.Opening{{Salt: seal.NewSalt(), Value: []byte("MAIL FROM:<" + p.Envelope.From + ">")}},
	}
	for i := range p.Envelope.To {
		evidence.Envelope = append(evidence.Envelope, entry.Opening{Salt: seal.NewSalt(), Value: []byte(p.Envelope.Item(i))})
	}
	tree := evidence.Tree()
	envelope := entry.Opening{Salt: evidence.EnvelopeSalt, Value: tree.Value()}
	fields := []entry.Field{
		{Name: "sha256", Commitment: content.SHA256.Commit()},
		{Name: "parts", Commitment: entry.Opening{Salt: content.PartsSalt, Value: c.tree.Value()}.Commit()},
		{Name: "envelope", Commitment: envelope.Commit()},
		{Name: "source", Commitment: evidence.Source.Commit()},
		{Name: "decision", Commitment: evidence.Decision.Commit()},
	}
	report := reportOf(p, key.Data(), &fields)
	text, err := entry.Entry{Kind: "message", ID: p.ID, Time: p.Arrived, Size: p.Body.Size(), Fields: fields}.Text()
	if err != nil {
		return err
	}
	if err := a.address(ctx, p, key, evidence, tree); err != nil {
		return err
	}
	u.Leaves = []flow.Leaf{{Log: "message", Entry: text, Sealed: u.Objects[0].SHA256}}
	data := key.Data()
	opening, sealedEvidence := data.SealOpening(content.Encode()), data.SealEvidence(evidence.Encode())
	u.Rows = func(at flow.Place) []flow.Row {
		return []flow.Row{{
			Query: `INSERT INTO archive_message (tenant, id, leaf, pack, start, length, size, arrived, opening, evidence, report)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			Values: []any{
				p.ID.Bytes(), at.Leaves[0], at.Pack.Bytes(), at.Objects[0].Offset, at.Objects[0].Length,
				p.Body.Size(), mail.Micros(p.Arrived), opening, sealedEvidence, report,
			},
		}}
	}
	return nil
}

// address seals the key to the archive and to the people who are its readers.
func (a *Archive) address(ctx context.Context, p *flow.Passage, key *seal.Pending, e entry.Evidence, tree *entry.Tree) error {
	inEnvelope := []mail.Address{mail.NewAddress(p.Envelope.From)}
	for _, to := range p.Envelope.To {
		inEnvelope = append(inEnvelope, mail.NewAddress(to))
	}
	var addresses []mail.Address
	switch audienceOf(e) {
	case keepers:
	case named:
		addresses = inEnvelope
	case everybody:
		addresses = append(HeaderAddresses(p.Parsed), inEnvelope...)
	}
	archive, owners, err := a.People.Sealing(ctx, a.DB.Tenant(p.Tenant), addresses)
	if err != nil {
		return fmt.Errorf("holders: %w", err)
	}
	key.For(seal.Recipient{Holder: archive, Archive: true})
	envelope := entry.Opening{Salt: e.EnvelopeSalt, Value: tree.Value()}
	for _, o := range owners {
		own, err := OwnItems(o, inEnvelope, e.Envelope, envelope, tree)
		if err != nil {
			return err
		}
		key.For(seal.Recipient{Holder: o.Holder, Extra: entry.EncodeOwn(own)})
	}
	return nil
}

// OwnItems returns the openings of a person's own addresses in an envelope.
func OwnItems(o mail.Owner, addresses []mail.Address, items []entry.Opening, envelope entry.Opening, tree *entry.Tree) ([]entry.Own, error) {
	var own []entry.Own
	for i, addr := range addresses {
		for _, mine := range o.Addresses {
			if addr != mine {
				continue
			}
			path, err := tree.Path(i)
			if err != nil {
				return nil, err
			}
			own = append(own, entry.Own{Envelope: envelope, Index: int64(i), Item: items[i], Path: path})
		}
	}
	return own, nil
}
