// Package aezip writes ZIP files whose entries are encrypted by AES-256, in the form
// AE-2 (vendor version 2) of the "AES Encryption Information" of WinZip, as 7-Zip and
// others read it, and reads them again. Entries stream; what is beyond 4 GiB gets ZIP64.
//
// Each entry has a salt of its own, from which PBKDF2 (HMAC-SHA1, 1,000 rounds, which
// the format fixes) makes the keys. So few rounds protect no password that a person
// would choose: take one of at least 128 random bits. The octets are deflated, then
// encrypted by AES-256 in counter mode (little-endian, from 1), then authenticated by
// the first 10 octets of an HMAC-SHA1. What is not hidden are the names of the entries,
// their sizes and times, and how many there are.
package aezip

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the format has it
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Errors of a reader.
var (
	ErrPassword  = errors.New("aezip: the password is another one")
	ErrDamaged   = errors.New("aezip: the entry is not as it was written")
	ErrEncrypted = errors.New("aezip: the entry is not encrypted by AES-256")
)

const (
	method     = 99     // stands for AES in the header
	extraID    = 0x9901 // of the field that says how
	extraSize  = 7
	deflated   = 8
	stored     = 0
	aes256     = 3
	rounds     = 1000
	saltSize   = 16
	checkSize  = 2
	keySize    = 32
	macSize    = 10
	overhead   = saltSize + checkSize + macSize
	flagSealed = 0x1
	flagLater  = 0x8 // sizes stand behind the octets
	flagUTF8   = 0x800
	needsAES   = 51 // version that a reader needs
)

// passwordSize is how many random octets a password is made of: more than 128 bits, so
// that the few rounds of the format do not matter.
const passwordSize = 20

// Password makes a password of 32 characters in groups of four.
func Password() string {
	b := make([]byte, passwordSize)
	_, _ = rand.Read(b) // never fails
	s := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	var groups []string
	for len(s) > 0 {
		groups = append(groups, s[:4])
		s = s[4:]
	}
	return strings.Join(groups, "-")
}

// Writer writes a file. It belongs to one goroutine.
type Writer struct {
	zip      *zip.Writer
	password string
	open     *entry
}

// NewWriter returns a writer over w. password should have at least 128 random bits.
func NewWriter(w io.Writer, password string) *Writer {
	return &Writer{zip: zip.NewWriter(w), password: password}
}

// Create begins an entry, after the one before has been finished. name has slashes
// between folders and is not hidden.
func (w *Writer) Create(name string, modified time.Time) (io.Writer, error) {
	if err := w.finish(); err != nil {
		return nil, err
	}
	h := &zip.FileHeader{
		Name: name, Method: method, Flags: flagSealed | flagLater | flagUTF8,
		ReaderVersion: needsAES, Extra: extra(deflated),
	}
	h.ModifiedDate, h.ModifiedTime = dos(modified) //nolint:staticcheck // a raw entry takes no other
	raw, err := w.zip.CreateRaw(h)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	k, err := derive(w.password, salt)
	if err != nil {
		return nil, err
	}
	e := &entry{header: h, raw: &counter{w: raw}, keys: k}
	if _, err := e.raw.Write(slices.Concat(salt, k.check)); err != nil {
		return nil, err
	}
	if e.deflate, err = flate.NewWriter(e, flate.DefaultCompression); err != nil {
		return nil, err
	}
	w.open = e
	return plain{e}, nil
}

// Close ends the file. It does not close the writer below.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	return w.zip.Close()
}

func (w *Writer) finish() error {
	if w.open == nil {
		return nil
	}
	e := w.open
	w.open = nil
	if err := e.deflate.Close(); err != nil {
		return err
	}
	if _, err := e.raw.Write(e.keys.mac.Sum(nil)[:macSize]); err != nil {
		return err
	}
	// AE-2 has no CRC: it would tell whether a guess of the content is right.
	h := e.header
	h.CompressedSize64, h.UncompressedSize64 = uint64(e.raw.n), uint64(e.size)
	//nolint:staticcheck // the list at the end of the file has these where they suffice
	h.CompressedSize, h.UncompressedSize = uint32(min(h.CompressedSize64, math.MaxUint32)), uint32(min(h.UncompressedSize64, math.MaxUint32))
	return nil
}

