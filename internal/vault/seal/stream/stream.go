package stream

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	"siegel/internal/kit/scratch"
	"siegel/internal/kit/secret"
)

// Sizes of a stream (docs/formats/seal.md).
const (
	segmentSize    = 64 << 10
	sealedSegment  = segmentSize + tagSize
	randomSize     = 32
	commitmentSize = 32
	headerSize     = 1 + randomSize + commitmentSize
	windowSize     = 1 << 20
	// frameOverhead is what a zstd frame of a small message has beyond its octets at
	// most, roughly: an estimate that is too small costs a copy.
	frameOverhead = 64
)

const purposeBody secret.Purpose = "siegel/v1 message body"

// streamKey derives the key and the commitment of a stream.
func streamKey(dek secret.Key, random []byte, context [][]byte) (cipher.AEAD, []byte) {
	out := dek.Expand(purposeBody, secret.Size+commitmentSize, random, context...)
	k, err := secret.From(out[:secret.Size])
	if err != nil {
		panic("stream: " + err.Error())
	}
	defer k.Wipe()
	return aead(k), out[secret.Size:]
}

func nonce(dst []byte, segment uint64, last bool) {
	clear(dst)
	binary.BigEndian.PutUint64(dst[3:11], segment)
	if last {
		dst[11] = 1
	}
}

// Codec seals and opens streams. It keeps compressors for the next message,
// since making one costs more than a message. Use it from many goroutines.
type Codec struct {
	small   *zstd.Encoder // EncodeAll only, which may be called concurrently
	writers sync.Pool     // of *zstd.Encoder
	readers sync.Pool     // of *zstd.Decoder
	scratch scratch.Pool
}

// NewCodec returns a codec.
func NewCodec() (*Codec, error) {
	small, err := newEncoder(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	return &Codec{small: small}, nil
}

func newEncoder(concurrency int) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(windowSize),
		zstd.WithEncoderConcurrency(concurrency), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
}

// Writer seals what is written to it. Close ends the stream; without it the
// stream does not open. A Writer belongs to one goroutine.
type Writer struct {
	codec *Codec
	zip   *zstd.Encoder
	seg   *segmentWriter
}

// begin writes the header of a stream.
func begin(w io.Writer, dek secret.Key, context [][]byte) (*segmentWriter, error) {
	head := make([]byte, 1+randomSize, headerSize)
	head[0] = Format
	_, _ = rand.Read(head[1:]) // never fails
	a, commitment := streamKey(dek, head[1:], context)
	if _, err := w.Write(append(head, commitment...)); err != nil {
		return nil, err
	}
	return &segmentWriter{w: w, aead: a}, nil
}

// NewWriter begins a stream on w under a data key, which must never be used for
// another plaintext. context is bound to the stream: a reader must name the
// same.
func (c *Codec) NewWriter(w io.Writer, dek secret.Key, context ...[]byte) (*Writer, error) {
	seg, err := begin(w, dek, context)
	if err != nil {
		return nil, err
	}
	zip, ok := c.writers.Get().(*zstd.Encoder)
	if !ok {
		// One goroutine: many senders share the cores, and a compressor with
		// goroutines of its own holds several windows at once.
		if zip, err = newEncoder(1); err != nil {
			return nil, err
		}
	}
	zip.Reset(seg)
	return &Writer{codec: c, zip: zip, seg: seg}, nil
}

// Write compresses and seals b.
func (w *Writer) Write(b []byte) (int, error) { return w.zip.Write(b) }

// Close writes the last segment. It does not close what is below.
func (w *Writer) Close() error {
	if err := w.zip.Close(); err != nil {
		return err
	}
	w.codec.writers.Put(w.zip)
	return w.seg.flush(true)
}

// segmentWriter cuts and encrypts. A full segment waits until it is known
// whether another follows.
type segmentWriter struct {
	w    io.Writer
	aead cipher.AEAD
	buf  []byte
	n    uint64
}

func (s *segmentWriter) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		if len(s.buf) == segmentSize {
			if err := s.flush(false); err != nil {
				return total - len(b), err
			}
		}
		k := min(segmentSize-len(s.buf), len(b))
		s.buf = append(s.buf, b[:k]...)
		b = b[k:]
	}
	return total, nil
}

func (s *segmentWriter) flush(last bool) error {
	var n [nonceSize]byte
	nonce(n[:], s.n, last)
	s.n++
	out := s.aead.Seal(s.buf[:0], n[:], s.buf, nil) // in place: buf has room for the tag
	s.buf = out[:0]
	_, err := s.w.Write(out)
	return err
}

// errStream is one of several reasons to refuse a stream; the caller learns
// only that it is damaged.
var errStream = errors.New("stream: a segment does not open")

