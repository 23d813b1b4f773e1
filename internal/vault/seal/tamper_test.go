package seal_test

import (
	"bytes"
	"context"
	"crypto/hpke"
	"errors"
	"testing"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// The attacker of this file has the database and writes rows; the server goes
// on with them (security-model.md, "Keys are in the ledger"). Everything is
// tried with a vault that remembers nothing, too.

// forged is a key of the attacker with an entry that fits it.
type forged struct {
	public, text, salt []byte
}

func (h *house) forge(holder mail.HolderID, kind string, term int) forged {
	h.Helper()
	k, err := hpke.MLKEM768X25519().GenerateKey()
	h.ok(err)
	f := forged{public: k.PublicKey().Bytes(), salt: bytes.Repeat([]byte{7}, 32)}
	record := h.record(holder, kind, term, f.public)
	f.text, err = entry.Entry{Kind: "key", ID: holder, Time: h.now(), Fields: []entry.Field{
		{Name: "record", Commitment: entry.Opening{Salt: entry.Hash(f.salt), Value: record}.Commit()},
	}}.Text()
	h.ok(err)
	return f
}

// record is the public key record of a key (docs/formats/keys.md).
func (h *house) record(holder mail.HolderID, kind string, term int, public []byte) []byte {
	tenant := h.tenant.ID()
	return tuple.Make("siegel/v1 public key", tenant[:], holder[:], []byte(kind), tuple.Uint64(uint64(term)), public)
}

// refusesKey checks everything that would use a holder's current key.
func (h *house) refusesKey(what string, m member, giver *seal.Session, archive mail.HolderID) {
	h.Helper()
	for _, fresh := range []bool{false, true} {
		if fresh {
			h.vault = h.newVault()
		}
		h.refusesSealing(what, m, giver, archive)
		_, err := h.vault.Unlock(context.Background(), h.tenant, m.holder, seal.ByInvitation, m.code)
		h.want(what+": its own seed", err, fault.Damaged)
	}
}

// refusesSealing checks that nothing is sealed to a holder's current key.
func (h *house) refusesSealing(what string, m member, giver *seal.Session, archive mail.HolderID) {
	h.Helper()
	_, err := h.trySeal(h.tenant, 1, mail.HolderID{}, m)
	h.want(what+": sealing to it", err, fault.Damaged)
	_, err = h.vault.SealNote(context.Background(), h.tenant, m.holder, "k", mail.NewID(), []byte("x"))
	h.want(what+": a note to it", err, fault.Damaged)
	seed, err := giver.Seed(archive, 1)
	h.ok(err)
	err = h.tenant.Update(context.Background(), func(tx *db.Tx) error { return h.give(tx, seed, m) })
	h.want(what+": granting to it", err, fault.Damaged)
}

// CR-12, BX-06: a public key that somebody puts into the row is used for
// nothing, however well its entry fits.
func TestReplacedPublicKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader, other := h.person(), h.person(), h.person()
	archive := h.archive(keeper)
	giver := h.unlock(keeper)
	set := func(public, text, salt []byte) {
		h.tamper(`UPDATE seal_term SET tenant = $1, public = $2, entry = $3, salt = $4 WHERE tenant = $1 AND holder = $5`, public, text, salt, reader.holder.Bytes())
	}
	var public, text, salt []byte
	var leaf int64
	row := func(m member) {
		h.ok(h.tenant.QueryRow(t.Context(), `SELECT public, entry, salt, leaf FROM seal_term WHERE tenant = $1 AND holder = $2`,
			m.holder.Bytes()).Scan(&public, &text, &salt, &leaf))
	}
	row(reader)
	f := h.forge(reader.holder, "person", 1)
	set(f.public, text, salt)
	h.refusesKey("only the key", reader, giver, archive)
	set(f.public, f.text, f.salt)
	h.refusesKey("key and entry", reader, giver, archive)
	h.tamper(`UPDATE seal_term SET tenant = $1, leaf = $2 WHERE tenant = $1 AND holder = $3`, int64(1<<40), reader.holder.Bytes())
	h.refusesKey("key, entry and an index that is not there", reader, giver, archive)
	set(f.public, text, salt[:31])
	h.refusesKey("a salt of another length", reader, giver, archive)
	set(f.public, []byte("no entry\n"), salt)
	h.refusesKey("no entry", reader, giver, archive)
	row(other)
	set(public, text, salt)
	h.tamper(`UPDATE seal_term SET tenant = $1, leaf = $2 WHERE tenant = $1 AND holder = $3`, leaf, reader.holder.Bytes())
	h.refusesKey("another holder's key with its entry", reader, giver, archive)
	// An attacker who names another kind of holder changes the record.
	row(reader)
	h.tamper(`UPDATE seal_holder SET tenant = $1, kind = $2 WHERE tenant = $1 AND id = $3`, "archive", reader.holder.Bytes())
	h.refusesKey("another kind", reader, giver, archive)
}

