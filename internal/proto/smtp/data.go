package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrTooLarge means that a message has more octets than its limit. When a
// reader returns it, the rest of the message has been read and dropped: the
// connection is in step and the next command can be read.
var ErrTooLarge = errors.New("smtp: message too large")

// DataReader reads one message that follows DATA. It is for one goroutine.
//
// The message ends at CRLF.CRLF, or at .CRLF when that is the first line, and
// nowhere else; the CRLF before the period belongs to the message (RFC 5321
// section 4.1.1.4). The first period of a line that begins with one is removed
// (RFC 5321 section 4.5.2). A line begins after CRLF only: a bare CR or bare LF
// is an octet like any other and passes through.
type DataReader struct {
	br    *bufio.Reader
	left  int64 // octets that may still come
	begin bool  // the next octet begins a line
	cr    bool  // the last octet was CR
	err   error // set for good: io.EOF after the end, or what went wrong
}

// NewDataReader returns a reader for the message that br is about to give.
// limit is the greatest size of the message in octets, counted without stuffed
// periods and without the line that ends it (RFC 1870 section 5); a message of
// exactly that size is in order. The buffer of br is the window that is
// searched at once: 4 KiB and more make it fast, any size makes it right.
func NewDataReader(br *bufio.Reader, limit int64) *DataReader {
	return &DataReader{br: br, left: limit, begin: true}
}

// Read gives the octets of the message and io.EOF after the last.
//
// Errors: [ErrTooLarge], after the rest of the message has been dropped;
// io.ErrUnexpectedEOF when the stream ends inside the message; any error of the
// reader below, unchanged. In all three cases what was read is not a message
// and must not be kept. Errors repeat.
func (d *DataReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		// Octets in hand are not held back for others that may take long.
		if n > 0 && d.br.Buffered() < len(".\r\n") {
			return n, nil
		}
		span, err := d.span(len(p) - n)
		if err != nil {
			if n > 0 {
				err = nil // it comes again with the next call
			}
			return n, err
		}
		n += copy(p[n:], span)
		d.take(span)
	}
	return n, nil
}

// WriteTo writes the octets of the message to w, straight from the buffer, and
// returns their number. The errors are those of [DataReader.Read], without
// io.EOF, and that of w; after one of w the rest of the message is still to be
// read.
func (d *DataReader) WriteTo(w io.Writer) (int64, error) {
	var n int64
	for {
		span, err := d.span(d.br.Size())
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := w.Write(span)
		n += int64(m)
		d.take(span[:m])
		if err != nil {
			return n, err
		}
		if m < len(span) {
			return n, io.ErrShortWrite
		}
	}
}

// Drain reads the rest of the message and drops it, whatever its size, so that
// the next command can be read. It returns nil at the end of the message, also
// where that was reached before, and otherwise the error of the stream.
func (d *DataReader) Drain() error {
	if d.err != nil {
		if errors.Is(d.err, io.EOF) || errors.Is(d.err, ErrTooLarge) {
			return nil
		}
		return d.err
	}
	d.left = 1<<63 - 1
	for {
		span, err := d.span(d.br.Size())
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		d.take(span)
	}
}

// span returns up to most octets of the message that lie together in the
// buffer, at least one; the caller passes what it used to take. Where the
// limit is passed it drains.
func (d *DataReader) span(most int) ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	if d.begin {
		if d.err = d.beginLine(); d.err != nil {
			return nil, d.err
		}
	}
	if d.br.Buffered() == 0 {
		if _, err := d.br.Peek(1); err != nil {
			d.err = unexpected(err)
			return nil, d.err
		}
	}
	w, _ := d.br.Peek(d.br.Buffered()) // cannot fail: it is there
	w = w[:min(most, len(w))]
	switch {
	case d.cr && w[0] == '\n':
		w = w[:1] // CRLF came in two pieces; what follows begins a line
	default:
		// What follows CRLF is ordinary unless it is a period. Both a CRLF
		// and a CR at the end of the window are left to the state.
		if i := bytes.Index(w, []byte("\r\n.")); i >= 0 {
			w = w[:i+2]
		}
	}
	if int64(len(w)) > d.left {
		if err := d.Drain(); err != nil {
			return nil, err
		}
		d.err = ErrTooLarge
		return nil, d.err
	}
	return w, nil
}

// take removes octets from the buffer that span gave.
func (d *DataReader) take(span []byte) {
	n := len(span)
	if n == 0 {
		return
	}
	before := d.cr
	if n > 1 {
		before = span[n-2] == '\r'
	}
	d.begin = before && span[n-1] == '\n'
	d.cr = span[n-1] == '\r'
	d.left -= int64(n)
	_, _ = d.br.Discard(n) // cannot fail: it is there
}

// beginLine looks at the first octets of a line: it drops a stuffed period and
// returns io.EOF, with the line dropped, for the one that ends the message; a
// stream that ends is io.ErrUnexpectedEOF.
// More than a single octet is asked for only after a period, where more must
// come in any case.
func (d *DataReader) beginLine() error {
	w, err := d.br.Peek(1)
	if err != nil {
		return unexpected(err)
	}
	d.begin = false
	if w[0] != '.' {
		return nil
	}
	if w, err = d.br.Peek(2); err == nil && w[1] == '\r' {
		w, err = d.br.Peek(3)
	}
	if err != nil {
		return unexpected(err)
	}
	if len(w) == 3 && w[2] == '\n' {
		_, _ = d.br.Discard(3)
		return io.EOF
	}
	_, _ = d.br.Discard(1)
	return nil
}

// unexpected turns the end of a stream into the error for one that ends too
// early.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
