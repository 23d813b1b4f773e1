package checkpoint_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/proto/checkpoint"
	"siegel/test/corpus"
)

// pair returns a key and what signs with it.
func pair(name string) (checkpoint.Key, func([]byte) []byte) {
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	return checkpoint.Key{Name: name, Public: ed25519.PublicKey(private[32:])}, func(b []byte) []byte { return ed25519.Sign(private, b) }
}

const origin = "log.example/000102030405060708090a0b0c0d0e0f/1"

func signed(t testing.TB, size int64) ([]byte, checkpoint.Key) {
	t.Helper()
	k, sign := pair("log.example")
	log, err := k.Log(origin)
	if err != nil {
		t.Fatal(err)
	}
	b, err := checkpoint.Checkpoint{Origin: origin, Size: size, Root: checkpoint.Hash{1}}.Sign(log, sign)
	if err != nil {
		t.Fatal(err)
	}
	return b, k
}

// BX-03: the reference implementation of signed notes reads ours.
func TestNoteAgreesWithReference(t *testing.T) {
	b, k := signed(t, 7)
	log, err := k.Log(origin)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(log.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(b, note.VerifierList(v))
	if err != nil || n.Text != origin+"\n7\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" {
		t.Fatalf("%+v, %v", n, err)
	}
	// And ours reads theirs, with a line of somebody else.
	secret, verifier, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)), origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{8}, 64)), "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	witness, err := note.NewSigner(other)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := note.Sign(&note.Note{Text: n.Text}, witness, signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := checkpoint.ParseKey(verifier)
	if err != nil {
		t.Fatal(err)
	}
	s, err := checkpoint.Open(theirs, key)
	if err != nil || s.Size != 7 || bytes.Contains(s.Stamped(), []byte("witness")) || len(s.Note.Signatures) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	b, k := signed(t, 7)
	good := string(b)
	line := good[strings.Index(good, "— "):]
	other, _ := pair("other.example")
	for name, tt := range map[string]struct {
		note string
		key  checkpoint.Key
		want error
	}{
		"another instance":    {good, other, checkpoint.ErrForeign},
		"a longer name":       {strings.ReplaceAll(good, "log.example/", "log.example.net/"), k, checkpoint.ErrForeign},
		"another size":        {strings.Replace(good, "\n7\n", "\n8\n", 1), k, checkpoint.ErrSignature},
		"no own line":         {strings.ReplaceAll(good, line, "— w AAAAAAE=\n"), k, checkpoint.ErrUnsigned},
		"own line twice":      {good + line, k, checkpoint.ErrFormat},
		"strange line twice":  {good + "— w AAAAAAE=\n— w AAAAAAE=\n", k, checkpoint.ErrFormat},
		"no blank line":       {strings.Replace(good, "\n\n", "\n", 1), k, checkpoint.ErrFormat},
		"carriage returns":    {strings.ReplaceAll(good, "\n", "\r\n"), k, checkpoint.ErrFormat},
		"extension line":      {strings.Replace(good, "\n\n", "\nmore\n\n", 1), k, checkpoint.ErrFormat},
		"loose base64":        {strings.Replace(good, "AAA=\n\n", "AAB=\n\n", 1), k, checkpoint.ErrFormat},
		"65 lines":            {good + strangers(64), k, checkpoint.ErrFormat},
		"not UTF-8":           {good + "— \xff AAAAAAE=\n", k, checkpoint.ErrFormat},
		"generation zero":     {strings.ReplaceAll(good, "0f/1", "0f/0"), k, checkpoint.ErrFormat},
		"id in upper case":    {strings.ReplaceAll(good, "0e0f", "0E0F"), k, checkpoint.ErrFormat},
		"one octet too short": {good[:len(good)-1], k, checkpoint.ErrFormat},
	} {
		if _, err := checkpoint.OpenLog([]byte(tt.note), tt.key); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := checkpoint.OpenLog([]byte(good+strangers(63)), k); err != nil {
		t.Errorf("64 lines: %v", err)
	}
}

func strangers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "— w%d AAAAAAE=\n", i)
	}
	return b.String()
}

func TestKeyRefuses(t *testing.T) {
	k, _ := pair("log.example")
	good := k.String()
	for _, bad := range []string{
		"", "+", good[:len(good)-1], good + "\n\n", strings.Replace(good, "log", "lag", 1), strings.Replace(good, "+A", "+B", 1), " " + good, strings.ToUpper(good),
	} {
		if _, err := checkpoint.ParseKey(bad); !errors.Is(err, checkpoint.ErrFormat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got, err := checkpoint.ParseKey(good + "\n"); err != nil || got.String() != good {
		t.Errorf("%v, %v", got, err)
	}
}

// Edge, roots and proofs are those of the reference, for every size up to 600.
func TestEdgeAgreesWithReference(t *testing.T) {
	var stored []tlog.Hash
	reference := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, x := range at {
			out[i] = stored[x]
		}
		return out, nil
	})
	var e checkpoint.Edge
	for n := range int64(600) {
		if want, err := tlog.TreeHash(n, reference); err != nil || n > 0 && checkpoint.Hash(want) != e.Root() {
			t.Fatalf("root of %d: %v, want %v, %v", n, e.Root(), want, err)
		}
		again, err := checkpoint.ParseEdge(e.Bytes())
		if err != nil || again.Root() != e.Root() {
			t.Fatalf("edge of %d: %v", n, err)
		}
		data := binary.BigEndian.AppendUint64(nil, uint64(n))
		h, err := tlog.StoredHashes(n, data, reference)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
		e.Add(n+1, checkpoint.Hash(tlog.RecordHash(data)))
	}
	var empty checkpoint.Edge
	if empty.Root() != sha256.Sum256(nil) {
		t.Error("root of the empty log")
	}
}

func TestTilePath(t *testing.T) {
	for want, got := range map[string]string{
		"tile/0/000":                  checkpoint.TilePath("0", 0, 256),
		"tile/1/x001/x234/067":        checkpoint.TilePath("1", 1234067, 256),
		"tile/entries/x001/000.p/112": checkpoint.TilePath("entries", 1000, 112),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A log that transparency-dev/tessera wrote: its checkpoints and tiles.
func TestTessera(t *testing.T) {
	dir := filepath.Join(corpus.Dir(t), "vectors", "tlog-tessera", "testdata", "log")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var e checkpoint.Edge
	entries := read(checkpoint.TilePath("entries", 0, 15))
	for size := int64(0); ; size++ {
		n, err := checkpoint.ParseNote(read(fmt.Sprintf("checkpoint.%d", size)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := checkpoint.ParseText(n.Text)
		if err != nil || c.Size != size || c.Root != e.Root() || c.Origin != "example.com/log/testdata" || !bytes.Equal(c.Text(), n.Text) {
			t.Fatalf("checkpoint %d: %+v, root %x, %v", size, c, e.Root(), err)
		}
		for _, tile := range e.Partial(size) {
			if !bytes.Equal(read(tile.Path()), tile.Data) {
				t.Errorf("%s differs", tile.Path())
			}
		}
		if len(entries) == 0 {
			break
		}
		length := binary.BigEndian.Uint16(entries)
		e.Add(size+1, checkpoint.Hash(tlog.RecordHash(entries[2:2+length])))
		entries = entries[2+length:]
	}
}
