package seal

import (
	"context"
	"crypto/hpke"
	"embed"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/stream"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic("seal: " + err.Error()) // the folder is compiled in
	}
	return sub
}

// Log is where keys are made public: vault/ledger.
type Log interface {
	// Append adds leaves to one of the tenant's logs and returns the index of the
	// first.
	Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error)
	// Has fails where the log's leaf at that index is not data.
	Has(ctx context.Context, t db.Tenant, log string, index int64, data entry.Hash) error
}

// AuditLog is the name of the log that keys and grants are entered in.
const AuditLog = "audit"

// Vault makes and opens holders, grants and keys. Use it from many goroutines.
type Vault struct {
	*stream.Codec

	log    Log
	arena  *secret.Arena
	now    func() time.Time
	derive *semaphore.Weighted // key derivations at a time: 64 MiB each
	dummy  string              // a verifier that nothing fits, for people who do not exist

	mu    sync.Mutex
	known map[knownKey]hpke.PublicKey // keys whose entry was found in the log; guarded by mu
}

type knownKey struct {
	tenant, holder mail.ID
	term           int
	public         [32]byte // its hash
}

// Config is what a vault needs.
type Config struct {
	Log         Log
	Arena       *secret.Arena
	Now         func() time.Time
	Derivations int // password derivations at a time; 64 MiB of memory each
}

// New returns a vault.
func New(c Config) (*Vault, error) {
	codec, err := stream.NewCodec()
	if err != nil {
		return nil, err
	}
	nobody := secret.Random()
	var dummy []byte
	nobody.Use(func(b []byte) { dummy, err = bcrypt.GenerateFromPassword(b, bcrypt.DefaultCost) })
	if err != nil {
		return nil, err
	}
	return &Vault{
		Codec: codec, dummy: string(dummy), log: c.Log, arena: c.Arena, now: c.Now,
		derive: semaphore.NewWeighted(int64(max(1, c.Derivations))),
		known:  make(map[knownKey]hpke.PublicKey),
	}, nil
}

// Kind says what a holder is. Kinds are part of the formats.
type Kind string

// The kinds that are used so far (docs/formats/keys.md).
const (
	Person   Kind = "person"
	Archive  Kind = "archive"
	Recovery Kind = "recovery"
)

// Suite of HPKE: hybrid, so that neither a quantum computer nor a break of
// ML-KEM alone opens what was sealed (decision D13).
func kem() hpke.KEM    { return hpke.MLKEM768X25519() }
func kdf() hpke.KDF    { return hpke.HKDFSHA256() }
func suite() hpke.AEAD { return hpke.AES256GCM() }

// public returns the public key of a seed.
func public(seed secret.Key) ([]byte, error) {
	k, err := private(seed)
	if err != nil {
		return nil, err
	}
	return k.PublicKey().Bytes(), nil
}

func private(seed secret.Key) (k hpke.PrivateKey, err error) {
	seed.Use(func(b []byte) { k, err = kem().NewPrivateKey(b) })
	return k, err
}

// sealTo returns the format byte and what HPKE makes of the plaintext.
func sealTo(pub hpke.PublicKey, info, plain []byte) ([]byte, error) {
	ct, err := hpke.Seal(pub, kdf(), suite(), info, plain)
	if err != nil {
		return nil, err
	}
	return append([]byte{stream.Format}, ct...), nil
}

func openWith(seed secret.Key, what string, info, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != stream.Format {
		return nil, stream.ErrDamaged(what)
	}
	k, err := private(seed)
	if err != nil {
		return nil, err
	}
	plain, err := hpke.Open(k, kdf(), suite(), info, sealed[1:])
	if err != nil {
		return nil, stream.ErrDamaged(what)
	}
	return plain, nil
}

// number is a small number as a field of a tuple.
func number(n int) []byte { return tuple.Uint64(uint64(n)) }

// publicKey returns the key of a holder's term, after it has been found in the
// tenant's log: a key that a hand put into the database is not used
// (kind Damaged).
func (v *Vault) publicKey(ctx context.Context, t db.Tenant, holder mail.HolderID, term int) (_ hpke.PublicKey, err error) {
	defer fault.Wrap(&err, "key of holder %s, term %d", holder, term)
	var pub, text, salt []byte
	var kind string
	var leaf int64
	err = t.QueryRow(ctx, `SELECT k.public, k.entry, k.salt, k.leaf, h.kind FROM seal_term k JOIN seal_holder h
		ON h.tenant = k.tenant AND h.id = k.holder WHERE k.tenant = $1 AND k.holder = $2 AND k.term = $3`,
		holder.Bytes(), term).Scan(&pub, &text, &salt, &leaf, &kind)
	if err != nil {
		return nil, err
	}
	known := knownKey{t.ID(), holder, term, sum(pub)}
	v.mu.Lock()
	k, ok := v.known[known]
	v.mu.Unlock()
	if ok {
		return k, nil
	}
	record := keyRecord(t.ID(), holder, Kind(kind), term, pub)
	if err := v.checkEntry(ctx, t, keyEntry{text: text, salt: salt, leaf: leaf, record: record}); err != nil {
		return nil, err
	}
	if k, err = kem().NewPublicKey(pub); err != nil {
		return nil, fault.Because(fault.Damaged, "a public key is malformed", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		clear(v.known)
	}
	v.known[known] = k
	return k, nil
}

// maxKnown bounds the keys remembered as verified: 1.5 KB each.
const maxKnown = 10_000

type keyEntry struct {
	text, salt, record []byte
	leaf               int64
}

// checkEntry verifies that a key's record is the one that its entry commits to,
// and that the entry stands in the log.
func (v *Vault) checkEntry(ctx context.Context, t db.Tenant, k keyEntry) error {
	e, err := entry.Parse(k.text)
	if err != nil || e.Kind != "key" || len(k.salt) != entry.SaltSize {
		return fault.Because(fault.Damaged, "a public key has no entry in the ledger", fmt.Errorf("kind %q: %w", e.Kind, err))
	}
	if err := e.Check("record", entry.Opening{Salt: entry.Hash(k.salt), Value: k.record}); err != nil {
		return fault.Because(fault.Damaged, "a public key is not the one in the ledger", err)
	}
	if err := v.log.Has(ctx, t, AuditLog, k.leaf, entry.LeafData(k.text, sum(k.record))); err != nil {
		return fault.Because(fault.Damaged, "a public key is not in the ledger", err)
	}
	return nil
}
