package pack_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
		for _, b := range [][]byte{b, mended(b)} {
			items, err := read(b)
			if err != nil {
				continue
			}
			at := int64(pack.MagicSize)
			for _, it := range items {
				if it.Offset != at || it.Length < 0 || it.Length > int64(len(b)) {
					t.Fatalf("item outside: %+v", it)
				}
				at += it.Length
			}
			if _, tail, size := pack.Layout(items); size != int64(len(b)) || !bytes.Equal(tail, b[at:]) {
				t.Fatalf("%x has another spelling", b)
			}
		}
	})
}

// mended returns octets with the magic, the end, the place of the index and its
// hash set right, as a forger would: without, nothing behind the hash is reached.
func mended(b []byte) []byte {
	good := build()
	if len(b) < pack.MagicSize+pack.TrailerSize {
		return b
	}
	b = bytes.Clone(b)
	copy(b, good[:pack.MagicSize])
	copy(b[len(b)-12:], good[len(good)-12:])
	trailer := b[len(b)-pack.TrailerSize:]
	at := int64(len(b)) - pack.TrailerSize - 65*int64(binary.BigEndian.Uint32(trailer[8:]))
	if at < pack.MagicSize {
		return b
	}
	binary.BigEndian.PutUint64(trailer, uint64(at))
	sum := sha256.Sum256(b[at : len(b)-pack.TrailerSize])
	copy(trailer[12:], sum[:])
	return b
}

// An index whose lengths run over the end, or round the number, is refused even
// with a right hash: whoever writes packs can write hashes.
func TestIndexStaysInside(t *testing.T) {
	for name, lengths := range map[string][]int64{
		"beyond the end":    {5, 1 << 40},
		"round the number":  {1<<63 - 1, 1<<63 - 1, 2 + 8},
		"negative":          {-1, 9},
		"one over":          {9},
		"largest of all":    {1<<63 - 1},
		"largest and start": {1<<63 - 17, 0},
	} {
		items := make([]pack.Item, len(lengths))
		for i, n := range lengths {
			items[i].Length = n
		}
		_, tail, _ := pack.Layout(items)
		index, trailer := tail[:len(tail)-pack.TrailerSize], tail[len(tail)-pack.TrailerSize:]
		binary.BigEndian.PutUint64(trailer, pack.MagicSize+8) // there are 8 octets of objects
		if got, err := pack.Index(index, trailer); !errors.Is(err, pack.ErrFormat) {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}

func TestTrailerRefuses(t *testing.T) {
	good := build()
	trailer := good[len(good)-pack.TrailerSize:]
	for _, size := range []int64{0, -1, int64(len(good)) - 1, int64(len(good)) + 1, 1<<63 - 1} {
		if _, _, err := pack.Trailer(trailer, size); !errors.Is(err, pack.ErrFormat) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	for n := range trailer {
		if _, _, err := pack.Trailer(trailer[:n], int64(len(good))); !errors.Is(err, pack.ErrFormat) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for _, offset := range []uint64{0, 15, 1 << 63, 1<<64 - 1} {
		b := bytes.Clone(trailer)
		binary.BigEndian.PutUint64(b, offset)
		if _, _, err := pack.Trailer(b, int64(len(good))); !errors.Is(err, pack.ErrFormat) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}

// docs/formats/pack.md, by hand: sizes, order and hashes.
func TestFormat(t *testing.T) {
	b := build()
	if string(b[:16]) != "siegel/v1 pack\n\x01" || string(b[len(b)-12:]) != "siegel end\n\x00" {
		t.Fatal("magic or end")
	}
	trailer := b[len(b)-56:]
	at, n := binary.BigEndian.Uint64(trailer), binary.BigEndian.Uint32(trailer[8:])
	if at != 16+8 || n != 3 || len(b) != int(at)+3*65+56 {
		t.Fatalf("index at %d with %d objects in %d octets", at, n, len(b))
	}
	sum := sha256.Sum256(b[at : at+3*65])
	if !bytes.Equal(sum[:], trailer[12:44]) {
		t.Fatal("hash of the index")
	}
	second := b[at+65:]
	if second[0] != 2 || second[1] != 1 || binary.BigEndian.Uint64(second[17:]) != 16+5 || binary.BigEndian.Uint64(second[25:]) != 0 {
		t.Fatalf("second object: %x", second[:33])
	}
	if _, tail, size := pack.Layout(nil); size != 16+56 || len(tail) != 56 {
		t.Fatalf("a pack of nothing has %d octets", size)
	}
}
