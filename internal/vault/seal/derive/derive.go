// Package derive makes the root of a lock's keys out of what a person has: a password,
// by Argon2id (RFC 9106) over its OpaqueString (RFC 8265 section 4.2), or a code of 160
// random bits, by HKDF (RFC 5869). The parameters stand in the lock (docs/formats/keys.md).
// What the root verifies is hashed here too, by bcrypt.
package derive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/secure/precis"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
)

// Kind says what a person has that opens a lock.
type Kind string

// The kinds that are used so far.
const (
	Password   Kind = "password"
	Invitation Kind = "invitation"
	Recovery   Kind = "recovery"
)

const (
	purposeCode secret.Purpose = "siegel/v1 code"

	argonTime   = 3
	argonMemory = 64 << 10 // KiB
	saltSize    = 16
	// CodeSize is the length of a code in octets: not to be guessed, so HKDF is enough.
	CodeSize = 20
)

// Work is what it costs to try a password against a new lock. The zero value is the real
// work; tests of what is around take less. It stands in the lock, and locks that exist keep
// theirs.
type Work struct {
	Passes uint32 // of Argon2id (RFC 9106), 1 to 16
	Memory uint32 // of Argon2id, in KiB, 8192 to 1048576
	Cost   int    // of bcrypt, 4 to 31: the power of two of its rounds
}

// Deriver derives. Use it from many goroutines.
type Deriver struct {
	turns *semaphore.Weighted // derivations at a time: 64 MiB each
	work  Work                // of new locks
}

// New returns a deriver that derives so many at a time.
func New(atOnce int, work Work) *Deriver {
	if work == (Work{}) {
		work = Work{Passes: argonTime, Memory: argonMemory, Cost: bcrypt.DefaultCost}
	}
	return &Deriver{turns: semaphore.NewWeighted(int64(max(1, atOnce))), work: work}
}

// Hash returns what is stored of a proof that a root gives: a bcrypt hash (AU-04). A proof
// has at most 72 octets. The cost guards nothing that Argon2id does not guard better.
func (d *Deriver) Hash(proof []byte) (string, error) {
	hash, err := bcrypt.GenerateFromPassword(proof, d.work.Cost)
	return string(hash), err
}

// Nobody returns what a hash looks like that no root gives, for who does not exist: a proof
// that is tried against it costs the same as against one that Hash returned (AU-01).
func (d *Deriver) Nobody() string {
	const salt, hash = 22, 31 // characters
	return fmt.Sprintf("$2a$%02d$%s", d.work.Cost, strings.Repeat(".", salt+hash))
}

// Proves reports whether a proof is the one that was hashed.
func Proves(proof []byte, hash string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), proof) == nil
}

// ErrSecret is the one answer to a wrong password, a wrong code and a person who has no
// lock. Its kind is Denied.
func ErrSecret() error {
	return fault.New(fault.Denied, "the address or the password is wrong")
}

// Parameters returns those of a new lock, as they stand in it and in its AAD.
func (d *Deriver) Parameters(kind Kind) string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	if kind == Password {
		return fmt.Sprintf("argon2id v=%d m=%d t=%d p=1 salt=%x", argon2.Version, d.work.Memory, d.work.Passes, salt)
	}
	return fmt.Sprintf("hkdf salt=%x", salt)
}

// parse reads what Parameters wrote, within bounds that keep a changed row from taking
// the memory.
func parse(kind Kind, text string) (memory, passes uint32, salt []byte, err error) {
	var version int
	var digits string
	switch kind {
	case Password:
		_, err = fmt.Sscanf(text, "argon2id v=%d m=%d t=%d p=1 salt=%s", &version, &memory, &passes, &digits)
		if err == nil && (version != argon2.Version || memory < 8<<10 || memory > 1<<20 || passes < 1 || passes > 16) {
			err = fmt.Errorf("parameters out of bounds")
		}
	case Invitation, Recovery:
		_, err = fmt.Sscanf(text, "hkdf salt=%s", &digits)
	default:
		err = fmt.Errorf("unknown kind of lock")
	}
	if err == nil {
		salt, err = hex.DecodeString(digits)
	}
	if err != nil || len(salt) != saltSize {
		return 0, 0, nil, fault.Because(fault.Damaged, "a lock is malformed", fmt.Errorf("lock parameters: %w", err))
	}
	return memory, passes, salt, nil
}

// Root derives what a lock's key and verifier come from. It waits while too many
// derivations run, so that a flood of sign-ins cannot take the memory; it fails with kind
// Busy where ctx is done before its turn, Denied where nothing of that form opens a lock,
// and Damaged where the parameters are none.
func (d *Deriver) Root(ctx context.Context, kind Kind, given []byte, parameters string) (secret.Key, error) {
	memory, passes, salt, err := parse(kind, parameters)
	if err != nil {
		return secret.Key{}, err
	}
	if kind != Password {
		code, err := secretOf(given)
		if err != nil {
			return secret.Key{}, err
		}
		defer code.Wipe()
		return code.Derive(purposeCode, salt), nil
	}
	prepared, err := precis.OpaqueString.Bytes(given)
	if err != nil {
		return secret.Key{}, ErrSecret()
	}
	defer clear(prepared)
	if err := d.turns.Acquire(ctx, 1); err != nil {
		return secret.Key{}, fault.Because(fault.Busy, "too many sign-ins at once", err)
	}
	defer d.turns.Release(1)
	return secret.From(argon2.IDKey(prepared, salt, passes, memory, 1, secret.Size))
}

// secretOf pads a code of 160 random bits with zeros to a key's length, as the
// format says; the entropy is the code's.
func secretOf(code []byte) (secret.Key, error) {
	if len(code) != CodeSize {
		return secret.Key{}, ErrSecret()
	}
	b := make([]byte, secret.Size)
	copy(b, code)
	return secret.From(b)
}
