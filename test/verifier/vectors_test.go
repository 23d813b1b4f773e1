package verifier_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/seal/stream"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

// update makes the vectors anew. They are part of the formats: what was
// published is not changed, so this is for vectors that are added.
var update = flag.Bool("update", false, "write docs/formats/vectors")

const vectors = "../../docs/formats/vectors"

// octets stand as hex in the files.
type octets []byte

func (o octets) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(o)), nil }
func (o *octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.DecodeString(string(b))
	return err
}

type tupleVector struct {
	Label  string   `json:"label"`
	Fields []octets `json:"fields"`
	Octets octets   `json:"octets"`
}

type entryVector struct {
	Valid    bool          `json:"valid"`
	Text     string        `json:"text"`
	Kind     string        `json:"kind,omitempty"`
	ID       octets        `json:"id,omitempty"`
	Time     string        `json:"time,omitempty"`
	Size     int64         `json:"size"`
	Fields   []fieldVector `json:"fields"`
	Sealed   octets        `json:"sealed,omitempty"`
	LeafData octets        `json:"leaf_data,omitempty"`
	LeafHash octets        `json:"leaf_hash,omitempty"`
}

type fieldVector struct {
	Name  string `json:"name"`
	Salt  octets `json:"salt"`
	Value octets `json:"value"`
}

type treeVector struct {
	Tree  string       `json:"tree"`
	Seed  octets       `json:"seed"`
	Items []itemVector `json:"items"`
}

type itemVector struct {
	Salt     octets   `json:"salt"`
	Value    octets   `json:"value"`
	Path     []octets `json:"path"`
	PartSalt octets   `json:"part_salt"`
}

type ledgerVector struct {
	Seed        octets       `json:"seed"`
	VKey        string       `json:"vkey"`
	PEM         string       `json:"pem"`
	Leaves      []octets     `json:"leaves"`
	Checkpoints []noteVector `json:"checkpoints"`
	Inclusion   []string     `json:"inclusion"`
	Consistency []string     `json:"consistency"`
}

type noteVector struct {
	Valid   bool   `json:"valid"`
	Note    string `json:"note"`
	Stamped string `json:"stamped,omitempty"`
}

type streamVector struct {
	DEK    octets `json:"dek"`
	Tenant octets `json:"tenant"`
	ID     octets `json:"id"`
	Kind   byte   `json:"kind"`
	Plain  octets `json:"plain"`
	Stream octets `json:"stream"`
	Key    octets `json:"key"` // of the segments
}

type bundleVector struct {
	File          string `json:"file"`
	Authenticated int    `json:"authenticated"` // exit status with key and roots
	Alone         int    `json:"alone"`         // without
}

