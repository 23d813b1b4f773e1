package seal_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// The attacker of this file has older copies of the database, or writes rows and
// the log's rows together (security-model.md, "Keys are in the ledger").

// kept are rows of a table as a backup has them.
type kept struct {
	clear string // deletes what stands in their place
	where []any
	query string
	rows  [][]any
}

// keep copies the rows of a table that a condition names.
func (h *house) keep(table, where string, args ...any) (k kept) {
	h.Helper()
	rows, err := h.tenant.Query(context.Background(), `SELECT * FROM `+table+` WHERE tenant = $1 AND `+where, args...)
	h.ok(err)
	defer func() { h.ok(rows.Close()) }()
	columns, err := rows.Columns()
	h.ok(err)
	k.clear, k.where = `DELETE FROM `+table+` WHERE tenant = $1 AND `+where, args
	k.query = `INSERT INTO ` + table + ` VALUES (`
	for i := range columns {
		if k.query += sqlParameter(i + 1); i < len(columns)-1 {
			k.query += ", "
		}
	}
	k.query += ")"
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		h.ok(rows.Scan(into...))
		k.rows = append(k.rows, values[1:]) // the handle puts the tenant there
	}
	h.ok(rows.Err())
	if len(k.rows) == 0 {
		h.Fatalf("nothing to keep in %s", table)
	}
	return k
}

func sqlParameter(n int) string { return "$" + string(rune('0'+n/10)) + string(rune('0'+n%10)) }

// putBack writes the rows again.
func (h *house) putBack(k kept) {
	h.Helper()
	h.update(h.tenant, func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), k.clear, k.where...)
		return err
	})
	for _, r := range k.rows {
		h.tamper(k.query, r...)
	}
}

// A grant that was revoked and comes back from an older copy of the database
// gives nothing, to who signs in and to who is given the next term.
func TestRevokedGrantComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stays, leaves := h.person(), h.person()
	archive := h.archive(stays, leaves)
	old := h.keep("seal_grant", "grantee = $2", leaves.holder.Bytes())
	h.update(h.tenant, func(tx *db.Tx) error {
		n, err := h.vault.Revoke(t.Context(), tx, archive, leaves.holder)
		if n != 1 {
			t.Errorf("%d grants went", n)
		}
		return err
	})
	h.unlock(leaves).Close()
	h.putBack(old)
	for _, process := range []string{"the same process", "another process"} {
		h.without(process+": who lost it", leaves, archive)
		err := h.tenant.Update(t.Context(), func(tx *db.Tx) error {
			_, err := h.vault.Grantees(t.Context(), tx, archive)
			return err
		})
		h.want(process+": the next term", err, fault.Damaged)
		before := h.alarms
		if !h.unlock(stays).Holds(archive) {
			t.Errorf("%s: who holds it is locked out", process)
		}
		if h.alarms == before {
			t.Errorf("%s: nobody hears of it when he signs in", process)
		}
		h.restart()
	}
}

// A term that is set back is not sealed to: who left would read on.
func TestTermSetBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	giver := h.unlock(keeper)
	h.newTerm(reader.holder)
	h.newTerm(archive, keeper)
	newer := h.keep("seal_term", "term = 2")
	set := func(term int) { h.tamper(`UPDATE seal_holder SET tenant = $1, term = $2 WHERE tenant = $1`, term) }
	try := func(what string, want bool) {
		t.Helper()
		for _, process := range []string{"the same process", "another process"} {
			_, sealing := h.trySeal(h.tenant, 1, archive)
			_, note := h.vault.SealNote(t.Context(), h.tenant, archive, "k", mail.NewID(), []byte("x"))
			granting := h.tenant.Update(t.Context(), func(tx *db.Tx) error {
				seed, err := giver.Seed(archive, 1)
				if err != nil {
					return err
				}
				return h.give(tx, seed, reader)
			})
			for kind, err := range map[string]error{"sealing": sealing, "a note": note, "granting": granting} {
				if want {
					h.ok(err)
				} else {
					h.want(what+", "+process+": "+kind, err, fault.Damaged)
				}
			}
			h.restart()
		}
	}
	try("the newest term", true)
	set(1)
	try("set back", false)
	h.tamper(`DELETE FROM seal_term WHERE tenant = $1 AND term = 2`)
	try("and without the newer key", false)
	// The newest key under the number of the old one.
	set(2)
	h.putBack(newer)
	h.tamper(`DELETE FROM seal_term WHERE tenant = $1 AND term = 1`)
	h.tamper(`UPDATE seal_term SET tenant = $1, term = 1 WHERE tenant = $1 AND term = 2`)
	set(1)
	try("renamed", false)
}

