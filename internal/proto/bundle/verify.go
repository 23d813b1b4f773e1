package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
)

// Stamp is a timestamp that was verified.
type Stamp struct {
	Time      time.Time // that the token says
	Latest    time.Time // the last moment that its accuracy admits
	Authority string    // name of the signer, as people read it
	Root      string    // SHA-256 of the root certificate in hex
	Trusted   bool      // the root came from elsewhere
}

// Stamps verifies timestamps: vault/stamp.Verifier.
type Stamps interface {
	// Check verifies a token over an imprint with the certificates and revocation
	// lists beside it.
	Check(imprint [sha256.Size]byte, f StampFiles) (Stamp, error)
}

// Trust is what came from elsewhere than the bundle.
type Trust struct {
	Key    *checkpoint.Key // of the instance; nil for none
	Stamps Stamps
}

// What single checks find wrong; the report says more.
var (
	errDiffers = errors.New("differs")
	errMissing = errors.New("missing")
)

// verification is one run over a bundle.
type verification struct {
	r      *Report
	trust  Trust
	source io.ReaderAt
	size   int64

	files   map[string]member
	members []member
	message []byte // its line in the manifest, nil where there is none
	b       *Bundle
	entry   entry.Entry
	log     checkpoint.Signed // tenant's
	anchor  checkpoint.Signed // instance's
	earlier checkpoint.Signed // instance's, before
	stamp   Stamp
	before  Stamp
	crc     uint32 // of the message as it was read
}

// Verify verifies a bundle of size octets and ends with the first check that
// fails. It needs no connection, and memory for all files but the message,
// which is read once.
func Verify(source io.ReaderAt, size int64, trust Trust) *Report {
	v := &verification{r: &Report{}, trust: trust, source: source, size: size}
	if v.checkContainer() && v.checkContent() {
		v.judge()
	}
	return v.r
}

// Check verifies a bundle before it is written, as its reader will, and sets
// the checksum of the message, which it reads once.
func (b *Bundle) Check(trust Trust) *Report {
	v := &verification{r: &Report{}, trust: trust}
	var err error
	v.members, err = b.members()
	v.index()
	if !v.failed("container", err, "The bundle cannot be made", "Das Paket lässt sich nicht herstellen") && v.checkContent() {
		v.judge()
	}
	if b.Message != nil {
		b.Message.CRC32 = v.crc
	}
	return v.r
}

func (v *verification) checkContent() bool {
	for _, step := range []func() bool{
		// What costs much comes late.
		v.checkManifest, v.checkParts, v.checkKey, v.checkInclusion, v.checkAnchor, v.checkOpenings, v.checkEnvelope,
		v.checkStamp, v.checkBefore, v.checkSpelling, v.checkMessage,
	} {
		if !step() {
			return false
		}
	}
	return true
}

// index finds the files by name; it reports false where a name stands twice.
func (v *verification) index() bool {
	v.files = make(map[string]member, len(v.members))
	for _, m := range v.members {
		v.files[m.name] = m
	}
	return len(v.files) == len(v.members)
}

// failed ends the verification with a line where err is not nil.
func (v *verification) failed(check string, err error, en, de string) bool {
	if err == nil {
		return false
	}
	v.r.say(check, Failed, en+" (%[1]v)", de+" (%[1]v)", err)
	return true
}

// ok adds a line for a check that passed.
func (v *verification) ok(check, en, de string, args ...any) bool {
	v.r.say(check, OK, en, de, args...)
	return true
}

func (v *verification) checkContainer() bool {
	var err error
	v.members, err = readZip(v.source, v.size, limit)
	if err == nil && !v.index() {
		err = ErrFormat
	}
	if err != nil {
		v.otherwise()
		return false
	}
	return v.ok("container", "The file is a bundle of %[1]d files", "Die Datei ist ein Beweispaket aus %[1]d Dateien", len(v.members))
}

