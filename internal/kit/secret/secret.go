// Package secret holds keys that cannot be printed, compared with == or logged.
package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"siegel/internal/kit/tuple"
)

// Size is the length of every key in octets.
const Size = 32

// Key is a 256-bit secret. The zero Key holds nothing; using it panics, because
// that is a mistake of ours and going on would seal to a known key.
type Key struct {
	// open hands out the bytes. It is a func because ==, fmt and the encoders
	// cannot look inside one, even when Key sits in a private field.
	open func() *[Size]byte
}

// Purpose says what a derived key is for. It is part of the formats: never
// reuse or rename one, and never put a NUL in it.
type Purpose string

// Random returns a fresh key.
func Random() Key {
	b := new([Size]byte)
	// crypto/rand.Read never fails: it ends the process instead.
	_, _ = rand.Read(b[:])
	return Key{func() *[Size]byte { return b }}
}

// From takes a key out of 32 octets and wipes them.
func From(src []byte) (Key, error) {
	if len(src) != Size {
		return Key{}, fmt.Errorf("secret: a key has %d octets, this has %d", Size, len(src))
	}
	b := new([Size]byte)
	copy(b[:], src)
	clear(src)
	return Key{func() *[Size]byte { return b }}, nil
}

// IsZero reports whether the key holds nothing.
func (k Key) IsZero() bool { return k.open == nil }

// Use lends the 32 octets to f, which must not keep or change them.
func (k Key) Use(f func(b []byte)) { f(k.open()[:]) }

// Wipe overwrites the octets. Copies that Go made elsewhere are not reached
// (docs/threats.md). Using the key afterwards uses zeros, so drop it.
func (k Key) Wipe() {
	if k.open != nil {
		clear(k.open()[:])
	}
}

// Copy returns the same key in memory of its own, to be wiped on its own.
func (k Key) Copy() Key {
	b := *k.open()
	return Key{func() *[Size]byte { return &b }}
}

// Equal compares in constant time.
func (k Key) Equal(o Key) bool {
	return subtle.ConstantTimeCompare(k.open()[:], o.open()[:]) == 1
}

// Derive returns HKDF-SHA256(key, salt, tuple(purpose, context...)) of 32
// octets (RFC 5869). salt may be nil.
func (k Key) Derive(p Purpose, salt []byte, context ...[]byte) Key {
	out := k.Expand(p, Size, salt, context...)
	d, err := From(out)
	if err != nil {
		panic("secret: HKDF gave another length than asked for")
	}
	return d
}

// Expand is Derive for n octets, 1 to 8160. The caller wipes them where they
// are secret.
func (k Key) Expand(p Purpose, n int, salt []byte, context ...[]byte) []byte {
	out, err := hkdf.Key(sha256.New, k.open()[:], salt, string(tuple.Make(string(p), context...)), n)
	if err != nil {
		panic("secret: HKDF failed: " + err.Error())
	}
	return out
}

// String hides the key, and says so.
func (Key) String() string { return "[secret]" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "[secret]" }

// Format hides the key from every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// MarshalText refuses, so that no encoder writes a key.
func (Key) MarshalText() ([]byte, error) { return nil, errEncode }

// MarshalJSON refuses, so that no encoder writes a key.
func (Key) MarshalJSON() ([]byte, error) { return nil, errEncode }

// GobEncode refuses, so that no encoder writes a key.
func (Key) GobEncode() ([]byte, error) { return nil, errEncode }
