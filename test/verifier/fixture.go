// Package verifier has what the tests of proof bundles work with: whole small
// ledgers in memory, and bundles from them, good ones and forgeries. The tests
// beside it compare the Go verifier, the one in Python that was written from
// docs/formats, and openssl.
package verifier

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
)

// Seed returns 32 octets that follow from a name.
func Seed(name string) [32]byte { return sha256.Sum256([]byte("siegel test " + name)) }

// Log is a log in memory.
type Log struct {
	Origin string
	stored []tlog.Hash
	Size   int64
}

// Add appends an entry.
func (l *Log) Add(text []byte, sealed entry.Hash) {
	data := entry.LeafData(text, sealed)
	h, err := tlog.StoredHashes(l.Size, data[:], l)
	if err != nil {
		panic(err)
	}
	l.stored = append(l.stored, h...)
	l.Size++
}

// ReadHashes implements [tlog.HashReader].
func (l *Log) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = l.stored[x]
	}
	return out, nil
}

// Proof proves an entry in the first size ones.
func (l *Log) Proof(size, index int64) []checkpoint.Hash {
	p, err := tlog.ProveRecord(size, index, l)
	if err != nil {
		panic(err)
	}
	return hashes(p)
}

// Growth proves that the first old entries are the beginning of the first size.
func (l *Log) Growth(size, old int64) []checkpoint.Hash {
	p, err := tlog.ProveTree(size, old, l)
	if err != nil {
		panic(err)
	}
	return hashes(p)
}

func hashes[H ~[32]byte](list []H) []checkpoint.Hash {
	out := make([]checkpoint.Hash, len(list))
	for i, h := range list {
		out[i] = checkpoint.Hash(h)
	}
	return out
}

// Instance is an instance that signs and has its checkpoints stamped.
type Instance struct {
	Key     checkpoint.Key
	TSA     *authority.Authority
	private ed25519.PrivateKey

	making sync.Mutex // held while Bundle sets the clock

	mu sync.Mutex
	at time.Time // guarded by mu
}

// Begin is when the instances of tests begin to work.
func Begin() time.Time { return time.Date(2026, 11, 22, 14, 38, 18, 123000, time.UTC) }

// NewInstance makes an instance with the key that follows from seed. Options of
// its timestamp authority may be zero.
func NewInstance(name, seed string, o authority.Options) *Instance {
	s := Seed(seed)
	i := &Instance{private: ed25519.NewKeyFromSeed(s[:]), at: Begin()}
	i.Key = checkpoint.Key{Name: name, Public: ed25519.PublicKey(i.private[32:])}
	o.Now = i.Now
	var err error
	if i.TSA, err = authority.New(o); err != nil {
		panic(err)
	}
	return i
}

// Now is the instance's clock.
func (i *Instance) Now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at
}

// Set sets the clock.
func (i *Instance) Set(t time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.at = t
}

// Sign signs the first size entries of a log.
func (i *Instance) Sign(l *Log, size int64) []byte {
	root := sha256.Sum256(nil)
	if size > 0 {
		h, err := tlog.TreeHash(size, l)
		if err != nil {
			panic(err)
		}
		root = h
	}
	k, err := i.Key.Log(l.Origin)
	if err != nil {
		panic(err)
	}
	note, err := checkpoint.Checkpoint{Origin: l.Origin, Size: size, Root: root}.
		Sign(k, func(text []byte) []byte { return ed25519.Sign(i.private, text) })
	if err != nil {
		panic(err)
	}
	return note
}

// Stamp has a checkpoint of the instance stamped.
func (i *Instance) Stamp(note []byte) bundle.StampFiles {
	s, err := checkpoint.OpenLog(note, i.Key)
	if err != nil {
		panic(err)
	}
	r := stamp.NewRequest(sha256.Sum256(s.Stamped()), nil)
	body, err := r.Bytes()
	if err != nil {
		panic(err)
	}
	answer, err := i.TSA.Post(context.Background(), body)
	if err != nil {
		panic(err)
	}
	token, t, err := stamp.Verifier{Roots: i.TSA.Roots()}.Response(answer, r)
	if err != nil {
		panic(err)
	}
	return bundle.StampFiles{Token: token, Chain: t.File(), Time: t.Time}
}

// Sample says what a bundle has. The zero Sample is the one of a keeper: all.
type Sample struct {
	Own      bool   // only the reader's own line of the envelope
	Bare     bool   // without the message
	NoBefore bool   // without the earlier timestamp
	Empty    bool   // of an empty message
	Octets   []byte // of the message; nil for a small one
}

// Message is the message of samples.
func Message() []byte {
	return []byte("From: a@one.example\r\nTo: b@two.example\r\nSubject: sample\r\n\r\nHello, this is a message.\r\n")
}

// opening returns an opening whose salt follows from the name.
func opening(name string, value []byte) *entry.Opening {
	return &entry.Opening{Salt: Seed("salt " + name), Value: value}
}

// Bundle makes a bundle of the instance: the entry is number 3 of a log of 7,
// whose state at 6 is anchored as number 4 of the instance's log of 6.
func (i *Instance) Bundle(s Sample) *bundle.Bundle {
	i.making.Lock()
	defer i.making.Unlock()
	octets := s.Octets
	if octets == nil && !s.Empty {
		octets = Message()
	}
	sum := sha256.Sum256(octets)
	b := &bundle.Bundle{
		SHA256: opening("sha256", fmt.Appendf(nil, "%x", sum)),
		Message: &bundle.Message{Size: int64(len(octets)), SHA256: sum, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(octets)), nil
		}},
		Parts: &bundle.Parts{Salt: Seed("salt parts"), Seed: Seed("part seed")},
	}
	tree := new(entry.Tree)
	for rest := octets; len(rest) > 0; {
		n := min(len(rest), max(1, len(octets)/3))
		salt := entry.PartSalt(b.Parts.Seed, len(b.Parts.Lengths))
		tree.Add(sha256.Sum256(append(salt[:], rest[:n]...)))
		b.Parts.Lengths = append(b.Parts.Lengths, int64(n))
		rest = rest[n:]
	}
	i.describe(b, s, tree)
	i.log(b, s)
	if s.Bare {
		b.Message, b.Parts = nil, nil
	}
	return b
}

