package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// CheckpointerDeps is what a checkpointer works with.
type CheckpointerDeps struct {
	DB     *db.DB
	Ledger *Ledger
	// Tenants lists the tenants of the instance.
	Tenants func(ctx context.Context) ([]mail.TenantID, error)
	Now     func() time.Time
	// Every is how long after the first new leaf a log is signed.
	Every time.Duration
	Log   *slog.Logger
	Watch flow.Watch // may be nil
}

// States of a checkpoint of the instance on its way to a timestamp.
const (
	Waiting = "waiting"
	Stamped = "stamped"
	Covered = "covered" // a later one was stamped first and covers it
)

// Names of the steps of a checkpoint, for the crash test.
const (
	stepSign  = "checkpoint/sign"  // the state was read and compared, nothing is signed
	stepGuard = "checkpoint/guard" // the note is durable in the object store, its row is not written
	stepKept  = "checkpoint/kept"  // the row is durable
)

// Steps returns the names of the steps of a checkpoint, in order.
func Steps() []string { return []string{stepSign, stepGuard, stepKept} }

// Checkpointer signs the logs. Of each log it signs only committed states, and
// only such as extend the last one that was signed, which lies in the object
// store too. A tenant's checkpoint is entered in the instance's log in the
// transaction that keeps it; the instance's own is signed after that and waits
// for its timestamp. Use it from many goroutines.
type Checkpointer struct {
	CheckpointerDeps

	round sync.Mutex // held by the one who signs

	mu     sync.Mutex
	alarms map[string]error // by tenant and log: why nothing is signed any more; guarded by mu
}

// NewCheckpointer returns a checkpointer.
func NewCheckpointer(d CheckpointerDeps) *Checkpointer {
	if d.Watch == nil {
		d.Watch = func(string, bool, time.Duration) {}
	}
	return &Checkpointer{CheckpointerDeps: d, alarms: make(map[string]error)}
}

// Logs are the names of those of a tenant, in the order in which they are locked.
func Logs(id mail.TenantID) []string {
	if id.IsZero() {
		return []string{Instance}
	}
	return []string{Message, Audit}
}

// clockSkew is how far the clocks of nodes may differ.
const clockSkew = 10 * time.Second

// CheckClock fails with kind Invalid where the clock is before the newest
// checkpoint by more than nodes may differ: whatever is entered now would seem
// older than it is.
func (c *Checkpointer) CheckClock(ctx context.Context) error {
	var newest *int64
	err := c.DB.Instance().QueryRow(ctx, `SELECT MAX(created) FROM ledger_checkpoint WHERE tenant = $1`).Scan(&newest)
	if err != nil || newest == nil {
		return err
	}
	if now := c.Now(); mail.Micros(now.Add(clockSkew)) < *newest {
		return fault.Newf(fault.Invalid, "the clock says %s, but the newest checkpoint was signed %s; set the clock",
			now.UTC().Format(time.RFC3339), mail.FromMicros(*newest).Format(time.RFC3339))
	}
	return nil
}

// Run signs until ctx is done, and once more then. What goes wrong is logged and tried again, but for
// a log that does not extend its last checkpoint: it is never signed again ([Checkpointer.Alarms]).
func (c *Checkpointer) Run(ctx context.Context) error {
	tick := time.NewTicker(min(max(c.Every/20, 100*time.Millisecond), 15*time.Second))
	defer tick.Stop()
	for {
		if err := c.sign(ctx, false); err != nil && ctx.Err() == nil {
			c.Log.Error("checkpoint", "err", err)
		}
		select {
		case <-ctx.Done():
			return c.last(ctx)
		case <-tick.C:
		}
	}
}

// last signs what is there before the process ends: nobody remembers what it
// relied on while no server runs.
func (c *Checkpointer) last(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFor)
	defer cancel()
	if err := c.sign(ctx, true); err != nil {
		c.Log.Error("checkpoint", "err", err)
	}
	return nil
}

// lastFor bounds how long a stop waits for the last checkpoint.
const lastFor = 10 * time.Second

// CheckpointNow signs every log that has new leaves, without waiting. When it
// returns nil all leaves that were committed before the call are covered by a
// signed checkpoint of the instance, which waits for its timestamp, but for
// those of tenants that are shut.
func (c *Checkpointer) CheckpointNow(ctx context.Context) error { return c.sign(ctx, true) }

