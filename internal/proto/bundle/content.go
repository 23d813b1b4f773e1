package bundle

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
)

// Files of a bundle, in their order.
const (
	fileReadme            = "README.txt"
	fileManifest          = "manifest.txt"
	fileEntry             = "entry.txt"
	fileSealed            = "sealed.sha256"
	fileOpeningDecision   = "opening/decision.bin"
	fileOpeningEnvelope   = "opening/envelope.bin"
	fileOpeningParts      = "opening/parts.bin"
	fileOpeningSHA256     = "opening/sha256.bin"
	fileOpeningSource     = "opening/source.bin"
	fileEnvelope          = "envelope.txt"
	fileParts             = "parts.bin"
	fileLogInclusion      = "log/inclusion.tlog-proof"
	fileLogText           = "log/checkpoint.txt"
	fileLogSignature      = "log/checkpoint.sig"
	fileAnchorEntry       = "anchor/entry.txt"
	fileAnchorOpening     = "anchor/opening.bin"
	fileAnchorInclusion   = "anchor/inclusion.tlog-proof"
	fileAnchorText        = "anchor/checkpoint.txt"
	fileAnchorSignature   = "anchor/checkpoint.sig"
	fileKey               = "key/ledger.vkey"
	filePEM               = "key/ledger.pem"
	fileStamped           = "stamp/stamped.txt"
	fileToken             = "stamp/token.der"
	fileChain             = "stamp/chain.pem"
	fileLists             = "stamp/lists.pem"
	fileBeforeConsistency = "before/consistency.txt"
	fileBeforeText        = "before/checkpoint.txt"
	fileBeforeSignature   = "before/checkpoint.sig"
	fileBeforeStamped     = "before/stamped.txt"
	fileBeforeToken       = "before/token.der"
	fileBeforeChain       = "before/chain.pem"
	fileBeforeLists       = "before/lists.pem"
	fileMessage           = "message.eml"
)

// limit returns how many octets a file may have; false where a bundle has no
// such file.
func limit(name string) (int64, bool) {
	switch name {
	case fileMessage:
		return maxMessage, true
	case fileEnvelope, fileParts, fileLists, fileBeforeLists:
		return 32 << 20, true
	case fileReadme, fileManifest, fileEntry, fileSealed, fileOpeningDecision, fileOpeningEnvelope, fileOpeningParts,
		fileOpeningSHA256, fileOpeningSource, fileLogInclusion, fileLogText, fileLogSignature, fileAnchorEntry,
		fileAnchorOpening, fileAnchorInclusion, fileAnchorText, fileAnchorSignature, fileKey, filePEM, fileStamped,
		fileToken, fileChain, fileBeforeConsistency, fileBeforeText, fileBeforeSignature, fileBeforeStamped,
		fileBeforeToken, fileBeforeChain:
		return 256 << 10, true
	default:
		return 0, false
	}
}

// Bundle is what a bundle says. Optional parts are nil.
type Bundle struct {
	Message *Message // nil: only what was committed to
	Ledger  Ledger

	SHA256   *entry.Opening // of the message's hash
	Parts    *Parts         // goes along with the message
	Envelope *entry.Opening // of the envelope's tree
	Items    []Item         // of the envelope: all, or those of the reader's own addresses
	Source   *entry.Opening
	Decision *entry.Opening
}

// Message is the octets as received.
type Message struct {
	Size   int64
	SHA256 entry.Hash
	CRC32  uint32                        // IEEE, as ZIP wants it; Check sets it
	Open   func() (io.ReadCloser, error) // from the first octet
}

// Parts are the consecutive ranges of a message, whose salted tree is the field
// parts (docs/formats/entry.md).
type Parts struct {
	Salt    entry.Hash // of the field
	Seed    entry.Hash // from which the ranges' salts come
	Lengths []int64
}

// Item is one item of the envelope.
type Item struct {
	Index int64
	entry.Opening
	Path []entry.Hash // to the tree's root; nil where all items are there
}

// Ledger is what the ledger gives to a bundle.
type Ledger struct {
	Key       checkpoint.Key // of the instance
	Entry     []byte         // text
	Sealed    entry.Hash     // of the sealed octets
	Inclusion checkpoint.Proof

	// Anchor is the entry of the instance's log that holds the checkpoint of
	// Inclusion.
	AnchorEntry     []byte
	AnchorSalt      entry.Hash
	AnchorInclusion checkpoint.Proof
	Stamp           StampFiles // over the checkpoint of AnchorInclusion

	Before *Earlier // nil where there is none
}

// Earlier is a stamped checkpoint of the instance that does not yet hold the
// anchor.
type Earlier struct {
	Note        []byte
	Consistency []checkpoint.Hash // up to the checkpoint of the anchor's inclusion
	Stamp       StampFiles
}

// StampFiles is a timestamp as it is kept.
type StampFiles struct {
	Token []byte    // RFC 3161, DER
	Chain []byte    // PEM, signer first, root last
	Lists []byte    // revocation lists, PEM; empty for none
	Time  time.Time // that the token says
}

//go:embed readme.txt
var readmeTemplate string

// readme says how to check the bundle, in both languages.
func (b *Bundle) readme(e entry.Entry, log, instance string) []byte {
	day := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	before, beforeSeconds := "-", "0"
	if b.Ledger.Before != nil {
		t := b.Ledger.Before.Stamp.Time
		before, beforeSeconds = day(t), strconv.FormatInt(t.Unix(), 10)
	}
	return []byte(strings.NewReplacer(
		"{id}", fmt.Sprintf("%x", e.ID), "{time}", e.Time.Format(entry.TimeFormat), "{size}", strconv.FormatInt(e.Size, 10),
		"{log}", log, "{instance}", instance, "{name}", b.Ledger.Key.Name,
		"{until}", day(b.Ledger.Stamp.Time), "{until-seconds}", strconv.FormatInt(b.Ledger.Stamp.Time.Unix(), 10),
		"{from}", before, "{from-seconds}", beforeSeconds,
	).Replace(readmeTemplate))
}

