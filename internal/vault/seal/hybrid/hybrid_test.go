package hybrid_test

import (
	"bytes"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/seal/hybrid"
)

// CR-16: what is sealed opens with the seed and the same context, and with
// nothing else; the vectors of docs/formats pin the octets.
func TestSealOpen(t *testing.T) {
	seed, other := secret.Random(), secret.Random()
	raw, err := hybrid.Public(seed)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := hybrid.ParsePublic(raw)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("a key of 32 octets, or a note")
	sealed, err := hybrid.Seal(pub, []byte("context"), plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := hybrid.Open(seed, "it", []byte("context"), sealed)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%q, %v", got, err)
	}
	refused := func(what string, seed secret.Key, info, sealed []byte) {
		t.Helper()
		if _, err := hybrid.Open(seed, "it", info, sealed); fault.Of(err) != fault.Damaged || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("another seed", other, []byte("context"), sealed)
	refused("another context", seed, []byte("contexs"), sealed)
	refused("nothing", seed, []byte("context"), nil)
	refused("a format byte alone", seed, []byte("context"), sealed[:1])
	for _, at := range []int{0, 1, 100, 1100, len(sealed) - 1} {
		sealed[at] ^= 1
		refused("a flipped bit", seed, []byte("context"), sealed)
		sealed[at] ^= 1
	}
	for _, b := range [][]byte{nil, raw[1:], append(bytes.Clone(raw), 0)} {
		if _, err := hybrid.ParsePublic(b); err == nil {
			t.Errorf("%d octets are a public key", len(b))
		}
	}
}