// rewrite makes the rows of the audit log agree with each other again, after
// entries were changed, as an attacker would who knows the formats.
func (h *house) rewrite() {
	h.Helper()
	type leaf struct {
		index        int64
		text, sealed []byte
	}
	var all []leaf
	rows, err := h.tenant.Query(context.Background(), `SELECT idx, text, sealed FROM ledger_entry WHERE tenant = $1 AND log = 'audit' ORDER BY idx`)
	h.ok(err)
	for rows.Next() {
		var l leaf
		h.ok(rows.Scan(&l.index, &l.text, &l.sealed))
		all = append(all, l)
	}
	h.ok(errors.Join(rows.Err(), rows.Close()))
	var edge checkpoint.Edge
	for _, l := range all {
		data := entry.LeafData(l.text, entry.Hash(l.sealed))
		h.tamper(`UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = 'audit' AND idx = $3`, data[:], l.index)
		edge.Add(l.index+1, entry.RecordHash(data))
	}
	h.tamper(`UPDATE ledger_log SET tenant = $1, size = $2, edge = $3 WHERE tenant = $1 AND name = 'audit'`, len(all), edge.Bytes())
}

// Key row, entry, leaf and tiles changed together, so that they agree: refused
// at the moment of use, in the process that knew the key, and in any other
// from the first signed checkpoint on.
func TestForgedLog(t *testing.T) {
	t.Parallel()
	for _, signed := range []bool{false, true} {
		h := newHouse(t)
		keeper, reader := h.person(), h.person()
		archive := h.archive(keeper)
		giver := h.unlock(keeper)
		if signed {
			h.ok(h.ledger.Ensure(t.Context(), h.tenant, "message"))
			h.ok(h.books.Sign(t.Context(), h.db, h.tenant.ID()))
		}
		f := h.forge(reader.holder, "person", 1)
		sealed := sha256.Sum256(h.record(reader.holder, "person", 1, f.public))
		h.tamper(`UPDATE seal_term SET tenant = $1, public = $2, entry = $3, salt = $4 WHERE tenant = $1 AND holder = $5`, f.public, f.text, f.salt, reader.holder.Bytes())
		h.tamper(`UPDATE ledger_entry SET tenant = $1, text = $2, sealed = $3 WHERE tenant = $1 AND log = 'audit'
			AND idx = (SELECT leaf FROM seal_term WHERE tenant = $1 AND holder = $4)`, f.text, sealed[:], reader.holder.Bytes())
		h.rewrite()
		if signed {
			h.restart()
		}
		h.refusesKey("a forged log", reader, giver, archive)
	}
}

// A log that is cut behind a revocation, with everything else cut along: the
// process that saw more refuses, and so does any other where more was signed.
func TestShortenedLog(t *testing.T) {
	t.Parallel()
	for _, signed := range []bool{false, true} {
		h := newHouse(t)
		stays, leaves := h.person(), h.person()
		archive := h.archive(stays, leaves)
		grants := h.keep("seal_grant", "grantee = $2", leaves.holder.Bytes())
		h.update(h.tenant, func(tx *db.Tx) error {
			_, err := h.vault.Revoke(t.Context(), tx, archive, leaves.holder)
			return err
		})
		h.seal(1, archive) // the process sees it
		if signed {
			h.ok(h.books.Sign(t.Context(), h.db, h.tenant.ID()))
		}
		h.tamper(`DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = (SELECT MAX(idx) FROM ledger_entry WHERE tenant = $1 AND log = 'audit')`)
		h.rewrite()
		h.putBack(grants)
		if signed {
			h.restart()
		}
		_, err := h.vault.Unlock(t.Context(), h.tenant, leaves.holder, seal.ByInvitation, leaves.code)
		h.want("who lost it", err, fault.Damaged)
		_, err = h.trySeal(h.tenant, 1, archive)
		h.want("sealing", err, fault.Damaged)
	}
}
