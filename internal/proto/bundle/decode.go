package bundle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"siegel/internal/kit/canonical"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
)

// decode takes a bundle out of its files. It does not verify, and leaves files
// out that follow from others; whoever calls it builds all files again and
// compares. The message is not opened.
func decode(files map[string]member) (*Bundle, error) {
	d := decoder{files: files}
	b := &Bundle{
		Decision: d.opening(fileOpeningDecision), Envelope: d.opening(fileOpeningEnvelope),
		SHA256: d.opening(fileOpeningSHA256), Source: d.opening(fileOpeningSource),
	}
	if b.Envelope != nil {
		b.Items = d.items(fileEnvelope)
	}
	if d.has(fileParts) {
		b.Parts = d.parts()
	}
	l := &b.Ledger
	l.Entry, l.AnchorEntry = d.need(fileEntry), d.need(fileAnchorEntry)
	d.hash(fileSealed, &l.Sealed)
	var err error
	if l.Key, err = checkpoint.ParseKey(string(d.need(fileKey))); err != nil {
		d.fail(fileKey)
	}
	l.Inclusion, l.AnchorInclusion = d.proof(fileLogInclusion), d.proof(fileAnchorInclusion)
	if o := d.opening(fileAnchorOpening); o != nil && bytes.Equal(o.Value, l.Inclusion.Note) {
		l.AnchorSalt = o.Salt
	} else {
		d.fail(fileAnchorOpening)
	}
	l.Stamp = StampFiles{Token: d.need(fileToken), Chain: d.need(fileChain), Lists: d.files[fileLists].data}
	if d.has(fileBeforeConsistency) {
		c, err := checkpoint.ParseConsistency(d.need(fileBeforeConsistency))
		if err != nil {
			d.fail(fileBeforeConsistency)
		}
		l.Before = &Earlier{Note: d.need(fileBeforeStamped), Consistency: c.Path, Stamp: StampFiles{
			Token: d.need(fileBeforeToken), Chain: d.need(fileBeforeChain), Lists: d.files[fileBeforeLists].data,
		}}
	}
	return b, d.err
}

// decoder keeps the first error.
type decoder struct {
	files map[string]member
	err   error
}

func (d *decoder) fail(name string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s: %w", name, ErrFormat)
	}
}

func (d *decoder) has(name string) bool {
	_, ok := d.files[name]
	return ok
}

// need returns the content of a file that every bundle has.
func (d *decoder) need(name string) []byte {
	m, ok := d.files[name]
	if !ok {
		d.fail(name)
	}
	return m.data
}

// opening reads salt || value, nil where there is no such file.
func (d *decoder) opening(name string) *entry.Opening {
	m, ok := d.files[name]
	if !ok {
		return nil
	}
	if len(m.data) < entry.SaltSize {
		d.fail(name)
		return nil
	}
	return &entry.Opening{Salt: entry.Hash(m.data[:entry.SaltSize]), Value: m.data[entry.SaltSize:]}
}

func (d *decoder) hash(name string, h *entry.Hash) {
	if b := d.need(name); len(b) == copy(h[:], b) && len(b) == len(h) {
		return
	}
	d.fail(name)
}

func (d *decoder) proof(name string) checkpoint.Proof {
	p, err := checkpoint.ParseProof(d.need(name))
	if err != nil {
		d.fail(name)
	}
	return p
}

func (d *decoder) parts() *Parts {
	p := new(Parts)
	d.hash(fileOpeningParts, &p.Salt)
	b := d.need(fileParts)
	if len(b) < len(p.Seed) || len(b)%8 != 0 {
		d.fail(fileParts)
		return p
	}
	copy(p.Seed[:], b)
	for b = b[len(p.Seed):]; len(b) > 0; b = b[8:] {
		n := binary.BigEndian.Uint64(b)
		if n > maxMessage {
			d.fail(fileParts)
		}
		p.Lengths = append(p.Lengths, int64(n))
	}
	return p
}

// items reads what encodeItems wrote; the order is ascending.
func (d *decoder) items(name string) (items []Item) {
	text := string(d.need(name))
	if text != "" && !strings.HasSuffix(text, "\n") {
		d.fail(name)
	}
	last := int64(-1)
	for line := range strings.Lines(text) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		it, ok := parseItem(words)
		if !ok || it.Index <= last {
			d.fail(name)
			return nil
		}
		last = it.Index
		items = append(items, it)
	}
	return items
}

func parseItem(words []string) (it Item, ok bool) {
	if len(words) < 2 || len(words) > 2+64 {
		return it, false
	}
	var err error
	it.Index, err = strconv.ParseInt(words[0], 10, 64)
	if err != nil || it.Index < 0 || strconv.FormatInt(it.Index, 10) != words[0] {
		return it, false
	}
	raw, ok := canonical.Base64(words[1])
	if !ok || len(raw) < entry.SaltSize {
		return it, false
	}
	it.Salt, it.Value = entry.Hash(raw[:entry.SaltSize]), raw[entry.SaltSize:]
	for _, w := range words[2:] {
		h, ok := canonical.Base64(w)
		if !ok || len(h) != len(entry.Hash{}) {
			return it, false
		}
		it.Path = append(it.Path, entry.Hash(h))
	}
	return it, true
}
