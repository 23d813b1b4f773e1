package stream_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/seal/stream"
)

func codec(t testing.TB) *stream.Codec {
	t.Helper()
	c, err := stream.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// CR-06: what was sealed opens under its key and context, by either writer.
func TestStreamRoundTrip(t *testing.T) {
	c := codec(t)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{0, 1, 100, 65535, 65536, 65537, 131072, 200000}).Draw(t, "size")
		plain := random(size)
		if rapid.Bool().Draw(t, "compressible") {
			plain = bytes.Repeat([]byte("Siegel "), size/7+1)[:size]
		}
		dek := secret.Random()
		var sealed []byte
		if rapid.Bool().Draw(t, "streaming") {
			var b bytes.Buffer
			w, err := c.NewWriter(&b, dek, []byte("context"))
			if err != nil {
				t.Fatal(err)
			}
			for rest := plain; len(rest) > 0; {
				n := min(len(rest), rapid.IntRange(1, 70000).Draw(t, "chunk"))
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			sealed = b.Bytes()
		} else {
			var err error
			if sealed, err = c.Seal(dek, plain, []byte("context")); err != nil {
				t.Fatal(err)
			}
		}
		src := io.Reader(bytes.NewReader(sealed))
		if rapid.Bool().Draw(t, "one byte") && size < 1000 {
			src = iotest.OneByteReader(src)
		}
		r, err := c.NewReader(src, dek, int64(size), []byte("context"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("size %d: %d octets back, error %v", size, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func open(c *stream.Codec, sealed []byte, dek secret.Key, size int64, context string) error {
	r, err := c.NewReader(bytes.NewReader(sealed), dek, size, []byte(context))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// CR-06, CR-12: a changed, cut, extended or misplaced stream does not open.
func TestStreamRefusesChanges(t *testing.T) {
	c := codec(t)
	dek := secret.Random()
	plain := random(3*65536 + 17)
	sealed, err := c.Seal(dek, plain, []byte("tenant a"))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(plain))
	if err := open(c, sealed, dek, size, "tenant a"); err != nil {
		t.Fatal(err)
	}
	const head, segment = 65, 65536 + 16
	swapped := bytes.Clone(sealed)
	copy(swapped[head:], sealed[head+segment:head+2*segment])
	copy(swapped[head+segment:], sealed[head:head+segment])
	cases := map[string]struct {
		sealed  []byte
		dek     secret.Key
		size    int64
		context string
	}{
		"other key":       {sealed, secret.Random(), size, "tenant a"},
		"other tenant":    {sealed, dek, size, "tenant b"},
		"too small":       {sealed, dek, size - 1, "tenant a"},
		"too large":       {sealed, dek, size + 1, "tenant a"},
		"extended":        {append(bytes.Clone(sealed), 0), dek, size, "tenant a"},
		"segments swap":   {swapped, dek, size, "tenant a"},
		"segment missing": {append(bytes.Clone(sealed[:head]), sealed[head+segment:]...), dek, size, "tenant a"},
		"cut at segment":  {sealed[:head+2*segment], dek, size, "tenant a"},
		"cut":             {sealed[:len(sealed)-1], dek, size, "tenant a"},
		"header only":     {sealed[:head], dek, size, "tenant a"},
		"empty":           {nil, dek, size, "tenant a"},
	}
	for name, k := range cases {
		if err := open(c, k.sealed, k.dek, k.size, k.context); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: error %v, want one of kind damaged", name, err)
		}
	}
	for bit := 0; bit < len(sealed)*8; bit += 997 {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		if err := open(c, flipped, dek, size, "tenant a"); fault.Of(err) != fault.Damaged {
			t.Fatalf("bit %d flipped: error %v, want one of kind damaged", bit, err)
		}
	}
}

// An error of the store is reported as such and not as damage.
func TestStreamReportsReadErrors(t *testing.T) {
	c := codec(t)
	dek := secret.Random()
	plain := random(200000)
	sealed, err := c.Seal(dek, plain)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the store is gone")
	r, err := c.NewReader(io.MultiReader(bytes.NewReader(sealed[:100000]), iotest.ErrReader(gone)), dek, int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, gone) || fault.Of(err) == fault.Damaged {
		t.Fatalf("error %v, want the store's", err)
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	c := codec(b)
	plain := bytes.Repeat([]byte("Received: from mail.example by mx.example; the quick brown fox\r\n"), 190)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		dek := secret.Random()
		sealed, err := c.Seal(dek, plain)
		if err != nil {
			b.Fatal(err)
		}
		if err := open(c, sealed, dek, int64(len(plain)), ""); err == nil {
			b.Fatal("another context opened it")
		}
	}
}

func FuzzStream(f *testing.F) {
	c := codec(f)
	key := func() secret.Key {
		k, _ := secret.From(bytes.Repeat([]byte{7}, 32))
		return k
	}
	sealed, _ := c.Seal(key(), []byte("hello"))
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := c.NewReader(bytes.NewReader(b), key(), 5)
		if err != nil {
			return
		}
		defer func() { _ = r.Close() }()
		if got, err := io.ReadAll(r); err == nil && string(got) != "hello" {
			t.Fatalf("forged %q", got)
		}
	})
}
