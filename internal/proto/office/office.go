// Package office takes the readable text out of office documents, for searching: Office
// Open XML (ECMA-376: docx, xlsx, pptx and their kin) and OpenDocument (OASIS, version
// 1.3: odt, ods, odp and theirs). Both are ZIP files with XML in it; the caller opens
// the ZIP and says how much of it may be unpacked. Nothing is executed or loaded.
package office

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a container holds.
type Kind uint8

// The kinds.
const (
	None         Kind = iota // no office document
	OpenXML                  // of ECMA-376
	OpenDocument             // of OASIS
)

// Why a document gives no text, or not all of it.
var (
	// ErrEncrypted means that a password is needed.
	ErrEncrypted = errors.New("office: the document is encrypted")
	// ErrDamaged means that what is there is no XML, or not all of it.
	ErrDamaged = errors.New("office: the document is damaged")
	// ErrFull means that there is more text than was asked for.
	ErrFull = errors.New("office: there is more text")
)

// Container is an opened ZIP file.
type Container interface {
	// Names are the members' names, in the order of the directory.
	Names() []string
	// Open returns the content of a member, bounded by whoever implements it.
	Open(name string) (io.ReadCloser, error)
}

// The members by which documents are known.
const (
	contentTypes = "[Content_Types].xml"
	content      = "content.xml"
	manifest     = "META-INF/manifest.xml"
)

// Is tells what a container holds by the names of its members.
func Is(names []string) Kind {
	switch {
	case slices.Contains(names, contentTypes):
		return OpenXML
	case slices.Contains(names, content) && slices.Contains(names, manifest):
		return OpenDocument
	default:
		return None
	}
}

// Text returns the text of a document of a kind that [Is] told, at most limit octets
// that end with a character: cells and words in the order of the document, paragraphs
// and rows on lines of their own. The text that was found so far comes with an error,
// which is one of this package or of the container.
func Text(c Container, kind Kind, limit int) (string, error) {
	w := &writer{limit: limit}
	var err error
	switch kind {
	case OpenXML:
		err = openXML(c, w)
	case OpenDocument:
		err = openDocument(c, w)
	}
	return strings.TrimSpace(w.b.String()), err
}

// writer collects text.
type writer struct {
	b     strings.Builder
	limit int
	gap   byte // what is due before the next word: 0, ' ', '\t' or '\n'
	full  bool
}

// write appends text.
func (w *writer) write(s string) {
	if s == "" || w.full {
		return
	}
	if w.gap != 0 && w.b.Len() > 0 {
		s = string(rune(w.gap)) + s
	}
	w.gap = 0
	if room := w.limit - w.b.Len(); len(s) > room {
		w.full = true
		for room > 0 && !utf8.RuneStart(s[room]) {
			room--
		}
		s = s[:max(room, 0)]
	}
	w.b.WriteString(s)
}

// part says that what follows is apart from what was there; a new line is more than
// a blank.
func (w *writer) part(by byte) {
	if w.gap == 0 || by == '\n' {
		w.gap = by
	}
}
