package mbox

import (
	"bufio"
	"bytes"
	"io"
	"time"
)

// Carries reports whether a message comes back from a file as it was, by its size and
// its last octet.
func Carries(size int64, last byte) bool { return size == 0 || last == '\n' }

// Writer writes messages as mboxrd. It belongs to one goroutine. What
// was written is in the writer below after [Writer.Flush].
type Writer struct {
	w      *bufio.Writer
	state  state
	last   byte // octet of the message
	size   int64
	queued int // octets of "From " that were seen at the beginning of a line
}

// state is where in a line the writer is.
type state int

const (
	atQuotes state = iota // at its beginning, or behind > only
	atFrom                // within "From " behind that
	within                // elsewhere
)

const from = "From "

// NewWriter returns a writer over w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: bufio.NewWriterSize(w, buffer)} }

// Begin begins an entry with the time when the message arrived.
func (w *Writer) Begin(arrived time.Time) error {
	w.state, w.queued, w.last, w.size = atQuotes, 0, 0, 0
	_, err := w.w.WriteString(fromLine(arrived))
	return err
}

// Write writes octets of the message.
func (w *Writer) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := w.step(b[done:])
		if err != nil {
			return done, err
		}
		done += n
	}
	if len(b) > 0 {
		w.last = b[len(b)-1]
		w.size += int64(len(b))
	}
	return len(b), nil
}

// step takes the octets up to where the state changes.
func (w *Writer) step(b []byte) (int, error) {
	switch w.state {
	case within:
		n := len(b)
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			n = i + 1
			w.state = atQuotes
		}
		return w.w.Write(b[:n])
	case atQuotes:
		if b[0] == '>' {
			return 1, w.w.WriteByte('>')
		}
		w.state, w.queued = atFrom, 0
		return 0, nil
	default:
		if b[0] == from[w.queued] {
			if w.queued++; w.queued < len(from) {
				return 1, nil
			}
			w.state = within
			return 1, w.flush(">")
		}
		w.state = within
		return 0, w.flush("")
	}
}

// flush writes what was held back of "From ", behind a quote.
func (w *Writer) flush(quote string) error {
	_, err := w.w.WriteString(quote + from[:w.queued])
	w.queued = 0
	return err
}

// End ends the entry. It reports whether the message will come back as it was; where
// it will not, a line end was added.
func (w *Writer) End() (exact bool, err error) {
	if err := w.flush(""); err != nil {
		return false, err
	}
	exact = Carries(w.size, w.last)
	if !exact {
		if err := w.w.WriteByte('\n'); err != nil {
			return false, err
		}
	}
	return exact, w.w.WriteByte('\n')
}

// Flush hands everything to the writer below.
func (w *Writer) Flush() error { return w.w.Flush() }