// NewReader opens a stream that has exactly size octets of plaintext. Octets it
// yields are authentic segment by segment; whoever needs the whole must read to
// the end, where a missing tail, a wrong size and octets that follow show. Its
// errors have the kind Damaged, or are those of r. Close gives memory back.
func (c *Codec) NewReader(r io.Reader, dek secret.Key, size int64, context ...[]byte) (io.ReadCloser, error) {
	if size < 0 {
		return nil, ErrDamaged("the message")
	}
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged("the message"), err)
	}
	a, commitment := streamKey(dek, head[1:1+randomSize], context)
	if head[0] != Format || subtle.ConstantTimeCompare(commitment, head[1+randomSize:]) != 1 {
		return nil, ErrDamaged("the message")
	}
	guess := int64(sealedSegment)
	if size < guess {
		guess = min(guess, size+4<<10)
	}
	seg := &segmentReader{r: r, aead: a, buf: c.scratch.Get(int(guess + 1))}
	zip, ok := c.readers.Get().(*zstd.Decoder)
	if !ok {
		var err error
		zip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(windowSize))
		if err != nil {
			return nil, err
		}
	}
	if err := zip.Reset(seg); err != nil {
		return nil, ErrDamaged("the message")
	}
	return &reader{codec: c, zip: zip, seg: seg, left: size}, nil
}

type reader struct {
	codec *Codec
	zip   *zstd.Decoder
	seg   *segmentReader
	left  int64
	err   error
}

func (r *reader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	// One octet more than expected is asked for, so that an excess shows.
	if int64(len(b))-1 > r.left {
		b = b[:r.left+1]
	}
	n, err := r.zip.Read(b)
	if int64(n) > r.left {
		r.err = ErrDamaged("the message")
		return 0, r.err
	}
	r.left -= int64(n)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) && r.left == 0 && r.seg.done:
		r.err = io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, errStream), r.seg.err == nil:
		r.err = ErrDamaged("the message")
	default:
		r.err = r.seg.err // of the store below
	}
	return n, r.err
}

func (r *reader) Close() error {
	if r.zip == nil {
		return nil
	}
	if err := r.zip.Reset(nil); err == nil {
		r.codec.readers.Put(r.zip)
	}
	r.codec.scratch.Put(r.seg.buf)
	r.seg.buf, r.seg.plain = nil, nil
	r.zip, r.err = nil, fs.ErrClosed
	return nil
}

// segmentReader decrypts segment by segment, reading one octet ahead to learn
// which is the last.
type segmentReader struct {
	r     io.Reader
	aead  cipher.AEAD
	buf   []byte // a sealed segment, and one octet of the next
	ahead bool   // whether buf begins with that octet
	plain []byte // opened and not yet handed out; part of buf
	n     uint64
	done  bool
	err   error // of r, when it is not about the end
	next  byte
}

func (s *segmentReader) Read(b []byte) (int, error) {
	for len(s.plain) == 0 {
		if s.done {
			return 0, io.EOF
		}
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.plain)
	s.plain = s.plain[n:]
	return n, nil
}

func (s *segmentReader) open() error {
	have, err := s.fill()
	if err != nil {
		return err
	}
	last := have <= sealedSegment
	end := min(have, sealedSegment)
	if !last {
		s.next, s.ahead = s.buf[sealedSegment], true
	}
	var n [nonceSize]byte
	nonce(n[:], s.n, last)
	s.n++
	plain, err := s.aead.Open(s.buf[:0], n[:], s.buf[:end], nil)
	if err != nil || (last && len(plain) == 0 && s.n > 1) {
		return errStream
	}
	s.plain, s.done = plain, last
	return nil
}

// fill reads up to a segment and one octet, and returns how much there is.
func (s *segmentReader) fill() (int, error) {
	have := 0
	if s.ahead {
		s.buf[0], have, s.ahead = s.next, 1, false
	}
	for {
		k, err := io.ReadFull(s.r, s.buf[have:])
		have += k
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return have, nil
		case err != nil:
			s.err = err
			return 0, err
		case len(s.buf) > sealedSegment:
			return have, nil
		}
		// The buffer was made for the expected size and there is more.
		s.buf = append(s.buf, make([]byte, sealedSegment+1-len(s.buf))...)
	}
}

// Seal returns a stream in memory, for small messages.
func (c *Codec) Seal(dek secret.Key, plain []byte, context ...[]byte) ([]byte, error) {
	frame := c.small.EncodeAll(plain, c.scratch.Get(len(plain) + frameOverhead)[:0])
	defer c.scratch.Put(frame)
	out := bytes.NewBuffer(make([]byte, 0, headerSize+len(frame)+(len(frame)/segmentSize+1)*tagSize))
	seg, err := begin(out, dek, context)
	if err != nil {
		return nil, err
	}
	sealed := out.Bytes()
	for rest, n := frame, uint64(0); ; n++ {
		k := min(len(rest), segmentSize)
		var number [nonceSize]byte
		nonce(number[:], n, k == len(rest))
		sealed = seg.aead.Seal(sealed, number[:], rest[:k], nil)
		if rest = rest[k:]; len(rest) == 0 {
			return sealed, nil
		}
	}
}

// Compress returns a zstd frame, for records that are then boxed.
func (c *Codec) Compress(plain []byte) []byte { return c.small.EncodeAll(plain, nil) }

// Decompress is the inverse of Compress for at most limit octets.
func (c *Codec) Decompress(frame []byte, limit int64) ([]byte, error) {
	zip, err := zstd.NewReader(bytes.NewReader(frame), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, err
	}
	defer zip.Close()
	out, err := io.ReadAll(io.LimitReader(zip, limit+1))
	if err != nil || int64(len(out)) > limit {
		return nil, ErrDamaged("a record")
	}
	return out, nil
}
