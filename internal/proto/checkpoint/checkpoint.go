package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"siegel/internal/kit/canonical"
)

// HashSize is that of SHA-256.
const HashSize = 32

// Hash is a node of a tree.
type Hash = [HashSize]byte

// Checkpoint is the state of a log (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64 // leaves
	Root   Hash  // RFC 6962 section 2.1
}

// Text returns the three lines that are signed.
func (c Checkpoint) Text() []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseText reads the text of a checkpoint. Extension lines are refused: we
// never write any, and nobody audits them.
func ParseText(text []byte) (Checkpoint, error) {
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[3] != "" || !isKeyName(lines[0]) {
		return Checkpoint{}, ErrFormat
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	root, ok := canonical.Base64(lines[2])
	if err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] || !ok || len(root) != HashSize {
		return Checkpoint{}, ErrFormat
	}
	c.Root = Hash(root)
	return c, nil
}

// Sign makes the note of a checkpoint with one signature line. k is the key of
// the log, sign makes its Ed25519 signature over a text. The result is verified
// before it is returned.
func (c Checkpoint) Sign(k Key, sign func(text []byte) []byte) ([]byte, error) {
	text := c.Text()
	n := Note{Text: text, Signatures: []Signature{{Name: k.Name, ID: k.ID(), Raw: sign(text)}}}
	b := n.Bytes()
	if _, err := Open(b, k); err != nil {
		return nil, fmt.Errorf("the signature just made: %w", err)
	}
	return b, nil
}

// Signed is a checkpoint whose signature was verified.
type Signed struct {
	Checkpoint
	Note      Note
	Signature Signature // the log's own
}

// Open reads a signed checkpoint and verifies the signature of the log's key k.
// Further signature lines are not looked at. The text must name k's log.
func Open(b []byte, k Key) (Signed, error) {
	n, err := ParseNote(b)
	if err != nil {
		return Signed{}, err
	}
	s := Signed{Note: n}
	if s.Checkpoint, err = ParseText(n.Text); err != nil {
		return Signed{}, err
	}
	if s.Origin != k.Name {
		return Signed{}, fmt.Errorf("%w: %q", ErrForeign, s.Origin)
	}
	id := k.ID()
	for _, sig := range n.Signatures {
		if sig.Name != k.Name || sig.ID != id {
			continue
		}
		if len(sig.Raw) != ed25519.SignatureSize || !ed25519.Verify(k.Public, n.Text, sig.Raw) {
			return Signed{}, ErrSignature
		}
		s.Signature = sig
		return s, nil
	}
	return Signed{}, ErrUnsigned
}

// OpenLog is Open for a log of the instance that k belongs to: the log's key is
// derived from the origin that the note names.
func OpenLog(b []byte, k Key) (Signed, error) {
	origin, _, ok := bytes.Cut(b, []byte("\n"))
	if !ok || len(origin) > maxName {
		return Signed{}, ErrFormat
	}
	log, err := k.Log(string(origin))
	if err != nil {
		return Signed{}, err
	}
	return Open(b, log)
}

// Stamped returns what a timestamp is made over: the text, a blank line and the
// log's own signature line, so that later cosignatures change nothing
// (docs/formats/ledger.md).
func (s Signed) Stamped() []byte {
	return Note{Text: s.Note.Text, Signatures: []Signature{s.Signature}}.Bytes()
}