// A log whose rows were changed stops everything that asks it.
func TestReplacedEntry(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	giver := h.unlock(keeper)
	var leaf int64
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT leaf FROM seal_term WHERE tenant = $1 AND holder = $2`, reader.holder.Bytes()).Scan(&leaf))
	h.tamper(`UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = 'audit' AND idx = $3`, make([]byte, 32), leaf)
	h.restart()
	h.refusesSealing("the entry's leaf", reader, giver, archive)
	h.tamper(`DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = $2`, leaf)
	h.restart()
	h.refusesSealing("no entry at all", reader, giver, archive)
}

// A key that the same transaction makes can be granted to at once; after it was
// rolled back it is nothing.
func TestKeysOfTheSameTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper := h.person()
	archive := h.archive(keeper)
	s := h.unlock(keeper)
	abandoned := errors.New("rolled back")
	var gone mail.HolderID
	err := h.tenant.Update(t.Context(), func(tx *db.Tx) error {
		seed, err := h.vault.NewHolder(t.Context(), tx, seal.Person)
		if err != nil {
			return err
		}
		gone = seed.Holder
		given, err := s.Seed(archive, 1)
		if err != nil {
			return err
		}
		if err := h.give(tx, given, member{holder: gone}); err != nil {
			return err
		}
		return abandoned
	})
	if !errors.Is(err, abandoned) {
		t.Fatal(err)
	}
	if _, err := h.trySeal(h.tenant, 1, mail.HolderID{}, member{holder: gone}); err == nil {
		t.Error("mail was sealed to a holder who does not exist")
	}
}

// CR-12: a grant row gives what the ledger says, to whom the ledger says.
func TestTamperedGrants(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	m := h.seal(1, archive)[0]
	grantees := func() error {
		return h.tenant.Update(t.Context(), func(tx *db.Tx) error {
			_, err := h.vault.Grantees(t.Context(), tx, archive)
			return err
		})
	}
	h.ok(grantees())
	// Copied to another grantee under an id of its own.
	h.tamper(`INSERT INTO seal_grant (tenant, id, holder, term, grantee, grantee_term, kind, scope, not_after, giver, sealed, entry, salt, opening, opening_term, leaf, created)
		SELECT $1, $2, holder, term, $3, grantee_term, kind, scope, not_after, giver, sealed, entry, salt, opening, opening_term, leaf, created
		FROM seal_grant WHERE tenant = $1`, mail.NewID().Bytes(), reader.holder.Bytes())
	h.without("a copied grant", reader, archive)
	if !h.unlock(keeper).Holds(archive) {
		t.Error("a copied grant locks the keeper out")
	}
	h.want("the next term would go to him", grantees(), fault.Damaged)
	h.tamper(`DELETE FROM seal_grant WHERE tenant = $1 AND grantee = $2`, reader.holder.Bytes())
	h.unlock(reader).Close()
	h.ok(grantees())

	// Each column that says what the grant is.
	for column, value := range map[string]any{
		"id": mail.NewID().Bytes(), "kind": "range", "scope": "everything", "not_after": int64(1 << 60), "term": 1 << 20,
		"sealed": []byte{1, 2, 3}, "salt": make([]byte, 32), "leaf": int64(0), "entry": []byte("siegel/v1 grant\n"),
	} {
		keeper := h.person()
		archive := h.archive(keeper)
		h.tamper(`UPDATE seal_grant SET tenant = $1, `+column+` = $2 WHERE tenant = $1 AND grantee = $3`, value, keeper.holder.Bytes())
		h.without("another "+column, keeper, archive)
		h.want("grantees with another "+column, h.tenant.Update(t.Context(), func(tx *db.Tx) error {
			_, err := h.vault.Grantees(t.Context(), tx, archive)
			return err
		}), fault.Damaged)
	}
	// The grantee turned to the reader: the keeper loses, nobody gains.
	h.tamper(`UPDATE seal_grant SET tenant = $1, grantee = $2 WHERE tenant = $1 AND grantee = $3`, reader.holder.Bytes(), keeper.holder.Bytes())
	h.without("a grant turned to the reader", reader, archive)
	h.want("the next term would go to the reader", grantees(), fault.Damaged)
	_, err := read(h.unlock(keeper), m, archive)
	h.want("the keeper without a grant", err, fault.NotFound)
}

// A grant that was not entered in the ledger opens nothing, even where it is a
// good seal of the right seed: whoever holds a seed and the database cannot
// quietly add a reader.
func TestGrantOutsideTheLedger(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	s := h.unlock(keeper)
	seed, err := s.Seed(archive, 1)
	h.ok(err)
	h.update(h.tenant, func(tx *db.Tx) error { return h.give(tx, seed, reader) })
	h.reads("entered", h.unlock(reader), h.seal(1, archive)[0], archive)
	h.tamper(`DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit'
		AND idx = (SELECT leaf FROM seal_grant WHERE tenant = $1 AND grantee = $2)`, reader.holder.Bytes())
	h.restart()
	_, err = h.vault.Unlock(t.Context(), h.tenant, reader.holder, seal.ByInvitation, reader.code)
	h.want("not entered", err, fault.Damaged)
}

// An expired grant opens nothing.
func TestExpiredGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper := h.person()
	archive := h.archive(keeper)
	h.tamper(`UPDATE seal_grant SET tenant = $1, not_after = $2 WHERE tenant = $1`, mail.Micros(h.at)-1)
	s := h.unlock(keeper)
	if s.Holds(archive) {
		t.Error("an expired grant was followed")
	}
}

// CR-12: a wrap opens one message for one holder of one tenant.
func TestTamperedWraps(t *testing.T) {
	t.Parallel()
	type tried struct {
		what  string
		query string
		args  func(h *house, list []message, keeper, reader member) []any
	}
	take := func(column string) string {
		return `UPDATE seal_wrap SET tenant = $1, ` + column + ` = (SELECT ` + column + ` FROM seal_wrap WHERE tenant = $1 AND message = $2 AND holder = $3)
			WHERE tenant = $1 AND message = $4 AND holder = $3`
	}
	another := func(_ *house, list []message, _, reader member) []any {
		return []any{list[1].id.Bytes(), reader.holder.Bytes(), list[0].id.Bytes()}
	}
	cases := []tried{
		{"another message's wrap", take("wrap"), another},
		{"another group's batch", `UPDATE seal_wrap SET tenant = $1, batch = $2 WHERE tenant = $1 AND message = $3 AND holder = $4`, func(h *house, list []message, _, reader member) []any {
			var other []byte
			h.ok(h.tenant.QueryRow(context.Background(), `SELECT batch FROM seal_wrap WHERE tenant = $1 AND message = $2 AND holder = $3`,
				list[2].id.Bytes(), reader.holder.Bytes()).Scan(&other))
			return []any{other, list[0].id.Bytes(), reader.holder.Bytes()}
		}},
		{"the keeper's wrap", `UPDATE seal_wrap SET tenant = $1, wrap = (SELECT wrap FROM seal_wrap WHERE tenant = $1 AND message = $2 AND holder = $3)
			WHERE tenant = $1 AND message = $2 AND holder = $4`, func(_ *house, list []message, keeper, reader member) []any {
			return []any{list[0].id.Bytes(), keeper.holder.Bytes(), reader.holder.Bytes()}
		}},
		{"nothing", `UPDATE seal_wrap SET tenant = $1, wrap = $2 WHERE tenant = $1`, func(*house, []message, member, member) []any { return []any{[]byte{}} }},
		{"an unknown kind", `UPDATE seal_wrap SET tenant = $1, wrap = $2 WHERE tenant = $1`, func(*house, []message, member, member) []any {
			return []any{bytes.Repeat([]byte{3}, 61)}
		}},
		{"a local wrap of nobody", `UPDATE seal_wrap SET tenant = $1, wrap = $2 WHERE tenant = $1`, func(*house, []message, member, member) []any {
			return []any{append([]byte{2}, make([]byte, 60)...)}
		}},
		{"no batch", `DELETE FROM seal_batch WHERE tenant = $1`, func(*house, []message, member, member) []any { return nil }},
		{"a batch of nothing", `UPDATE seal_batch SET tenant = $1, sealed = $2 WHERE tenant = $1`, func(*house, []message, member, member) []any { return []any{[]byte{1}} }},
		{"another group's batch key", `UPDATE seal_batch SET tenant = $1, sealed = $2 WHERE tenant = $1 AND holder = $3`, func(h *house, list []message, _, reader member) []any {
			var sealed []byte
			h.ok(h.tenant.QueryRow(context.Background(), `SELECT b.sealed FROM seal_batch b JOIN seal_wrap w ON w.tenant = b.tenant AND w.batch = b.id
				WHERE b.tenant = $1 AND w.message = $2 AND w.holder = $3`, list[2].id.Bytes(), reader.holder.Bytes()).Scan(&sealed))
			return []any{sealed, reader.holder.Bytes()}
		}},
		{"the keeper's batch", `UPDATE seal_batch SET tenant = $1, sealed = (SELECT b.sealed FROM seal_batch b WHERE b.tenant = $1 AND b.holder = $2 LIMIT 1)
			WHERE tenant = $1 AND holder = $3`, func(_ *house, _ []message, keeper, reader member) []any {
			return []any{keeper.holder.Bytes(), reader.holder.Bytes()}
		}},
	}
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive()
	s := h.unlock(reader)
	for _, c := range cases {
		list := append(h.seal(2, archive, keeper, reader), h.seal(1, archive, keeper, reader)...)
		h.tamper(c.query, c.args(h, list, keeper, reader)...)
		_, err := read(s, list[0], mail.HolderID{})
		h.want(c.what, err, fault.Damaged)
	}
}

// A wrap moved to a holder that the session reaches does not open there.
func TestWrapOfAnotherHolder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	m := h.seal(1, archive)[0]
	h.tamper(`UPDATE seal_wrap SET tenant = $1, holder = $2 WHERE tenant = $1`, reader.holder.Bytes())
	_, err := read(h.unlock(reader), m, archive)
	h.want("with the batch of the other", err, fault.Damaged)
	h.tamper(`UPDATE seal_batch SET tenant = $1, holder = $2 WHERE tenant = $1`, reader.holder.Bytes())
	_, err = read(h.unlock(reader), m, archive)
	h.want("with the batch taken along", err, fault.Damaged)
}

// CR-12: rows that are copied whole into another tenant open nothing there, for
// the same person with the same key.
func TestRowsOfAnotherTenant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reader := h.person()
	archive := h.archive()
	m := h.seal(1, archive, reader)[0]
	there := h.newTenant()
	columns := map[string]string{
		"seal_holder": "id, kind, term, next, created",
		"seal_lock":   "id, holder, term, kind, parameters, verifier, box, created",
		"seal_wrap":   "holder, seq, message, month, term, batch, wrap",
		"seal_batch":  "id, holder, term, sealed",
		"seal_term":   "holder, term, public, created, entry, salt, leaf",
	}
	write, err := copyInto(h, there, columns)
	h.ok(err)
	if write == 0 {
		t.Fatal("nothing was copied")
	}
	_, err = h.vault.Unlock(t.Context(), there, reader.holder, seal.ByInvitation, reader.code)
	h.want("the lock of another tenant", err, fault.Damaged)
	// The stream of another tenant, with the right data key.
	o, err := h.unlock(reader).Open(t.Context(), m.id, archive)
	h.ok(err)
	r, err := h.vault.NewKey(there.ID(), m.id, 202611).Data().Stream(bytes.NewReader(m.sealed), int64(len(plain)))
	if err == nil {
		r.Close()
	}
	h.want("the stream under another key", err, fault.Damaged)
	o.Close()
}

// copyInto copies rows into another tenant.
func copyInto(h *house, there db.Tenant, columns map[string]string) (n int64, err error) {
	here := h.tenant.ID()
	err = there.Update(context.Background(), func(tx *db.Tx) error {
		for table, list := range columns {
			res, err := tx.Exec(context.Background(), `INSERT INTO `+table+` (tenant, `+list+`) SELECT $1, `+list+` FROM `+table+` WHERE tenant = $2`, here.Bytes())
			if err != nil {
				return err
			}
			k, err := res.RowsAffected()
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n, err
}

// A lock's row cannot be exchanged, weakened or made to take the memory.
func TestTamperedLocks(t *testing.T) {
	t.Parallel()
	cases := []struct {
		what, column string
		value        any
		want         fault.Kind
	}{
		{"another box", "box", append([]byte{1}, make([]byte, 60)...), fault.Damaged},
		{"no box", "box", []byte{}, fault.Damaged},
		{"another term", "term", 2, fault.Damaged},
		{"another id", "id", mail.NewID().Bytes(), fault.Denied},
		{"another salt", "parameters", "hkdf salt=00112233445566778899aabbccddeeff", fault.Denied},
		{"no parameters", "parameters", "", fault.Damaged},
		{"a short salt", "parameters", "hkdf salt=00", fault.Damaged},
		{"another verifier", "verifier", "$2a$04$0000000000000000000000", fault.Denied},
	}
	h := newHouse(t)
	for _, c := range cases {
		m := h.person()
		h.tamper(`UPDATE seal_lock SET tenant = $1, `+c.column+` = $2 WHERE tenant = $1 AND holder = $3`, c.value, m.holder.Bytes())
		_, err := h.vault.Unlock(t.Context(), h.tenant, m.holder, seal.ByInvitation, m.code)
		h.want(c.what, err, c.want)
	}
	lock, err := h.vault.PrepareLock(t.Context(), seal.ByPassword, []byte("Password-12"))
	h.ok(err)
	var holder mail.HolderID
	h.update(h.tenant, func(tx *db.Tx) error {
		seed, err := h.vault.NewHolder(t.Context(), tx, seal.Person)
		if err != nil {
			return err
		}
		holder = seed.Holder
		return h.vault.Put(t.Context(), tx, lock, seed)
	})
	for _, p := range []string{
		"argon2id v=19 m=4294967295 t=3 p=1 salt=00112233445566778899aabbccddeeff",
		"argon2id v=19 m=65536 t=1000000 p=1 salt=00112233445566778899aabbccddeeff",
		"argon2id v=19 m=8 t=3 p=1 salt=00112233445566778899aabbccddeeff",
		"argon2id v=16 m=65536 t=3 p=1 salt=00112233445566778899aabbccddeeff",
		"argon2id v=19 m=65536 t=3 p=8 salt=00112233445566778899aabbccddeeff",
	} {
		h.tamper(`UPDATE seal_lock SET tenant = $1, parameters = $2 WHERE tenant = $1 AND holder = $3`, p, holder.Bytes())
		_, err := h.vault.Unlock(t.Context(), h.tenant, holder, seal.ByPassword, []byte("Password-12"))
		h.want(p, err, fault.Damaged)
	}
}

// Wrap and Write leave out whom the caller skips, and write no batch for nobody.
func TestWriteSkips(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reader := h.person()
	a, b := h.vault.NewKey(h.tenant.ID(), mail.NewID(), 202611), h.vault.NewKey(h.tenant.ID(), mail.NewID(), 202611)
	for _, k := range []*seal.Pending{a, b} {
		k.For(seal.Recipient{Holder: reader.holder})
	}
	w, err := h.vault.Wrap(t.Context(), h.tenant, []flow.Key{a, b})
	h.ok(err)
	count := func() (wraps, batches int) {
		h.ok(h.tenant.QueryRow(t.Context(), `SELECT COUNT(*) FROM seal_wrap WHERE tenant = $1`).Scan(&wraps))
		h.ok(h.tenant.QueryRow(t.Context(), `SELECT COUNT(*) FROM seal_batch WHERE tenant = $1`).Scan(&batches))
		return wraps, batches
	}
	h.update(h.tenant, func(tx *db.Tx) error {
		return w.Write(t.Context(), tx, map[mail.ID]bool{a.Object(): true, b.Object(): true})
	})
	if wraps, batches := count(); wraps != 0 || batches != 0 {
		t.Errorf("%d wraps and %d batches of nothing", wraps, batches)
	}
	h.update(h.tenant, func(tx *db.Tx) error { return w.Write(t.Context(), tx, map[mail.ID]bool{a.Object(): true}) })
	if wraps, batches := count(); wraps != 1 || batches != 1 {
		t.Errorf("%d wraps and %d batches, want one of each", wraps, batches)
	}
}
