package commit

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Names of the steps inside the commit, for metrics and the crash test.
const (
	stepPack      = "commit/pack"      // the group's pack is made durable, its keys are wrapped
	stepRows      = "commit/rows"      // inside the transaction: keys and references
	stepLedger    = "commit/ledger"    // inside the transaction: leaves and the rows that name them
	stepDurable   = "commit/durable"   // the transaction is made durable
	stepCommitted = "commit/committed" // it is; nobody has been told
)

// Steps returns the names of the steps inside the commit, in order.
func Steps() []string { return []string{stepPack, stepRows, stepLedger, stepDurable, stepCommitted} }

// Bounds of a group.
const (
	maxMessages = 128
	maxReady    = 16 // groups that share a transaction
	maxBytes    = 8 << 20
	// retryFor is how long a retry of an accepted transaction is recognised.
	retryFor = 24 * time.Hour
)

// Keys wraps data keys: vault/seal.
type Keys interface {
	Wrap(ctx context.Context, t db.Tenant, keys []flow.Key) (*seal.Wrapped, error)
}

// Ledger takes leaves: vault/ledger.
type Ledger interface {
	Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error)
}

// MAC authenticates octets under a key of the tenant.
type MAC interface {
	MAC(tenant mail.TenantID, b []byte) [32]byte
}

// Counter counts what sources hand in, in the transaction that makes it true:
// flow/tally.
type Counter interface {
	Count(ctx context.Context, tx *db.Tx, list []flow.Counted) error
}

// Deps is what the room works with.
type Deps struct {
	DB     *db.DB
	Store  blob.Store
	Keys   Keys
	Ledger Ledger
	MAC    MAC
	Count  Counter // may be nil
	Now    func() time.Time
	Watch  flow.Watch // may be nil
}

// Room commits. Use it from many goroutines; Run must be running.
type Room struct {
	Deps

	update func(context.Context, func(*db.Batch) error) error // of DB; tests lose its answer
	ready  chan *group                                        // groups whose packs are durable; a line waits until its group is taken
	late   chan struct{}                                      // closed when transactions are given up
	packed atomic.Int64                                       // groups that wait so

	mu    sync.Mutex
	lines map[mail.TenantID]*line // tenants with messages waiting; guarded by mu
	stop  bool                    // no further messages; guarded by mu
	stall stall                   // guarded by mu
	wait  sync.WaitGroup          // lines at work
}

// line is the messages of one tenant that wait for a group. One goroutine
// empties it.
type line struct {
	waiting []*waiter // guarded by Room.mu
}

// retryName is the MAC by which a retry of a transaction is recognised.
type retryName [32]byte

// waiter is a message and who waits for it.
type waiter struct {
	p    *flow.Passage
	mac  retryName
	kept octets
	done chan error // cap 1
}

// New returns the room.
func New(d Deps) *Room {
	if d.Watch == nil {
		d.Watch = func(string, bool, time.Duration) {}
	}
	return &Room{late: make(chan struct{}), Deps: d, update: d.DB.Update, ready: make(chan *group), lines: make(map[mail.TenantID]*line)}
}

// Group commits one message together with others that arrive at the same time,
// and releases its units. When it returns nil the message is durable and its
// receipt set. Errors have the kind that says what the sender can do; the
// message is then not kept, or (lost answer) a retry will be recognised.
//
// The caller's ctx is not asked any more once the message stands in a group:
// others wait for the same transaction.
func (r *Room) Group(ctx context.Context, p *flow.Passage) error {
	if err := ctx.Err(); err != nil {
		p.Release()
		return err
	}
	w := &waiter{p: p, mac: r.retryMAC(p), kept: r.octetsOf(p), done: make(chan error, 1)}
	if err := r.enqueue(w); err != nil {
		p.Release()
		return err
	}
	return <-w.done
}

func (r *Room) enqueue(w *waiter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop {
		return fault.New(fault.Busy, "the server is stopping")
	}
	l, ok := r.lines[w.p.Tenant]
	if !ok {
		l = new(line)
		r.lines[w.p.Tenant] = l
		r.wait.Go(func() { r.work(w.p.Tenant, l) })
	}
	l.waiting = append(l.waiting, w)
	return nil
}

// work forms groups of one tenant until none waits. While the transaction of
// one group runs, the pack of the next is written, and no further one: who comes
// meanwhile stands in line for a larger group.
func (r *Room) work(tenant mail.TenantID, l *line) {
	for {
		g := r.take(tenant, l)
		if g == nil {
			return
		}
		r.hand(g)
	}
}

// hand writes a group's pack and hands it over to be committed. Where one of
// several messages is why that failed, each is tried alone; where the store
// failed, trying a hundred times more would help nobody.
func (r *Room) hand(g *group) {
	err := r.write(g)
	switch {
	case err == nil:
		r.packed.Add(1)
		r.ready <- g
		r.packed.Add(-1)
	case g.spoilt && len(g.waiters) > 1:
		for _, one := range g.alone() {
			r.hand(one)
		}
	default:
		g.answer(err)
	}
}

// take returns the next group, or nil and ends the line.
func (r *Room) take(tenant mail.TenantID, l *line) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(l.waiting) == 0 {
		delete(r.lines, tenant)
		return nil
	}
	n, size := 0, int64(0)
	for _, w := range l.waiting {
		for _, u := range w.p.Units {
			for _, o := range u.Objects {
				size += o.Size
			}
		}
		if n > 0 && (n == maxMessages || size > maxBytes) {
			break
		}
		n++
	}
	g := &group{id: mail.NewID(), tenant: r.DB.Tenant(tenant), pack: mail.NewID(), waiters: l.waiting[:n:n]}
	l.waiting = l.waiting[n:]
	return g
}

