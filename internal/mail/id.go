package mail

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// IDSize is the length of an ID in octets.
const IDSize = 16

// ID names a thing for ever: a tenant, a message, a person, a holder, a batch,
// a commit group. It is random and never used twice, so it tells nothing about
// when or how often something happened.
type ID [IDSize]byte

// TenantID names a tenant. The zero TenantID is the instance itself: it owns
// what belongs to no tenant, such as the routing of domains.
type TenantID = ID

// HolderID names a holder: a key pair that somebody can unlock.
type HolderID = ID

// NewID returns a fresh random ID.
func NewID() ID {
	var id ID
	// crypto/rand.Read never fails: it ends the process instead.
	_, _ = rand.Read(id[:])
	return id
}

// ParseID reads the 32 lower-case hexadecimal digits that String writes.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*IDSize {
		return id, fmt.Errorf("mail: an id has %d hexadecimal digits, this has %d characters", 2*IDSize, len(s))
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return id, fmt.Errorf("mail: an id has hexadecimal digits only: %w", err)
	}
	copy(id[:], b)
	if id.String() != s {
		return ID{}, fmt.Errorf("mail: an id is written in lower case")
	}
	return id, nil
}

// IDFrom copies an ID out of 16 octets, as a database row holds them.
func IDFrom(b []byte) (ID, error) {
	var id ID
	if len(b) != IDSize {
		return id, fmt.Errorf("mail: an id has %d octets, this has %d", IDSize, len(b))
	}
	copy(id[:], b)
	return id, nil
}

// String returns 32 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the ID is the zero ID, which names the instance.
func (id ID) IsZero() bool { return id == ID{} }

// Bytes returns a copy of the 16 octets, as a database row wants them.
func (id ID) Bytes() []byte { return append([]byte(nil), id[:]...) }

// MarshalText implements [encoding.TextMarshaler].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *ID) UnmarshalText(b []byte) error {
	got, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = got
	return nil
}
