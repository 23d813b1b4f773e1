// Package frame cuts a stream of octets into frames: a kind, a length and so many
// octets, of which there are never more than [Max]. Messages of any size travel as
// frames between a command and the server, and whoever reads knows of every stream
// whether it was whole (docs/formats/frames.md). It keeps one frame in memory.
package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Max is the most octets of a frame.
const Max = 64 << 10

// Kind says what a frame is. It is part of the format.
type Kind byte

// The kinds. A stream begins with Begin and ends with Finish, or with Fault where who
// writes it cannot go on.
const (
	Begin   Kind = 'B' // JSON: what the stream is about
	Message Kind = 'M' // a message begins; JSON where it has a head
	Data    Kind = 'D' // octets of the message
	End     Kind = 'E' // the message is whole; the cursor behind it
	Skip    Kind = 'S' // something that should have been a message and is none; the cursor, or JSON
	Drop    Kind = 'X' // the message that was begun is none; the cursor behind it
	Finish  Kind = 'F' // JSON: nothing more comes
	Fault   Kind = 'Q' // JSON: the stream ends too early, and why
)

// Errors of a stream.
var (
	ErrTooLong = errors.New("frame: a frame is longer than a frame may be")
	ErrKind    = errors.New("frame: no frame of that kind may stand here")
)

const head = 5 // octets: the kind, and the length as a big-endian number

// Writer writes frames. It belongs to one goroutine.
type Writer struct {
	w *bufio.Writer
}

// NewWriter returns a writer of frames over w.
func NewWriter(w io.Writer) *Writer { return &Writer{bufio.NewWriterSize(w, Max+head)} }

// Write writes a frame. It fails with an error that Is [ErrTooLong] where it has more
// than Max octets.
func (w *Writer) Write(k Kind, b []byte) error {
	if len(b) > Max {
		return ErrTooLong
	}
	var h [head]byte
	h[0] = byte(k)
	binary.BigEndian.PutUint32(h[1:], uint32(len(b)))
	if _, err := w.w.Write(h[:]); err != nil {
		return err
	}
	_, err := w.w.Write(b)
	return err
}

// Flush hands what was written to the writer below.
func (w *Writer) Flush() error { return w.w.Flush() }

// Buffered is how many octets wait for Flush.
func (w *Writer) Buffered() int { return w.w.Buffered() }

// Body returns a writer that makes Data frames.
func (w *Writer) Body() io.Writer { return body{w} }

type body struct{ w *Writer }

func (b body) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, Max)
		if err := b.w.Write(Data, p[done:done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Reader reads frames. It belongs to one goroutine.
type Reader struct {
	r   *bufio.Reader
	buf []byte
}

// NewReader returns a reader of frames over r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, Max+head)} }

// Read returns the next frame; its octets hold until the next call. It returns
// [io.ErrUnexpectedEOF] where the stream ends, since what ends without Finish is not
// whole.
func (r *Reader) Read() (Kind, []byte, error) {
	var h [head]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return 0, nil, unexpected(err)
	}
	n := binary.BigEndian.Uint32(h[1:])
	if n > Max {
		return 0, nil, ErrTooLong
	}
	if r.buf == nil {
		r.buf = make([]byte, Max)
	}
	if _, err := io.ReadFull(r.r, r.buf[:n]); err != nil {
		return 0, nil, unexpected(err)
	}
	return Kind(h[0]), r.buf[:n], nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