// hurryFor is how long transactions may take once the server is asked to stop. A
// database that does not answer, or whose standby is gone, must not keep it from ending.
const hurryFor = 15 * time.Second

// Hurry gives the database that long for all transactions, the one in progress too.
// What it has not answered by then is given up; its senders come again and are
// recognised. Call it once.
func (r *Room) Hurry() { time.AfterFunc(hurryFor, func() { close(r.late) }) }

// bounded returns a context for a transaction.
func (r *Room) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-own.Done():
		case <-r.late:
			cancel()
		}
	}()
	return own, cancel
}

// Busy returns how long the database has not made a transaction true, be it one or
// several that failed because it was busy; zero where the last succeeded.
func (r *Room) Busy() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stall.at(time.Now())
}

func (r *Room) begun() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stall.begin(time.Now())
}

func (r *Room) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stall.end(time.Now(), err)
}

// Run makes groups true until ctx is done and every message that was taken on
// has its answer.
func (r *Room) Run(ctx context.Context) error {
	finished := make(chan struct{})
	go func() {
		<-ctx.Done()
		r.mu.Lock()
		r.stop = true
		r.mu.Unlock()
		r.wait.Wait()
		close(finished)
	}()
	for {
		select {
		case g := <-r.ready:
			// The transaction outlives the wish to stop: its senders wait.
			own, cancel := r.bounded(context.WithoutCancel(ctx))
			r.commit(own, r.more(g))
			cancel()
		case <-finished:
			return nil // no line is at work, so none hands anything over
		}
	}
}

// more collects the groups that are ready together.
func (r *Room) more(g *group) []*group {
	groups := []*group{g}
	for len(groups) < maxReady {
		select {
		case g := <-r.ready:
			groups = append(groups, g)
		default:
			return groups
		}
	}
	return groups
}

// commit makes groups true in one transaction, or tries them in smaller
// portions.
func (r *Room) commit(ctx context.Context, groups []*group) {
	err := r.transact(ctx, groups)
	switch {
	case err == nil:
		r.Watch(stepCommitted, false, 0)
		for _, g := range groups {
			g.answer(nil)
		}
	case errors.Is(err, db.ErrUnknown):
		until := time.Now().Add(lookFor)
		for _, g := range groups {
			g.answer(r.lookUp(ctx, g, err, until))
		}
	case len(groups) > 1:
		for _, g := range groups {
			r.commit(ctx, []*group{g})
		}
	case errors.Is(err, seal.ErrTerm) && !groups[0].rewrapped:
		// A holder got a new term in between: seal to the new key.
		g := groups[0]
		g.rewrapped = true
		if g.wrapped, err = r.Keys.Wrap(ctx, g.tenant, g.keys()); err != nil {
			r.singly(ctx, g, err)
			return
		}
		r.commit(ctx, groups)
	case fault.Of(err) == fault.Busy:
		// Each try waits for as long again, and senders wait for all of them.
		groups[0].answer(err)
	default:
		r.singly(ctx, groups[0], err)
	}
}

// singly tries the messages of a group that failed one by one.
func (r *Room) singly(ctx context.Context, g *group, failed error) {
	if len(g.waiters) == 1 {
		g.answer(failed)
		return
	}
	var gone error // why none can be tried any more
	for _, one := range g.split() {
		if gone != nil {
			one.answer(gone)
			continue
		}
		var err error
		if one.wrapped, err = r.Keys.Wrap(ctx, one.tenant, one.keys()); err != nil {
			if kind := fault.Of(err); kind == fault.Busy || kind == fault.Exhausted {
				gone = err // it is not about this message; the others wait for all tries
			}
			one.answer(err)
			continue
		}
		r.commit(ctx, []*group{one})
	}
}

// lookUp finds out what became of a group whose answer got lost. Where that
// cannot be found out either, or not in a database that counts, the sender is told to come again: his retry is
// recognised if the group is there.
func (r *Room) lookUp(ctx context.Context, g *group, lost error, until time.Time) error {
	for {
		var one int
		err := g.tenant.QueryRow(ctx, `SELECT 1 FROM commit_group WHERE tenant = $1 AND id = $2`, g.id.Bytes()).Scan(&one)
		if err == nil && r.durable(ctx, until) {
			return nil
		}
		if errors.Is(err, db.ErrNoRows) {
			return lost
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return lost
		}
		time.Sleep(lookPause)
	}
}

// durable reports whether what was just read is durable everywhere.
func (r *Room) durable(ctx context.Context, until time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, until.Add(lookPause))
	defer cancel()
	return r.DB.Barrier(ctx) == nil
}

// How long groups whose answer got lost are looked up, all together, and how long
// each try waits for the next.
const (
	lookFor   = 5 * time.Second
	lookPause = 250 * time.Millisecond
)

// Expire deletes references to transactions that are older than a retry can be.
func (r *Room) Expire(ctx context.Context, tenant mail.TenantID) error {
	return r.DB.Tenant(tenant).Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM commit_retry WHERE tenant = $1 AND expires < $2`, mail.Micros(r.Now()))
		return err
	})
}
