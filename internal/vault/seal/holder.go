package seal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/hybrid"
	"siegel/internal/vault/seal/standing"
)

func sum(b []byte) entry.Hash { return sha256.Sum256(b) }

// NewSalt returns a fresh random salt of a commitment.
func NewSalt() entry.Hash {
	var s entry.Hash
	_, _ = rand.Read(s[:]) // never fails
	return s
}

func keyRecord(tenant mail.TenantID, holder mail.HolderID, kind Kind, term int, pub []byte) []byte {
	return tuple.Make("siegel/v1 public key", tenant[:], holder[:], []byte(kind), number(term), pub)
}

// Seed is a holder's private key on its way from its making to the grants and
// locks that keep it. Wipe it when they are written.
type Seed struct {
	Holder mail.HolderID
	Term   int
	key    secret.Key
}

// Wipe forgets the seed.
func (s Seed) Wipe() { s.key.Wipe() }

// NewHolder makes a holder with its first term and enters its key in the
// ledger. The seed is kept nowhere: grant or lock it in the same transaction.
func (v *Vault) NewHolder(ctx context.Context, tx *db.Tx, kind Kind) (Seed, error) {
	id := mail.NewID()
	_, err := tx.Exec(ctx, `INSERT INTO seal_holder (tenant, id, kind, term, next, created) VALUES ($1, $2, $3, 0, 1, $4)`,
		id.Bytes(), string(kind), mail.Micros(v.now()))
	if err != nil {
		return Seed{}, err
	}
	return v.NewTerm(ctx, tx, id)
}

// NewTerm starts the next term of a holder: from the commit on, mail is sealed
// to the new key. Old seeds keep opening old mail. The caller grants the new
// seed to whoever shall read on, in the same transaction.
func (v *Vault) NewTerm(ctx context.Context, tx *db.Tx, holder mail.HolderID) (_ Seed, err error) {
	defer fault.Wrap(&err, "new term")
	seed := secret.Random()
	pub, err := hybrid.Public(seed)
	if err != nil {
		return Seed{}, err
	}
	var kind string
	var term int
	// The update takes the row's lock, so two new terms cannot meet.
	err = tx.QueryRow(ctx, `UPDATE seal_holder SET term = term + 1 WHERE tenant = $1 AND id = $2 RETURNING kind, term`,
		holder.Bytes()).Scan(&kind, &term)
	if err != nil {
		return Seed{}, err
	}
	record := keyRecord(tx.ID(), holder, Kind(kind), term, pub)
	salt := NewSalt()
	e := entry.Entry{Kind: "key", ID: holder, Time: v.now(), Fields: []entry.Field{
		{Name: "record", Commitment: entry.Opening{Salt: salt, Value: record}.Commit()},
	}}
	text, err := e.Text()
	if err != nil {
		return Seed{}, err
	}
	leaf, err := v.log.Append(ctx, tx, AuditLog, []flow.Leaf{{Log: AuditLog, Entry: text, Sealed: sum(record)}})
	if err != nil {
		return Seed{}, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO seal_term (tenant, holder, term, public, created, entry, salt, leaf)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, holder.Bytes(), term, pub, mail.Micros(v.now()), text, salt[:], leaf)
	if err != nil {
		return Seed{}, err
	}
	made, err := hybrid.ParsePublic(pub)
	if err != nil {
		return Seed{}, err
	}
	v.known.Note(knownKey{tx.ID(), holder, Kind(kind), term, sum(pub), leaf}, made)
	return Seed{Holder: holder, Term: term, key: seed}, nil
}

// Grant describes who gives what to whom, and why.
type Grant struct {
	Seed    Seed          // what is given
	Grantee mail.HolderID // to whom; the current term
	Giver   mail.ID       // the person who decided, zero for the founding ceremony
	Reason  string        // free text; kept sealed to the holder
	Scope   string        // "all"
	// NotAfter is when it ends by itself, zero for never: no session follows it then.
	// Who ends it deletes it.
	NotAfter time.Time
}

func grantInfo(tenant mail.TenantID, g grantRow) []byte {
	return tuple.Make("siegel/v1 grant", tenant[:], g.id[:], g.holder[:], number(g.term), g.grantee[:],
		number(g.granteeTerm), []byte(g.kind), []byte(g.scope), tuple.Uint64(uint64(g.notAfter)))
}