// members returns the files of the bundle in their order.
func (b *Bundle) members() ([]member, error) {
	log, err := checkpoint.OpenLog(b.Ledger.Inclusion.Note, b.Ledger.Key)
	if err != nil {
		return nil, err
	}
	instance, err := checkpoint.OpenLog(b.Ledger.AnchorInclusion.Note, b.Ledger.Key)
	if err != nil {
		return nil, err
	}
	e, err := entry.Parse(b.Ledger.Entry)
	if err != nil {
		return nil, err
	}
	list, err := b.proofs(log, instance)
	if err != nil {
		return nil, err
	}
	var manifest bytes.Buffer
	list = append([]member{newMember(fileReadme, b.readme(e, log.Origin, instance.Origin))}, list...)
	for _, m := range list {
		fmt.Fprintf(&manifest, "%x  %s\n", sha256.Sum256(m.data), m.name)
	}
	if b.Message != nil {
		fmt.Fprintf(&manifest, "%x  %s\n", b.Message.SHA256, fileMessage)
		list = append(list, member{name: fileMessage, size: b.Message.Size, crc: b.Message.CRC32, open: b.Message.Open})
	}
	all := append([]member{list[0], newMember(fileManifest, manifest.Bytes())}, list[1:]...)
	for _, m := range all {
		if most, _ := limit(m.name); m.size > most {
			return nil, fmt.Errorf("bundle: %s has %d octets, %d are the most", m.name, m.size, most)
		}
	}
	return all, nil
}

// proofs returns the files between the manifest and the message.
func (b *Bundle) proofs(log, instance checkpoint.Signed) ([]member, error) {
	l := &b.Ledger
	var list []member
	add := func(name string, data []byte) { list = append(list, newMember(name, data)) }
	opening := func(name string, o *entry.Opening) {
		if o != nil {
			add(name, join(*o))
		}
	}
	add(fileEntry, l.Entry)
	add(fileSealed, l.Sealed[:])
	opening(fileOpeningDecision, b.Decision)
	opening(fileOpeningEnvelope, b.Envelope)
	if b.Parts != nil {
		add(fileOpeningParts, b.Parts.Salt[:])
	}
	opening(fileOpeningSHA256, b.SHA256)
	opening(fileOpeningSource, b.Source)
	if b.Envelope != nil {
		add(fileEnvelope, encodeItems(b.Items))
	}
	if b.Parts != nil {
		add(fileParts, b.Parts.encode())
	}
	add(fileLogInclusion, l.Inclusion.Text())
	add(fileLogText, log.Note.Text)
	add(fileLogSignature, log.Signature.Raw)
	add(fileAnchorEntry, l.AnchorEntry)
	add(fileAnchorOpening, join(entry.Opening{Salt: l.AnchorSalt, Value: l.Inclusion.Note}))
	add(fileAnchorInclusion, l.AnchorInclusion.Text())
	add(fileAnchorText, instance.Note.Text)
	add(fileAnchorSignature, instance.Signature.Raw)
	pem, err := l.Key.PEM()
	if err != nil {
		return nil, err
	}
	add(fileKey, []byte(l.Key.String()+"\n"))
	add(filePEM, pem)
	add(fileStamped, instance.Stamped())
	add(fileToken, l.Stamp.Token)
	add(fileChain, l.Stamp.Chain)
	if len(l.Stamp.Lists) > 0 {
		add(fileLists, l.Stamp.Lists)
	}
	if l.Before == nil {
		return list, nil
	}
	before, err := checkpoint.OpenLog(l.Before.Note, l.Key)
	if err != nil {
		return nil, err
	}
	add(fileBeforeConsistency, checkpoint.Consistency{Old: before.Size, Path: l.Before.Consistency, Note: l.AnchorInclusion.Note}.Text())
	add(fileBeforeText, before.Note.Text)
	add(fileBeforeSignature, before.Signature.Raw)
	add(fileBeforeStamped, before.Stamped())
	add(fileBeforeToken, l.Before.Stamp.Token)
	add(fileBeforeChain, l.Before.Stamp.Chain)
	if len(l.Before.Stamp.Lists) > 0 {
		add(fileBeforeLists, l.Before.Stamp.Lists)
	}
	return list, nil
}

// Write writes the bundle. It verifies nothing but what it has to take apart:
// call [Bundle.Check] before.
func (b *Bundle) Write(w io.Writer) error {
	list, err := b.members()
	if err != nil {
		return err
	}
	return writeZip(w, list)
}

// join returns salt || value.
func join(o entry.Opening) []byte { return append(bytes.Clone(o.Salt[:]), o.Value...) }

func (p *Parts) encode() []byte {
	out := bytes.Clone(p.Seed[:])
	for _, n := range p.Lengths {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	return out
}

// encodeItems writes a line per item: index, base64 of salt || value, base64 of
// each node of the path.
func encodeItems(items []Item) []byte {
	var b bytes.Buffer
	for _, it := range items {
		fmt.Fprintf(&b, "%d %s", it.Index, base64.StdEncoding.EncodeToString(join(it.Opening)))
		for _, h := range it.Path {
			b.WriteString(" " + base64.StdEncoding.EncodeToString(h[:]))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}
