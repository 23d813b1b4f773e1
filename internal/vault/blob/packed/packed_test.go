package packed_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/pack"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/blob/packed"
)

// objects are what the packs of these tests hold; one is empty.
func objects() [][]byte {
	return [][]byte{[]byte("first"), nil, bytes.Repeat([]byte("long "), 100_000)}
}

// octets returns a pack.
func octets(items []pack.Item) []byte {
	var b []byte
	for i, o := range objects() {
		items[i].Length, items[i].SHA256 = int64(len(o)), sha256.Sum256(o)
	}
	head, tail, _ := pack.Layout(items)
	b = append(b, head...)
	for _, o := range objects() {
		b = append(b, o...)
	}
	return append(b, tail...)
}

func items() []pack.Item {
	return []pack.Item{{Kind: 1, ID: [16]byte{1}}, {Kind: 2, ID: [16]byte{1}}, {Kind: 1, ID: [16]byte{2}}}
}

// open stores octets as a pack and opens it.
func open(t *testing.T, b []byte) (*packed.Pack, error) {
	t.Helper()
	s, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "t/packs/00/p", bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	return packed.Open(t.Context(), s, "t/packs/00/p")
}

// Each object is found by kind and id, and read once, in order, with the hash of
// what is there.
func TestPack(t *testing.T) {
	list := items()
	p, err := open(t, octets(list))
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range list {
		if got, ok := p.Find(it.Kind, it.ID); !ok || got != it {
			t.Errorf("found %+v, want %+v", got, it)
		}
	}
	if _, ok := p.Find(2, [16]byte{2}); ok {
		t.Error("an object that is not there is found")
	}
	var got []pack.Item
	err = p.Each(t.Context(), func(it pack.Item, sum [32]byte) error {
		if sum != it.SHA256 {
			t.Errorf("object at %d has another hash", it.Offset)
		}
		got = append(got, it)
		return nil
	})
	if err != nil || !slices.Equal(got, list) {
		t.Errorf("%v, %v", got, err)
	}
	stop := errors.New("enough")
	n := 0
	if err := p.Each(t.Context(), func(pack.Item, [32]byte) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("after %d objects: %v", n, err)
	}
}

// A changed object is told by its hash, a changed beginning after every object was
// heard of; a changed index is no pack.
func TestDamage(t *testing.T) {
	whole := octets(items())
	at := func(n int) []byte {
		b := bytes.Clone(whole)
		b[n] ^= 1
		return b
	}
	p, err := open(t, at(pack.MagicSize+1))
	if err != nil {
		t.Fatal(err)
	}
	var wrong []int64
	if err := p.Each(t.Context(), func(it pack.Item, sum [32]byte) error {
		if sum != it.SHA256 {
			wrong = append(wrong, it.Offset)
		}
		return nil
	}); err != nil || !slices.Equal(wrong, []int64{pack.MagicSize}) {
		t.Errorf("wrong at %v: %v", wrong, err)
	}
	p, err = open(t, at(0))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := p.Each(t.Context(), func(pack.Item, [32]byte) error { n++; return nil }); fault.Of(err) != fault.Damaged || n != 3 {
		t.Errorf("after %d objects: %v", n, err)
	}
	index := len(whole) - pack.TrailerSize
	for name, b := range map[string][]byte{
		"nothing": {}, "short": whole[:pack.MagicSize+pack.TrailerSize-1], "cut": whole[:len(whole)-1], "begun later": whole[1:],
		"index": at(index - 1), "offset": at(index + 7), "count": at(index + 11), "hash": at(index + 12), "end": at(len(whole) - 1),
		"no pack": bytes.Repeat([]byte{'x'}, 1000),
	} {
		if _, err := open(t, b); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := items()
	twice[1] = twice[0]
	if _, err := open(t, octets(twice)); fault.Of(err) != fault.Damaged {
		t.Errorf("an object that stands twice: %v", err)
	}
}

// A pack that is not there is not found.
func TestNoPack(t *testing.T) {
	s, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := packed.Open(t.Context(), s, blob.Name("t/packs/00/none")); fault.Of(err) != fault.NotFound {
		t.Error(err)
	}
}