// otherwise says what a file is that is no bundle in its one spelling, for who has it.
func (v *verification) otherwise() {
	refuse := func(en, de string, args ...any) { v.r.say("container", Failed, en, de, args...) }
	from := &bounded{ReaderAt: v.source, left: maxDirectory}
	z, err := zip.NewReader(from, v.size)
	from.left = math.MaxInt64
	v.r.Foreign = true
	switch {
	case v.size == 0:
		refuse("This file is empty, and so no proof bundle", "Diese Datei ist leer, also kein Beweispaket")
		return
	case errors.Is(err, errTooMany):
		refuse("This is a ZIP file, and no proof bundle: it has more files than any of those", "Das ist eine ZIP-Datei, aber kein Beweispaket: so viele Dateien hat keines")
		return
	case err != nil && !begins(v.source):
		refuse("This is no ZIP file, and so no proof bundle", "Das ist keine ZIP-Datei, also kein Beweispaket")
		return
	case err == nil && !slices.ContainsFunc(z.File, func(f *zip.File) bool { return path.Base(f.Name) == fileManifest }):
		refuse("This is a ZIP file, and no proof bundle: manifest.txt is not in it", "Das ist eine ZIP-Datei, aber kein Beweispaket: manifest.txt fehlt darin")
		return
	}
	v.r.Foreign = false
	if err != nil {
		refuse("This ZIP file is not whole: it was cut or damaged on the way; fetch it again",
			"Diese ZIP-Datei ist nicht ganz: sie wurde unterwegs gekürzt oder beschädigt; holen Sie sie noch einmal")
		return
	}
	for _, f := range z.File[:min(len(z.File), maxFiles)] {
		if !whole(f) {
			refuse("The bundle was damaged on the way, in %[1]q; fetch it again", "Das Beweispaket wurde unterwegs beschädigt, in %[1]q; holen Sie es noch einmal", f.Name)
			return
		}
	}
	refuse("This bundle was unpacked and packed again, or changed: a bundle is valid only as the file that was given out; take the original",
		"Dieses Beweispaket wurde aus- und wieder eingepackt oder verändert: es gilt nur als die Datei, die ausgegeben wurde; nehmen Sie das Original")
}

// maxDirectory is how much is read to find out what a file is that is no bundle:
// the directory of a bundle is far smaller, and that of another ZIP may name
// millions of files, each of which costs memory.
const maxDirectory = 1 << 20

var errTooMany = errors.New("the directory is too large")

// bounded reads no more than so many octets.
type bounded struct {
	io.ReaderAt

	left int64
}

// ReadAt implements [io.ReaderAt].
func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooMany
	}
	return b.ReaderAt.ReadAt(p, at)
}

// begins reports whether a file begins like a ZIP.
func begins(r io.ReaderAt) bool {
	head := make([]byte, 4)
	_, err := r.ReadAt(head, 0)
	return err == nil && binary.LittleEndian.Uint32(head) == localSignature
}

// whole reports whether a file in a ZIP has its checksum. What a bundle would
// not have, a compressed file, is not read: it may be of any size.
func whole(f *zip.File) bool {
	if f.Method != zip.Store || f.UncompressedSize64 > maxMessage {
		return true
	}
	r, err := f.Open()
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close()) == nil
}

// checkManifest comes before anything is parsed: what was damaged on the way
// ends here.
func (v *verification) checkManifest() bool {
	rest := v.files[fileManifest].data
	var err error
	for _, m := range v.members {
		if m.name == fileManifest {
			continue
		}
		var line []byte
		if m.name == fileMessage {
			// Its hash is compared when it is read.
			if i := bytes.IndexByte(rest, '\n'); i == 64+2+len(fileMessage) {
				v.message, line = rest[:64], rest[:i+1]
			}
		} else {
			line = fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(m.data), m.name)
		}
		var ok bool
		if rest, ok = bytes.CutPrefix(rest, line); !ok || line == nil {
			err = fmt.Errorf("%s: %w", m.name, errDiffers)
			if v.failed("manifest", err, "The file "+m.name+" is not the one that manifest.txt names",
				"Die Datei "+m.name+" ist nicht die, die manifest.txt nennt") {
				return false
			}
		}
	}
	if len(rest) > 0 {
		err = errMissing
	}
	if v.failed("manifest", err, "manifest.txt names more files than there are", "manifest.txt nennt mehr Dateien, als da sind") {
		return false
	}
	return v.ok("manifest", "All files are those of manifest.txt", "Alle Dateien sind die in manifest.txt genannten")
}

func (v *verification) checkParts() bool {
	var err error
	if v.b, err = decode(v.files); err == nil {
		v.entry, err = entry.Parse(v.b.Ledger.Entry)
	}
	if err == nil && v.entry.Kind != "message" {
		err = fmt.Errorf("kind %s", v.entry.Kind)
	}
	if err == nil && v.message != nil {
		b := new(Message)
		_, err = hex.Decode(b.SHA256[:], bytes.ToLower(v.message))
		b.Size, b.CRC32 = v.files[fileMessage].size, v.files[fileMessage].crc
		v.b.Message = b
	}
	if err == nil && (v.message != nil) != (v.b.Parts != nil) {
		err = errMissing
	}
	if v.failed("entry", err, "The entry or what belongs to it is malformed", "Der Eintrag oder was dazugehört ist fehlerhaft") {
		return false
	}
	f := &v.r.Facts
	f.ID, f.Time, f.Size = hex.EncodeToString(v.entry.ID[:]), &v.entry.Time, v.entry.Size
	return v.ok("entry", "The entry speaks of message %[1]s, %[2]d octets, entered %[3]s",
		"Der Eintrag spricht von Nachricht %[1]s, %[2]d Bytes, eingetragen %[3]s",
		f.ID, f.Size, v.entry.Time.Format(entry.TimeFormat))
}

