// Package document takes the readable text out of a file that somebody sent, for
// searching, whatever it is: PDF (by a helper of the caller's), Office Open XML,
// OpenDocument, RTF, HTML, text, mail, and ZIP files with any of these in them. What
// it is, is told by its octets; its name and media type are asked only where these say
// nothing, as of text. Every container is bounded: in what it unpacks to, in its
// members and in how deep they lie, all of it together for one file.
//
// It is pure and made to run in a process of its own, whose memory and time are
// bounded too: a file that is made to hurt ends that process and nothing else.
package document

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"siegel/internal/proto/mime/charset"
	"siegel/internal/proto/mime/htmltext"
	"siegel/internal/proto/rtf"
)

// State is what became of a file.
type State string

// The states. They are part of the format of index records (docs/formats/index.md).
const (
	Read      State = ""          // its text is there; it may be empty, as that of a picture
	Encrypted State = "encrypted" // a password is needed for it, or for a part of it
	Damaged   State = "damaged"   // it is not what it begins as, or cut
	Large     State = "large"     // it, or what it unpacks to, is beyond the bounds
	Lacking   State = "lacking"   // the program that reads it is not installed
	Failed    State = "failed"    // who read it did not come to an end
	Unknown   State = "unknown"   // it has words perhaps, and is of a kind that is not read
)

// worst is the one that says more of two states of one file.
func worst(a, b State) State {
	for _, s := range []State{Failed, Lacking, Large, Encrypted, Damaged, Unknown} {
		if a == s || b == s {
			return s
		}
	}
	return Read
}

// Limits bound the work on one file. A zero field means its default.
type Limits struct {
	Text     int   // octets of text; default 2 MiB
	Unpacked int64 // octets that containers unpack to, all together; default 256 MiB
	Members  int   // members of containers that are unpacked, all together; default 2,000
	Depth    int   // how deep files lie in each other; default 5
}

func (l Limits) orDefaults() Limits {
	if l.Text <= 0 {
		l.Text = 2 << 20
	}
	if l.Unpacked <= 0 {
		l.Unpacked = 256 << 20
	}
	if l.Members <= 0 {
		l.Members = 2000
	}
	if l.Depth <= 0 {
		l.Depth = 5
	}
	return l
}

// What a [Helper] returns; other errors say that the file is damaged.
var (
	ErrPassword = errors.New("document: a password is needed")
	ErrLacking  = errors.New("document: the helper is not installed")
	ErrFull     = errors.New("document: there is more text than was asked for")
	ErrFailed   = errors.New("document: the helper did not come to an end")
)

// Helper returns the text of a PDF, at most limit octets, or as much as it found and
// an error.
type Helper func(pdf []byte, limit int) (string, error)

// File is what is to be read.
type File struct {
	Octets []byte
	Name   string // as the sender gave it; may be empty
	Type   string // media type, as the sender gave it; may be empty
}

// Result is the text of a file.
type Result struct {
	Text  string // UTF-8, LF at the end of lines, no control characters but tab
	State State  // of the file or of the worst of what is in it
	Cut   bool   // a bound kept text out
}

// Text returns the text of a file. It never fails: what cannot be read says so in its
// state, beside what could.
func Text(f File, l Limits, pdf Helper) Result {
	l = l.orDefaults()
	r := reader{limits: l, pdf: pdf, unpacked: l.Unpacked, members: l.Members}
	r.file(f, 0)
	return Result{Text: clean(r.text.String()), State: r.state, Cut: r.cut}
}

// reader reads a file with all that is in it.
type reader struct {
	limits   Limits
	pdf      Helper
	text     strings.Builder
	state    State
	cut      bool
	unpacked int64 // octets that may still be unpacked
	members  int   // members that may still be unpacked
}

// note notes what became of a part of the file.
func (r *reader) note(s State) { r.state = worst(r.state, s) }

// room is how many octets of text there is room for.
func (r *reader) room() int { return max(0, r.limits.Text-r.text.Len()) }

// add takes text, behind an empty line where there is some already.
func (r *reader) add(text string, whole bool) {
	r.cut = r.cut || !whole
	if text == "" {
		return
	}
	if r.text.Len() > 0 {
		text = "\n\n" + text
	}
	if room := r.room(); len(text) > room {
		r.cut = true
		for room > 0 && !utf8.RuneStart(text[room]) {
			room--
		}
		text = text[:room]
	}
	r.text.WriteString(text)
}

// file reads a file that lies so deep in others.
func (r *reader) file(f File, depth int) {
	if r.room() == 0 {
		r.cut = true
		return
	}
	switch what := sniff(f); what {
	case pdfFile:
		r.pdfText(f.Octets)
	case zipFile:
		if depth >= r.limits.Depth {
			r.note(Large)
			return
		}
		r.zip(f.Octets, depth)
	case rtfFile:
		r.add(rtf.Text(f.Octets, r.room()))
	case htmlFile:
		octets := r.start(f.Octets, maxMarkup)
		r.add(htmltext.Text(charset.Decode(htmltext.DeclaredCharset(octets), octets), r.room()))
	case mailFile:
		if depth >= r.limits.Depth {
			r.note(Large)
			return
		}
		r.mail(f.Octets, depth)
	case textFile:
		r.add(decode(r.start(f.Octets, 4*r.room())), true)
	case lockedFile:
		r.note(Encrypted)
	case foreignFile:
		r.note(Unknown)
	}
}

// maxMarkup is how much of an HTML file is read, in octets.
const maxMarkup = 16 << 20

// start returns the first octets of a file, at most so many.
func (r *reader) start(octets []byte, most int) []byte {
	r.cut = r.cut || len(octets) > most
	return octets[:min(len(octets), most)]
}

func (r *reader) pdfText(octets []byte) {
	if r.pdf == nil {
		r.note(Lacking)
		return
	}
	text, err := r.pdf(octets, r.room())
	r.add(strings.ToValidUTF8(text, "\uFFFD"), true)
	switch {
	case err == nil:
	case errors.Is(err, ErrPassword):
		r.note(Encrypted)
	case errors.Is(err, ErrLacking):
		r.note(Lacking)
	case errors.Is(err, ErrFull):
		r.cut = true
	case errors.Is(err, ErrFailed):
		r.note(Failed)
	default:
		r.note(Damaged)
	}
}

// decode returns text without a declared character set as UTF-8.
func decode(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return charset.Decode("utf-16le", b[2:])
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return charset.Decode("utf-16be", b[2:])
	default:
		return charset.Guess(bytes.TrimPrefix(b, []byte("\uFEFF")))
	}
}

// clean makes all line breaks LF, form feeds too, and drops control characters but tab.
func clean(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return c
		case c == '\f' || c == '\v':
			return '\n'
		case c < ' ' || c >= 0x7f && c < 0xa0:
			return -1
		default:
			return c
		}
	}, s)
}