func load[T any](t *testing.T, name string) (v T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func save(t *testing.T, name string, v any) {
	t.Helper()
	b, ok := v.([]byte)
	if !ok {
		var w bytes.Buffer
		e := json.NewEncoder(&w)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		b = w.Bytes()
	}
	if err := os.WriteFile(filepath.Join(vectors, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func seed(name string) octets { s := verifier.Seed(name); return s[:] }

func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("skipped: without -update the vectors stay as they are")
	}
	makeTuples(t)
	makeEntries(t)
	makeTrees(t)
	makeLedger(t)
	makeStreams(t)
	makeBundles(t)
	readme, err := os.ReadFile("../../internal/proto/bundle/readme.txt")
	if err != nil {
		t.Fatal(err)
	}
	save(t, "bundle-readme.txt", readme)
}

func makeTuples(t *testing.T) {
	var list []tupleVector
	for _, fields := range [][]octets{{}, {{}}, {octets("a"), octets("bc")}, {octets("ab"), octets("c")}, {tuple.Uint64(1), seed("field")}} {
		var raw [][]byte
		for _, f := range fields {
			raw = append(raw, f)
		}
		list = append(list, tupleVector{"siegel/v1 test", fields, tuple.Make("siegel/v1 test", raw...)})
	}
	save(t, "tuple.json", list)
}

func makeEntries(t *testing.T) {
	var list []entryVector
	for _, e := range []struct {
		kind   string
		size   int64
		fields []string
		sealed octets
	}{
		{"message", 1234, []string{"decision", "envelope", "parts", "sha256", "source"}, seed("sealed")},
		{"audit", 0, []string{"event"}, nil},
		{"shred", 0, nil, nil},
	} {
		nothing := entry.Nothing()
		v := entryVector{Valid: true, Fields: []fieldVector{}, Kind: e.kind, ID: seed(e.kind)[:16], Size: e.size, Sealed: e.sealed}
		if v.Sealed == nil {
			v.Sealed = nothing[:]
		}
		x := entry.Entry{Kind: e.kind, ID: [16]byte(v.ID), Time: verifier.Begin(), Size: e.size}
		v.Time = x.Time.Format(entry.TimeFormat)
		for _, name := range e.fields {
			o := entry.Opening{Salt: verifier.Seed(name), Value: []byte("value of " + name)}
			v.Fields = append(v.Fields, fieldVector{name, o.Salt[:], o.Value})
			x.Fields = append(x.Fields, entry.Field{Name: name, Commitment: o.Commit()})
		}
		text, err := x.Text()
		if err != nil {
			t.Fatal(err)
		}
		data := entry.LeafData(text, entry.Hash(v.Sealed))
		hash := entry.RecordHash(data)
		v.Text, v.LeafData, v.LeafHash = string(text), data[:], hash[:]
		list = append(list, v)
	}
	good := list[0].Text
	for _, change := range [][2]string{
		{"siegel/v1", "siegel/v2"},
		{"message\n", "Message\n"},
		{"size 1234", "size 01234"},
		{"size 1234", "size -1"},
		{"size 1234", "size +1"},
		{"Z\n", "+00:00\n"},
		{".000123Z", ".123Z"},
		{"2026-11-22", "2026-11-31"},
		{"\nsource", "\n\nsource"},
		{"source ", "source  "},
		{"decision ", "zdecision "},
		{"sha256 ", "parts "},
		{"id ", "id  "},
		{"\n", "\r\n"},
		{"source ", "Source "},
	} {
		list = append(list, entryVector{Text: strings.Replace(good, change[0], change[1], 1)})
	}
	list = append(list, entryVector{Text: strings.TrimSuffix(good, "\n")}, entryVector{Text: good + "\n"}, entryVector{})
	save(t, "entry.json", list)
}

func makeTrees(t *testing.T) {
	var list []treeVector
	for n := range 8 {
		v := treeVector{Seed: seed("parts"), Items: []itemVector{}}
		tree := new(entry.Tree)
		for i := range n {
			o := entry.Opening{Salt: verifier.Seed(fmt.Sprint("item ", i)), Value: fmt.Appendf(nil, "item %d", i)}
			tree.Add(o.Commit())
			salt := entry.PartSalt(entry.Hash(v.Seed), i)
			v.Items = append(v.Items, itemVector{Salt: o.Salt[:], Value: o.Value, PartSalt: salt[:], Path: []octets{}})
		}
		for i := range v.Items {
			path, err := tree.Path(i)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range path {
				v.Items[i].Path = append(v.Items[i].Path, octets(h[:]))
			}
		}
		v.Tree = string(tree.Value())
		list = append(list, v)
	}
	save(t, "tree.json", list)
}

func makeLedger(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	l := &verifier.Log{Origin: name + "/000102030405060708090a0b0c0d0e0f/1"}
	pem, err := i.Key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	v := ledgerVector{Seed: seed("ledger"), VKey: i.Key.String(), PEM: string(pem)}
	for n := range 9 {
		text := fmt.Appendf(nil, "entry %d\n", n)
		data := entry.LeafData(text, entry.Nothing())
		l.Add(text, entry.Nothing())
		v.Leaves = append(v.Leaves, data[:])
	}
	for size := range int64(10) {
		note := i.Sign(l, size)
		v.Checkpoints = append(v.Checkpoints, noteVector{true, string(note), string(note)})
		for index := range size {
			v.Inclusion = append(v.Inclusion, string(checkpoint.Proof{Index: index, Path: l.Proof(size, index), Note: note}.Text()))
		}
		for old := int64(1); old <= size; old++ {
			v.Consistency = append(v.Consistency, string(checkpoint.Consistency{Old: old, Path: l.Growth(size, old), Note: note}.Text()))
		}
	}
	note := string(i.Sign(l, 7))
	line := note[strings.Index(note, "— "):]
	stranger := "— witness.example AAAAAAECAwQ=\n"
	v.Checkpoints = append(v.Checkpoints, noteVector{true, note + stranger, note}, noteVector{true, strings.Replace(note, line, stranger+line, 1), note})
	for _, bad := range []string{
		note + line, note + stranger + stranger, strings.Replace(note, line, stranger, 1), strings.Replace(note, "\n7\n", "\n8\n", 1),
		strings.Replace(note, "\n7\n", "\n07\n", 1), strings.Replace(note, "\n\n", "\nextension\n\n", 1), note[:len(note)-1], note + "\n",
		strings.Replace(note, "/1\n", "/2\n", 1), strings.Replace(note, name, "other.example", 2), strings.Replace(note, "— ", "- ", 1), "",
	} {
		v.Checkpoints = append(v.Checkpoints, noteVector{Note: bad})
	}
	save(t, "ledger.json", v)
}

func makeStreams(t *testing.T) {
	codec, err := stream.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	var list []streamVector
	incompressible := bytes.Join([][]byte{seed("a"), seed("b"), seed("c")}, nil)
	for i, plain := range []octets{{}, octets("x"), octets(strings.Repeat("Hello, this is a message.\r\n", 20)), incompressible} {
		v := streamVector{DEK: seed(fmt.Sprint("dek ", i)), Tenant: seed("tenant")[:16], ID: seed("id")[:16], Kind: 1, Plain: plain}
		v.Stream, err = codec.Seal(key(t, v.DEK), plain, v.Tenant, v.ID, []byte{v.Kind})
		if err != nil {
			t.Fatal(err)
		}
		v.Key = key(t, v.DEK).Expand("siegel/v1 message body", 64, v.Stream[1:33], v.Tenant, v.ID, []byte{v.Kind})[:32]
		list = append(list, v)
	}
	save(t, "stream.json", list)
}

func key(t *testing.T, b []byte) secret.Key {
	t.Helper()
	k, err := secret.From(bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func makeBundles(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	forger := verifier.NewInstance(name, "forger", authority.Options{})
	good := verifier.Zip(i.Bundle(verifier.Sample{}))
	changed := bytes.Replace(good, []byte("Hello"), []byte("Hallo"), 1)
	save(t, "bundle-ledger.pub", []byte(i.Key.String()+"\n"))
	save(t, "bundle-roots.pem", stamp.Encode(i.TSA.Roots()))
	save(t, "bundle-keeper.zip", good)
	save(t, "bundle-reader.zip", verifier.Zip(i.Bundle(verifier.Sample{Own: true})))
	save(t, "bundle-bare.zip", verifier.Zip(i.Bundle(verifier.Sample{Bare: true, NoBefore: true})))
	save(t, "bundle-changed.zip", changed)
	save(t, "bundle-forged.zip", verifier.Zip(forger.Bundle(verifier.Sample{})))
	save(t, "bundle.json", []bundleVector{
		{"bundle-keeper.zip", 0, 3}, {"bundle-reader.zip", 0, 3}, {"bundle-bare.zip", 0, 3}, {"bundle-changed.zip", 1, 1}, {"bundle-forged.zip", 1, 3},
	})
}

// The vectors that are published with the formats hold in Go.
func TestVectors(t *testing.T) {
	for _, v := range load[[]tupleVector](t, "tuple.json") {
		var raw [][]byte
		for _, f := range v.Fields {
			raw = append(raw, f)
		}
		if got := tuple.Make(v.Label, raw...); !bytes.Equal(got, v.Octets) {
			t.Errorf("tuple %x, want %x", got, v.Octets)
		}
	}
	for _, v := range load[[]entryVector](t, "entry.json") {
		e, err := entry.Parse([]byte(v.Text))
		if (err == nil) != v.Valid {
			t.Errorf("entry %q: %v", v.Text, err)
		}
		if !v.Valid {
			continue
		}
		data := entry.LeafData([]byte(v.Text), entry.Hash(v.Sealed))
		hash := entry.RecordHash(data)
		if e.Kind != v.Kind || !bytes.Equal(e.ID[:], v.ID) || e.Size != v.Size || !bytes.Equal(data[:], v.LeafData) || !bytes.Equal(hash[:], v.LeafHash) {
			t.Errorf("entry %+v", e)
		}
		for _, f := range v.Fields {
			if err := e.Check(f.Name, entry.Opening{Salt: entry.Hash(f.Salt), Value: f.Value}); err != nil {
				t.Error(err)
			}
		}
	}
	for _, v := range load[[]treeVector](t, "tree.json") {
		for i, it := range v.Items {
			var path []entry.Hash
			for _, h := range it.Path {
				path = append(path, entry.Hash(h))
			}
			o := entry.Opening{Salt: entry.Hash(it.Salt), Value: it.Value}
			if err := entry.CheckPath([]byte(v.Tree), int64(i), o.Commit(), path); err != nil {
				t.Error(err)
			}
			if entry.PartSalt(entry.Hash(v.Seed), i) != entry.Hash(it.PartSalt) {
				t.Errorf("part salt %d", i)
			}
		}
	}
	checkStreams(t)
	checkBundles(t)
}

func checkStreams(t *testing.T) {
	codec, err := stream.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range load[[]streamVector](t, "stream.json") {
		r, err := codec.NewReader(bytes.NewReader(v.Stream), key(t, v.DEK), int64(len(v.Plain)), v.Tenant, v.ID, []byte{v.Kind})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, v.Plain) {
			t.Errorf("stream %d: %q, %v", i, got, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func checkBundles(t *testing.T) {
	pub, err := os.ReadFile(filepath.Join(vectors, "bundle-ledger.pub"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := checkpoint.ParseKey(string(pub))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(vectors, "bundle-roots.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots, err := stamp.ParseCertificates(pem)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range load[[]bundleVector](t, "bundle.json") {
		b, err := os.ReadFile(filepath.Join(vectors, v.File))
		if err != nil {
			t.Fatal(err)
		}
		with := verifier.Verify(b, bundle.Trust{Key: &k, Stamps: stamp.Verifier{Roots: roots}})
		alone := verifier.Verify(b, bundle.Trust{Stamps: stamp.Verifier{}})
		if with.Verdict.Status() != v.Authenticated || alone.Verdict.Status() != v.Alone {
			t.Errorf("%s: %v and %v", v.File, with.Verdict, alone.Verdict)
		}
	}
}

func TestLedgerVectors(t *testing.T) {
	v := load[ledgerVector](t, "ledger.json")
	k, err := checkpoint.ParseKey(v.VKey)
	if err != nil {
		t.Fatal(err)
	}
	if pem, err := k.PEM(); err != nil || string(pem) != v.PEM {
		t.Errorf("PEM %q, %v", pem, err)
	}
	for _, c := range v.Checkpoints {
		s, err := checkpoint.OpenLog([]byte(c.Note), k)
		if (err == nil) != c.Valid || err == nil && string(s.Stamped()) != c.Stamped {
			t.Errorf("checkpoint %q: %v", c.Note, err)
		}
	}
	roots := make(map[int64]checkpoint.Checkpoint)
	for _, c := range v.Checkpoints {
		if s, err := checkpoint.OpenLog([]byte(c.Note), k); err == nil {
			roots[s.Size] = s.Checkpoint
		}
	}
	for _, text := range v.Inclusion {
		p, err := checkpoint.ParseProof([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := checkpoint.OpenLog(p.Note, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(checkpoint.Hash(v.Leaves[p.Index]), s.Checkpoint); err != nil {
			t.Error(err)
		}
	}
	for _, text := range v.Consistency {
		p, err := checkpoint.ParseConsistency([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := checkpoint.OpenLog(p.Note, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(roots[p.Old], s.Checkpoint); err != nil {
			t.Error(err)
		}
	}
}

// The same vectors hold in Python.
func TestVectorsInPython(t *testing.T) {
	tool(t, "python3")
	tool(t, "openssl")
	if status, out := python(t, "vectors", vectors); status != 0 {
		t.Errorf("status %d: %s", status, out)
	}
}

// The README of bundles is the one that the formats publish.
func TestReadme(t *testing.T) {
	a, err := os.ReadFile("../../internal/proto/bundle/readme.txt")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(vectors, "bundle-readme.txt"))
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("docs/formats/vectors/bundle-readme.txt differs: %v", err)
	}
}