type grantRow struct {
	id, holder, grantee mail.ID
	term, granteeTerm   int
	kind, scope         string
	notAfter            int64
	sealed              []byte
	text, salt          []byte // of the entry, of its field grant
	leaf                int64
}

// The casts keep a row that a hand wrote from failing all the others.
const selectGrants = `SELECT id, holder, CAST(term AS BIGINT), grantee, CAST(grantee_term AS BIGINT), kind, scope, CAST(not_after AS BIGINT),
	sealed, entry, salt, CAST(leaf AS BIGINT)
	FROM seal_grant WHERE tenant = $1`

func collectGrants(rows *sql.Rows) (grants []grantRow, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var g grantRow
		var id, holder, grantee []byte
		if err := rows.Scan(&id, &holder, &g.term, &grantee, &g.granteeTerm, &g.kind, &g.scope, &g.notAfter,
			&g.sealed, &g.text, &g.salt, &g.leaf); err != nil {
			return nil, err
		}
		// What is no id stays zero: such a row stands for nothing.
		g.id, _ = mail.IDFrom(id)
		g.holder, _ = mail.IDFrom(holder)
		g.grantee, _ = mail.IDFrom(grantee)
		grants = append(grants, g)
	}
	return grants, rows.Err()
}

// checkGrant verifies that a grant stands in the log as its row says: a row that
// a hand put there, one that names another grantee, and one that was revoked and
// came back from an older copy of the database give nothing (kind Damaged).
func (v *Vault) checkGrant(ctx context.Context, t db.Tenant, g grantRow) error {
	stands, err := v.stands(ctx, t, g)
	if err == nil && !stands {
		err = g.bad()
	}
	return err
}

// stands reports whether a grant stands in the log as committed. It fails where
// the log cannot say it.
func (v *Vault) stands(ctx context.Context, t db.Tenant, g grantRow) (bool, error) {
	p, err := v.log.Newest(ctx, t, AuditLog, g.id)
	return err == nil && g.row(t.ID()).Stands(p), err
}

// follows reports whether a grant that was read outside a transaction is to be
// followed. One that does not stand is left out: it gives nothing, so whoever
// wrote it must not take from others what stands. It raises an alarm, but not
// where the grant ended since its row was read.
func (v *Vault) follows(ctx context.Context, t db.Tenant, g grantRow) (bool, error) {
	stands, err := v.stands(ctx, t, g)
	if err != nil || stands {
		return stands, err
	}
	var one int
	err = t.QueryRow(ctx, `SELECT 1 FROM seal_grant WHERE tenant = $1 AND id = $2`, g.id.Bytes()).Scan(&one)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		v.alarm(t.ID(), g.bad())
	}
	return false, err
}

// bad is what is wrong with a grant that does not stand.
func (g grantRow) bad() error {
	return fault.Newf(fault.Damaged, "the grant %s of holder %s to holder %s does not stand in the ledger", g.id, g.holder, g.grantee)
}

func (g grantRow) row(tenant mail.TenantID) standing.Row {
	return standing.Row{
		What: "a grant", Kind: "grant", Field: "grant", Text: g.text, Salt: g.salt, Leaf: g.leaf,
		Value: grantInfo(tenant, g), Sealed: sum(g.sealed),
	}
}

