package seal

import (
	"context"
	"crypto/hpke"
	"database/sql"
	"embed"
	"io/fs"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/recent"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/derive"
	"siegel/internal/vault/seal/hybrid"
	"siegel/internal/vault/seal/standing"
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
	// Newest returns where the newest entry of an id stands, in the log as
	// committed; its index is -1 where there is none.
	Newest(ctx context.Context, t db.Tenant, log string, id mail.ID) (flow.Entered, error)
}

// AuditLog is the name of the log that keys and grants are entered in.
const AuditLog = "audit"

// Vault makes and opens holders, grants and keys. Use it from many goroutines.
type Vault struct {
	*stream.Codec

	log    Log
	arena  *secret.Arena
	now    func() time.Time
	derive *derive.Deriver

	alarm func(mail.TenantID, error)

	known *recent.Set[knownKey, hpke.PublicKey] // keys whose entry was found in the log, or made here
}

type knownKey struct {
	tenant, holder mail.ID
	kind           Kind
	term           int
	public         [32]byte // its hash
	leaf           int64    // where its entry stands, or will when its transaction commits
}

// Config is what a vault needs.
type Config struct {
	Log         Log
	Arena       *secret.Arena
	Now         func() time.Time
	Derivations int  // password derivations at a time; 64 MiB of memory each
	Work        Work // of new locks; the zero value is the real one, tests take less
	// Alarm hears of rows that give nothing because they do not stand in the
	// ledger, as errors of kind Damaged; may be nil. It hears the same again
	// whenever somebody comes upon it.
	Alarm func(mail.TenantID, error)
}

// Work is what it costs to try a password.
type Work = derive.Work

// New returns a vault.
func New(c Config) (*Vault, error) {
	codec, err := stream.NewCodec()
	if err != nil {
		return nil, err
	}
	if c.Alarm == nil {
		c.Alarm = func(mail.TenantID, error) {}
	}
	return &Vault{
		Codec: codec, log: c.Log, arena: c.Arena, now: c.Now, alarm: c.Alarm,
		derive: derive.New(c.Derivations, c.Work),
		known:  recent.New[knownKey, hpke.PublicKey](maxKnown),
	}, nil
}

// Kind says what a holder is. Kinds are part of the formats.
type Kind string

// The kinds that are used so far (docs/formats/keys.md).
const (
	Person   Kind = "person"
	Archive  Kind = "archive"
	Recovery Kind = "recovery"
	Case     Kind = "case" // what of the archive somebody was given for a time
)

// number is a small number as a field of a tuple.
func number(n int) []byte { return tuple.Uint64(uint64(n)) }

// termKey returns the key of one of a holder's terms, after it has been found in
// the tenant's log (kind Damaged): what an opened seed is compared with. Nothing
// is sealed to it, since the term may be over.
func (v *Vault) termKey(ctx context.Context, t db.Tenant, holder mail.HolderID, term int) (_ hpke.PublicKey, err error) {
	defer fault.Wrap(&err, "key of holder %s, term %d", holder, term)
	k := keyRow{holder: holder}
	if err := k.scan(t.QueryRow(ctx, selectKey+` AND k.holder = $2 AND k.term = $3`, holder.Bytes(), term)); err != nil {
		return nil, err
	}
	if made, ok := v.known.Get(k.known(t.ID())); ok {
		return made, nil
	}
	w := k.row(t.ID())
	if err := w.Check(); err != nil {
		return nil, err
	}
	if err := v.log.Has(ctx, t, AuditLog, k.leaf, w.Data()); err != nil {
		return nil, w.Absent(err)
	}
	return v.accept(t.ID(), k)
}

