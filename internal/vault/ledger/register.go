package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// register has the newest entry of each id of a log, from reading the log
// through. Rows of the database say what was granted once; the log says whether
// something ended it since, and cannot be set back.
type register struct {
	size    int64 // entries read
	changes int64 // of them no events
	edge    checkpoint.Edge
	newest  map[mail.ID]flow.Entered
}

// standsAlone reports whether entries of a kind are left out of registers: events and
// tallies are many, and each stands for itself.
func standsAlone(kind string) bool { return kind == "audit" || kind == "tally" }

// Newest returns where the newest entry of an id stands in the log as
// committed. The first call for a log reads it through, later ones what is new.
// It fails with kind Damaged where entries do not have the root of a state that
// extends the last signed checkpoint and every state that this process relied
// on before.
func (l *Ledger) Newest(ctx context.Context, t db.Tenant, log string, id mail.ID) (p flow.Entered, err error) {
	if err := l.Shut(t.ID()); err != nil {
		return p, err
	}
	err = l.registered(ctx, t, log, func(r *register) { p = r.place(id) })
	return p, err
}

// Standing returns the newest entries of a log: of every id one, but for events.
// It fails as [Ledger.Newest] does.
func (l *Ledger) Standing(ctx context.Context, t db.Tenant, log string) (all map[mail.ID]flow.Entered, err error) {
	err = l.registered(ctx, t, log, func(r *register) { all = maps.Clone(r.newest) })
	return all, err
}

// Changes returns how many entries of a log say how a thing is, which events do
// not: as long as it is the same, everything stands as it did. It fails as
// [Ledger.Newest] does.
func (l *Ledger) Changes(ctx context.Context, t db.Tenant, log string) (n int64, err error) {
	if err := l.Shut(t.ID()); err != nil {
		return 0, err
	}
	err = l.registered(ctx, t, log, func(r *register) { n = r.changes })
	return n, err
}

// Owners returns the tenants that have logs.
func (l *Ledger) Owners(ctx context.Context, instance db.Tenant) (ids []mail.TenantID, err error) {
	// no tenant: it is asked whose logs there are
	rows, err := instance.Query(ctx, `SELECT DISTINCT tenant FROM ledger_log WHERE tenant <> $1`)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (id mail.TenantID, err error) {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return id, err
		}
		return mail.IDFrom(b)
	})
}

// sizeOf asks for the size of a log through a handle: who has a transaction open reads
// by other connections than who has not, and waits for none of theirs.
type sizeOf struct {
	t   db.Tenant
	log string
}

// registered calls f with the register of the log's committed state.
func (l *Ledger) registered(ctx context.Context, t db.Tenant, log string, f func(*register)) (err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	// Every message asks this several times: who asks at the same time shares an answer.
	size, err := l.sizes.Ask(ctx, sizeOf{t, log}, func(ctx context.Context) (size int64, err error) {
		err = t.QueryRow(ctx, `SELECT size FROM ledger_log WHERE tenant = $1 AND name = $2`, log).Scan(&size)
		return size, err
	})
	if errors.Is(err, db.ErrNoRows) {
		return l.missing(ctx, t, log)
	}
	if err != nil {
		return err
	}
	h := l.head(t.ID(), log)
	if h.upToDate(size, f) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := l.grow(ctx, t, log, h); err != nil {
		return err
	}
	if err := l.replay(ctx, t, log, h); err != nil {
		return err
	}
	f(h.reg)
	return nil
}

// missing is the error for a log that has no row: of kind NotFound where there
// never was one, Damaged where this process saw it or somebody signed it.
func (l *Ledger) missing(ctx context.Context, t db.Tenant, log string) error {
	if l.seen(t.ID(), log).looked {
		return errBehindOurBack(log)
	}
	_, _, err := l.committed(ctx, t, log, true)
	return err
}

// upToDate calls f and reports true where the register has just size entries.
func (h *head) upToDate(size int64, f func(*register)) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.reg == nil || h.reg.size != size {
		return false
	}
	f(h.reg)
	return true
}

// place returns where the newest entry of an id stands.
func (r *register) place(id mail.ID) flow.Entered {
	if p, ok := r.newest[id]; ok {
		return p
	}
	return flow.Entered{Index: -1}
}

// replay reads what the register does not have yet, up to the head's state, and
// compares the root. The caller holds h.mu.
func (l *Ledger) replay(ctx context.Context, t db.Tenant, log string, h *head) error {
	old := h.reg
	if old == nil {
		old = &register{newest: make(map[mail.ID]flow.Entered)}
	}
	if old.size == h.size {
		h.reg = old
		return nil
	}
	// What was read is kept only where the root is right.
	edge, err := parseEdge(old.edge.Bytes())
	if err != nil {
		return err
	}
	fresh := make(map[mail.ID]flow.Entered)
	n, changes := old.size, old.changes
	for e, err := range l.rows(ctx, t, log, n) {
		if n == h.size {
			break
		}
		if err != nil {
			return err
		}
		if err := l.check(logName{t.ID(), log}, e); err != nil {
			return err
		}
		one, err := entry.Parse(e.Text)
		if err != nil {
			return errors.Join(fault.Newf(fault.Damaged, "entry %d of the %s log is not what it should be", n, fault.Word(log)), err)
		}
		if !standsAlone(one.Kind) {
			fresh[one.ID] = flow.Entered{Index: n, Data: e.Leaf, Kind: one.Kind}
			changes++
		}
		n++
		edge.Add(n, entry.RecordHash(e.Leaf))
	}
	if n != h.size || edge.Root() != checkpoint.Hash(h.root) {
		return fault.Because(fault.Damaged, "a log is not what was signed: verify the ledger", fmt.Errorf("another root after %d entries", n))
	}
	maps.Copy(old.newest, fresh)
	h.reg = &register{size: n, changes: changes, edge: edge, newest: old.newest}
	return nil
}
