package canary_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
)

// piece is how much of a canary is looked for at its beginning and at its end: a
// file may have cut one in two, or left out what it shares with its neighbour.
const piece = 12

// seeker finds canaries in octets.
type seeker struct {
	first  map[uint64][]pattern // by the first eight octets
	filter [1 << 12]uint64      // bits of what may begin a pattern
	zstd   *zstd.Decoder
}

// pattern is one form of a canary.
type pattern struct {
	name  string // of the canary
	form  string
	bytes []byte
}

// sqlite is what every SQLite file that is not encrypted begins with.
const (
	sqlite = "SQLite format 3"
	header = "SQLite header" // what it is called
)

// newSeeker looks for words, by their names, and for plain SQLite files.
func newSeeker(words map[string]string) (*seeker, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	s := &seeker{first: make(map[uint64][]pattern), zstd: d}
	s.add(header, "raw", []byte(sqlite))
	for name, word := range words {
		for _, part := range []string{word[:piece], word[len(word)-piece:]} {
			b := []byte(part)
			s.add(name, "raw", b)
			s.add(name, "raw", bytes.ToUpper(b))
			s.add(name, "hex", []byte(hex.EncodeToString(b)))
			s.add(name, "hex", bytes.ToUpper([]byte(hex.EncodeToString(b))))
			for offset := range 3 {
				s.add(name, fmt.Sprintf("base64 at offset %d", offset), encoded(b, offset))
			}
			s.add(name, "UTF-16, little end first", wide(part, binary.LittleEndian))
			s.add(name, "UTF-16, big end first", wide(part, binary.BigEndian))
		}
	}
	return s, nil
}

// encoded is the part of the base64 form that does not depend on what stands
// around the octets, of which offset modulo 3 come before.
func encoded(b []byte, offset int) []byte {
	all := base64.StdEncoding.EncodeToString(append(make([]byte, offset), b...))
	return []byte(all[(8*offset+5)/6 : 8*(offset+len(b))/6])
}

func wide(s string, order binary.AppendByteOrder) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func (s *seeker) add(name, form string, b []byte) {
	key := binary.LittleEndian.Uint64(b)
	s.first[key] = append(s.first[key], pattern{name, form, b})
	s.filter[hash(key)>>6] |= 1 << (hash(key) & 63)
}

func hash(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 >> (64 - 18) }

// find calls found for every canary in b, also inside compressed frames, up to
// three within each other.
func (s *seeker) find(b []byte, found func(name, form string)) { s.within(b, "", 3, found) }

func (s *seeker) within(b []byte, path string, depth int, found func(name, form string)) {
	for i := 0; i+8 <= len(b); i++ {
		key := binary.LittleEndian.Uint64(b[i:])
		if h := hash(key); s.filter[h>>6]&(1<<(h&63)) != 0 {
			for _, p := range s.first[key] {
				if bytes.HasPrefix(b[i:], p.bytes) {
					found(p.name, path+p.form)
				}
			}
		}
		if depth == 0 {
			continue
		}
		if kind, plain := s.frame(b[i:]); len(plain) > 0 {
			s.within(plain, path+kind+", ", depth-1, found)
		}
	}
}

// most is how much of a frame is opened.
const most = 32 << 20

// frame opens what may be a compressed frame, as far as it is one.
func (s *seeker) frame(b []byte) (kind string, plain []byte) {
	var r io.Reader
	switch {
	case b[0] == 0x28 && b[1] == 0xB5 && b[2] == 0x2F && b[3] == 0xFD:
		if s.zstd.Reset(bytes.NewReader(b)) != nil {
			return "", nil
		}
		kind, r = "zstd", s.zstd
	case b[0] == 0x1F && b[1] == 0x8B && b[2] == 8:
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return "", nil
		}
		kind, r = "gzip", z
	case b[0] == 0x78 && (b[1] == 0x01 || b[1] == 0x5E || b[1] == 0x9C || b[1] == 0xDA):
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return "", nil
		}
		kind, r = "zlib", z
	default:
		return "", nil
	}
	plain, _ = io.ReadAll(io.LimitReader(r, most)) // what follows the frame is no part of it
	return kind, plain
}

// forms are those in which every word must be found in the plain file.
func forms() []string {
	list := []string{"raw", "hex", "base64 at offset 0", "base64 at offset 1", "base64 at offset 2", "UTF-16, little end first", "UTF-16, big end first"}
	for _, kind := range []string{"zstd", "gzip", "zlib"} {
		list = append(list, kind+", raw", kind+", base64 at offset 1")
	}
	return append(list, "gzip, zstd, raw")
}

// plainFile is a file that keeps nothing secret: every word in every form, with
// noise in between.
func plainFile(words map[string]string, noise func(n int) []byte) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(sqlite)
	add := func(b []byte) {
		out.Write(noise(1000))
		out.Write(b)
	}
	for _, w := range words {
		text := []byte("Lorem " + w + " ipsum " + base64.StdEncoding.EncodeToString([]byte("x"+w)))
		add(text)
		add([]byte(hex.EncodeToString([]byte(w))))
		for offset := range 3 {
			add([]byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("y", offset) + w + "yy"))))
		}
		add(wide(w, binary.LittleEndian))
		add(wide(w, binary.BigEndian))
		e, err := zstd.NewWriter(nil)
		if err != nil {
			return nil, err
		}
		inner := e.EncodeAll(text, nil)
		add(inner)
		for _, open := range []func(io.Writer) io.WriteCloser{
			func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
			func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		} {
			var z bytes.Buffer
			for range 1 {
				w := open(&z)
				if _, err := w.Write(append(text, inner...)); err != nil {
					return nil, err
				}
				if err := w.Close(); err != nil {
					return nil, err
				}
			}
			add(z.Bytes())
		}
	}
	add(nil)
	return out.Bytes(), nil
}
