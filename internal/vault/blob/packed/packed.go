// Package packed reads packs in a store as wholes: what a pack's own index says
// of its objects, and whether they are what it says (docs/formats/pack.md). It
// needs no database and no key.
package packed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/pack"
	"siegel/internal/vault/blob"
)

// Pack is a pack whose own index was read and verified. It is not changed any
// more: use it from many goroutines.
type Pack struct {
	store blob.Store
	name  blob.Name
	items []pack.Item
	at    map[key]int
	end   int64 // of the objects
}

type key struct {
	kind byte
	id   [16]byte
}

// Open reads the index of a pack. It fails with kind NotFound where there is no
// such pack, and with kind Damaged where it has no index that verifies.
func Open(ctx context.Context, s blob.Store, n blob.Name) (_ *Pack, err error) {
	size, err := s.Size(ctx, n)
	if err != nil {
		return nil, err
	}
	if size < pack.MagicSize+pack.TrailerSize {
		return nil, damaged(pack.ErrFormat)
	}
	trailer, err := read(ctx, s, n, size-pack.TrailerSize, pack.TrailerSize)
	if err != nil {
		return nil, err
	}
	offset, length, err := pack.Trailer(trailer, size)
	if err != nil {
		return nil, damaged(err)
	}
	index, err := read(ctx, s, n, offset, length)
	if err != nil {
		return nil, err
	}
	p := &Pack{store: s, name: n, at: make(map[key]int), end: offset}
	if p.items, err = pack.Index(index, trailer); err != nil {
		return nil, damaged(err)
	}
	for i, it := range p.items {
		p.at[key{it.Kind, it.ID}] = i
	}
	if len(p.at) != len(p.items) {
		return nil, damaged(errors.New("packed: an object stands twice"))
	}
	return p, nil
}

func damaged(err error) error {
	return fault.Because(fault.Damaged, "the pack's own index is damaged", err)
}

func read(ctx context.Context, s blob.Store, n blob.Name, offset, length int64) ([]byte, error) {
	r, err := s.Get(ctx, n, offset, length)
	if err != nil {
		return nil, err
	}
	b := make([]byte, length)
	_, err = io.ReadFull(r, b)
	return b, errors.Join(err, r.Close())
}

// Find returns the object of a kind and a message's id.
func (p *Pack) Find(kind byte, id [16]byte) (pack.Item, bool) {
	i, ok := p.at[key{kind, id}]
	if !ok {
		return pack.Item{}, false
	}
	return p.items[i], true
}

// Each reads the whole pack once and calls f with each object and the SHA-256 of
// its octets as they are. It fails with kind Damaged where the beginning is not
// that of a pack, after f heard of every object.
func (p *Pack) Each(ctx context.Context, f func(it pack.Item, sum [sha256.Size]byte) error) (err error) {
	r, err := p.store.Get(ctx, p.name, 0, p.end)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	magic := make([]byte, pack.MagicSize)
	if _, err := io.ReadFull(r, magic); err != nil {
		return err
	}
	h := sha256.New()
	for _, it := range p.items {
		h.Reset()
		if _, err := io.CopyN(h, r, it.Length); err != nil {
			return fmt.Errorf("object at %d: %w", it.Offset, err)
		}
		if err := f(it, [sha256.Size]byte(h.Sum(nil))); err != nil {
			return err
		}
	}
	if !pack.Magic(magic) {
		return fault.New(fault.Damaged, "the beginning of the pack is damaged")
	}
	return nil
}
