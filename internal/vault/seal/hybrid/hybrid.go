// Package hybrid seals to public keys: HPKE (RFC 9180) with MLKEM768-X25519
// (draft-ietf-hpke-pq), HKDF-SHA256 and AES-256-GCM (docs/formats/keys.md). A
// private key is a seed of 32 octets.
package hybrid

import (
	"crypto/hpke"

	"siegel/internal/kit/secret"
	"siegel/internal/vault/seal/stream"
)

// ParsePublic reads a public key.
func ParsePublic(b []byte) (hpke.PublicKey, error) { return kem().NewPublicKey(b) }

// Suite of HPKE: hybrid, so that neither a quantum computer nor a break of
// ML-KEM alone opens what was sealed (decision D13).
func kem() hpke.KEM    { return hpke.MLKEM768X25519() }
func kdf() hpke.KDF    { return hpke.HKDFSHA256() }
func suite() hpke.AEAD { return hpke.AES256GCM() }

// Public returns the public key of a seed.
func Public(seed secret.Key) ([]byte, error) {
	k, err := private(seed)
	if err != nil {
		return nil, err
	}
	defer forget(k)
	return k.PublicKey().Bytes(), nil
}

// forget wipes the copy of the seed that a private key carries. What the
// library derived from it is not reached.
func forget(k hpke.PrivateKey) {
	if b, err := k.Bytes(); err == nil {
		clear(b)
	}
}

func private(seed secret.Key) (k hpke.PrivateKey, err error) {
	seed.Use(func(b []byte) { k, err = kem().NewPrivateKey(b) })
	return k, err
}

// Seal returns the format byte and what HPKE makes of the plaintext. HPKE takes
// no associated data here, so the context goes into info.
func Seal(pub hpke.PublicKey, info, plain []byte) ([]byte, error) {
	ct, err := hpke.Seal(pub, kdf(), suite(), info, plain)
	if err != nil {
		return nil, err
	}
	return append([]byte{stream.Format}, ct...), nil
}

// Open is the inverse of Seal. It fails with kind Damaged, naming what, where
// seed or context are others, or a bit was changed.
func Open(seed secret.Key, what string, info, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != stream.Format {
		return nil, stream.ErrDamaged(what)
	}
	k, err := private(seed)
	if err != nil {
		return nil, err
	}
	defer forget(k)
	plain, err := hpke.Open(k, kdf(), suite(), info, sealed[1:])
	if err != nil {
		return nil, stream.ErrDamaged(what)
	}
	return plain, nil
}
