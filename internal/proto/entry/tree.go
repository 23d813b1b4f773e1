package entry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is a salted tree in the making or a known one: its inputs
// d(i) = SHA-256(salt(i) || value(i)) in order.
type Tree struct {
	hashes []tlog.Hash // stored form of tlog, so that roots and paths are its
	n      int64
}

// Add appends an input.
func (t *Tree) Add(d Hash) {
	h := tlog.Hash(RecordHash(d))
	t.hashes = append(t.hashes, h)
	// Each one at the end of n in binary completes a subtree with its left half.
	for level, n := 0, t.n; n&1 != 0; level, n = level+1, n>>1 {
		h = tlog.NodeHash(t.hashes[tlog.StoredHashIndex(level, n-1)], h)
		t.hashes = append(t.hashes, h)
	}
	t.n++
}

func (t *Tree) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, x := range at {
			out[i] = t.hashes[x]
		}
		return out, nil
	})
}

// Value returns the tree as the value of a field: "<count> <root in hex>".
func (t *Tree) Value() []byte {
	root := sha256.Sum256(nil)
	if t.n > 0 {
		h, err := tlog.TreeHash(t.n, t.reader())
		if err != nil {
			panic("entry: " + err.Error())
		}
		root = Hash(h)
	}
	return fmt.Appendf(nil, "%d %x", t.n, root)
}

// Path returns the audit path of input i, lowest node first (RFC 6962 section
// 2.1.1). i must be an index of the tree.
func (t *Tree) Path(i int) ([]Hash, error) {
	p, err := tlog.ProveRecord(t.n, int64(i), t.reader())
	if err != nil {
		return nil, err
	}
	out := make([]Hash, len(p))
	for k, h := range p {
		out[k] = Hash(h)
	}
	return out, nil
}

// CheckPath verifies that input d stands at index i of the tree that a field
// value describes.
func CheckPath(value []byte, i int64, d Hash, path []Hash) error {
	n, root, err := ParseTree(value)
	if err != nil {
		return err
	}
	proof := make(tlog.RecordProof, len(path))
	for k, h := range path {
		proof[k] = tlog.Hash(h)
	}
	if i < 0 || i >= n {
		return ErrTree
	}
	if err := tlog.CheckRecord(proof, n, tlog.Hash(root), i, tlog.RecordHash(d[:])); err != nil {
		return fmt.Errorf("%w: %w", ErrTree, err)
	}
	return nil
}

// ParseTree reads the value of a tree field.
func ParseTree(value []byte) (n int64, root Hash, err error) {
	count, digits, ok := strings.Cut(string(value), " ")
	if !ok || !decodeHex(root[:], digits) {
		return 0, root, fmt.Errorf("tree value: %w", ErrFormat)
	}
	n, err = strconv.ParseInt(count, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != count {
		return 0, root, fmt.Errorf("tree value: %w", ErrFormat)
	}
	return n, root, nil
}

// Hex spells a hash.
func Hex(h Hash) string { return hex.EncodeToString(h[:]) }
