// Package pack is the form of a pack: the sealed objects of one commit group
// and an index of them (docs/formats/pack.md). Pure functions on octets.
package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Sizes of a pack's parts in octets.
const (
	MagicSize   = 16
	itemSize    = 65
	TrailerSize = 56
	// MaxItems bounds the objects of a pack.
	MaxItems = 1 << 16
)

const (
	magic = "siegel/v1 pack\n\x01"
	end   = "siegel end\n\x00"
)

// ErrFormat is returned for octets that are no pack.
var ErrFormat = errors.New("pack: not a pack, or damaged")

// Item is one object of a pack.
type Item struct {
	Kind   byte
	ID     [16]byte
	Offset int64
	Length int64
	SHA256 [32]byte
}

// Layout gives each item its offset, in order, and returns what stands before
// the objects, what stands behind them, and the size of the whole.
func Layout(items []Item) (head, tail []byte, size int64) {
	at := int64(MagicSize)
	index := make([]byte, 0, len(items)*itemSize)
	for i := range items {
		items[i].Offset = at
		at += items[i].Length
		index = appendItem(index, items[i])
	}
	sum := sha256.Sum256(index)
	tail = binary.BigEndian.AppendUint64(index, uint64(at))
	tail = binary.BigEndian.AppendUint32(tail, uint32(len(items)))
	tail = append(tail, sum[:]...)
	tail = append(tail, end...)
	return []byte(magic), tail, at + int64(len(tail))
}

func appendItem(b []byte, it Item) []byte {
	b = append(b, it.Kind)
	b = append(b, it.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(it.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(it.Length))
	return append(b, it.SHA256[:]...)
}

// Trailer reads the last TrailerSize octets of a pack of that size and returns
// where its index lies.
func Trailer(trailer []byte, size int64) (offset, length int64, err error) {
	if len(trailer) != TrailerSize || string(trailer[TrailerSize-len(end):]) != end {
		return 0, 0, ErrFormat
	}
	offset = int64(binary.BigEndian.Uint64(trailer))
	n := int64(binary.BigEndian.Uint32(trailer[8:]))
	if n > MaxItems || offset < MagicSize || offset+n*itemSize+TrailerSize != size {
		return 0, 0, ErrFormat
	}
	return offset, n * itemSize, nil
}

// Index reads the index of a pack and checks it against the trailer: hash,
// order, no gaps.
func Index(index, trailer []byte) ([]Item, error) {
	if len(trailer) != TrailerSize || len(index)%itemSize != 0 {
		return nil, ErrFormat
	}
	sum := sha256.Sum256(index)
	if !bytes.Equal(sum[:], trailer[12:12+sha256.Size]) {
		return nil, ErrFormat
	}
	at, end := int64(MagicSize), int64(binary.BigEndian.Uint64(trailer))
	var items []Item
	for b := index; len(b) > 0; b = b[itemSize:] {
		it := Item{
			Kind: b[0], ID: [16]byte(b[1:17]), Offset: int64(binary.BigEndian.Uint64(b[17:])),
			Length: int64(binary.BigEndian.Uint64(b[25:])), SHA256: [32]byte(b[33:65]),
		}
		if it.Offset != at || it.Length < 0 || it.Length > end-at {
			return nil, ErrFormat
		}
		at += it.Length
		items = append(items, it)
	}
	if at != end {
		return nil, ErrFormat
	}
	return items, nil
}

// Magic reports whether b, the first MagicSize octets, begins a pack.
func Magic(b []byte) bool { return string(b) == magic }