// querier is a tenant's handle or a transaction.
type querier interface {
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// current is the key of a holder that is sealed to.
type current struct {
	key  hpke.PublicKey
	kind Kind
	term int
}

// currentKey returns a holder's newest key as q sees it. A key that a hand put
// into the database, and one that a later term replaced, are not used (kind
// Damaged). committed is the tenant's handle outside any transaction.
func (v *Vault) currentKey(ctx context.Context, q querier, committed db.Tenant, holder mail.HolderID) (c current, err error) {
	defer fault.Wrap(&err, "current key of holder %s", holder)
	read := func() (keyRow, error) {
		k := keyRow{holder: holder}
		return k, k.scan(q.QueryRow(ctx, selectKey+` AND k.holder = $2 AND k.term = h.term`, holder.Bytes()))
	}
	k, err := read()
	for err == nil {
		c, err = v.standing(ctx, committed, k)
		if fault.Of(err) != fault.Damaged {
			return c, err
		}
		was := k
		if k, _ = read(); k.term <= was.term {
			return c, err
		}
		err = nil // a new term was committed between row and log
	}
	return c, err
}

// standing returns the key of a row where it is the newest of its holder.
func (v *Vault) standing(ctx context.Context, committed db.Tenant, k keyRow) (c current, err error) {
	made, known := v.known.Get(k.known(committed.ID()))
	w := k.row(committed.ID())
	if !known {
		err = w.Check()
	}
	if err != nil {
		return c, err
	}
	p, err := v.log.Newest(ctx, committed, AuditLog, k.holder)
	if fault.Of(err) == fault.NotFound { // the transaction that makes the tenant
		p, err = flow.Entered{Index: -1}, nil
	}
	if err != nil {
		return c, err
	}
	switch {
	case w.Is(p):
	case known && p.Index < k.leaf:
		// This vault made it in a transaction that is not committed yet.
	default:
		return c, w.Absent(nil)
	}
	if !known {
		made, err = v.accept(committed.ID(), k)
	}
	return current{made, k.kind, k.term}, err
}

// Term returns the current term of a holder as a transaction sees it. It fails
// with kind Damaged where the holder's newest key is not of that kind, or is not
// the one in the ledger: which holder is a tenant's archive stands in a row that
// the ledger does not know.
func (v *Vault) Term(ctx context.Context, tx *db.Tx, holder mail.HolderID, kind Kind) (int, error) {
	c, err := v.currentKey(ctx, tx, tx.Committed(), holder)
	if err != nil {
		return 0, err
	}
	return c.term, c.is(kind)
}

// Check fails as Term does, outside a transaction.
func (v *Vault) Check(ctx context.Context, t db.Tenant, holder mail.HolderID, kind Kind) error {
	c, err := v.currentKey(ctx, t, t, holder)
	if err != nil {
		return err
	}
	return c.is(kind)
}

// is fails with kind Damaged where a holder is of another kind.
func (c current) is(kind Kind) error {
	if c.kind == kind {
		return nil
	}
	return fault.Newf(fault.Damaged, "a holder is of the kind %s, it should be %s: somebody changed the database", fault.Word(c.kind), fault.Word(kind))
}

const selectKey = `SELECT h.kind, k.term, k.public, k.entry, k.salt, k.leaf FROM seal_term k JOIN seal_holder h
	ON h.tenant = k.tenant AND h.id = k.holder WHERE k.tenant = $1`

// keyRow is a public key as the database has it.
type keyRow struct {
	holder             mail.HolderID
	term               int
	kind               Kind
	public, text, salt []byte
	leaf               int64
}

func (k *keyRow) scan(row *sql.Row) error {
	return row.Scan(&k.kind, &k.term, &k.public, &k.text, &k.salt, &k.leaf)
}

func (k keyRow) known(tenant mail.TenantID) knownKey {
	return knownKey{tenant, k.holder, k.kind, k.term, sum(k.public), k.leaf}
}

func (k keyRow) row(tenant mail.TenantID) standing.Row {
	record := keyRecord(tenant, k.holder, k.kind, k.term, k.public)
	return standing.Row{
		What: "a public key", Kind: "key", Field: "record", Text: k.text, Salt: k.salt, Leaf: k.leaf,
		Value: record, Sealed: sum(record),
	}
}

// accept reads a key whose entry was found, and remembers it.
func (v *Vault) accept(tenant mail.TenantID, row keyRow) (hpke.PublicKey, error) {
	k, err := hybrid.ParsePublic(row.public)
	if err != nil {
		return nil, fault.Because(fault.Damaged, "a public key is malformed", err)
	}
	v.known.Note(row.known(tenant), k)
	return k, nil
}

// maxKnown bounds the keys remembered as verified: 1.5 KB each.
const maxKnown = 10_000
