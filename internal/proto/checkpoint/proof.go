package checkpoint

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/kit/canonical"
)

const (
	proofHeader = "c2sp.org/tlog-proof@v1"
	maxPath     = 63 // nodes, as in C2SP tlog-witness
)

// Proof says that a leaf stands in a log (C2SP tlog-proof).
type Proof struct {
	Index int64
	Path  []Hash // audit path, lowest node first (RFC 6962 section 2.1.1)
	Note  []byte // the signed checkpoint, verbatim
}

// Text returns the proof as it is kept. Extra data is never written.
func (p Proof) Text() []byte {
	return joinProof(fmt.Sprintf("%s\nindex %d\n", proofHeader, p.Index), p.Path, p.Note)
}

// ParseProof reads a proof and refuses any other spelling than that of Text,
// extra data too. It verifies nothing.
func ParseProof(b []byte) (Proof, error) {
	body, ok := bytes.CutPrefix(b, []byte(proofHeader+"\n"))
	if !ok {
		return Proof{}, fmt.Errorf("inclusion proof: %w", ErrFormat)
	}
	var p Proof
	if p.Index, p.Path, p.Note, ok = splitProof(body, "index "); !ok {
		return Proof{}, fmt.Errorf("inclusion proof: %w", ErrFormat)
	}
	return p, nil
}

// Check verifies that the leaf with this data stands at the proof's index in
// the log at that checkpoint. The checkpoint is the caller's, verified from
// p.Note.
func (p Proof) Check(leaf Hash, c Checkpoint) error {
	if p.Index >= c.Size {
		return ErrProof
	}
	if err := tlog.CheckRecord(hashes(p.Path), c.Size, c.Root, p.Index, tlog.RecordHash(leaf[:])); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

// Consistency says that an earlier state of a log is the beginning of a later
// one. Its text is the body of C2SP tlog-witness' add-checkpoint request.
type Consistency struct {
	Old  int64  // leaves of the earlier state
	Path []Hash // RFC 6962 section 2.1.2
	Note []byte // the signed later checkpoint, verbatim
}

// Text returns the proof as it is kept.
func (p Consistency) Text() []byte { return joinProof(fmt.Sprintf("old %d\n", p.Old), p.Path, p.Note) }

// ParseConsistency reads a consistency proof and refuses any other spelling
// than that of Text. It verifies nothing.
func ParseConsistency(b []byte) (p Consistency, err error) {
	var ok bool
	if p.Old, p.Path, p.Note, ok = splitProof(b, "old "); !ok {
		return Consistency{}, fmt.Errorf("consistency proof: %w", ErrFormat)
	}
	return p, nil
}

// Check verifies that the log at later has earlier as its beginning. Both are
// the caller's, with verified signatures.
func (p Consistency) Check(earlier, later Checkpoint) error {
	if earlier.Origin != later.Origin || earlier.Size != p.Old || earlier.Size < 1 || earlier.Size > later.Size {
		return ErrProof
	}
	if err := tlog.CheckTree(hashes(p.Path), later.Size, later.Root, earlier.Size, earlier.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

func joinProof(head string, path []Hash, note []byte) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for _, h := range path {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(note)
	return b.Bytes()
}

// splitProof reads what joinProof wrote.
func splitProof(b []byte, word string) (n int64, path []Hash, note []byte, ok bool) {
	// The first blank line: nodes are never empty.
	head, note, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok || len(note) > maxNote || len(head) > maxNote {
		return 0, nil, nil, false
	}
	lines := strings.Split(string(head), "\n")
	number, ok := strings.CutPrefix(lines[0], word)
	if !ok || len(lines) > 1+maxPath {
		return 0, nil, nil, false
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != number {
		return 0, nil, nil, false
	}
	for _, line := range lines[1:] {
		h, ok := canonical.Base64(line)
		if !ok || len(h) != HashSize {
			return 0, nil, nil, false
		}
		path = append(path, Hash(h))
	}
	return n, path, note, true
}

func hashes(path []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}