// Alarms returns why logs are not signed any more; nil is well.
func (c *Checkpointer) Alarms() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for _, err := range c.alarms {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// alarm keeps what is wrong with a log, and returns it where it is news.
func (c *Checkpointer) alarm(id mail.TenantID, log string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := id.String() + "/" + log
	old := c.alarms[key]
	switch {
	case err == nil:
		delete(c.alarms, key)
		return nil
	case fault.Of(err) != fault.Damaged:
		return err
	}
	err = fmt.Errorf("tenant %s, %s log, nothing is signed: %w", id, log, err)
	c.alarms[key] = err
	if old != nil && old.Error() == err.Error() {
		return nil
	}
	return err
}

// sign goes over all logs, the instance's last. Tenants that are shut are left
// out.
func (c *Checkpointer) sign(ctx context.Context, now bool) error {
	c.round.Lock()
	defer c.round.Unlock()
	if err := c.CheckClock(ctx); err != nil {
		return err
	}
	tenants, err := c.Tenants(ctx)
	if err != nil {
		return err
	}
	var bad []error
	for _, id := range tenants {
		if c.Ledger.Shut(id) != nil {
			continue
		}
		if err := c.tenant(ctx, c.DB.Tenant(id), now); err != nil {
			bad = append(bad, err)
		}
	}
	// Whatever is in the instance's log waited already.
	return errors.Join(errors.Join(bad...), c.tenant(ctx, c.DB.Instance(), true))
}

// signed is a checkpoint whose guard is durable and whose row is not written.
type signed struct {
	checkpoint.Checkpoint
	log  string
	note []byte
	seen time.Time // when the state was read
}

// tenant signs the logs of one tenant, or of the instance.
func (c *Checkpointer) tenant(ctx context.Context, t db.Tenant, now bool) error {
	var bad []error
	var list []signed
	for _, log := range Logs(t.ID()) {
		due, err := c.due(ctx, t, log, now)
		if err == nil && due {
			var s signed
			if s, err = c.log(ctx, t, log); err == nil {
				list = append(list, s)
			}
			err = c.alarm(t.ID(), log, err)
		}
		if err != nil {
			bad = append(bad, err)
		}
	}
	if len(list) > 0 {
		bad = append(bad, c.keep(ctx, t.ID(), list))
	}
	return errors.Join(bad...)
}

// due reports whether a log has leaves that waited long enough. A row that says
// that there are none, or that they came in the future, is not believed: leaves
// that are never signed could be exchanged later.
func (c *Checkpointer) due(ctx context.Context, t db.Tenant, log string, now bool) (bool, error) {
	covered, err := CoverageOf(ctx, t, log)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	if err != nil || covered.Since.IsZero() {
		return err == nil && covered.Size > covered.Signed, err
	}
	waited := c.Now().Sub(covered.Since)
	return now || waited >= c.Every || waited < 0, nil
}

// read returns the committed state of a log and its last signed checkpoint,
// which the state extends, as it extends what this process relied on. From then
// on the process relies on it: whoever takes away what was signed, in database
// and object store, does not get another log signed by the running server.
func (c *Checkpointer) read(ctx context.Context, t db.Tenant, log string) (*Tree, []byte, error) {
	relied := c.Ledger.seen(t.ID(), log) // before the tree, which can only be ahead
	tree, note, err := c.Ledger.committed(ctx, t, log, true)
	if fault.Of(err) == fault.NotFound {
		if relied.looked {
			return nil, nil, errBehindOurBack(log)
		}
		return nil, nil, errors.Join(errLost(), err) // and its guard with it
	}
	if err != nil {
		return nil, nil, err
	}
	if err := relied.in(tree); err != nil {
		return nil, nil, err
	}
	return tree, note, c.Ledger.found(ctx, t, tree)
}

// log signs the committed state of one log. Nodes take turns: there are stores
// whose compare-and-swap two can win at once.
func (c *Checkpointer) log(ctx context.Context, t db.Tenant, log string) (s signed, err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	err = c.DB.Alone(ctx, "sign "+t.ID().String()+"/"+log, func(ctx context.Context) (err error) {
		s, err = c.once(ctx, t, log)
		return err
	})
	return s, err
}

func (c *Checkpointer) once(ctx context.Context, t db.Tenant, log string) (s signed, err error) {
	s = signed{log: log, seen: c.Now()}
	tree, last, err := c.read(ctx, t, log)
	if err != nil {
		return s, err
	}
	root, err := tree.Root(tree.Size)
	if err != nil {
		return s, err
	}
	if log == Audit {
		// What somebody else appended is not signed: it would be believed for ever.
		if err := c.Ledger.registered(ctx, t, log, func(*register) {}); err != nil {
			return s, err
		}
	}
	c.Watch(stepSign, false, 0)
	s.Checkpoint = checkpoint.Checkpoint{Origin: tree.Origin, Size: tree.Size, Root: checkpoint.Hash(root)}
	if s.note, err = c.Ledger.signer.Checkpoint(s.Checkpoint); err != nil {
		return s, err
	}
	// What only a database has that does not count is not signed, and of one that does
	// not what only its primary has: a commit waits for all that was written before it.
	if err := c.DB.Barrier(ctx); err != nil {
		return s, err
	}
	// From here on the state is signed, whether its row comes or not.
	if err := c.Ledger.guard.replace(ctx, t, log, last, s.note); err != nil {
		return s, err
	}
	c.Watch(stepGuard, false, 0)
	return s, nil
}

// keep writes the rows of checkpoints. Those of tenants are anchored in the
// same transaction, that of the instance waits for its timestamp from then on.
// Where the outcome is unknown the next round signs the same state again, and
// finds the rows or writes them.
func (c *Checkpointer) keep(ctx context.Context, id mail.TenantID, list []signed) error {
	err := c.DB.Update(ctx, func(b *db.Batch) error {
		tx := b.Tenant(id)
		if err := c.turns(ctx, b, id); err != nil {
			return err
		}
		var fresh []signed
		for _, s := range list {
			_, err := tx.Exec(ctx, `UPDATE ledger_log SET tenant = $1, changed = CASE WHEN size = $2 THEN 0 ELSE CAST($3 AS BIGINT) END
				WHERE tenant = $1 AND name = $4`, s.Size, mail.Micros(s.seen), s.log)
			if err != nil {
				return err
			}
			res, err := tx.Exec(ctx, `INSERT INTO ledger_checkpoint (tenant, log, size, note, created) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (tenant, log, size) DO NOTHING`, s.log, s.Size, s.note, mail.Micros(c.Now()))
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if n == 1 {
				fresh = append(fresh, s)
			}
		}
		if id.IsZero() {
			return c.queue(ctx, tx, fresh)
		}
		return c.anchor(ctx, tx, b.Tenant(mail.TenantID{}), fresh)
	})
	if err == nil {
		c.Watch(stepKept, false, 0)
	}
	return err
}

// turns takes the instance's turn before the tenant's, as every transaction does
// that has both (docs/flow.md).
func (c *Checkpointer) turns(ctx context.Context, b *db.Batch, id mail.TenantID) error {
	if id.IsZero() {
		return nil
	}
	var one int
	return b.Tenant(mail.TenantID{}).QueryRow(ctx, `SELECT 1 FROM ledger_log WHERE tenant = $1 AND name = $2`, Instance).Scan(&one)
}

// newSalt returns the salt of a field.
func newSalt() (s entry.Hash) {
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// anchor enters a tenant's checkpoints in the instance's log.
func (c *Checkpointer) anchor(ctx context.Context, tx, instance *db.Tx, list []signed) error {
	var leaves []flow.Leaf
	var openings []entry.Opening
	for _, s := range list {
		o := entry.Opening{Salt: newSalt(), Value: s.note}
		text, err := entry.Entry{Kind: "checkpoint", ID: mail.NewID(), Time: mail.Time(c.Now()), Fields: []entry.Field{
			{Name: "checkpoint", Commitment: o.Commit()},
		}}.Text()
		if err != nil {
			return err
		}
		leaves = append(leaves, flow.Leaf{Log: Instance, Entry: text, Sealed: entry.Nothing()})
		openings = append(openings, o)
	}
	if len(leaves) == 0 {
		return nil
	}
	first, err := c.Ledger.Append(ctx, instance, Instance, leaves)
	if err != nil {
		return err
	}
	for i, s := range list {
		_, err := tx.Exec(ctx, `INSERT INTO ledger_anchor (tenant, log, size, idx, salt) VALUES ($1, $2, $3, $4, $5)`,
			s.log, s.Size, first+int64(i), openings[i].Salt[:])
		if err != nil {
			return err
		}
	}
	return nil
}

// queue lets checkpoints of the instance wait for their timestamps.
func (c *Checkpointer) queue(ctx context.Context, instance *db.Tx, list []signed) error {
	for _, s := range list {
		now := mail.Micros(c.Now())
		_, err := instance.Exec(ctx, `INSERT INTO ledger_stamp (tenant, size, state, created, tries, due) VALUES ($1, $2, $3, $4, 0, $5)`,
			s.Size, Waiting, now, now)
		if err != nil {
			return err
		}
	}
	return nil
}
