// Package manifest is the list that lies in each part of an export and says what is in
// it: every message with its SHA-256, and where its octets are
// (docs/formats/manifest.md). It is JSON, a line each: a head, messages and problems in
// the order of the part, and an end with counts and the SHA-256 of all lines before.
package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"time"
)

// Format is the first word of every manifest.
const Format = "siegel export manifest v1"

// ErrMalformed says that a manifest cannot be read or was changed.
var ErrMalformed = errors.New("manifest: malformed")

// MaxLine is the most octets of a line.
const MaxLine = 4 << 10

// Head is the first line.
type Head struct {
	Manifest string    `json:"manifest"` // Format
	Export   string    `json:"export"`   // id
	Part     int       `json:"part"`     // from 1
	Made     time.Time `json:"made"`
}

// Item is a message of the part, or why there is none.
type Item struct {
	ID      string    `json:"id"`
	SHA256  string    `json:"sha256,omitempty"`
	Size    int64     `json:"size"`
	Arrived time.Time `json:"arrived,omitzero"`
	File    string    `json:"file,omitempty"` // in the part, with slashes
	// Offset is where in an mbox the entry begins; absent where the file is the message.
	Offset *int64 `json:"offset,omitempty"`
	// Beside says why the message lies beside the mbox: what that cannot carry.
	Beside string `json:"beside,omitempty"`
	// Problem says why the message is not in the part.
	Problem string `json:"problem,omitempty"`
}

// End is the last line.
type End struct {
	End      bool   `json:"end"` // true
	Messages int64  `json:"messages"`
	Octets   int64  `json:"octets"`
	Problems int64  `json:"problems"`
	SHA256   string `json:"sha256"` // of all lines before, with their ends
}

// Writer writes a manifest. It belongs to one goroutine.
type Writer struct {
	w    io.Writer
	hash hash.Hash
	end  End
}

// NewWriter begins a manifest.
func NewWriter(w io.Writer, h Head) (*Writer, error) {
	h.Manifest = Format
	m := &Writer{w: w, hash: sha256.New(), end: End{End: true}}
	return m, m.line(h)
}

// Add adds an item.
func (m *Writer) Add(it Item) error {
	if err := it.check(); err != nil {
		return err
	}
	m.end.count(it)
	return m.line(it)
}

// Close ends the manifest.
func (m *Writer) Close() error {
	m.end.SHA256 = hex.EncodeToString(m.hash.Sum(nil))
	return m.line(m.end)
}

// Ended is the last line, after Close.
func (m *Writer) Ended() End { return m.end }

func (m *Writer) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if b = append(b, '\n'); len(b) > MaxLine {
		return fmt.Errorf("%w: a line of %d octets", ErrMalformed, len(b))
	}
	m.hash.Write(b)
	_, err = m.w.Write(b)
	return err
}

func (e *End) count(it Item) {
	if it.Problem != "" {
		e.Problems++
		return
	}
	e.Messages++
	e.Octets += it.Size
}

func (it Item) check() error {
	if !isHex(it.ID, 16) || it.Size < 0 || it.Offset != nil && *it.Offset < 0 {
		return fmt.Errorf("%w: an item without id or with a negative size", ErrMalformed)
	}
	if it.Problem != "" {
		if it.SHA256 != "" || it.File != "" || it.Size != 0 || it.Offset != nil {
			return fmt.Errorf("%w: a problem with a file", ErrMalformed)
		}
		return nil
	}
	if !isHex(it.SHA256, sha256.Size) || !local(it.File) {
		return fmt.Errorf("%w: a message without SHA-256 or file", ErrMalformed)
	}
	return nil
}

func isHex(s string, octets int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == octets && strings.ToLower(s) == s
}

// local reports whether a name stays in the part.
func local(name string) bool {
	return name != "" && name != "." && !path.IsAbs(name) && path.Clean(name) == name && name != ".." && !strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\\\x00")
}

// Read reads a manifest to its end and calls each with its items. It fails with an error
// that Is [ErrMalformed] where something is missing, was changed or follows; what each
// was called with counts only when it returns nil.
func Read(r io.Reader, each func(Item) error) (h Head, e End, err error) {
	lines := bufio.NewReaderSize(r, MaxLine)
	sum := sha256.New()
	line, err := next(lines)
	if err != nil {
		return h, e, err
	}
	if err := decode(line, &h); err != nil || h.Manifest != Format {
		return h, e, errors.Join(ErrMalformed, err)
	}
	counted := End{End: true}
	for {
		sum.Write(line)
		if line, err = next(lines); err != nil {
			return h, e, err
		}
		if bytes.HasPrefix(line, []byte(`{"end":`)) {
			break
		}
		var it Item
		if err := decode(line, &it); err != nil {
			return h, e, err
		}
		if err := it.check(); err != nil {
			return h, e, err
		}
		counted.count(it)
		if err := each(it); err != nil {
			return h, e, err
		}
	}
	counted.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := decode(line, &e); err != nil || e != counted {
		return h, e, errors.Join(ErrMalformed, err)
	}
	if _, err := lines.Peek(1); !errors.Is(err, io.EOF) {
		return h, e, fmt.Errorf("%w: something follows the end", ErrMalformed)
	}
	return h, e, nil
}

func next(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: it breaks off, or a line is too long", ErrMalformed)
	default:
		return nil, err
	}
}

func decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: a line of several values", ErrMalformed)
	}
	return nil
}
