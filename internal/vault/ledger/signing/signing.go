// Package signing has the key that signs the checkpoints of an instance's logs.
package signing

import (
	"crypto/ed25519"
	"errors"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/proto/checkpoint"
)

// KeySealer seals the seed of the signing key for its file: master.Key.
type KeySealer interface {
	SealLedgerKey(seed []byte) []byte
}

// KeyOpener is the inverse of [KeySealer]: master.Key.
type KeyOpener interface {
	OpenLedgerKey(box []byte) ([]byte, error)
}

// NewKey is a signing key that was just made.
type NewKey struct {
	Box    []byte         // the sealed seed, for the file ledger.key
	Public checkpoint.Key // its String is the text for ledger.pub, its PEM for openssl
}

// Create makes the signing key of an instance of that name. Writing the
// files durably is the caller's.
func Create(instance string, s KeySealer) (NewKey, error) {
	seed := secret.Random()
	defer seed.Wipe()
	var k NewKey
	seed.Use(func(b []byte) {
		k.Public = checkpoint.Key{Name: instance, Public: publicOf(b)}
		k.Box = s.SealLedgerKey(b)
	})
	if _, err := checkpoint.ParseKey(k.Public.String()); err != nil {
		return NewKey{}, fault.Because(fault.Invalid, "the name of the instance cannot stand in a key", err)
	}
	return k, nil
}

func publicOf(seed []byte) ed25519.PublicKey {
	//nolint:errcheck,forcetypeassert // the public half always has this type
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// Signer signs the checkpoints of an instance's logs. It cannot be printed. Use
// it from many goroutines.
type Signer struct {
	key  checkpoint.Key
	sign func(text []byte) []byte // the private key lies in the closure
}

// Open opens the box of the signing key. It fails with kind Damaged where
// the box does not open.
func Open(instance string, box []byte, o KeyOpener) (_ *Signer, err error) {
	defer fault.Wrap(&err, "signing key")
	seed, err := o.OpenLedgerKey(box)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	if len(seed) != ed25519.SeedSize {
		return nil, fault.Because(fault.Damaged, "the ledger key is damaged", errors.New("wrong length"))
	}
	private := ed25519.NewKeyFromSeed(seed)
	return &Signer{
		key:  checkpoint.Key{Name: instance, Public: publicOf(seed)},
		sign: func(text []byte) []byte { return ed25519.Sign(private, text) },
	}, nil
}

// Key returns the public key.
func (s *Signer) Key() checkpoint.Key { return s.key }

// Checkpoint signs a state of a log. The ledger calls it for a log that begins,
// and its checkpointer after it has compared with what was signed before.
func (s *Signer) Checkpoint(c checkpoint.Checkpoint) ([]byte, error) {
	key, err := s.key.Log(c.Origin)
	if err != nil {
		return nil, err
	}
	return c.Sign(key, s.sign)
}

// String hides the key.
func (*Signer) String() string { return "[signer]" }
