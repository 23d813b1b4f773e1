// Package layout is a log as files, as C2SP tlog-tiles serves it, with the texts
// of its entries beside it (docs/formats/ledger.md): how it is written, and how
// everything in it is verified again.
package layout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
)

// Files of a log, below its folder.
const (
	FileCheckpoint  = "checkpoint"  // the newest signed one
	DirCheckpoints  = "checkpoints" // every signed one, named by its size
	KindEntries     = "entries"     // leaf data, as C2SP tlog-tiles has entries
	KindTexts       = "texts"       // what the leaf data stands for
	FileKey         = "ledger.vkey" // beside the logs' folders
	maxFile         = 16 << 20
	maxText         = 16 << 10
	maxCheckpoints  = 10_000_000
	leafSize        = checkpoint.HashSize
	hashedEntrySize = 2 + leafSize
)

// Entry is an entry of a log with what its leaf is made of.
type Entry struct {
	Index  int64
	Text   []byte     // docs/formats/entry.md
	Sealed entry.Hash // of the sealed octets
	Leaf   entry.Hash // leaf data as the log keeps it
}

// Error is what differs, in both languages: the verifier has no catalog.
type Error struct {
	EN, DE string
	Cause  error // may be nil
}

// Error returns the English sentence and the cause.
func (e *Error) Error() string { return because(e.EN, e.Cause) }

// German returns the German sentence, and the cause where that is German too: English
// is in Error.
func (e *Error) German() string {
	var inner *Error
	switch {
	case errors.As(e.Cause, &inner):
		return e.DE + ": " + inner.German()
	case errors.Is(e.Cause, fs.ErrNotExist):
		return e.DE + ": die Datei fehlt"
	default:
		return e.DE
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func because(sentence string, cause error) string {
	if cause == nil {
		return sentence
	}
	return sentence + ": " + cause.Error()
}

func wrong(cause error, en, de string, args ...any) error {
	return &Error{EN: fmt.Sprintf(en, args...), DE: fmt.Sprintf(de, args...), Cause: cause}
}

// Check fails where the leaf is not that of text and sealed octets.
func (e Entry) Check() error {
	if entry.LeafData(e.Text, e.Sealed) != e.Leaf {
		return wrong(nil, "entry %d is not the one that was entered", "Eintrag %d ist nicht der eingetragene", e.Index)
	}
	return nil
}

// AppendLeaf appends an entry to a bundle of leaf data: a 16-bit length and the
// octets.
func AppendLeaf(b []byte, e Entry) []byte {
	return append(binary.BigEndian.AppendUint16(b, leafSize), e.Leaf[:]...)
}

// AppendText appends an entry to a bundle of texts: a 32-bit length, the text,
// the hash of the sealed octets.
func AppendText(b []byte, e Entry) []byte {
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(e.Text))), e.Text...)
	return append(b, e.Sealed[:]...)
}

// Result is what a log came to.
type Result struct {
	Checkpoint  checkpoint.Checkpoint
	Checkpoints int            // signed ones that were verified, the newest among them
	Kinds       map[string]int // entries by kind
}

// Verify verifies a whole log below a folder against the instance's key: every
// text against its leaf, every tile, the root and the signature of every
// checkpoint, and that there are no other files. The error names the first
// thing that differs; it is an [*Error].
func Verify(files fs.FS, key checkpoint.Key) (*Result, error) {
	v := &verifier{files: files, key: key, seen: map[string]bool{FileCheckpoint: true}, r: &Result{Kinds: make(map[string]int)}}
	note, err := v.read(FileCheckpoint)
	if err != nil {
		return nil, err
	}
	newest, err := checkpoint.OpenLog(note, key)
	if err != nil {
		return nil, wrong(err, "%s is not signed with the ledger's key", "%s ist nicht mit dem Schlüssel des Journals unterschrieben", FileCheckpoint)
	}
	v.r.Checkpoint = newest.Checkpoint
	if err := v.checkpoints(newest); err != nil {
		return nil, err
	}
	if err := v.entries(); err != nil {
		return nil, err
	}
	return v.r, v.strangers()
}

type verifier struct {
	files fs.FS
	key   checkpoint.Key
	seen  map[string]bool
	roots map[int64]checkpoint.Hash // of the signed checkpoints by size
	edge  checkpoint.Edge
	r     *Result
}

// read returns a file's content and notes that the file belongs here.
func (v *verifier) read(name string) ([]byte, error) {
	v.seen[name] = true
	info, err := fs.Stat(v.files, name)
	if err != nil {
		return nil, wrong(err, "%s cannot be read", "%s ist nicht zu lesen", name)
	}
	if info.Size() > maxFile {
		return nil, wrong(nil, "%s has %d octets", "%s hat %d Bytes", name, info.Size())
	}
	b, err := fs.ReadFile(v.files, name)
	if err != nil {
		return nil, wrong(err, "%s cannot be read", "%s ist nicht zu lesen", name)
	}
	return b, nil
}

