package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"

	"siegel/internal/kit/canonical"
)

// algorithm is the type of an Ed25519 key and its signatures (C2SP
// signed-note).
const algorithm = 0x01

// Key verifies what an instance or one of its logs signed.
type Key struct {
	Name   string // of the instance, or a log's origin
	Public ed25519.PublicKey
}

// ID returns the key's id: SHA-256(name || 0x0A || 0x01 || public key)[:4].
func (k Key) ID() [4]byte {
	h := sha256.New()
	h.Write([]byte(k.Name + "\n"))
	h.Write([]byte{algorithm})
	h.Write(k.Public)
	return [4]byte(h.Sum(nil))
}

// String returns the vkey text: <name>+<id in hex>+<base64 of 0x01 || key>.
func (k Key) String() string {
	id := k.ID()
	return k.Name + "+" + hex.EncodeToString(id[:]) + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{algorithm}, k.Public...))
}

// ParseKey reads a vkey text, with or without a newline behind it. An id that
// is not the key's is ErrFormat.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSuffix(text, "\n")
	f := strings.SplitN(text, "+", 3) // base64 may hold a plus
	if len(text) > maxNote || len(f) != 3 || !isKeyName(f[0]) {
		return Key{}, fmt.Errorf("key: %w", ErrFormat)
	}
	raw, ok := canonical.Base64(f[2])
	if !ok || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algorithm {
		return Key{}, fmt.Errorf("key: %w", ErrFormat)
	}
	k := Key{Name: f[0], Public: raw[1:]}
	if k.String() != text {
		return Key{}, fmt.Errorf("key id: %w", ErrFormat)
	}
	return k, nil
}

// PEM returns the public key as openssl reads it (SubjectPublicKeyInfo).
func (k Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Fingerprint returns the SHA-256 of the public key in hex, as people compare
// it.
func (k Key) Fingerprint() string {
	h := sha256.Sum256(k.Public)
	return hex.EncodeToString(h[:])
}

// Log returns the key of one of the instance's logs: the same public key under
// the log's origin. It fails with ErrForeign where the origin is not
// <name>/<32 hex digits>/<generation>.
func (k Key) Log(origin string) (Key, error) {
	name, _, err := SplitOrigin(origin)
	if err != nil {
		return Key{}, err
	}
	if name != k.Name {
		return Key{}, fmt.Errorf("%w: %q", ErrForeign, origin)
	}
	return Key{Name: origin, Public: k.Public}, nil
}

// SplitOrigin takes an origin apart: the instance's name, and the generation of
// the log, counted from 1.
func SplitOrigin(origin string) (name string, generation int, err error) {
	f := strings.Split(origin, "/")
	if len(f) < 3 || !isKeyName(origin) {
		return "", 0, fmt.Errorf("origin %q: %w", origin, ErrFormat)
	}
	id, number := f[len(f)-2], f[len(f)-1]
	generation, err = strconv.Atoi(number)
	if err != nil || generation < 1 || strconv.Itoa(generation) != number ||
		len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", 0, fmt.Errorf("origin %q: %w", origin, ErrFormat)
	}
	name = strings.Join(f[:len(f)-2], "/")
	if name == "" {
		return "", 0, fmt.Errorf("origin %q: %w", origin, ErrFormat)
	}
	return name, generation, nil
}