// checkKey finds out whose key signed, and opens the checkpoints with it.
func (v *verification) checkKey() bool {
	l := &v.b.Ledger
	v.r.Facts.KeySHA256 = l.Key.Fingerprint()
	if k := v.trust.Key; k != nil {
		var err error
		if k.String() != l.Key.String() {
			err = fmt.Errorf("%s, SHA-256 %s", l.Key.Name, l.Key.Fingerprint())
		}
		if v.failed("key", err, "The bundle was signed with another key than the one you gave", "Das Paket ist mit einem anderen Schlüssel unterschrieben als dem angegebenen") {
			return false
		}
		v.r.Facts.KeyTrusted = true
		v.ok("key", "The key is the one you gave: %[1]s", "Der Schlüssel ist der angegebene: %[1]s", l.Key.Name)
	} else {
		v.r.say("key", Note, "No key was given; the bundle's own is %[1]s with SHA-256 %[2]s",
			"Es wurde kein Schlüssel angegeben; der eigene des Pakets ist %[1]s mit SHA-256 %[2]s", l.Key.Name, l.Key.Fingerprint())
	}
	var err error
	for _, s := range []struct {
		to   *checkpoint.Signed
		note []byte
	}{{&v.log, l.Inclusion.Note}, {&v.anchor, l.AnchorInclusion.Note}} {
		// A cosignature would be an octet that nothing here checks.
		if *s.to, err = checkpoint.OpenLog(s.note, l.Key); err == nil && len(s.to.Note.Signatures) != 1 {
			err = ErrFormat
		}
		if v.failed("signature", err, "A checkpoint is not signed with the ledger's key", "Ein Prüfpunkt ist nicht mit dem Schlüssel des Journals unterschrieben") {
			return false
		}
	}
	f := &v.r.Facts
	f.Log, f.Instance, f.Index = v.log.Origin, v.anchor.Origin, l.Inclusion.Index
	return v.ok("signature", "The ledger's key signed both checkpoints (sizes %[1]d and %[2]d)",
		"Der Schlüssel des Journals hat beide Prüfpunkte unterschrieben (Größen %[1]d und %[2]d)", v.log.Size, v.anchor.Size)
}

func (v *verification) checkStamp() bool {
	l := &v.b.Ledger
	var err error
	v.stamp, err = v.trust.Stamps.Check(sha256.Sum256(v.anchor.Stamped()), l.Stamp)
	if v.failed("stamp", err, "The timestamp is not valid for the checkpoint", "Der Zeitstempel gilt nicht für den Prüfpunkt") {
		return false
	}
	l.Stamp.Time = v.stamp.Time
	f := &v.r.Facts
	f.Authority, f.RootSHA256, f.StampsTrusted, f.Until = v.stamp.Authority, v.stamp.Root, v.stamp.Trusted, &v.stamp.Time
	if !v.stamp.Trusted {
		v.r.say("roots", Note, "No root certificates were given; the bundle's own root has SHA-256 %[1]s",
			"Es wurden keine Wurzelzertifikate angegeben; das eigene des Pakets hat SHA-256 %[1]s", v.stamp.Root)
	}
	if strings.Contains(f.Authority, "proves nothing") {
		v.r.say("authority", Warning, "The timestamps are those of a test authority and prove nothing",
			"Die Zeitstempel sind die einer Teststelle und beweisen nichts")
	}
	return v.ok("stamp", "%[1]s stamped the checkpoint at %[2]s", "%[1]s hat den Prüfpunkt gestempelt um %[2]s",
		v.stamp.Authority, v.stamp.Time.Format(time.RFC3339))
}