// dos is a time as the header has it, in UTC, to two seconds, from 1980 to 2107.
func dos(t time.Time) (date, clock uint16) {
	t = t.UTC()
	year := min(max(t.Year(), 1980), 2107)
	return uint16(t.Day() + int(t.Month())<<5 + (year-1980)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}

func extra(actual uint16) []byte {
	b := binary.LittleEndian.AppendUint16(nil, extraID)
	b = binary.LittleEndian.AppendUint16(b, extraSize)
	b = binary.LittleEndian.AppendUint16(b, 2) // AE-2
	b = append(b, 'A', 'E', aes256)
	return binary.LittleEndian.AppendUint16(b, actual)
}

// entry is one that is being written.
type entry struct {
	header  *zip.FileHeader
	raw     *counter
	deflate *flate.Writer
	keys    *keys
	size    int64 // octets before they were deflated
	buf     [4096]byte
}

// Write takes deflated octets.
func (e *entry) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n := min(len(b)-done, len(e.buf))
		e.keys.xor(e.buf[:n], b[done:done+n])
		e.keys.mac.Write(e.buf[:n])
		if _, err := e.raw.Write(e.buf[:n]); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// plain takes octets of an entry.
type plain struct{ e *entry }

func (p plain) Write(b []byte) (int, error) {
	n, err := p.e.deflate.Write(b)
	p.e.size += int64(n)
	return n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// keys are those of one entry.
type keys struct {
	block   cipher.Block
	mac     hash.Hash
	check   []byte
	counter uint64
	stream  [aes.BlockSize]byte
	used    int // octets of stream that were used; 0 where it is not made yet
}

func derive(password string, salt []byte) (*keys, error) {
	b, err := pbkdf2.Key(sha1.New, password, salt, rounds, 2*keySize+checkSize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(b[:keySize])
	if err != nil {
		return nil, err
	}
	return &keys{block: block, mac: hmac.New(sha1.New, b[keySize:2*keySize]), check: b[2*keySize:], used: aes.BlockSize}, nil
}

// xor is AES in counter mode with a little-endian counter from 1.
func (k *keys) xor(dst, src []byte) {
	for len(src) > 0 {
		if k.used == aes.BlockSize {
			k.counter++
			var at [aes.BlockSize]byte
			binary.LittleEndian.PutUint64(at[:], k.counter)
			k.block.Encrypt(k.stream[:], at[:])
			k.used = 0
		}
		n := subtle.XORBytes(dst, src, k.stream[k.used:])
		k.used += n
		dst, src = dst[n:], src[n:]
	}
}

// Open returns the octets of an entry of a file that [zip.NewReader] opened. It fails
// with an error that Is [ErrPassword] where the password is another one; of wrong ones,
// one in 65,536 is found out only at the end. What it reads counts only when Read has
// returned [io.EOF]: before that an error that Is [ErrDamaged] may come.
func Open(f *zip.File, password string) (io.Reader, error) {
	actual, err := actualMethod(f)
	if err != nil {
		return nil, err
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if f.CompressedSize64 < overhead || f.CompressedSize64 > 1<<62 {
		return nil, ErrDamaged
	}
	head := make([]byte, saltSize+checkSize)
	if _, err := io.ReadFull(raw, head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	k, err := derive(password, head[:saltSize])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(k.check, head[saltSize:]) != 1 {
		return nil, ErrPassword
	}
	s := &sealed{r: raw, left: int64(f.CompressedSize64) - overhead, keys: k}
	o := &opened{sealed: s, r: s, left: f.UncompressedSize64}
	if actual == deflated {
		o.r = flate.NewReader(s)
	}
	return o, nil
}

// actualMethod reads how an entry was compressed before it was encrypted.
func actualMethod(f *zip.File) (uint16, error) {
	if f.Method != method || f.Flags&flagSealed == 0 {
		return 0, ErrEncrypted
	}
	for b := f.Extra; len(b) >= 4; {
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; len(b) < size {
			break
		}
		if id == extraID {
			if size != extraSize || !bytes.Equal(b[2:5], []byte{'A', 'E', aes256}) {
				return 0, ErrEncrypted
			}
			m := binary.LittleEndian.Uint16(b[5:])
			if m != deflated && m != stored {
				return 0, ErrEncrypted
			}
			return m, nil
		}
		b = b[size:]
	}
	return 0, ErrEncrypted
}

// sealed decrypts, and compares the MAC at the end.
type sealed struct {
	r    io.Reader
	left int64
	keys *keys
	done bool
}

func (s *sealed) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, s.verify()
	}
	n, err := s.r.Read(b[:min(int64(len(b)), s.left)])
	s.keys.mac.Write(b[:n])
	s.keys.xor(b[:n], b[:n])
	s.left -= int64(n)
	if err != nil {
		return n, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, nil
}

func (s *sealed) verify() error {
	if s.done {
		return io.EOF
	}
	mac := make([]byte, macSize)
	if _, err := io.ReadFull(s.r, mac); err != nil || subtle.ConstantTimeCompare(mac, s.keys.mac.Sum(nil)[:macSize]) != 1 {
		return ErrDamaged
	}
	s.done = true
	return io.EOF
}

// opened inflates. Nothing ends well before the MAC was compared.
type opened struct {
	sealed *sealed
	r      io.Reader
	left   uint64 // octets that are still to come
}

func (o *opened) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := o.r.Read(b)
	if uint64(n) > o.left {
		return 0, ErrDamaged // more than the entry says: a bomb, or damage
	}
	o.left -= uint64(n)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, fmt.Errorf("%w: %w", ErrDamaged, err)
	case o.left > 0:
		return n, ErrDamaged
	}
	if _, err := io.Copy(io.Discard, o.sealed); err != nil {
		return n, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !o.sealed.done {
		return n, ErrDamaged
	}
	return n, io.EOF
}
