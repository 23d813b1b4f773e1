package verifier_test

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/proto/bundle"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

const name = "archive.example.org"

func samples() map[string]verifier.Sample {
	return map[string]verifier.Sample{
		"all": {}, "own": {Own: true}, "bare": {Bare: true}, "own and bare": {Own: true, Bare: true},
		"no before": {NoBefore: true}, "empty": {Empty: true},
		"large": {Octets: bytes.Repeat([]byte("0123456789abcdef\r\n"), 100_000)},
	}
}

// EV-04: what the house writes is verified against the right key and roots, and
// consistent without.
func TestVerify(t *testing.T) {
	for _, rsa := range []bool{false, true} {
		i := verifier.NewInstance(name, "ledger", authority.Options{RSA: rsa})
		for sample, s := range samples() {
			b := verifier.Zip(i.Bundle(s))
			for _, tt := range []struct {
				trust bundle.Trust
				want  bundle.Verdict
			}{
				{i.Trust(), bundle.Verified},
				{bundle.Trust{Stamps: stamp.Verifier{}}, bundle.Consistent},
				{bundle.Trust{Key: &i.Key, Stamps: stamp.Verifier{}}, bundle.Consistent},
				{bundle.Trust{Stamps: i.Trust().Stamps}, bundle.Consistent},
			} {
				if r := verifier.Verify(b, tt.trust); r.Verdict != tt.want {
					t.Errorf("%s: %v, want %v: %+v", sample, r.Verdict, tt.want, r.Lines)
				}
			}
		}
	}
}

// No bit is free: whichever is flipped, the bundle is refused.
func TestEveryBit(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	b := verifier.Zip(i.Bundle(verifier.Sample{}))
	trust := bundle.Trust{Stamps: stamp.Verifier{}}
	for n := range b {
		for bit := range 8 {
			b[n] ^= 1 << bit
			if r := verifier.Verify(b, trust); r.Verdict != bundle.Refused {
				t.Fatalf("octet %d, bit %d: %v", n, bit, r.Verdict)
			}
			b[n] ^= 1 << bit
		}
	}
	if r := verifier.Verify(b, trust); r.Verdict != bundle.Consistent {
		t.Fatalf("unchanged: %v", r.Verdict)
	}
}

func TestCutAndLonger(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	b := verifier.Zip(i.Bundle(verifier.Sample{}))
	for n := 0; n < len(b); n += 7 {
		if r := verifier.Verify(b[:n], i.Trust()); r.Verdict != bundle.Refused {
			t.Fatalf("cut at %d: %v", n, r.Verdict)
		}
	}
	for _, more := range [][]byte{{0}, []byte("PK"), b} {
		for _, longer := range [][]byte{slices.Concat(b, more), slices.Concat(more, b)} {
			if r := verifier.Verify(longer, i.Trust()); r.Verdict != bundle.Refused {
				t.Fatalf("longer: %v", r.Verdict)
			}
		}
	}
}

// files unpacks a bundle with the standard library's reader.
func files(t testing.TB, b []byte) (names []string, content map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	content = make(map[string][]byte)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
		content[f.Name] = c
	}
	return names, content
}

// A bundle that somebody packed again after he changed one bit of one file:
// manifest and container fit, the bundle does not.
func TestEveryBitPackedAgain(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	names, content := files(t, verifier.Zip(i.Bundle(verifier.Sample{})))
	trust := bundle.Trust{Stamps: stamp.Verifier{}}
	if r := verifier.Verify(verifier.Pack(names, content), trust); r.Verdict != bundle.Consistent {
		t.Fatalf("packed again: %+v", r.Lines)
	}
	flip := func(t *testing.T, file string, step int) {
		changed := maps.Clone(content)
		c := slices.Clone(content[file])
		changed[file] = c
		for n := 0; n < len(c); n += step {
			for bit := range 8 {
				c[n] ^= 1 << bit
				if r := verifier.Verify(verifier.Pack(names, changed), trust); r.Verdict != bundle.Refused {
					t.Errorf("%s, octet %d of %d, bit %d: %v", file, n, len(c), bit, r.Verdict)
				}
				c[n] ^= 1 << bit
			}
		}
	}
	for _, file := range names {
		step := 1
		switch file {
		case "manifest.txt": // is made again
			continue
		case "README.txt": // compared as a whole, late
			step = 61
		case "stamp/chain.pem", "before/chain.pem", "stamp/token.der", "before/token.der":
			step = 7 // vault/stamp has a test of every bit
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			flip(t, file, step)
		})
	}
}

// A file too many, too few, or in another order.
func TestFiles(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	names, content := files(t, verifier.Zip(i.Bundle(verifier.Sample{})))
	refused := func(what string, names []string, content map[string][]byte) {
		t.Helper()
		if r := verifier.Verify(verifier.Pack(names, content), i.Trust()); r.Verdict != bundle.Refused {
			t.Errorf("%s: %v", what, r.Verdict)
		}
	}
	for n, file := range names {
		if file == "manifest.txt" {
			continue
		}
		refused("without "+file, slices.Delete(slices.Clone(names), n, n+1), content)
		refused("twice "+file, slices.Insert(slices.Clone(names), n, file), content)
		if n > 0 {
			swapped := slices.Clone(names)
			swapped[n-1], swapped[n] = swapped[n], swapped[n-1]
			refused("swapped "+file, swapped, content)
		}
	}
	content["stamp/lists.pem"] = nil
	refused("empty lists", slices.Insert(slices.Clone(names), slices.Index(names, "stamp/chain.pem")+1, "stamp/lists.pem"), content)
}

