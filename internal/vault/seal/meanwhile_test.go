package seal_test

import (
	"context"
	"testing"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/seal"
)

// meanwhile is a ledger before whose answer something else happens, once.
type meanwhile struct {
	*ledger.Ledger
	then func()
	skip int // answers before that
}

func (m *meanwhile) Newest(ctx context.Context, t db.Tenant, log string, id mail.ID) (flow.Entered, error) {
	if then := m.then; then != nil && m.skip > 0 {
		m.skip--
	} else if then != nil {
		m.then = nil
		then()
	}
	return m.Ledger.Newest(ctx, t, log, id)
}

// What is committed between the look at a row and the look at the log is no
// damage: mail goes on with the new term, and a grant that ended just now is one
// that is not there.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stays, leaves := h.person(), h.person()
	archive := h.archive(stays, leaves)
	log := &meanwhile{Ledger: h.ledger}
	other := h.vault
	var err error
	h.vault, err = seal.New(seal.Config{Log: log, Arena: secret.NewArena(1024), Now: h.now, Derivations: 2, Alarm: h.heard})
	h.ok(err)
	inOther := func(f func(tx *db.Tx) error) func() { return func() { h.update(h.tenant, f) } }

	log.then = inOther(func(tx *db.Tx) error {
		seed, err := other.NewTerm(t.Context(), tx, archive)
		seed.Wipe()
		return err
	})
	_, err = h.trySeal(h.tenant, 1, archive)
	if h.ok(err); log.then != nil {
		t.Error("nothing happened meanwhile")
	}
	revoke := inOther(func(tx *db.Tx) error {
		_, err := other.Revoke(t.Context(), tx, archive, leaves.holder)
		return err
	})
	kept := h.keep("seal_grant", "grantee = $2", leaves.holder.Bytes())
	log.then, log.skip = revoke, 1 // the first question is whether the log answers at all
	if s := h.unlock(leaves); s.Holds(archive) || log.then != nil {
		t.Error("a grant that ended is followed")
	}
	if h.alarms > 0 {
		t.Error("an alarm about what is no damage")
	}
	// But one that is there and does not stand is damage.
	h.putBack(kept)
	h.without("a grant that came back", leaves, archive)
}

// Which holder is a tenant's archive stands in a row that the ledger does not
// know: mail is sealed as to the archive only to a holder of that kind.
func TestArchiveIsAnArchive(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	keeper, reader := h.person(), h.person()
	archive := h.archive(keeper)
	for _, process := range []string{"the same process", "another process"} {
		_, err := h.trySeal(h.tenant, 1, reader.holder)
		h.want(process+": a reader in its place", err, fault.Damaged)
		// The kind is part of what the ledger has of a key.
		h.tamper(`UPDATE seal_holder SET tenant = $1, kind = 'archive' WHERE tenant = $1 AND id = $2`, reader.holder.Bytes())
		_, err = h.trySeal(h.tenant, 1, reader.holder)
		h.want(process+": with the kind changed along", err, fault.Damaged)
		h.tamper(`UPDATE seal_holder SET tenant = $1, kind = 'person' WHERE tenant = $1 AND id = $2`, reader.holder.Bytes())
		h.seal(1, archive, reader)
		h.restart()
	}
}
