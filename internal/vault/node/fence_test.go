package node

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db/postgres"
)

type testMAC string

func (k testMAC) FenceMAC(b []byte) (out [32]byte) {
	h := hmac.New(sha256.New, []byte(k))
	h.Write(b)
	copy(out[:], h.Sum(nil))
	return out
}

func example() fence {
	return fence{Primary: postgres.Primary{System: "7713673829989848363", Timeline: 2}, token: mail.NewID(), from: mail.Time(time.Now())}
}

// What is written is read back, and nothing else is taken: no other spelling, no
// other MAC, no bit that was flipped.
func TestFence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := example()
		f.System = strconv.FormatUint(rapid.Uint64().Draw(t, "system"), 10)
		f.Timeline = rapid.Int64Range(1, 1<<32).Draw(t, "timeline")
		f.from = mail.FromMicros(rapid.Int64Range(0, 1<<55).Draw(t, "from"))
		b := f.encode(testMAC("k"))
		if got, err := parseFence(b, testMAC("k")); err != nil || got != f {
			t.Fatalf("%+v came back as %+v: %v", f, got, err)
		}
		if _, err := parseFence(b, testMAC("another")); fault.Of(err) != fault.Damaged {
			t.Fatalf("another MAC: %v", err)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := parseFence(b, testMAC("k")); fault.Of(err) != fault.Damaged {
			t.Fatalf("octet %d was changed: %v", at, err)
		}
	})
}

func FuzzFence(f *testing.F) {
	b := example().encode(testMAC("k"))
	f.Add(b)
	f.Add(bytes.Replace(b, []byte("timeline 2"), []byte("timeline 02"), 1))
	f.Add(b[:len(b)-1])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseFence(b, testMAC("k"))
		if err == nil && !bytes.Equal(got.encode(testMAC("k")), b) {
			t.Errorf("%q has two spellings", b)
		}
	})
}
