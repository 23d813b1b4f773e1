package ledger

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
)

// guardName is where the last signed checkpoint of a log lies in the object
// store (docs/formats/pack.md).
func guardName(tenant mail.TenantID, log string) blob.Name {
	return blob.Name(tenant.String() + "/checkpoints/" + log)
}

// guard is the last signed checkpoint of a log as the object store has it. A
// database that was rolled back or changed by hand does not extend it.
type guard struct {
	key   checkpoint.Key
	store blob.Register
}

// begin puts the checkpoint of an empty log into the place of a log that is being
// made. Durable when it returns nil. What lies there already is of a log that was
// not made in the end; one with entries is of a log that was lost (kind Damaged).
func (g guard) begin(ctx context.Context, tenant mail.TenantID, log string, note []byte) error {
	old, err := g.store.Load(ctx, guardName(tenant, log))
	if err != nil {
		return err
	}
	if g.signed(old) {
		return errLost()
	}
	return g.store.Swap(ctx, guardName(tenant, log), old, note)
}

// signed reports whether a note is there that is not the one of an empty log.
func (g guard) signed(note []byte) bool {
	last, err := checkpoint.OpenLog(note, g.key)
	return note != nil && (err != nil || last.Size > 0)
}

func errLost() error { return fault.New(fault.Damaged, "a log that was signed is missing") }

// load returns the note, nil where there is none.
func (g guard) load(ctx context.Context, t db.Tenant, log string) ([]byte, error) {
	return g.store.Load(ctx, guardName(t.ID(), log))
}

// check fails with kind Damaged where a log does not extend the note, or where
// the database has a later checkpoint (newest, nil for none) than the object
// store. newest has to be read first, then the note, then the tree: each can
// only be ahead of the one before.
func (g guard) check(tree *Tree, newest, note []byte) error {
	if note == nil {
		return fault.Newf(fault.Damaged, "the last signed checkpoint of the %s log is missing in the object store", fault.Word(tree.log))
	}
	last, err := checkpoint.OpenLog(note, g.key)
	if err != nil {
		return fault.Because(fault.Damaged, "a signed checkpoint in the object store was changed, or another key made it", err)
	}
	if last.Origin != tree.Origin {
		return fault.Newf(fault.Damaged, "the %s log is not the one that was signed", fault.Word(tree.log))
	}
	if newest != nil {
		kept, err := checkpoint.OpenLog(newest, g.key)
		if err != nil || kept.Size > last.Size || (kept.Size == last.Size && kept.Root != last.Root) {
			return errors.Join(fault.Newf(fault.Damaged, "the object store has another checkpoint of the %s log than the database", fault.Word(tree.log)), err)
		}
	}
	return extends(tree, last.Checkpoint)
}

// extends fails with kind Damaged where the tree does not begin with what the
// checkpoint says: the database was rolled back, or entries were changed.
func extends(tree *Tree, last checkpoint.Checkpoint) error {
	if tree.Size < last.Size {
		return fault.Newf(fault.Damaged, "the %s log has %d entries, but %d were signed: the database is older than its last checkpoint", fault.Word(tree.log), tree.Size, last.Size)
	}
	changed := func(err error) error {
		return fault.Because(fault.Damaged, "a log is not what was signed: verify the ledger", err)
	}
	then, err := tree.Root(last.Size)
	if err != nil {
		return err // who could not read knows nothing, and raises no alarm
	}
	if checkpoint.Hash(then) != last.Root {
		return changed(errors.New("another root at the size of the last checkpoint"))
	}
	if last.Size == 0 {
		return nil
	}
	now, err := tree.Root(tree.Size)
	if err != nil {
		return err
	}
	proof, err := tree.Consistency(tree.Size, last.Size)
	if err != nil {
		return err
	}
	return changed(tlog.CheckTree(proof, tree.Size, now, last.Size, tlog.Hash(last.Root)))
}

// newestCheckpoint returns the last note that the database has, nil for none.
func newestCheckpoint(ctx context.Context, t db.Tenant, log string) ([]byte, error) {
	var note []byte
	err := t.QueryRow(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 ORDER BY size DESC LIMIT 1`, log).Scan(&note)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	return note, err
}

// replace puts a new note into the guard's place. Durable when it returns nil.
func (g guard) replace(ctx context.Context, t db.Tenant, log string, old, note []byte) error {
	if bytes.Equal(old, note) {
		return nil // signed before, and the transaction that followed did not come
	}
	return g.store.Swap(ctx, guardName(t.ID(), log), old, note)
}
