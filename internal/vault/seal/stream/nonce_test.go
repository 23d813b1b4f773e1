package stream_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/seal/stream"
)

// CR-06: the nonces of boxes are unique, over a million in long runs; so are the
// random octets that each stream's key comes from.
func TestNoncesAreUnique(t *testing.T) {
	n := 1_000_000
	if testing.Short() || raceEnabled() {
		n = 50_000
	}
	k := secret.Random()
	seen := make(map[[12]byte]struct{}, n)
	for range n {
		b := stream.Box(k, nil, nil)
		seen[[12]byte(b[1:13])] = struct{}{}
	}
	if len(seen) != n {
		t.Errorf("%d of %d nonces came twice", n-len(seen), n)
	}
	c := codec(t)
	heads := make(map[[64]byte]struct{})
	for range 2000 {
		b, err := c.Seal(k, []byte("the same message"), []byte("context"))
		if err != nil {
			t.Fatal(err)
		}
		heads[[64]byte(b[1:65])] = struct{}{}
	}
	if len(heads) != 2000 {
		t.Errorf("%d of 2000 streams have another key", len(heads))
	}
}

// The segments of one stream are in order by their nonces: docs/formats/seal.md
// is checked octet by octet in the package above; here equal segments differ.
func TestSegmentsDiffer(t *testing.T) {
	plain := random(3 * 65536) // does not compress
	copy(plain[65536:], plain[:65536])
	sealed, err := codec(t).Seal(secret.Random(), plain, []byte("c"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[[16]byte]bool)
	for at := 65; at+16 <= len(sealed); at += 16 {
		block := [16]byte(sealed[at:])
		if seen[block] {
			t.Fatal("a block came twice: a nonce was used again")
		}
		seen[block] = true
	}
}

// A size from a changed row makes an error, not a panic and not much memory.
func TestSizeFromAnywhere(t *testing.T) {
	c, k := codec(t), secret.Random()
	sealed, err := c.Seal(k, []byte("message"), []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{-1, -5000, -1 << 63, 0, 6, 8, 1 << 40, 1<<63 - 1, 1<<63 - 4096} {
		if err := open(c, sealed, k, size, "context"); fault.Of(err) != fault.Damaged {
			t.Errorf("size %d: %v", size, err)
		}
	}
	if err := open(c, sealed, k, 7, "context"); err != nil {
		t.Error(err)
	}
}

// CR-08: what is spooled stands in no file in the clear, and in no file with a
// name; after Close nothing reads it.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	spool := stream.NewSpool(codec(t), dir, 100_000)
	canary := []byte("canary-51b0e7\r\n")
	for _, size := range []int{0, 1, 99_999, 100_000, 100_001, 5_000_000} {
		message := bytes.Repeat(canary, size/len(canary)+1)[:size]
		sheet := spool.New()
		for rest := message; len(rest) > 0; {
			n := min(len(rest), 32_000)
			if k, err := sheet.Write(rest[:n]); err != nil || k != n {
				t.Fatal(k, err)
			}
			rest = rest[n:]
			noFile(t, dir)
			openFilesLack(t, canary[:12])
		}
		body, err := sheet.Body()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r, err := body.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, message) || body.Size() != int64(size) {
				t.Fatalf("%d octets: %d came back, error %v", size, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := sheet.Write([]byte("more")); size > 100_000 && err == nil {
			t.Error("a spooled message grows after it was finished")
		}
		openFilesLack(t, canary[:12])
		for range 2 {
			if err := sheet.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := body.Open(); err == nil {
			t.Error("a closed message is read")
		}
		if _, err := sheet.Body(); err == nil {
			t.Error("a closed sheet has a body")
		}
		if _, err := sheet.Write(nil); err == nil {
			t.Error("a closed sheet is written")
		}
		noFile(t, dir)
	}
	// No room is Exhausted: the sender comes again.
	sheet := stream.NewSpool(codec(t), filepath.Join(dir, "missing"), 10).New()
	if _, err := sheet.Write(make([]byte, 11)); fault.Of(err) != fault.Exhausted {
		t.Errorf("no room: %v", err)
	}
	if err := sheet.Close(); err != nil {
		t.Error(err)
	}
}

func noFile(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Fatalf("files %v, error %v", entries, err)
	}
}

// openFilesLack looks into every regular file that this process has open, those
// without a name too.
func openFilesLack(t *testing.T, canary []byte) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("reads /proc/self/fd")
	}
	for _, e := range entries {
		path := filepath.Join("/proc/self/fd", e.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, canary) {
			target, _ := os.Readlink(path)
			t.Fatalf("%s has the message", target)
		}
	}
}

// The nonce of a segment is its number, never anything else (STREAM): a sealed
// stream of two segments opens only in this order, with this flag.
func TestSegmentOrder(t *testing.T) {
	c, k := codec(t), secret.Random()
	plain := random(2 * 65536)
	sealed, err := c.Seal(k, plain, []byte("c"))
	if err != nil {
		t.Fatal(err)
	}
	head, one := sealed[:65], sealed[65:65+65536+16]
	two, three := sealed[65+65536+16:65+2*(65536+16)], sealed[65+2*(65536+16):]
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, b := range map[string][]byte{
		"swapped":  join(head, two, one, three),
		"doubled":  join(head, one, one, two, three),
		"missing":  join(head, one, three),
		"cut":      join(head, one, two),
		"more":     join(sealed, []byte{0}),
		"no last":  join(head),
		"appended": join(head, one, two, three, three),
	} {
		if err := open(c, b, k, int64(len(plain)), "c"); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := open(c, sealed, k, int64(len(plain)), "c"); err != nil {
		t.Error(err)
	}
}
