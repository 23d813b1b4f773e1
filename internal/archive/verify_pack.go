package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/pack"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/packed"
	"siegel/internal/vault/db"
)

// Each calls f with every message in the order of the log, for checks of what
// other rooms keep of them.
func (a *Archive) Each(ctx context.Context, t db.Tenant, f func(index int64, id mail.ID) error) error {
	return a.eachRow(ctx, t, -1, func(r row) error { return f(r.leaf, r.id) })
}

// packs checks each pack as a whole when its first message comes, and remembers
// what the newest one has: messages of a pack follow each other in the log.
type packs struct {
	archive *Archive
	tenant  db.Tenant
	found   func(Finding)

	seen map[mail.ID]bool
	id   mail.ID      // of the pack below
	open *packed.Pack // nil where it cannot be read as a pack
	sums map[mail.ID]entryHash
}

type entryHash = [sha256.Size]byte

// take reads the pack of a message, unless it is the one at hand. What a pack
// has that is not what its index says is found once.
func (p *packs) take(ctx context.Context, r row) error {
	if p.seen[r.pack] && p.id == r.pack {
		return nil
	}
	found := p.found
	if p.seen[r.pack] {
		found = func(Finding) {}
	}
	p.seen[r.pack] = true
	p.id, p.open, p.sums = r.pack, nil, make(map[mail.ID]entryHash)
	open, err := packed.Open(ctx, p.archive.Store, blob.PackName(p.tenant.ID(), r.pack))
	if err == nil {
		p.open = open
		err = open.Each(ctx, func(it pack.Item, sum [sha256.Size]byte) error { return p.object(ctx, it, sum, found) })
	}
	switch fault.Of(err) {
	case fault.NotFound:
		return nil // every message of it says so
	case fault.Damaged:
		if err != nil {
			found(Finding{r.leaf, r.id, err})
			return nil //nolint:nilerr // it is the finding
		}
	}
	return err
}

// object compares one object with the pack's index. A message that has a row is
// compared there, with what was entered.
func (p *packs) object(ctx context.Context, it pack.Item, sum [sha256.Size]byte, found func(Finding)) error {
	if it.Kind == byte(flow.ObjectMessage) {
		p.sums[it.ID] = sum
	}
	if sum == it.SHA256 {
		return nil
	}
	f := Finding{Index: -1, Message: it.ID, Err: fault.New(fault.Damaged, "the index record in the pack is not the one that was written")}
	err := p.tenant.QueryRow(ctx, `SELECT leaf FROM archive_message WHERE tenant = $1 AND id = $2`, it.ID[:]).Scan(&f.Index)
	switch {
	case errors.Is(err, db.ErrNoRows):
		f.Err = fault.New(fault.Damaged, "octets in the pack that belong to no message are not those that were written")
	case err != nil:
		return err
	case it.Kind == byte(flow.ObjectMessage):
		return nil
	}
	found(f)
	return nil
}

// message returns the hash of a message's sealed octets, and compares its row
// and its entry with the pack's index.
func (p *packs) message(ctx context.Context, r row, e entered) (sum entryHash, err error) {
	if p.open != nil {
		it, ok := p.open.Find(byte(flow.ObjectMessage), r.id)
		if ok && it.Offset == r.start && it.Length == r.length {
			if it.SHA256 != e.sealed {
				return sum, nil
			}
			return p.sums[r.id], nil
		}
		return sum, fault.New(fault.Damaged, "the message's row points at another place than the pack's index")
	}
	sealed, err := p.archive.Store.Get(ctx, blob.PackName(p.tenant.ID(), r.pack), r.start, r.length)
	switch fault.Of(err) {
	case fault.NotFound, fault.Damaged:
		if err != nil {
			return sum, fault.Because(fault.Damaged, "the pack is missing or too short", err)
		}
	}
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	_, err = io.Copy(h, sealed)
	return entryHash(h.Sum(nil)), errors.Join(err, sealed.Close())
}
