package checkpoint_test

import (
	"bytes"
	"testing"

	"siegel/internal/proto/checkpoint"
)

// What is taken is written the same.

func FuzzNote(f *testing.F) {
	b, k := signed(f, 7)
	f.Add(b)
	f.Add(append(b, "— w AAAAAAE=\n"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := checkpoint.ParseNote(b)
		if err == nil && !bytes.Equal(n.Bytes(), b) {
			t.Errorf("%q became %q", b, n.Bytes())
		}
		if s, err := checkpoint.OpenLog(b, k); err == nil && !bytes.Equal(s.Text(), n.Text) {
			t.Errorf("%q became %q", n.Text, s.Text())
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	b, _ := signed(f, 7)
	f.Add(b[:bytes.Index(b, []byte("\n\n"))+1])
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := checkpoint.ParseText(b); err == nil && !bytes.Equal(c.Text(), b) {
			t.Errorf("%q became %q", b, c.Text())
		}
	})
}

func FuzzKey(f *testing.F) {
	k, _ := pair("log.example")
	f.Add(k.String())
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := checkpoint.ParseKey(s); err == nil && k.String() != s && k.String()+"\n" != s {
			t.Errorf("%q became %q", s, k.String())
		}
	})
}

func FuzzProof(f *testing.F) {
	b, _ := signed(f, 7)
	path := []checkpoint.Hash{{1}, {2}}
	f.Add(checkpoint.Proof{Index: 3, Path: path, Note: b}.Text())
	f.Add(checkpoint.Consistency{Old: 3, Path: path, Note: b}.Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := checkpoint.ParseProof(b); err == nil {
			_ = p.Check(checkpoint.Hash{}, checkpoint.Checkpoint{Size: 9})
			if !bytes.Equal(p.Text(), b) {
				t.Errorf("%q became %q", b, p.Text())
			}
		}
		if p, err := checkpoint.ParseConsistency(b); err == nil {
			_ = p.Check(checkpoint.Checkpoint{Size: p.Old}, checkpoint.Checkpoint{Size: 9})
			if !bytes.Equal(p.Text(), b) {
				t.Errorf("%q became %q", b, p.Text())
			}
		}
	})
}

func FuzzEdge(f *testing.F) {
	var e checkpoint.Edge
	for n := range int64(300) {
		e.Add(n+1, checkpoint.Hash{byte(n)})
	}
	f.Add(e.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := checkpoint.ParseEdge(b); err == nil {
			_ = e.Root()
			if !bytes.Equal(e.Bytes(), b) {
				t.Errorf("%x became %x", b, e.Bytes())
			}
		}
	})
}
