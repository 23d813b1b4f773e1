package pack_test

import (
	"testing"

	"siegel/internal/proto/pack"
)

func build() []byte {
	items := []pack.Item{{Kind: 1, ID: [16]byte{1}, Length: 5}, {Kind: 2, ID: [16]byte{1}, Length: 0}, {Kind: 1, ID: [16]byte{2}, Length: 3}}
	head, tail, size := pack.Layout(items)
	b := append(append(head, "helloabc"...), tail...)
	if int64(len(b)) != size {
		panic("size differs")
	}
	return b
}

func read(b []byte) ([]pack.Item, error) {
	if len(b) < pack.MagicSize+pack.TrailerSize || !pack.Magic(b[:pack.MagicSize]) {
		return nil, pack.ErrFormat
	}
	trailer := b[len(b)-pack.TrailerSize:]
	offset, length, err := pack.Trailer(trailer, int64(len(b)))
	if err != nil {
		return nil, err
	}
	return pack.Index(b[offset:offset+length], trailer)
}

func TestRoundTrip(t *testing.T) {
	b := build()
	items, err := read(b)
	if err != nil || len(items) != 3 {
		t.Fatalf("%v, %v", items, err)
	}
	if it := items[2]; string(b[it.Offset:it.Offset+it.Length]) != "abc" || it.ID != [16]byte{2} {
		t.Fatalf("third object: %+v", it)
	}
}

// Every bit of magic, index and trailer counts.
func TestRefusesChanges(t *testing.T) {
	good := build()
	for bit := range len(good) * 8 {
		if at := bit / 8; at >= pack.MagicSize && at < pack.MagicSize+8 {
			continue // the objects: their hashes are checked by who reads them
		}
		b := append([]byte(nil), good...)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := read(b); err == nil {
			t.Fatalf("bit %d flipped: accepted", bit)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(build())
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := read(b)
		if err != nil {
			return
		}
		for _, it := range items {
			if it.Offset < 0 || it.Offset+it.Length > int64(len(b)) {
				t.Fatalf("item outside: %+v", it)
			}
		}
	})
}
