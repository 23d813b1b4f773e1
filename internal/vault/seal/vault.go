package seal

import (
	"context"
	"crypto/hpke"
	"embed"
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
func Migrations() fs.FS { return migrations }

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
	argon  Argon               // work of new password locks
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
	// Argon is the work of new password locks; the zero value is the real one.
	// Tests take less. Locks that exist keep theirs.
	Argon Argon
}

// Argon is the parameters of Argon2id (RFC 9106).
type Argon struct {
	Passes uint32
	Memory uint32 // KiB; at least 8192
}

// New returns a vault.
func New(c Config) (*Vault, error) {
	codec, err := stream.NewCodec()
	if err != nil {
		return nil, err
	}
	if c.Argon == (Argon{}) {
		c.Argon = Argon{Passes: argonTime, Memory: argonMemory}
	}
	nobody := secret.Random()
	var dummy []byte
	nobody.Use(func(b []byte) { dummy, err = bcrypt.GenerateFromPassword(b, bcrypt.DefaultCost) })
	if err != nil {
		return nil, err
	}
	return &Vault{
		Codec: codec, argon: c.Argon, dummy: string(dummy), log: c.Log, arena: c.Arena, now: c.Now,
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
	defer forget(k)
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
	k := keyRow{holder: holder, term: term}
	err = t.QueryRow(ctx, `SELECT k.public, k.entry, k.salt, k.leaf, h.kind FROM seal_term k JOIN seal_holder h
		ON h.tenant = k.tenant AND h.id = k.holder WHERE k.tenant = $1 AND k.holder = $2 AND k.term = $3`,
		holder.Bytes(), term).Scan(&k.public, &k.text, &k.salt, &k.leaf, &k.kind)
	if err != nil {
		return nil, err
	}
	return v.verified(ctx, t, k)
}

// keyRow is a public key as the database has it.
type keyRow struct {
	holder             mail.HolderID
	term               int
	kind               Kind
	public, text, salt []byte
	leaf               int64
}

func (k keyRow) known(tenant mail.TenantID) knownKey {
	return knownKey{tenant, k.holder, k.term, sum(k.public)}
}

// verified returns the key of a row, after its entry was found in the log as
// committed. Keys that this vault made itself need no search: they are not
// committed yet while their transaction runs.
func (v *Vault) verified(ctx context.Context, t db.Tenant, row keyRow) (hpke.PublicKey, error) {
	v.mu.Lock()
	k, ok := v.known[row.known(t.ID())]
	v.mu.Unlock()
	if ok {
		return k, nil
	}
	record := keyRecord(t.ID(), row.holder, row.kind, row.term, row.public)
	err := v.checkEntry(ctx, t, entered{
		what: "a public key", kind: "key", field: "record", text: row.text, salt: row.salt, leaf: row.leaf,
		value: record, sealed: sum(record),
	})
	if err != nil {
		return nil, err
	}
	if k, err = kem().NewPublicKey(row.public); err != nil {
		return nil, fault.Because(fault.Damaged, "a public key is malformed", err)
	}
	v.remember(row.known(t.ID()), k)
	return k, nil
}

// remember notes a key as verified.
func (v *Vault) remember(at knownKey, k hpke.PublicKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		for old := range v.known { // any one
			delete(v.known, old)
			break
		}
	}
	v.known[at] = k
}

// maxKnown bounds the keys remembered as verified: 1.5 KB each.
const maxKnown = 10_000

// entered is something that the log has an entry of.
type entered struct {
	what        string // for errors
	kind, field string
	text, salt  []byte // of the entry, of the field
	value       []byte // of the field
	sealed      entry.Hash
	leaf        int64
}

// checkEntry verifies that a row is what its entry commits to, and that the
// entry stands in the log as committed.
func (v *Vault) checkEntry(ctx context.Context, t db.Tenant, w entered) error {
	e, err := entry.Parse(w.text)
	if err != nil || e.Kind != w.kind || len(w.salt) != entry.SaltSize {
		return fault.Newf(fault.Damaged, "%s has no entry in the ledger", w.what)
	}
	if err := e.Check(w.field, entry.Opening{Salt: entry.Hash(w.salt), Value: w.value}); err != nil {
		return &fault.Error{Kind: fault.Damaged, Public: "%s is not the one in the ledger", Args: []any{w.what}, Cause: err}
	}
	if err := v.log.Has(ctx, t, AuditLog, w.leaf, entry.LeafData(w.text, w.sealed)); err != nil {
		if fault.Of(err) != fault.Damaged {
			return err
		}
		return &fault.Error{Kind: fault.Damaged, Public: "%s is not in the ledger", Args: []any{w.what}, Cause: err}
	}
	return nil
}