// checkBefore verifies the earlier stamped checkpoint, where there is one.
func (v *verification) checkBefore() bool {
	l := &v.b.Ledger
	if l.Before == nil {
		v.r.say("before", Note, "The bundle has no earlier timestamp, so nothing is proven about how early it was archived",
			"Das Paket hat keinen früheren Zeitstempel; wann frühestens archiviert wurde, ist nicht bewiesen")
		return true
	}
	var err error
	if v.earlier, err = checkpoint.OpenLog(l.Before.Note, l.Key); err == nil {
		proof := checkpoint.Consistency{Old: v.earlier.Size, Path: l.Before.Consistency}
		err = proof.Check(v.earlier.Checkpoint, v.anchor.Checkpoint)
	}
	if err == nil && len(v.earlier.Note.Signatures) != 1 {
		err = ErrFormat
	}
	if err == nil && v.earlier.Size > l.AnchorInclusion.Index {
		err = errors.New("it holds the message already")
	}
	if err == nil {
		v.before, err = v.trust.Stamps.Check(sha256.Sum256(v.earlier.Stamped()), l.Before.Stamp)
	}
	if err == nil && v.before.Time.After(v.stamp.Latest) {
		err = errors.New("it was stamped later")
	}
	if v.failed("before", err, "The earlier timestamp does not belong to this ledger", "Der frühere Zeitstempel gehört nicht zu diesem Journal") {
		return false
	}
	l.Before.Stamp.Time = v.before.Time
	v.r.Facts.From = &v.before.Time
	return v.ok("before", "An earlier state of the ledger, without the message, was stamped at %[1]s",
		"Ein früherer Stand des Journals, ohne die Nachricht, wurde gestempelt um %[1]s", v.before.Time.Format(time.RFC3339))
}

// checkSpelling builds every file again from what was read.
func (v *verification) checkSpelling() bool {
	want, err := v.b.members()
	if err == nil && len(want) != len(v.members) {
		err = fmt.Errorf("%d files, want %d: %w", len(v.members), len(want), ErrFormat)
	}
	for i := 0; err == nil && i < len(want); i++ {
		if got := v.members[i]; got.name != want[i].name || !bytes.Equal(got.data, want[i].data) {
			err = fmt.Errorf("%s: %w", got.name, errDiffers)
		}
	}
	if v.failed("spelling", err, "A file is not what follows from the others", "Eine Datei ist nicht die, die aus den anderen folgt") {
		return false
	}
	return v.ok("spelling", "The bundle is written in the one way that the format allows, to the last octet",
		"Das Paket ist bis aufs letzte Byte so geschrieben, wie das Format es einzig zulässt")
}

func (v *verification) checkInclusion() bool {
	l := &v.b.Ledger
	err := l.Inclusion.Check(entry.LeafData(l.Entry, l.Sealed), v.log.Checkpoint)
	if v.failed("inclusion", err, "The entry does not stand in the signed log", "Der Eintrag steht nicht im unterschriebenen Journal") {
		return false
	}
	return v.ok("inclusion", "The entry is number %[1]d of the log %[2]s", "Der Eintrag ist Nummer %[1]d im Journal %[2]s", l.Inclusion.Index, v.log.Origin)
}

func (v *verification) checkAnchor() bool {
	l := &v.b.Ledger
	e, err := entry.Parse(l.AnchorEntry)
	if err == nil && (e.Kind != "checkpoint" || len(e.Fields) != 1 || e.Size != 0) {
		err = ErrFormat
	}
	if err == nil {
		err = e.Check("checkpoint", entry.Opening{Salt: l.AnchorSalt, Value: l.Inclusion.Note})
	}
	if err == nil {
		err = l.AnchorInclusion.Check(entry.LeafData(l.AnchorEntry, entry.Nothing()), v.anchor.Checkpoint)
	}
	if v.failed("anchor", err, "The log's checkpoint is not anchored in the instance's log", "Der Prüfpunkt des Journals ist nicht im Journal der Instanz verankert") {
		return false
	}
	return v.ok("anchor", "Its checkpoint is entry %[1]d of the instance's log %[2]s", "Sein Prüfpunkt ist Eintrag %[1]d im Journal der Instanz %[2]s",
		l.AnchorInclusion.Index, v.anchor.Origin)
}

// judge warns of times that do not fit, and says what it all came to.
func (v *verification) judge() {
	at := v.entry.Time
	if at.After(v.stamp.Latest) || (v.b.Ledger.Before != nil && at.Before(v.before.Time)) {
		v.r.say("window", Warning, "The time in the entry, %[1]s, lies outside of what the timestamps prove: the server's clock was wrong",
			"Die Zeit im Eintrag, %[1]s, liegt außerhalb dessen, was die Zeitstempel beweisen: die Uhr des Servers ging falsch", at.Format(entry.TimeFormat))
	} else if v.b.Ledger.Before != nil {
		v.ok("window", "The time in the entry lies between both timestamps", "Die Zeit im Eintrag liegt zwischen beiden Zeitstempeln")
	} else {
		v.ok("window", "The time in the entry lies before the timestamp", "Die Zeit im Eintrag liegt vor dem Zeitstempel")
	}
	f := v.r.Facts
	v.r.Verdict = Verified
	if !f.KeyTrusted || !f.StampsTrusted {
		v.r.Verdict = Consistent
	}
}
