package seal

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/secure/precis"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/stream"
)

// LockKind says what a person has that opens a lock.
type LockKind string

// The kinds of locks that are used so far (docs/formats/keys.md).
const (
	ByPassword   LockKind = "password"
	ByInvitation LockKind = "invitation"
	ByRecovery   LockKind = "recovery"
)

const (
	purposeCode     secret.Purpose = "siegel/v1 code"
	purposeLockKey  secret.Purpose = "siegel/v1 lock key"
	purposeVerifier secret.Purpose = "siegel/v1 lock verifier"

	argonTime   = 3
	argonMemory = 64 << 10 // KiB
	saltSize    = 16
	// CodeSize is the length of an invitation code in octets: not to be guessed,
	// so HKDF is enough.
	CodeSize = 20
)

// errSecret is the one answer to a wrong password, a wrong code and a person
// who has no lock.
func errSecret() error {
	return fault.New(fault.Denied, "the address or the password is wrong")
}

// parameters of a derivation, as they stand in the lock and in its AAD.
func (v *Vault) newParameters(kind LockKind) string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	if kind == ByPassword {
		return fmt.Sprintf("argon2id v=%d m=%d t=%d p=1 salt=%x", argon2.Version, v.argon.Memory, v.argon.Passes, salt)
	}
	return fmt.Sprintf("hkdf salt=%x", salt)
}

