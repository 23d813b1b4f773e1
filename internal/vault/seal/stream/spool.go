package stream

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
)

// Spool keeps messages while they are on their way: small ones in memory, large
// ones in a file without a name, encrypted as a stream under a key that lives
// only in memory (requirement CR-08). It implements [flow.Spool]. Use it from
// many goroutines.
type Spool struct {
	codec    *Codec
	dir      string
	inMemory int
}

var _ flow.Spool = (*Spool)(nil)

// NewSpool returns a spool that keeps up to inMemory octets of a message in
// memory and its files in dir.
func NewSpool(c *Codec, dir string, inMemory int) *Spool {
	return &Spool{codec: c, dir: dir, inMemory: inMemory}
}

// New implements [flow.Spool].
func (s *Spool) New() flow.Sheet { return &sheet{spool: s, hash: sha256.New()} }

// errSheet says that a sheet was used behind its end.
var errSheet = errors.New("stream: the sheet is closed")

const contextSpool = "siegel spool"

// firstMemory is what a message gets at first, in octets: most need no more.
const firstMemory = 8 << 10

// sheet is one message being received.
type sheet struct {
	spool  *Spool
	hash   hash.Hash
	size   int64
	memory []byte
	file   *os.File // nil while the message fits in memory
	key    secret.Key
	stream *Writer // nil when finished
	closed bool
}

func (s *sheet) Write(b []byte) (int, error) {
	if s.closed {
		return 0, errSheet
	}
	if s.file != nil && s.stream == nil {
		return 0, errSheet // Body ended the writing
	}
	if s.file == nil && len(s.memory)+len(b) > s.spool.inMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	s.hash.Write(b)
	s.size += int64(len(b))
	if s.file == nil {
		if s.memory == nil {
			s.memory = make([]byte, 0, max(len(b), min(firstMemory, s.spool.inMemory)))
		}
		s.memory = append(s.memory, b...)
		return len(b), nil
	}
	n, err := s.stream.Write(b)
	return n, fault.Because(fault.Exhausted, "there is no room for a large message", err)
}

// spill moves what is in memory to the file.
func (s *sheet) spill() (err error) {
	f, err := os.CreateTemp(s.spool.dir, "spool-*")
	if err != nil {
		return fault.Because(fault.Exhausted, "there is no room for a large message", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	s.key = secret.Random()
	s.stream, err = s.spool.codec.NewWriter(f, s.key, []byte(contextSpool))
	if err == nil {
		_, err = s.stream.Write(s.memory)
	}
	clear(s.memory)
	s.memory = nil
	return fault.Because(fault.Exhausted, "there is no room for a large message", err)
}

// Body implements [flow.Sheet].
func (s *sheet) Body() (flow.Body, error) {
	if s.closed {
		return nil, errSheet
	}
	if s.stream != nil {
		if err := s.stream.Close(); err != nil {
			return nil, fault.Because(fault.Exhausted, "there is no room for a large message", err)
		}
		s.stream = nil
	}
	return &body{sheet: s, sum: [32]byte(s.hash.Sum(nil))}, nil
}

// Close implements [flow.Sheet].
func (s *sheet) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	clear(s.memory)
	s.memory = nil
	s.key.Wipe()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// body is a received message.
type body struct {
	sheet *sheet
	sum   [32]byte
}

func (b *body) Size() int64      { return b.sheet.size }
func (b *body) SHA256() [32]byte { return b.sum }

func (b *body) Open() (io.ReadCloser, error) {
	s := b.sheet
	switch {
	case s.closed:
		return nil, errSheet
	case s.file == nil:
		return io.NopCloser(bytes.NewReader(s.memory)), nil
	}
	end, err := s.file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return s.spool.codec.NewReader(io.NewSectionReader(s.file, 0, end), s.key, s.size, []byte(contextSpool))
}
