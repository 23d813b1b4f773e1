package transfer

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"siegel/cmd/siegel/transfer/dir"
	"siegel/internal/proto/manifest"
	"siegel/internal/proto/mbox"
)

// taker takes what is in files, in order.
type taker interface {
	// take takes a message, whose octets are read once; behind is asked afterwards for
	// the offset at which the file goes on. A message whose reader fails counts as
	// refused. An error ends the import.
	take(m message, octets io.Reader, behind func() int64) error
	// refuse counts something that is no message, with the sentence that says why.
	// The file has nothing more.
	refuse(m message, why string, args ...any) error
}

// message is one message in a file.
type message struct {
	file
	at  int64 // offset in the file
	odd bool  // it does not begin like a message; it is taken all the same
}

// reader reads what is in files.
type reader struct {
	to      taker
	variant mbox.Variant // of every mbox; empty to look
	noted   func(path string, v mbox.Variant, why mbox.Why)
}

// file reads a file.
func (r *reader) file(f file) error {
	if f.refused != "" {
		return r.to.refuse(message{file: f}, f.refused)
	}
	opened, err := open(f)
	if err != nil {
		return r.to.refuse(message{file: f}, cannot(err))
	}
	defer func() { _ = opened.Close() }() // it was only read
	info, err := opened.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return r.to.refuse(message{file: f}, changed())
	}
	f.size = info.Size()
	if f.kind == letter {
		return r.letter(f, opened)
	}
	v, why, err := mbox.Detect(opened, f.size)
	if f.kind == hidden && errors.Is(err, mbox.ErrNoMbox) && !isMailbox(f.path) {
		return nil
	}
	switch {
	case err == nil:
	case !errors.Is(err, mbox.ErrNoMbox):
		return r.to.refuse(message{file: f}, cannot(err))
	case f.size == 0, ours(opened):
		return nil // a mailbox without messages; what an export says of itself
	case isMailbox(f.path):
		return r.to.refuse(message{file: f}, say("its first line is no From_ line, so it is no mbox"))
	case f.kind != named:
		return r.to.refuse(message{file: f}, say("it is no message by its name (.eml) and no mbox"))
	case !isField(first(opened)):
		return r.to.refuse(message{file: f}, say("it does not begin like a message, and its first line is no From_ line of an mbox"))
	default:
		return r.letter(f, opened)
	}
	if r.variant != "" {
		v = r.variant
	} else if r.noted != nil {
		r.noted(f.path, v, why)
	}
	return r.mailbox(f, opened, v)
}

// maxLine is how many octets a line may have (RFC 5322 section 2.1.1).
const maxLine = 998

// first is what a file begins with.
func first(f io.ReaderAt) []byte {
	b := make([]byte, maxLine)
	n, _ := f.ReadAt(b, 0) // what cannot be read is no header
	return b[:n]
}

// isField reports whether octets begin with a header field: a name of printable
// US-ASCII without a colon, and then a colon (RFC 5322 section 2.2).
func isField(b []byte) bool {
	for i, c := range b {
		switch {
		case c == ':':
			return i > 0
		case c <= ' ' || c >= 0x7f:
			return false
		}
	}
	return false
}

// isMailbox reports whether a file says by its name that it is an mbox.
func isMailbox(path string) bool {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".mbox", ".mbx":
		return true
	default:
		return strings.EqualFold(filepath.Base(path), "mbox")
	}
}

// ours reports whether a file is one that an export wrote about itself.
func ours(f io.ReaderAt) bool {
	b := make([]byte, 64)
	n, _ := f.ReadAt(b, 0)
	text := string(b[:n])
	return strings.HasPrefix(text, `{"manifest":"`+manifest.Format+`"`) || strings.HasPrefix(text, "{\n  \"format\": \""+stateFormat+"\"")
}

// open opens what the walk found and nothing else, without waiting for anything. A
// message of a Maildir that was moved meanwhile is looked for.
func open(f file) (*os.File, error) {
	if f.in == nil {
		return dir.File(f.path, f.found)
	}
	opened, err := f.in.Open(f.name, f.found)
	if f.home == nil || !errors.Is(err, fs.ErrNotExist) {
		return opened, err
	}
	name, found, err := moved(f.home, f.name)
	if err != nil {
		return nil, err
	}
	return f.home.Open(name, found)
}

func (r *reader) letter(f file, opened *os.File) error {
	return r.to.take(message{file: f, odd: !isField(first(opened))}, &steady{file: opened, size: f.size}, func() int64 { return done })
}

// steady reads a file that must not change meanwhile.
type steady struct {
	file *os.File
	size int64
	read int64
}

var errChanged = errors.New("the file changed")

// changed says why a file is refused that did not stay as it was.
func changed() string { return say("it changed while it was read") }

// say marks a sentence that is said later.
func say(sentence string) string { return sentence }

func (s *steady) Read(b []byte) (int, error) {
	n, err := s.file.Read(b)
	s.read += int64(n)
	if s.read > s.size || errors.Is(err, io.EOF) && s.read != s.size {
		return n, errChanged
	}
	return n, err
}

// mailbox reads the entries of an mbox from where an earlier run ended.
func (r *reader) mailbox(f file, opened io.ReaderAt, v mbox.Variant) error {
	at := max(0, f.spot.Offset)
	entries := mbox.NewReader(opened, f.size, at, v)
	if at > f.size || at > 0 && errors.Is(entries.Next(), mbox.ErrNoMbox) {
		at = 0 // another file than before: what of it is there already is recognised
	}
	entries = mbox.NewReader(opened, f.size, at, v)
	for {
		m := message{file: f, at: entries.Offset()}
		err := entries.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, mbox.ErrNoMbox):
			return r.to.refuse(m, say("it is an mbox up to offset %d, and no entry begins there"), m.at)
		case err != nil:
			return r.to.refuse(m, say("it cannot be read from offset %d on"), m.at)
		}
		one := &entry{Reader: entries}
		octets := bufio.NewReaderSize(one, maxLine)
		begin, _ := octets.Peek(maxLine) // why there are fewer, the reader says again
		m.odd = !isField(begin)
		if err := r.to.take(m, octets, one.behind); err != nil || one.broken {
			return err
		}
	}
}
