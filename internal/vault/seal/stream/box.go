// Package stream has the two ways in which octets are sealed: streams for
// messages and boxes for small records, as docs/formats/seal.md defines them,
// and the spool, where a message stays while it is on its way.
package stream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
)

const (
	// Format is the octet that every sealed record of this version begins with.
	Format = 0x01
	// nonceSize is that of AES-GCM.
	nonceSize = 12
	tagSize   = 16
	// boxOverhead is what a box adds to its plaintext, in octets.
	boxOverhead = 1 + nonceSize + tagSize
)

// ErrDamaged is a fault that says that something sealed does not open under the key it should
// open under: it was changed, or it belongs elsewhere. It tells no more, because
// more would help only an attacker.
func ErrDamaged(what string) error {
	return fault.Newf(fault.Damaged, "%s does not open: it was changed, or the key is wrong", fault.Word(what))
}

// aead returns AES-256-GCM under a key.
func aead(k secret.Key) cipher.AEAD {
	var a cipher.AEAD
	k.Use(func(b []byte) {
		block, err := aes.NewCipher(b)
		if err != nil {
			panic("stream: " + err.Error()) // 32 octets are always a key
		}
		if a, err = cipher.NewGCM(block); err != nil {
			panic("stream: " + err.Error())
		}
	})
	return a
}

// SealAs returns first || nonce || ciphertext. The nonce is random: no key of
// ours seals so much this way that two could meet.
func SealAs(first byte, k secret.Key, plain, aad []byte) []byte {
	out := make([]byte, 1+nonceSize, boxOverhead+len(plain))
	out[0] = first
	_, _ = rand.Read(out[1:]) // never fails
	return aead(k).Seal(out, out[1:1+nonceSize], plain, aad)
}

// OpenAs is the inverse of SealAs.
func OpenAs(first byte, what string, k secret.Key, box, aad []byte) ([]byte, error) {
	if len(box) < boxOverhead || box[0] != first {
		return nil, ErrDamaged(what)
	}
	plain, err := aead(k).Open(nil, box[1:1+nonceSize], box[1+nonceSize:], aad)
	if err != nil {
		return nil, ErrDamaged(what)
	}
	return plain, nil
}

// Box seals a small record (docs/formats/seal.md).
func Box(k secret.Key, plain, aad []byte) []byte { return SealAs(Format, k, plain, aad) }

// OpenBox is the inverse of Box; what names the record in the error, which has
// the kind Damaged.
func OpenBox(what string, k secret.Key, box, aad []byte) ([]byte, error) {
	return OpenAs(Format, what, k, box, aad)
}
