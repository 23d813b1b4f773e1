package smtp

import (
	"bufio"
	"errors"
	"io"
)

// ChunkReader reads one message that comes in chunks (BDAT, RFC 3030 section
// 2). Call Next for each BDAT command and then read until io.EOF. It is for
// one goroutine.
type ChunkReader struct {
	br    *bufio.Reader
	room  int64 // octets that the message may still have
	chunk int64 // octets of this chunk that are still to come
	err   error // set for good
}

// NewChunkReader returns a reader for the chunks of one message. limit is the
// greatest size of the whole message in octets; exactly that many are in order.
func NewChunkReader(br *bufio.Reader, limit int64) *ChunkReader {
	return &ChunkReader{br: br, room: limit}
}

// Next begins a chunk of size octets, as [ParseBdat] gave it. A chunk before
// it that was not read to its end is dropped first. The error is that of the
// stream; a chunk that passes the limit shows in Read.
func (c *ChunkReader) Next(size int64) error {
	if err := c.Drain(); err != nil {
		return err
	}
	c.chunk = size
	if size > c.room {
		c.err = ErrTooLarge
	}
	if c.err == nil {
		c.room -= size
	}
	return nil
}

// Read gives octets of the chunk, unchanged, and io.EOF after its last.
//
// Errors: [ErrTooLarge] when the message passes its limit with this chunk or
// did so with one before, after this chunk has been dropped;
// io.ErrUnexpectedEOF when the stream ends inside the chunk; any error of the
// reader below, unchanged. In all cases what was read is not a message and must
// not be kept. Errors repeat.
func (c *ChunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		if err := c.Drain(); err != nil {
			return 0, err
		}
		return 0, c.err
	}
	if c.chunk == 0 {
		return 0, io.EOF
	}
	n, err := c.br.Read(p[:min(int64(len(p)), c.chunk)])
	c.chunk -= int64(n)
	if err != nil {
		c.err = unexpected(err)
		if n > 0 {
			return n, nil // it comes again with the next call
		}
		return 0, c.err
	}
	return n, nil
}

// WriteTo writes the octets of the chunk to w, straight from the buffer, and
// returns their number. The errors are those of [ChunkReader.Read], without
// io.EOF, and that of w; after one of w the rest of the chunk is still to be
// read.
func (c *ChunkReader) WriteTo(w io.Writer) (int64, error) {
	var n int64
	for c.err == nil && c.chunk > 0 {
		if _, err := c.br.Peek(1); err != nil {
			c.err = unexpected(err)
			break
		}
		span, _ := c.br.Peek(c.br.Buffered()) // cannot fail: it is there
		span = span[:min(int64(len(span)), c.chunk)]
		m, err := w.Write(span)
		n += int64(m)
		c.chunk -= int64(m)
		_, _ = c.br.Discard(m) // cannot fail: it is there
		if err != nil {
			return n, err
		}
		if m < len(span) {
			return n, io.ErrShortWrite
		}
	}
	if c.err != nil {
		if err := c.Drain(); err != nil {
			return n, err
		}
	}
	return n, c.err
}

// Drain reads the rest of the chunk and drops it, so that the next command can
// be read. It returns nil at the end of the chunk, also where that was reached
// before, and otherwise the error of the stream.
func (c *ChunkReader) Drain() error {
	if c.err != nil && !errors.Is(c.err, ErrTooLarge) {
		return c.err
	}
	if err := Discard(c.br, c.chunk); err != nil {
		c.err = err
		return err
	}
	c.chunk = 0
	return nil
}

// Discard reads n octets from br and drops them: a chunk that belongs to no
// transaction must be read all the same (RFC 3030 section 2). A stream that
// ends before is io.ErrUnexpectedEOF.
func Discard(br *bufio.Reader, n int64) error {
	for n > 0 {
		// Discard of bufio takes an int, which may have 32 bits.
		m, err := br.Discard(int(min(n, 1<<20)))
		n -= int64(m)
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}
