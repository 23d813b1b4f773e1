package entry_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"siegel/internal/proto/entry"
)

// What follows is RFC 6962 section 2.1, word by word.

func mth(d []entry.Hash) entry.Hash {
	switch len(d) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, d[0][:]...))
	}
	k := split(len(d))
	return node(mth(d[:k]), mth(d[k:]))
}

func node(l, r entry.Hash) entry.Hash {
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

// split is the largest power of two smaller than n.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

func path(m int, d []entry.Hash) []entry.Hash {
	if len(d) <= 1 {
		return nil
	}
	k := split(len(d))
	if m < k {
		return append(path(m, d[:k]), mth(d[k:]))
	}
	return append(path(m-k, d[k:]), mth(d[:k]))
}

func inputs(n int) []entry.Hash {
	d := make([]entry.Hash, n)
	for i := range d {
		d[i] = sha256.Sum256(fmt.Appendf(nil, "input %d", i))
	}
	return d
}

// EV-02, docs/formats/tuple.md: roots and paths are those of RFC 6962, for all
// sizes up to 300.
func TestTreeIsRFC6962(t *testing.T) {
	all := inputs(300)
	tree := new(entry.Tree)
	for n := 0; n <= len(all); n++ {
		if n > 0 {
			tree.Add(all[n-1])
		}
		value := tree.Value()
		if want := fmt.Sprintf("%d %x", n, mth(all[:n])); string(value) != want {
			t.Fatalf("%d inputs: %s, want %s", n, value, want)
		}
		step := 1
		if n > 40 {
			step = 13 // all of them up to 40, then some and the last
		}
		for i := 0; i < n; i += step {
			checkPath(t, tree, all[:n], i)
		}
		if n > 0 {
			checkPath(t, tree, all[:n], n-1)
		}
		if _, err := tree.Path(n); err == nil {
			t.Fatalf("a path behind the end of %d", n)
		}
	}
}

func checkPath(t *testing.T, tree *entry.Tree, d []entry.Hash, i int) {
	t.Helper()
	p, err := tree.Path(i)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p, path(i, d)) {
		t.Fatalf("path of %d in %d is another one", i, len(d))
	}
	if err := entry.CheckPath(tree.Value(), int64(i), d[i], p); err != nil {
		t.Fatalf("path of %d in %d: %v", i, len(d), err)
	}
}

// A path proves one input at one index of one tree.
func TestCheckPathRefuses(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 8, 9} {
		d := inputs(n)
		tree := new(entry.Tree)
		for _, x := range d {
			tree.Add(x)
		}
		value := tree.Value()
		for i := range n {
			p, err := tree.Path(i)
			if err != nil {
				t.Fatal(err)
			}
			wrong := func(what string, err error) {
				if !errors.Is(err, entry.ErrTree) {
					t.Errorf("%d of %d, %s: %v", i, n, what, err)
				}
			}
			for j := int64(-2); j < int64(n)+2; j++ {
				if j != int64(i) {
					wrong(fmt.Sprintf("as index %d", j), entry.CheckPath(value, j, d[i], p))
				}
			}
			wrong("another input", entry.CheckPath(value, int64(i), entry.Hash{1}, p))
			wrong("longer", entry.CheckPath(value, int64(i), d[i], append(slices.Clone(p), entry.Hash{})))
			for k := range p {
				wrong("shorter", entry.CheckPath(value, int64(i), d[i], slices.Delete(slices.Clone(p), k, k+1)))
				q := slices.Clone(p)
				q[k][31] ^= 1
				wrong("changed", entry.CheckPath(value, int64(i), d[i], q))
			}
			wrong("another size", entry.CheckPath(fmt.Appendf(nil, "%d %x", 4*n+1, mth(d)), int64(i), d[i], p))
		}
	}
}

func TestParseTreeRefuses(t *testing.T) {
	good := string(new(entry.Tree).Value())
	if n, _, err := entry.ParseTree([]byte(good)); err != nil || n != 0 {
		t.Fatalf("%d, %v", n, err)
	}
	for _, s := range []string{"", " ", good[:10], good + "0", good + "\n", "00" + good[1:], "+" + good, "-1" + good[1:], "a" + good[1:], " " + good, "9223372036854775808" + good[1:]} {
		if _, _, err := entry.ParseTree([]byte(s)); !errors.Is(err, entry.ErrFormat) {
			t.Errorf("%q: %v", s, err)
		}
		if err := entry.CheckPath([]byte(s), 0, entry.Hash{}, nil); err == nil {
			t.Errorf("%q: a path in it", s)
		}
	}
	if err := entry.CheckPath([]byte(good), 0, entry.Hash{}, nil); err == nil {
		t.Error("an input of the empty tree")
	}
}

// BX-05: the salt of a range is HMAC-SHA256(part seed, label || BE64(index)).
func TestPartSalt(t *testing.T) {
	seed := entry.Hash{1, 2}
	salts := entry.NewPartSalts(seed)
	for _, i := range []int{0, 1, 255, 256, 1 << 40} {
		m := hmac.New(sha256.New, seed[:])
		m.Write(binary.BigEndian.AppendUint64([]byte("siegel/v1 part"), uint64(i)))
		if one, got := entry.PartSalt(seed, i), salts.At(i); got != entry.Hash(m.Sum(nil)) || one != got {
			t.Errorf("salt %d is %x and %x", i, one, got)
		}
	}
}