// A forgery that is whole in itself is refused against what came from
// elsewhere, and never called verified.
func TestForgery(t *testing.T) {
	genuine := verifier.NewInstance(name, "ledger", authority.Options{})
	otherKey := verifier.NewInstance(name, "forger", authority.Options{})
	otherKey.TSA = genuine.TSA
	otherTSA := verifier.NewInstance(name, "ledger", authority.Options{})
	otherName := verifier.NewInstance("archive.example.net", "ledger", authority.Options{})
	otherName.TSA = genuine.TSA
	for what, i := range map[string]*verifier.Instance{"key": otherKey, "authority": otherTSA, "name": otherName} {
		b := verifier.Zip(i.Bundle(verifier.Sample{}))
		r := verifier.Verify(b, genuine.Trust())
		if r.Verdict != bundle.Refused {
			t.Errorf("another %s: %v", what, r.Verdict)
		}
		r = verifier.Verify(b, bundle.Trust{Stamps: stamp.Verifier{}})
		if r.Verdict != bundle.Consistent || r.Facts.KeySHA256 == "" || r.Facts.RootSHA256 == "" {
			t.Errorf("another %s, without trust: %v", what, r.Verdict)
		}
	}
}

// mixed are changes after which the parts do not fit, though each is signed or
// well formed.
func mixed() map[string]func(b *bundle.Bundle) {
	return map[string]func(b *bundle.Bundle){
		"other sealed octets":   func(b *bundle.Bundle) { b.Ledger.Sealed[0] ^= 1 },
		"other index":           func(b *bundle.Bundle) { b.Ledger.Inclusion.Index = 2 },
		"tenant's path":         func(b *bundle.Bundle) { b.Ledger.Inclusion.Path[0][0] ^= 1 },
		"anchor's path":         func(b *bundle.Bundle) { b.Ledger.AnchorInclusion.Path[0][0] ^= 1 },
		"anchor's salt":         func(b *bundle.Bundle) { b.Ledger.AnchorSalt[0] ^= 1 },
		"token of the other":    func(b *bundle.Bundle) { b.Ledger.Stamp = b.Ledger.Before.Stamp },
		"consistency":           func(b *bundle.Bundle) { b.Ledger.Before.Consistency[0][0] ^= 1 },
		"part lengths":          func(b *bundle.Bundle) { b.Parts.Lengths[0]++; b.Parts.Lengths[1]-- },
		"parts too short":       func(b *bundle.Bundle) { b.Parts.Lengths[0]-- },
		"part seed":             func(b *bundle.Bundle) { b.Parts.Seed[0] ^= 1 },
		"source":                func(b *bundle.Bundle) { b.Source.Value = []byte("smtp - -") },
		"line of the envelope":  func(b *bundle.Bundle) { b.Items[1].Value = []byte("RCPT TO:<x@two.example>") },
		"line left out":         func(b *bundle.Bundle) { b.Items = b.Items[:2] },
		"no hash":               func(b *bundle.Bundle) { b.SHA256 = nil },
		"message without parts": func(b *bundle.Bundle) { b.Parts = nil },
		"parts without message": func(b *bundle.Bundle) { b.Message = nil },
		"other message": func(b *bundle.Bundle) {
			b.Message.Open = func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(strings.Repeat("x", int(b.Message.Size)))), nil
			}
		},
		"earlier one covers": func(b *bundle.Bundle) {
			b.Ledger.Before.Note, b.Ledger.Before.Stamp = b.Ledger.AnchorInclusion.Note, b.Ledger.Stamp
		},
	}
}

// What the parts of a bundle say must fit, also where each is signed.
func TestMixed(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	for what, change := range mixed() {
		b := i.Bundle(verifier.Sample{})
		change(b)
		if r := b.Check(i.Trust()); r.Verdict != bundle.Refused {
			t.Errorf("%s: check says %v", what, r.Verdict)
		}
		var w bytes.Buffer
		if err := b.Write(&w); err != nil {
			continue // cannot even be written
		}
		if r := verifier.Verify(w.Bytes(), i.Trust()); r.Verdict != bundle.Refused {
			t.Errorf("%s: %v", what, r.Verdict)
		}
	}
}

// A clock of the server that goes wrong is a warning, not a refusal.
func TestWindow(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	warned := func(b *bundle.Bundle) bool {
		r := b.Check(i.Trust())
		if r.Verdict != bundle.Verified {
			t.Fatalf("%+v", r.Lines)
		}
		return slices.ContainsFunc(r.Lines, func(l bundle.Line) bool { return l.Check == "window" && l.Outcome == bundle.Warning })
	}
	b := i.Bundle(verifier.Sample{})
	if warned(b) {
		t.Error("warned of a time that fits")
	}
	i.Set(verifier.Begin().Add(-time.Hour)) // before the time in the entry
	b.Ledger.Stamp = i.Stamp(b.Ledger.AnchorInclusion.Note)
	b.Ledger.Before = nil
	if !warned(b) {
		t.Error("no warning where the entry is later than its timestamp")
	}
	i.Set(verifier.Begin().Add(time.Minute))
	b = i.Bundle(verifier.Sample{})
	i.Set(verifier.Begin().Add(90 * time.Second))
	b.Ledger.Before.Stamp = i.Stamp(b.Ledger.Before.Note)
	b.Ledger.Stamp.Time = time.Time{}
	i.Set(verifier.Begin().Add(time.Hour))
	b.Ledger.Stamp = i.Stamp(b.Ledger.AnchorInclusion.Note)
	if !warned(b) {
		t.Error("no warning where the entry is earlier than the stamp before it")
	}
}
