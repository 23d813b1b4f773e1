package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"siegel/internal/proto/entry"
)

// checkOpenings compares what the bundle shows with the commitments of the
// entry.
func (v *verification) checkOpenings() bool {
	var shown []string
	var err error
	for _, f := range []struct {
		name string
		o    *entry.Opening
	}{{"sha256", v.b.SHA256}, {"source", v.b.Source}, {"decision", v.b.Decision}, {"envelope", v.b.Envelope}} {
		if f.o == nil {
			continue
		}
		if err = v.entry.Check(f.name, *f.o); err != nil {
			break
		}
		shown = append(shown, f.name)
	}
	// Who may see them gets all of the evidence.
	if err == nil && (v.b.SHA256 == nil || (v.b.Source == nil) != (v.b.Decision == nil)) {
		err = errMissing
	}
	if v.failed("openings", err, "A value is not the one that was entered", "Ein Wert ist nicht der eingetragene") {
		return false
	}
	f := &v.r.Facts
	f.SHA256 = printable(v.b.SHA256.Value)
	if v.b.Source != nil {
		f.Source = printable(v.b.Source.Value)
	}
	if v.b.Decision != nil {
		f.Decision = printable(v.b.Decision.Value)
	}
	return v.ok("openings", "These values are those of the entry: %[1]s", "Diese Werte sind die des Eintrags: %[1]s", strings.Join(shown, ", "))
}

// printable quotes what came from outside where it has other than plain text.
func printable(b []byte) string {
	s := string(b)
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// checkEnvelope verifies the shown lines of the envelope: the whole tree, or
// the path of each.
func (v *verification) checkEnvelope() bool {
	if v.b.Envelope == nil {
		v.r.say("envelope", Note, "The bundle does not show the envelope", "Das Paket zeigt den Umschlag nicht")
		return true
	}
	n, _, err := entry.ParseTree(v.b.Envelope.Value)
	whole := err == nil && int64(len(v.b.Items)) == n
	if err == nil && whole {
		tree := new(entry.Tree)
		for i, it := range v.b.Items {
			tree.Add(it.Commit())
			if it.Index != int64(i) || it.Path != nil {
				err = entry.ErrTree
			}
		}
		if string(tree.Value()) != string(v.b.Envelope.Value) {
			err = entry.ErrTree
		}
	}
	for i := 0; err == nil && !whole && i < len(v.b.Items); i++ {
		it := v.b.Items[i]
		err = entry.CheckPath(v.b.Envelope.Value, it.Index, it.Commit(), it.Path)
	}
	if v.failed("envelope", err, "A line of the envelope is not the one that was entered", "Eine Zeile des Umschlags ist nicht die eingetragene") {
		return false
	}
	for _, it := range v.b.Items {
		v.r.Facts.Envelope = append(v.r.Facts.Envelope, printable(it.Value))
	}
	if whole {
		return v.ok("envelope", "The envelope is whole: %[1]d {line|lines}, as the entry has {it|them}",
			"Der Umschlag ist vollständig: %[1]d {Zeile|Zeilen}, wie im Eintrag", n)
	}
	return v.ok("envelope", "Shown of the envelope: %[1]d of %[2]d {line|lines}, as the entry has them",
		"Vom Umschlag gezeigt: %[1]d von %[2]d {Zeile|Zeilen}, wie im Eintrag", len(v.b.Items), n)
}

// checkMessage reads the message once.
func (v *verification) checkMessage() bool {
	m := v.b.Message
	if m == nil {
		v.r.say("message", Note, "The message is not included; its SHA-256 is %[1]s", "Die Nachricht liegt nicht bei; ihr SHA-256 ist %[1]s", v.r.Facts.SHA256)
		return true
	}
	whole, sum := sha256.New(), crc32.NewIEEE()
	ranges := &ranges{parts: v.b.Parts, salts: entry.NewPartSalts(v.b.Parts.Seed), hash: sha256.New(), tree: new(entry.Tree)}
	err := ranges.check(m.Size)
	if err == nil {
		ranges.start()
		err = v.readMessage(io.MultiWriter(whole, sum, ranges))
	}
	v.crc = sum.Sum32()
	digest := hex.EncodeToString(whole.Sum(nil))
	switch {
	case err != nil:
	case m.Size != v.entry.Size:
		err = fmt.Errorf("%d octets, not %d", m.Size, v.entry.Size)
	case digest != string(v.b.SHA256.Value), digest != string(v.message), v.source != nil && v.crc != m.CRC32:
		err = fmt.Errorf("SHA-256 %s", digest)
	default:
		err = v.entry.Check("parts", entry.Opening{Salt: v.b.Parts.Salt, Value: ranges.tree.Value()})
	}
	if v.failed("message", err, "The message is not the one that was entered", "Die Nachricht ist nicht die eingetragene") {
		return false
	}
	if v.source != nil {
		v.r.Message = io.NewSectionReader(v.source, v.files[fileMessage].offset, m.Size)
	}
	return v.ok("message", "The message is the one that was entered, SHA-256 %[1]s", "Die Nachricht ist die eingetragene, SHA-256 %[1]s", digest)
}

// readMessage copies the message out of the file, or from where it is kept.
func (v *verification) readMessage(w io.Writer) (err error) {
	m := v.files[fileMessage]
	if m.open == nil {
		_, err := io.Copy(w, io.NewSectionReader(v.source, m.offset, m.size))
		return err
	}
	r, err := m.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	n, err := io.Copy(w, r)
	if err == nil && n != m.size {
		err = fmt.Errorf("%d octets, not %d", n, m.size)
	}
	return err
}

// ranges cuts a message as its parts say and hashes each range into the salted
// tree.
type ranges struct {
	parts *Parts
	salts *entry.PartSalts
	hash  hash.Hash
	tree  *entry.Tree
	i     int   // range at work
	left  int64 // octets of it that have not come
}

// check fails where the ranges do not cover size octets.
func (r *ranges) check(size int64) error {
	for _, n := range r.parts.Lengths {
		size -= n
		if size < 0 {
			break
		}
	}
	if size != 0 {
		return errors.New("the parts do not cover it")
	}
	return nil
}

// start begins with range i, and ends ranges of no octets at once.
func (r *ranges) start() {
	for r.i < len(r.parts.Lengths) {
		salt := r.salts.At(r.i)
		r.hash.Reset()
		r.hash.Write(salt[:])
		if r.left = r.parts.Lengths[r.i]; r.left > 0 {
			return
		}
		r.end()
	}
}

func (r *ranges) end() {
	r.tree.Add(entry.Hash(r.hash.Sum(nil)))
	r.i++
}

// Write implements [io.Writer]. It never fails: check counted the octets.
func (r *ranges) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && r.i < len(r.parts.Lengths) {
		k := min(int64(len(b)), r.left)
		r.hash.Write(b[:k])
		b = b[k:]
		if r.left -= k; r.left == 0 {
			r.end()
			r.start()
		}
	}
	return n, nil
}