// Give seals a seed to another holder and enters the grant in the ledger. It
// returns the grant's id. It must run in a transaction: both keys are read in
// it, also those that the same transaction made.
func (v *Vault) Give(ctx context.Context, tx *db.Tx, g Grant) (_ mail.ID, err error) {
	defer fault.Wrap(&err, "grant")
	row := grantRow{id: mail.NewID(), holder: g.Seed.Holder, grantee: g.Grantee, term: g.Seed.Term, kind: "seed", scope: g.Scope}
	if !g.NotAfter.IsZero() {
		row.notAfter = mail.Micros(g.NotAfter)
	}
	to, err := v.currentKey(ctx, tx, tx.Committed(), g.Grantee)
	if err != nil {
		return mail.ID{}, err
	}
	row.granteeTerm = to.term
	info := grantInfo(tx.ID(), row)
	g.Seed.key.Use(func(b []byte) { row.sealed, err = hybrid.Seal(to.key, info, b) })
	if err != nil {
		return mail.ID{}, err
	}
	opening, err := v.grantEntry(&row, info, g)
	if err != nil {
		return mail.ID{}, err
	}
	// The reason may name people: it is sealed to those who hold the key.
	own, err := v.currentKey(ctx, tx, tx.Committed(), g.Seed.Holder)
	if err != nil {
		return mail.ID{}, err
	}
	sealedOpening, err := hybrid.Seal(own.key, noteInfo(tx.ID(), g.Seed.Holder, own.term, "grant", row.id), opening)
	if err != nil {
		return mail.ID{}, err
	}
	leaf, err := v.log.Append(ctx, tx, AuditLog, []flow.Leaf{{Log: AuditLog, Entry: row.text, Sealed: sum(row.sealed)}})
	if err != nil {
		return mail.ID{}, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO seal_grant (tenant, id, holder, term, grantee, grantee_term, kind, scope, not_after,
		giver, sealed, entry, salt, opening, opening_term, leaf, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		row.id.Bytes(), row.holder.Bytes(), row.term, row.grantee.Bytes(), row.granteeTerm, row.kind, row.scope,
		row.notAfter, g.Giver.Bytes(), row.sealed, row.text, row.salt, sealedOpening, own.term, leaf, mail.Micros(v.now()))
	return row.id, err
}

// grantEntry makes the entry of a grant, which it puts into the row with the
// salt that the row's fields can be checked with, and returns the opening.
func (v *Vault) grantEntry(row *grantRow, info []byte, g Grant) (opening []byte, err error) {
	salts := []entry.Hash{NewSalt(), NewSalt(), NewSalt()}
	values := [][]byte{info, []byte(g.Giver.String()), []byte(g.Reason)}
	e := entry.Entry{Kind: "grant", ID: row.id, Time: v.now()}
	var fields [][]byte
	for i, name := range []string{"grant", "giver", "reason"} {
		o := entry.Opening{Salt: salts[i], Value: values[i]}
		e.Fields = append(e.Fields, entry.Field{Name: name, Commitment: o.Commit()})
		fields = append(fields, o.Salt[:], o.Value)
	}
	row.salt = salts[0][:]
	row.text, err = e.Text()
	return tuple.Make("siegel/v1 grant opening", fields...), err
}

// Revoke deletes the grants of a holder to a grantee and enters in the ledger
// that they ended; who did it and why is an audit event of the same transaction.
// What the grantee copied before, he has; start a new term so that new mail is
// not his. It returns how many grants went.
func (v *Vault) Revoke(ctx context.Context, tx *db.Tx, holder, grantee mail.HolderID) (int, error) {
	ids, err := grantIDs(ctx, tx, holder, grantee)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := v.End(ctx, tx, id); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM seal_grant WHERE tenant = $1 AND id = $2`, id.Bytes()); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// End enters in the ledger that what was entered under an id, a grant or the
// assignment of an address, holds no longer: its row is worth nothing from the
// commit on, wherever it comes from.
func (v *Vault) End(ctx context.Context, tx *db.Tx, id mail.ID) error {
	text, err := entry.Entry{Kind: "revoke", ID: id, Time: v.now()}.Text()
	if err != nil {
		return err
	}
	_, err = v.log.Append(ctx, tx, AuditLog, []flow.Leaf{{Log: AuditLog, Entry: text, Sealed: entry.Nothing()}})
	return err
}

func grantIDs(ctx context.Context, tx *db.Tx, holder, grantee mail.HolderID) (ids []mail.ID, err error) {
	rows, err := tx.Query(ctx, `SELECT id FROM seal_grant WHERE tenant = $1 AND holder = $2 AND grantee = $3`,
		holder.Bytes(), grantee.Bytes())
	if err != nil {
		return nil, err
	}
	return collectIDs(rows)
}

// Grantees returns who holds grants of a holder, each once. Every grant is
// looked up in the log, since whoever is returned will be given the next term:
// a row that is not there is an error of kind Damaged. Grants of the same
// transaction are not in the log yet, so ask before giving.
func (v *Vault) Grantees(ctx context.Context, tx *db.Tx, holder mail.HolderID) (ids []mail.HolderID, err error) {
	rows, err := tx.Query(ctx, selectGrants+` AND holder = $2 ORDER BY leaf`, holder.Bytes())
	if err != nil {
		return nil, err
	}
	grants, err := collectGrants(rows)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if err := v.checkGrant(ctx, tx.Committed(), g); err != nil {
			return nil, err
		}
		if !slices.Contains(ids, g.grantee) {
			ids = append(ids, g.grantee)
		}
	}
	return ids, nil
}
