package entry

import (
	"encoding/binary"
	"fmt"

	"siegel/internal/kit/tuple"
)

// Labels of the openings (docs/formats/entry.md).
const (
	labelContent  = "siegel/v1 content opening"
	labelEvidence = "siegel/v1 evidence opening"
	labelOwn      = "siegel/v1 own envelope"
)

// Content is the part of a message's opening that all its holders have.
type Content struct {
	SHA256    Opening // value: 64 hex digits
	PartsSalt Hash    // salt of the field parts
	PartSeed  Hash    // from which the ranges' salts come
	Lengths   []int64 // of the consecutive ranges
}

// Encode returns the opening as it is sealed.
func (c Content) Encode() []byte {
	lengths := make([]byte, 0, 8*len(c.Lengths))
	for _, n := range c.Lengths {
		lengths = binary.BigEndian.AppendUint64(lengths, uint64(n))
	}
	return tuple.Make(labelContent, c.SHA256.Salt[:], c.SHA256.Value, c.PartsSalt[:], c.PartSeed[:], lengths)
}

// DecodeContent is the inverse of Encode.
func DecodeContent(b []byte) (Content, error) {
	var c Content
	f, err := tuple.Parse(labelContent, b)
	if err != nil || len(f) != 5 || !hashes(f[0], &c.SHA256.Salt) || !hashes(f[2], &c.PartsSalt) ||
		!hashes(f[3], &c.PartSeed) || len(f[4])%8 != 0 {
		return Content{}, fmt.Errorf("content opening: %w", ErrFormat)
	}
	c.SHA256.Value = f[1]
	for i := 0; i < len(f[4]); i += 8 {
		n := int64(binary.BigEndian.Uint64(f[4][i:]))
		if n < 0 {
			return Content{}, fmt.Errorf("content opening: %w", ErrFormat)
		}
		c.Lengths = append(c.Lengths, n)
	}
	return c, nil
}

// Evidence is the part of a message's opening that the archive holder has.
type Evidence struct {
	EnvelopeSalt Hash // salt of the field envelope
	Source       Opening
	Decision     Opening
	Envelope     []Opening // items of the envelope's tree: sender, then recipients
}

// Tree returns the envelope's tree.
func (e Evidence) Tree() *Tree {
	t := new(Tree)
	for _, item := range e.Envelope {
		t.Add(item.Commit())
	}
	return t
}

// Encode returns the opening as it is sealed.
func (e Evidence) Encode() []byte {
	fields := [][]byte{e.EnvelopeSalt[:], e.Source.Salt[:], e.Source.Value, e.Decision.Salt[:], e.Decision.Value}
	for _, item := range e.Envelope {
		fields = append(fields, item.Salt[:], item.Value)
	}
	return tuple.Make(labelEvidence, fields...)
}

// DecodeEvidence is the inverse of Encode.
func DecodeEvidence(b []byte) (Evidence, error) {
	var e Evidence
	f, err := tuple.Parse(labelEvidence, b)
	if err != nil || len(f) < 5 || len(f)%2 != 1 || !hashes(f[0], &e.EnvelopeSalt) ||
		!hashes(f[1], &e.Source.Salt) || !hashes(f[3], &e.Decision.Salt) {
		return Evidence{}, fmt.Errorf("evidence opening: %w", ErrFormat)
	}
	e.Source.Value, e.Decision.Value = f[2], f[4]
	for i := 5; i < len(f); i += 2 {
		item := Opening{Value: f[i+1]}
		if !hashes(f[i], &item.Salt) {
			return Evidence{}, fmt.Errorf("evidence opening: %w", ErrFormat)
		}
		e.Envelope = append(e.Envelope, item)
	}
	return e, nil
}

// Own is a person's opening of one of his own addresses in the envelope.
type Own struct {
	Envelope Opening // value: the tree
	Index    int64
	Item     Opening
	Path     []Hash
}

// EncodeOwn returns a list of own openings as it stands in a wrap.
func EncodeOwn(list []Own) []byte {
	var out []byte
	for _, o := range list {
		path := make([]byte, 0, 32*len(o.Path))
		for _, h := range o.Path {
			path = append(path, h[:]...)
		}
		t := tuple.Make(labelOwn, o.Envelope.Salt[:], o.Envelope.Value, tuple.Uint64(uint64(o.Index)),
			o.Item.Salt[:], o.Item.Value, path)
		out = binary.BigEndian.AppendUint32(out, uint32(len(t)))
		out = append(out, t...)
	}
	return out
}

// DecodeOwn is the inverse of EncodeOwn.
func DecodeOwn(b []byte) ([]Own, error) {
	var list []Own
	for len(b) > 0 {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, fmt.Errorf("own envelope: %w", ErrFormat)
		}
		n := int(binary.BigEndian.Uint32(b))
		o, err := decodeOwn(b[4 : 4+n])
		if err != nil {
			return nil, err
		}
		list = append(list, o)
		b = b[4+n:]
	}
	return list, nil
}

func decodeOwn(b []byte) (Own, error) {
	var o Own
	f, err := tuple.Parse(labelOwn, b)
	if err != nil || len(f) != 6 || !hashes(f[0], &o.Envelope.Salt) || len(f[2]) != 8 ||
		!hashes(f[3], &o.Item.Salt) || len(f[5])%32 != 0 {
		return Own{}, fmt.Errorf("own envelope: %w", ErrFormat)
	}
	o.Envelope.Value, o.Item.Value = f[1], f[4]
	o.Index = int64(binary.BigEndian.Uint64(f[2]))
	for i := 0; i < len(f[5]); i += 32 {
		o.Path = append(o.Path, Hash(f[5][i:i+32]))
	}
	return o, nil
}

// hashes copies b into dst where it has the right length.
func hashes(b []byte, dst *Hash) bool { return len(b) == copy(dst[:], b) && len(b) == len(dst) }