// describe makes the entry and opens what the sample shows.
func (i *Instance) describe(b *bundle.Bundle, s Sample, parts *entry.Tree) {
	envelope := new(entry.Tree)
	var items []bundle.Item
	for n, line := range []string{"MAIL FROM:<a@one.example>", "RCPT TO:<b@two.example>", "RCPT TO:<c@two.example>"} {
		it := bundle.Item{Index: int64(n), Opening: *opening(line, []byte(line))}
		envelope.Add(it.Commit())
		items = append(items, it)
	}
	b.Envelope = opening("envelope", envelope.Value())
	source, decision := opening("source", []byte("lmtp unix -")), opening("decision", []byte("policy 0 archive"))
	field := func(name string, o entry.Opening) entry.Field { return entry.Field{Name: name, Commitment: o.Commit()} }
	text, err := entry.Entry{
		Kind: "message", ID: [16]byte(append(make([]byte, 15), 7)), Time: i.Now(), Size: b.Message.Size,
		Fields: []entry.Field{
			field("sha256", *b.SHA256), field("envelope", *b.Envelope), field("source", *source), field("decision", *decision),
			field("parts", entry.Opening{Salt: b.Parts.Salt, Value: parts.Value()}),
		},
	}.Text()
	if err != nil {
		panic(err)
	}
	b.Ledger.Entry, b.Ledger.Sealed = text, Seed("sealed octets")
	b.Items = items
	if !s.Own {
		b.Source, b.Decision = source, decision
		return
	}
	path, err := envelope.Path(1)
	if err != nil {
		panic(err)
	}
	b.Items = []bundle.Item{{Index: 1, Opening: items[1].Opening, Path: path}}
}

// log enters the entry among others, signs, anchors and stamps.
func (i *Instance) log(b *bundle.Bundle, s Sample) {
	l := &b.Ledger
	l.Key = i.Key
	at := i.Now()
	tenant := &Log{Origin: i.Key.Name + "/000102030405060708090a0b0c0d0e0f/1"}
	instance := &Log{Origin: i.Key.Name + "/f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff/1"}
	for n := range 7 {
		if n == 3 {
			tenant.Add(l.Entry, l.Sealed)
		} else {
			tenant.Add(fmt.Appendf(nil, "another entry %d\n", n), entry.Nothing())
		}
	}
	l.Inclusion = checkpoint.Proof{Index: 3, Path: tenant.Proof(6, 3), Note: i.Sign(tenant, 6)}
	o := opening("anchor", l.Inclusion.Note)
	var err error
	l.AnchorSalt = o.Salt
	l.AnchorEntry, err = entry.Entry{Kind: "checkpoint", ID: [16]byte(append(make([]byte, 15), 8)), Time: at.Add(time.Minute), Fields: []entry.Field{
		{Name: "checkpoint", Commitment: o.Commit()},
	}}.Text()
	if err != nil {
		panic(err)
	}
	for n := range 6 {
		if n == 4 {
			instance.Add(l.AnchorEntry, entry.Nothing())
		} else {
			instance.Add(fmt.Appendf(nil, "another anchor %d\n", n), entry.Nothing())
		}
	}
	l.AnchorInclusion = checkpoint.Proof{Index: 4, Path: instance.Proof(6, 4), Note: i.Sign(instance, 6)}
	if !s.NoBefore {
		i.Set(at.Add(-time.Minute))
		note := i.Sign(instance, 3)
		l.Before = &bundle.Earlier{Note: note, Consistency: instance.Growth(6, 3), Stamp: i.Stamp(note)}
	}
	i.Set(at.Add(2 * time.Minute))
	l.Stamp = i.Stamp(l.AnchorInclusion.Note)
	i.Set(at)
}

// Trust is what a reader has who knows the instance.
func (i *Instance) Trust() bundle.Trust {
	return bundle.Trust{Key: &i.Key, Stamps: stamp.Verifier{Roots: i.TSA.Roots()}}
}

// Zip checks and writes a bundle.
func Zip(b *bundle.Bundle) []byte {
	b.Check(bundle.Trust{Stamps: stamp.Verifier{}})
	var w bytes.Buffer
	if err := b.Write(&w); err != nil {
		panic(err)
	}
	return w.Bytes()
}

// Verify verifies a bundle in memory.
func Verify(zip []byte, t bundle.Trust) *bundle.Report {
	return bundle.Verify(bytes.NewReader(zip), int64(len(zip)), t)
}

// Pack puts files into a container in the given order and makes the manifest
// anew, whatever they say, as a forger would. The standard library writes the
// container: octet for octet what the house writes.
func Pack(names []string, content map[string][]byte) []byte {
	const manifest = "manifest.txt"
	var sums, out bytes.Buffer
	for _, name := range names {
		if name != manifest {
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content[name]), name)
		}
	}
	z := zip.NewWriter(&out)
	for _, name := range names {
		data := content[name]
		if name == manifest {
			data = sums.Bytes()
		}
		w, err := z.CreateRaw(&zip.FileHeader{
			Name: name, CreatorVersion: 10, ReaderVersion: 10, ModifiedDate: 0x21, //nolint:staticcheck // the bundle's own field, octet by octet
			CRC32:            crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
		})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}
