package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
)

const (
	format    = 0x01
	nonceSize = 12
	tagSize   = 16
	// boxOverhead is what a box adds to its plaintext, in octets.
	boxOverhead = 1 + nonceSize + tagSize
)

// errDamaged says that something sealed does not open under the key it should
// open under: it was changed, or it belongs elsewhere. It tells no more, because
// more would help only an attacker.
func errDamaged(what string) error {
	return fault.Newf(fault.Damaged, "%s does not open: it was changed, or the key is wrong", what)
}

// aead returns AES-256-GCM under a key.
func aead(k secret.Key) cipher.AEAD {
	var a cipher.AEAD
	k.Use(func(b []byte) {
		block, err := aes.NewCipher(b)
		if err != nil {
			panic("seal: " + err.Error()) // 32 octets are always a key
		}
		if a, err = cipher.NewGCM(block); err != nil {
			panic("seal: " + err.Error())
		}
	})
	return a
}

// sealAs returns first || nonce || ciphertext. The nonce is random: no key of
// ours seals so much this way that two could meet.
func sealAs(first byte, k secret.Key, plain, aad []byte) []byte {
	out := make([]byte, 1+nonceSize, boxOverhead+len(plain))
	out[0] = first
	_, _ = rand.Read(out[1:]) // never fails
	return aead(k).Seal(out, out[1:1+nonceSize], plain, aad)
}

// openAs is the inverse of sealAs.
func openAs(first byte, what string, k secret.Key, box, aad []byte) ([]byte, error) {
	if len(box) < boxOverhead || box[0] != first {
		return nil, errDamaged(what)
	}
	plain, err := aead(k).Open(nil, box[1:1+nonceSize], box[1+nonceSize:], aad)
	if err != nil {
		return nil, errDamaged(what)
	}
	return plain, nil
}

// Box seals a small record (docs/formats/seal.md).
func Box(k secret.Key, plain, aad []byte) []byte { return sealAs(format, k, plain, aad) }

// OpenBox is the inverse of Box; what names the record in the error, which has
// the kind Damaged.
func OpenBox(what string, k secret.Key, box, aad []byte) ([]byte, error) {
	return openAs(format, what, k, box, aad)
}