// checkpoints reads the signed checkpoints; their roots are compared later.
func (v *verifier) checkpoints(newest checkpoint.Signed) error {
	v.roots = map[int64]checkpoint.Hash{newest.Size: newest.Root}
	list, err := fs.ReadDir(v.files, DirCheckpoints)
	if err != nil || len(list) > maxCheckpoints {
		return wrong(err, "%s cannot be read", "%s ist nicht zu lesen", DirCheckpoints)
	}
	for _, f := range list {
		name := path.Join(DirCheckpoints, f.Name())
		note, err := v.read(name)
		if err != nil {
			return err
		}
		c, err := checkpoint.OpenLog(note, v.key)
		if err != nil {
			return wrong(err, "%s is not signed with the ledger's key", "%s ist nicht mit dem Schlüssel des Journals unterschrieben", name)
		}
		if c.Origin != newest.Origin || c.Size > newest.Size || strconv.FormatInt(c.Size, 10) != f.Name() {
			return wrong(nil, "%s is of another log or size", "%s gehört zu einem anderen Log oder hat eine andere Größe", name)
		}
		if root, known := v.roots[c.Size]; known && root != c.Root {
			return wrong(nil, "there are two checkpoints of size %d: the log was forked", "es gibt zwei Prüfpunkte der Größe %d: das Log wurde gespalten", c.Size)
		}
		v.roots[c.Size] = c.Root
	}
	v.r.Checkpoints = len(v.roots)
	return v.root(0)
}

// root compares the root at a size with the checkpoint of that size.
func (v *verifier) root(size int64) error {
	want, ok := v.roots[size]
	if ok && v.edge.Root() != want {
		return wrong(nil, "the entries do not have the root that was signed at size %d", "die Einträge haben nicht die Wurzel, die bei Größe %d unterschrieben wurde", size)
	}
	delete(v.roots, size)
	return nil
}

// entries goes over the log from its first entry to its last.
func (v *verifier) entries() error {
	size := v.r.Checkpoint.Size
	for first := int64(0); first < size; first += checkpoint.TileWidth {
		width := int(min(checkpoint.TileWidth, size-first))
		leaves, err := v.read(checkpoint.TilePath(KindEntries, first/checkpoint.TileWidth, width))
		if err != nil {
			return err
		}
		texts, err := v.read(checkpoint.TilePath(KindTexts, first/checkpoint.TileWidth, width))
		if err != nil {
			return err
		}
		list, err := parse(leaves, texts, first, width)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := v.entry(e); err != nil {
				return err
			}
		}
	}
	for _, t := range v.edge.Partial(size) {
		if err := v.tile(t); err != nil {
			return err
		}
	}
	for size := range v.roots {
		return wrong(nil, "the checkpoint of size %d has no log", "zum Prüfpunkt der Größe %d fehlt das Log", size)
	}
	return nil
}

func (v *verifier) entry(e Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	parsed, err := entry.Parse(e.Text)
	if err != nil {
		return wrong(err, "entry %d is malformed", "Eintrag %d ist fehlerhaft", e.Index)
	}
	v.r.Kinds[parsed.Kind]++
	for _, t := range v.edge.Add(e.Index+1, entry.RecordHash(e.Leaf)) {
		if err := v.tile(t); err != nil {
			return err
		}
	}
	return v.root(e.Index + 1)
}

// tile compares a tile with its file.
func (v *verifier) tile(t checkpoint.Tile) error {
	got, err := v.read(t.Path())
	if err != nil {
		return err
	}
	if bytes.Equal(got, t.Data) {
		return nil
	}
	at := 0
	for at < len(got) && at < len(t.Data) && got[at] == t.Data[at] {
		at++
	}
	return wrong(nil, "%s differs from the entries at hash %d", "%s weicht bei Hash %d von den Einträgen ab", t.Path(), at/checkpoint.HashSize)
}

// parse reads the two bundles of up to 256 entries.
func parse(leaves, texts []byte, first int64, width int) ([]Entry, error) {
	list := make([]Entry, 0, width)
	if len(leaves) != width*hashedEntrySize {
		return nil, wrong(nil, "the leaves from entry %d on are malformed", "die Blätter ab Eintrag %d sind fehlerhaft", first)
	}
	for i := range width {
		e := Entry{Index: first + int64(i)}
		leaf := leaves[i*hashedEntrySize:]
		if binary.BigEndian.Uint16(leaf) != leafSize || len(texts) < 4 {
			return nil, wrong(nil, "entry %d is malformed", "Eintrag %d ist fehlerhaft", e.Index)
		}
		copy(e.Leaf[:], leaf[2:])
		n := int64(binary.BigEndian.Uint32(texts))
		if n > maxText || int64(len(texts)) < 4+n+leafSize {
			return nil, wrong(nil, "entry %d is malformed", "Eintrag %d ist fehlerhaft", e.Index)
		}
		e.Text = texts[4 : 4+n]
		copy(e.Sealed[:], texts[4+n:])
		texts = texts[4+n+leafSize:]
		list = append(list, e)
	}
	if len(texts) > 0 {
		return nil, wrong(nil, "something follows entry %d", "hinter Eintrag %d folgt noch etwas", first+int64(width)-1)
	}
	return list, nil
}

// strangers fails where there is a file that nothing above read.
func (v *verifier) strangers() error {
	return fs.WalkDir(v.files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !v.seen[name] {
			return wrong(nil, "%s does not belong to the log", "%s gehört nicht zum Log", name)
		}
		return err
	})
}
