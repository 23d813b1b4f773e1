package entry_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/kit/tuple"
	"siegel/internal/proto/entry"
)

func drawOpening(t *rapid.T) entry.Opening {
	return entry.Opening{Salt: drawHash(t, "salt"), Value: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")}
}

func drawContent(t *rapid.T) entry.Content {
	return entry.Content{
		SHA256: drawOpening(t), PartsSalt: drawHash(t, "parts"), PartSeed: drawHash(t, "seed"),
		Lengths: rapid.SliceOfN(rapid.Int64Min(0), 1, 6).Draw(t, "lengths"),
	}
}

func drawEvidence(t *rapid.T) entry.Evidence {
	e := entry.Evidence{EnvelopeSalt: drawHash(t, "envelope"), Source: drawOpening(t), Decision: drawOpening(t)}
	for range rapid.IntRange(1, 4).Draw(t, "items") {
		e.Envelope = append(e.Envelope, drawOpening(t))
	}
	return e
}

func drawOwn(t *rapid.T) []entry.Own {
	var list []entry.Own
	for range rapid.IntRange(1, 3).Draw(t, "own") {
		o := entry.Own{Envelope: drawOpening(t), Index: rapid.Int64Min(0).Draw(t, "index"), Item: drawOpening(t)}
		for range rapid.IntRange(1, 4).Draw(t, "nodes") {
			o.Path = append(o.Path, drawHash(t, "node"))
		}
		list = append(list, o)
	}
	return list
}

// docs/formats/entry.md: openings come back as they were.
func TestOpeningsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawContent(t)
		if got, err := entry.DecodeContent(c.Encode()); err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v became %+v, error %v", c, got, err)
		}
		e := drawEvidence(t)
		got, err := entry.DecodeEvidence(e.Encode())
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("%+v became %+v, error %v", e, got, err)
		}
		if !bytes.Equal(got.Tree().Value(), e.Tree().Value()) {
			t.Fatal("another tree")
		}
		own := drawOwn(t)
		if got, err := entry.DecodeOwn(entry.EncodeOwn(own)); err != nil || !reflect.DeepEqual(got, own) {
			t.Fatalf("%+v became %+v, error %v", own, got, err)
		}
	})
	if got, err := entry.DecodeOwn(entry.EncodeOwn(nil)); err != nil || got != nil {
		t.Errorf("no own address: %v, %v", got, err)
	}
}

// The octets are those of docs/formats/entry.md.
func TestOpeningsAreAsDocumented(t *testing.T) {
	h := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	c := entry.Content{
		SHA256: entry.Opening{Salt: entry.Hash(h(1)), Value: []byte("v")}, PartsSalt: entry.Hash(h(2)),
		PartSeed: entry.Hash(h(3)), Lengths: []int64{5, 258},
	}
	if want := tuple.Make("siegel/v1 content opening", h(1), []byte("v"), h(2), h(3), append(tuple.Uint64(5), tuple.Uint64(258)...)); !bytes.Equal(c.Encode(), want) {
		t.Errorf("content opening: %x", c.Encode())
	}
	e := entry.Evidence{
		EnvelopeSalt: entry.Hash(h(1)), Source: entry.Opening{Salt: entry.Hash(h(2)), Value: []byte("s")},
		Decision: entry.Opening{Salt: entry.Hash(h(3)), Value: []byte("d")}, Envelope: []entry.Opening{{Salt: entry.Hash(h(4)), Value: []byte("i")}},
	}
	if want := tuple.Make("siegel/v1 evidence opening", h(1), h(2), []byte("s"), h(3), []byte("d"), h(4), []byte("i")); !bytes.Equal(e.Encode(), want) {
		t.Errorf("evidence opening: %x", e.Encode())
	}
	own := entry.Own{
		Envelope: entry.Opening{Salt: entry.Hash(h(1)), Value: []byte("t")}, Index: 2,
		Item: entry.Opening{Salt: entry.Hash(h(3)), Value: []byte("i")}, Path: []entry.Hash{entry.Hash(h(4)), entry.Hash(h(5))},
	}
	one := tuple.Make("siegel/v1 own envelope", h(1), []byte("t"), tuple.Uint64(2), h(3), []byte("i"), append(h(4), h(5)...))
	want := append([]byte{0, 0, byte(len(one) >> 8), byte(len(one))}, one...)
	if got := entry.EncodeOwn([]entry.Own{own, own}); !bytes.Equal(got, append(bytes.Clone(want), want...)) {
		t.Errorf("own openings: %x", got)
	}
}

