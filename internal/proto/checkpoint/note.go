package checkpoint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"siegel/internal/kit/canonical"
)

// Bounds of what is parsed.
const (
	maxNote       = 64 << 10
	maxSignatures = 64 // C2SP signed-note wants 16 at least
	maxName       = 255
)

// Errors of parsing and verifying. Callers test for them with errors.Is.
var (
	ErrFormat    = errors.New("checkpoint: malformed")
	ErrUnsigned  = errors.New("checkpoint: there is no signature of this key")
	ErrSignature = errors.New("checkpoint: the signature is wrong")
	ErrForeign   = errors.New("checkpoint: this is a log of another instance")
	ErrProof     = errors.New("checkpoint: the proof does not lead to the root")
)

// Signature is one signature line of a note.
type Signature struct {
	Name string  // of the key
	ID   [4]byte // of the key
	Raw  []byte  // what follows the id: for Ed25519 64 octets
}

// Note is a signed text (C2SP signed-note).
type Note struct {
	Text       []byte // with its last newline
	Signatures []Signature
}

// Line returns the signature as it stands in a note, with its newline.
func (s Signature) Line() []byte {
	return fmt.Appendf(nil, "— %s %s\n", s.Name, base64.StdEncoding.EncodeToString(append(s.ID[:], s.Raw...)))
}

// Bytes returns the note as it is kept and served.
func (n Note) Bytes() []byte {
	out := bytes.Clone(n.Text)
	out = append(out, '\n')
	for _, s := range n.Signatures {
		out = append(out, s.Line()...)
	}
	return out
}

// ParseNote reads a note and refuses any other spelling than that of Bytes:
// control characters, a signature line that is malformed or stands twice, more
// than 64 of them or none. It verifies nothing.
func ParseNote(b []byte) (Note, error) {
	if len(b) > maxNote || !utf8.Valid(b) {
		return Note{}, fmt.Errorf("note: %w", ErrFormat)
	}
	for _, c := range b {
		if c < ' ' && c != '\n' {
			return Note{}, fmt.Errorf("note: %w", ErrFormat)
		}
	}
	split := bytes.LastIndex(b, []byte("\n\n"))
	if split < 0 || len(b) == split+2 || b[len(b)-1] != '\n' {
		return Note{}, fmt.Errorf("note: %w", ErrFormat)
	}
	n := Note{Text: bytes.Clone(b[:split+1])}
	seen := make(map[string]bool)
	for line := range strings.Lines(string(b[split+2:])) {
		s, ok := parseSignature(line)
		key := s.Name + "+" + string(s.ID[:])
		if !ok || seen[key] || len(n.Signatures) == maxSignatures {
			return Note{}, fmt.Errorf("signature line: %w", ErrFormat)
		}
		seen[key] = true
		n.Signatures = append(n.Signatures, s)
	}
	return n, nil
}

func parseSignature(line string) (Signature, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— ")
	if !ok {
		return Signature{}, false
	}
	name, code, ok := strings.Cut(rest, " ")
	if !ok || !isKeyName(name) {
		return Signature{}, false
	}
	raw, ok := canonical.Base64(code)
	if !ok || len(raw) < 5 {
		return Signature{}, false
	}
	return Signature{Name: name, ID: [4]byte(raw), Raw: raw[4:]}, true
}

// isKeyName is the rule of C2SP signed-note: not empty, no spaces, no plus.
func isKeyName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '+' || r < ' ' }) < 0
}