// parseParameters reads what newParameters wrote, within bounds that keep a
// changed row from taking the memory.
func parseParameters(kind LockKind, text string) (memory, passes uint32, salt []byte, err error) {
	var version int
	var digits string
	switch kind {
	case ByPassword:
		_, err = fmt.Sscanf(text, "argon2id v=%d m=%d t=%d p=1 salt=%s", &version, &memory, &passes, &digits)
		if err == nil && (version != argon2.Version || memory < 8<<10 || memory > 1<<20 || passes < 1 || passes > 16) {
			err = fmt.Errorf("parameters out of bounds")
		}
	case ByInvitation, ByRecovery:
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

// root derives what a lock's key and verifier come from. It waits while too
// many derivations run, so that a flood of sign-ins cannot take the memory.
func (v *Vault) root(ctx context.Context, kind LockKind, given []byte, text string) (secret.Key, error) {
	memory, passes, salt, err := parseParameters(kind, text)
	if err != nil {
		return secret.Key{}, err
	}
	if kind != ByPassword {
		code, err := secretOf(given)
		if err != nil {
			return secret.Key{}, err
		}
		defer code.Wipe()
		return code.Derive(purposeCode, salt), nil
	}
	prepared, err := precis.OpaqueString.Bytes(given)
	if err != nil {
		return secret.Key{}, errSecret()
	}
	defer clear(prepared)
	if err := v.derive.Acquire(ctx, 1); err != nil {
		return secret.Key{}, fault.Because(fault.Busy, "too many sign-ins at once", err)
	}
	defer v.derive.Release(1)
	return secret.From(argon2.IDKey(prepared, salt, passes, memory, 1, secret.Size))
}

// secretOf pads a code of 160 random bits with zeros to a key's length, as the
// format says; the entropy is the code's.
func secretOf(code []byte) (secret.Key, error) {
	if len(code) != CodeSize {
		return secret.Key{}, errSecret()
	}
	b := make([]byte, secret.Size)
	copy(b, code)
	return secret.From(b)
}

type lockRow struct {
	id, holder mail.ID
	term       int
	kind       LockKind
	parameters string
	verifier   string
	box        []byte
}

// kek is the key that the seed lies under. It is bound to whom the lock is for.
func (l lockRow) kek(tenant mail.TenantID, root secret.Key) secret.Key {
	return root.Derive(purposeLockKey, nil, tenant[:], l.holder[:], l.id[:])
}

// proof is what the verifier is the bcrypt hash of. It is bound to the lock
// alone, which is known before its holder is: hashing takes long, and must have
// been done when the transaction begins.
func (l lockRow) proof(root secret.Key) []byte {
	return base64.StdEncoding.AppendEncode(nil, root.Expand(purposeVerifier, secret.Size, nil, l.id[:]))
}

func (l lockRow) aad(tenant mail.TenantID) []byte {
	return tuple.Make("siegel/v1 lock", tenant[:], l.holder[:], number(l.term), l.id[:], []byte(l.kind), []byte(l.parameters))
}

// Lock is a lock that was derived and waits for its transaction: deriving takes
// long, and a transaction must not.
type Lock struct {
	row  lockRow
	root secret.Key
}

// PrepareLock derives a new lock from a password or a code: all of the slow
// work, so call it before the transaction that calls Put.
func (v *Vault) PrepareLock(ctx context.Context, kind LockKind, given []byte) (Lock, error) {
	l := lockRow{id: mail.NewID(), kind: kind}
	l.parameters = v.newParameters(kind)
	root, err := v.root(ctx, kind, given, l.parameters)
	if err != nil {
		return Lock{}, err
	}
	// AU-04: what is stored is a bcrypt hash of derived octets, 44 of them, so
	// bcrypt's limit of 72 never cuts. The cost guards nothing that Argon2id does
	// not guard better.
	hash, err := bcrypt.GenerateFromPassword(l.proof(root), bcrypt.DefaultCost)
	if err != nil {
		return Lock{}, err
	}
	l.verifier = string(hash)
	return Lock{row: l, root: root}, nil
}

// Put locks a seed and removes the person's other locks of the same kind. It
// fails with kind Conflict where the holder has a newer term: who still has the
// old seed must not make it the one that a lock opens.
func (v *Vault) Put(ctx context.Context, tx *db.Tx, l Lock, seed Seed) (err error) {
	defer fault.Wrap(&err, "lock")
	var term int
	err = tx.QueryRow(ctx, `SELECT term FROM seal_holder WHERE tenant = $1 AND id = $2`, seed.Holder.Bytes()).Scan(&term)
	if err != nil {
		return err
	}
	if term != seed.Term {
		return fault.New(fault.Conflict, "your account has changed meanwhile, please sign in again")
	}
	l.row.holder, l.row.term = seed.Holder, seed.Term
	kek := l.row.kek(tx.ID(), l.root)
	defer kek.Wipe()
	seed.key.Use(func(b []byte) { l.row.box = stream.Box(kek, b, l.row.aad(tx.ID())) })
	if err := v.RemoveLocks(ctx, tx, seed.Holder, l.row.kind); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO seal_lock (tenant, id, holder, term, kind, parameters, verifier, box, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, l.row.id.Bytes(), l.row.holder.Bytes(), l.row.term, string(l.row.kind),
		l.row.parameters, l.row.verifier, l.row.box, mail.Micros(v.now()))
	return err
}

// RemoveLocks deletes a person's locks of one kind.
func (v *Vault) RemoveLocks(ctx context.Context, tx *db.Tx, holder mail.HolderID, kind LockKind) error {
	_, err := tx.Exec(ctx, `DELETE FROM seal_lock WHERE tenant = $1 AND holder = $2 AND kind = $3`, holder.Bytes(), string(kind))
	return err
}

// unlock returns the seed behind a lock of that kind. A person who does not
// exist costs the same time as a wrong password (AU-01).
func (v *Vault) unlock(ctx context.Context, t db.Tenant, holder mail.HolderID, kind LockKind, given []byte) (Seed, error) {
	l := lockRow{holder: holder, kind: kind}
	var id []byte
	err := t.QueryRow(ctx, `SELECT id, term, parameters, verifier, box FROM seal_lock WHERE tenant = $1 AND holder = $2 AND kind = $3`,
		holder.Bytes(), string(kind)).Scan(&id, &l.term, &l.parameters, &l.verifier, &l.box)
	missing := errors.Is(err, db.ErrNoRows)
	if missing {
		l.parameters = v.newParameters(kind)
		l.verifier = v.dummy
	} else if err != nil {
		return Seed{}, err
	} else if l.id, err = mail.IDFrom(id); err != nil {
		return Seed{}, err
	}
	root, err := v.root(ctx, kind, given, l.parameters)
	if err != nil {
		return Seed{}, err
	}
	defer root.Wipe()
	kek := l.kek(t.ID(), root)
	defer kek.Wipe()
	if err := bcrypt.CompareHashAndPassword([]byte(l.verifier), l.proof(root)); err != nil || missing {
		return Seed{}, errSecret()
	}
	plain, err := stream.OpenBox("a lock", kek, l.box, l.aad(t.ID()))
	if err != nil {
		return Seed{}, err
	}
	key, err := secret.From(plain)
	if err != nil {
		return Seed{}, stream.ErrDamaged("a lock")
	}
	return Seed{Holder: holder, Term: l.term, key: key}, nil
}