func TestDecodersRefuse(t *testing.T) {
	salt := make([]byte, 32)
	minus := tuple.Uint64(1 << 63)
	for name, b := range map[string][]byte{
		"nothing":         {},
		"another label":   tuple.Make("siegel/v1 something", salt, nil, salt, salt, nil),
		"too few":         tuple.Make("siegel/v1 content opening", salt, nil, salt, salt),
		"too many":        tuple.Make("siegel/v1 content opening", salt, nil, salt, salt, nil, nil),
		"short salt":      tuple.Make("siegel/v1 content opening", salt[1:], nil, salt, salt, nil),
		"long salt":       tuple.Make("siegel/v1 content opening", append(bytes.Clone(salt), 0), nil, salt, salt, nil),
		"odd lengths":     tuple.Make("siegel/v1 content opening", salt, nil, salt, salt, make([]byte, 7)),
		"negative length": tuple.Make("siegel/v1 content opening", salt, nil, salt, salt, minus),
	} {
		if c, err := entry.DecodeContent(b); !errors.Is(err, entry.ErrFormat) {
			t.Errorf("content, %s: %+v, error %v", name, c, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":    {},
		"too few":    tuple.Make("siegel/v1 evidence opening", salt, salt, nil, salt),
		"odd":        tuple.Make("siegel/v1 evidence opening", salt, salt, nil, salt, nil, salt),
		"short salt": tuple.Make("siegel/v1 evidence opening", salt, salt, nil, salt, nil, salt[1:], nil),
	} {
		if e, err := entry.DecodeEvidence(b); !errors.Is(err, entry.ErrFormat) {
			t.Errorf("evidence, %s: %+v, error %v", name, e, err)
		}
	}
	good := entry.EncodeOwn([]entry.Own{{Path: []entry.Hash{{}}}})
	for n := 1; n < len(good); n++ {
		if got, err := entry.DecodeOwn(good[:n]); !errors.Is(err, entry.ErrFormat) {
			t.Fatalf("own, cut at %d: %+v, error %v", n, got, err)
		}
	}
	for name, b := range map[string][]byte{
		"length beyond":  {0xff, 0xff, 0xff, 0xff, 1},
		"length of zero": {0, 0, 0, 0},
		"octets behind":  append(bytes.Clone(good), 0),
	} {
		if got, err := entry.DecodeOwn(b); !errors.Is(err, entry.ErrFormat) {
			t.Errorf("own, %s: %+v, error %v", name, got, err)
		}
	}
}

func FuzzOpenings(f *testing.F) {
	salt := make([]byte, 32)
	f.Add(entry.Content{Lengths: []int64{1, 2}}.Encode())
	f.Add(entry.Evidence{Envelope: []entry.Opening{{Value: []byte("MAIL FROM:<>")}}}.Encode())
	f.Add(entry.EncodeOwn([]entry.Own{{Path: []entry.Hash{{1}}}, {}}))
	f.Add(tuple.Make("siegel/v1 content opening", salt, nil, salt, salt, salt[:7]))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := entry.DecodeContent(b); err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatalf("content %x has another spelling", b)
		}
		if e, err := entry.DecodeEvidence(b); err == nil {
			if !bytes.Equal(e.Encode(), b) {
				t.Fatalf("evidence %x has another spelling", b)
			}
			_ = e.Tree().Value()
		}
		if o, err := entry.DecodeOwn(b); err == nil && !bytes.Equal(entry.EncodeOwn(o), b) {
			t.Fatalf("own %x has another spelling", b)
		}
	})
}
