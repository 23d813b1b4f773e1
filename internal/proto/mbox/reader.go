package mbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Variant is how a file tells the end of an entry and quotes lines.
type Variant string

// The variants.
const (
	RD  Variant = "mboxrd"
	O   Variant = "mboxo"
	CL  Variant = "mboxcl"
	CL2 Variant = "mboxcl2"
)

// ErrNoMbox says that a file, or what stands at an offset of it, does not begin with a
// From_ line.
var ErrNoMbox = errors.New("mbox: there is no From_ line where an entry should begin")

const buffer = 64 << 10

// Reader reads the messages of a file one after the other. It belongs to one
// goroutine.
type Reader struct {
	src  io.ReaderAt
	size int64
	v    Variant
	br   *bufio.Reader
	at   int64 // offset of the next octet that was not taken

	open   bool   // a message is being read
	limit  int64  // where it ends by its Content-Length; -1 where a From_ line ends it
	inside bool   // in the middle of a line
	empty  bool   // the line before was empty
	held   []byte // that line, while nobody knows whether it ends the entry
	quotes int64  // > that are still to be given
	rest   []byte // octets that are still to be given, a part of the buffer
	err    error  // why nothing more comes
}

// NewReader reads the entries of the first size octets of a file, the first of which
// begins at an offset, such as one that [Reader.Offset] returned: 0 for all.
func NewReader(src io.ReaderAt, size, offset int64, v Variant) *Reader {
	return &Reader{
		src: src, size: size, v: v, at: offset, limit: -1,
		br: bufio.NewReaderSize(io.NewSectionReader(src, offset, max(0, size-offset)), buffer),
	}
}

// Offset is where the next entry begins, once the message before has been read to its
// end; behind the last one it is the size of the file.
func (r *Reader) Offset() int64 { return r.at }

// Next goes to the next message, over what was not read of the one before. It returns
// [io.EOF] behind the last one, an error that Is [ErrNoMbox] where no entry begins, and
// those of the file.
func (r *Reader) Next() error {
	for r.open {
		r.rest = nil
		if err := r.fill(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if r.err != nil {
		return r.err
	}
	if err := r.skipEmpty(); err != nil {
		return r.fail(err)
	}
	line, err := r.peekLine()
	if err != nil {
		return r.fail(err)
	}
	if !isFrom(line) {
		return r.fail(ErrNoMbox)
	}
	r.take(len(line))
	*r = Reader{src: r.src, size: r.size, v: r.v, br: r.br, at: r.at, open: true, limit: -1}
	if r.v == CL || r.v == CL2 {
		r.limit, err = contentEnd(r.src, r.at, r.size)
	}
	return r.fail(err)
}

func (r *Reader) fail(err error) error {
	if err != nil {
		r.err, r.open = err, false
	}
	return err
}

// Read gives octets of the message, [io.EOF] at its end.
func (r *Reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// quoteRun is what long runs of > are given from.
const quoteRun = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>"

// fill puts the next octets of the message into rest.
func (r *Reader) fill() error {
	switch {
	case r.err != nil:
		return r.err
	case !r.open:
		return io.EOF
	case r.quotes > 0 && r.held == nil:
		n := min(r.quotes, int64(len(quoteRun)))
		r.quotes -= n
		r.rest = []byte(quoteRun[:n])
		return nil
	case !r.inside && r.quotes == 0:
		if err := r.begin(); err != nil {
			return err
		}
		if len(r.rest) > 0 || r.held != nil || r.quotes > 0 {
			return nil
		}
	}
	return r.line()
}

// line gives what is buffered of the line that was begun.
func (r *Reader) line() error {
	if r.at == r.end() {
		r.inside = false // begin says what comes behind the end
		return nil
	}
	if _, err := r.br.Peek(1); err != nil {
		return r.fail(unexpected(err))
	}
	b, err := r.br.Peek(int(min(int64(r.br.Buffered()), r.end()-r.at)))
	if err != nil {
		return r.fail(err)
	}
	i := bytes.IndexByte(b, '\n')
	if i >= 0 {
		b = b[:i+1]
	}
	r.inside = i < 0
	r.rest = b
	r.take(len(b))
	return nil
}

// end is where the message ends at the latest.
func (r *Reader) end() int64 {
	if r.limit >= 0 {
		return r.limit
	}
	return r.size
}

// begin looks at the beginning of a line: whether the message ends before it, and what
// of it is quoting.
func (r *Reader) begin() error {
	if r.at >= r.end() {
		return r.ended()
	}
	var quotes int64
	for r.v != CL2 && r.at < r.end() {
		b, err := r.br.Peek(1)
		if err != nil {
			return r.fail(unexpected(err))
		}
		if b[0] != '>' {
			break
		}
		r.take(1)
		quotes++
	}
	b, err := r.br.Peek(int(min(5, r.end()-r.at)))
	if err != nil {
		return r.fail(unexpected(err))
	}
	from := string(b) == "From "
	if from && quotes == 0 && r.limit < 0 && r.empty {
		line, err := r.peekLine()
		if err != nil {
			return r.fail(err)
		}
		if isFrom(line) {
			return r.ended()
		}
	}
	if from && (quotes == 1 || quotes > 1 && r.unquotesAll()) {
		quotes--
	}
	r.give(quotes, b)
	return nil
}

// unquotesAll reports whether lines of several > lose one, too. What has no
// Content-Length that fits is taken for mboxrd.
func (r *Reader) unquotesAll() bool { return r.v == RD || r.v != O && r.limit < 0 }

// give hands over the beginning of a line, after the empty line that was held back.
// An empty line is held back itself.
func (r *Reader) give(quotes int64, b []byte) {
	r.rest, r.held, r.empty = r.held, nil, false
	r.quotes, r.inside = quotes, true
	if quotes > 0 || r.limit >= 0 {
		return
	}
	for _, s := range []string{"\n", "\r\n"} {
		if bytes.HasPrefix(b, []byte(s)) {
			r.take(len(s))
			r.held, r.empty, r.inside = []byte(s), true, false
		}
	}
}

// ended ends the message; the empty line that was held back is none of its octets.
func (r *Reader) ended() error {
	r.open, r.held, r.rest = false, nil, nil
	return io.EOF
}

// peekLine returns the next line with its end, cut where it is longer than a From_ line
// can be. At the end of the file it returns [io.EOF].
func (r *Reader) peekLine() ([]byte, error) {
	b, err := r.br.Peek(maxFrom + 1)
	if len(b) == 0 && err != nil {
		return nil, err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	}
	return b, nil
}

// skipEmpty passes over empty lines between entries.
func (r *Reader) skipEmpty() error {
	for {
		b, err := r.br.Peek(2)
		switch {
		case len(b) > 0 && b[0] == '\n':
			r.take(1)
		case string(b) == "\r\n":
			r.take(2)
		case len(b) > 0 && errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// take takes octets that were peeked.
func (r *Reader) take(n int) {
	_, _ = r.br.Discard(n)
	r.at += int64(n)
}

// unexpected is the error of a file that ends before its size.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
