package node

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Times of the fence.
const (
	lookEvery = time.Second
	lookTime  = 5 * time.Second // for database and object store to answer
	// lease is how long a node is admitted after the last look that found all well,
	// counted from the beginning of the look.
	lease = 8 * time.Second
	// clockSkew is how far the clocks of nodes may differ.
	clockSkew = 10 * time.Second
	// raiseWait is from when on nodes work after the fence was raised, so that nobody is
	// admitted by the old one any more: somebody may have read that just before the
	// new one was written, which itself takes up to lookTime, and clocks differ.
	raiseWait = lease + lookTime + clockSkew + time.Second
)

// Deps is what a node works with.
type Deps struct {
	DB       *db.DB
	Server   *postgres.Server
	Register blob.Register
	MAC      MAC
	// Moved hears, before anything is admitted again, that another database counts than
	// this process worked on so far; may be nil.
	Moved    func()
	Instance string // its name
	Name     string // of the machine
	Version  string // of the program
	Log      *slog.Logger
}

// Node is this process among the nodes of an instance. Use it from many
// goroutines.
type Node struct {
	Deps

	id      mail.ID // of the process
	started time.Time
	probe   *postgres.Probe // of whoever looks

	stop    context.CancelFunc
	stopped chan struct{} // closed when nobody looks any more

	mu       sync.Mutex
	until    time.Time     // admitted until then; guarded by mu
	turns    int64         // how often connections went to another server; guarded by mu
	why      error         // of the last look; guarded by mu
	fence    fence         // of the last look that found one; guarded by mu
	serves   bool          // guarded by mu
	leads    bool          // guarded by mu
	draining bool          // guarded by mu
	woken    chan struct{} // cap 1: the row is to be written at once
}

// Open joins the nodes of an instance: it looks until the node is admitted, and
// goes on looking until Close. It fails with kind Busy where database or object
// store do not answer, and with kind Invalid or Damaged where the database is not
// the one that counts. The tables of this package must be there.
func Open(ctx context.Context, d Deps) (*Node, error) {
	n := &Node{
		Deps: d, id: mail.NewID(), started: time.Now(), probe: d.Server.Probe(),
		stopped: make(chan struct{}), woken: make(chan struct{}, 1),
	}
	d.DB.Admit(n.admitted)
	for {
		err := n.look(ctx)
		if err == nil {
			// Its row is there before it works: who would adopt another database looks.
			err = n.say(ctx)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errSoon) {
			n.probe.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			n.probe.Close()
			return nil, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = cancel
	go n.run(own)
	return n, nil
}

// Close leaves the nodes of the instance. Nothing is admitted any more.
func (n *Node) Close() error {
	n.stop()
	<-n.stopped
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until, n.why = time.Time{}, fault.New(fault.Busy, "the server is stopping")
	return nil
}

// errSoon says that the fence was raised and nodes do not work yet.
var errSoon = errors.New("node: the fence was raised just now")

func soon() error {
	return fault.Because(fault.Busy, "another PostgreSQL server was promoted; work begins in some seconds", errSoon)
}

// Admitted fails, with kind Busy, where the database is not known to be the one
// that counts.
func (n *Node) Admitted() error {
	_, err := n.admitted()
	return err
}

// admitted implements what [db.DB.Admit] asks.
func (n *Node) admitted() (int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().Before(n.until) {
		return n.turns, nil
	}
	return n.turns, fault.Because(fault.Busy, "it is not known whether the control database is the one that counts; try again later", n.why)
}

// turn lets connections be to this primary from now on. Where they were to another, nobody
// is admitted before the next look has found all well, and a transaction that is in progress is
// told that its outcome is unknown: it may end at either.
func (n *Node) turn(to postgres.Primary) {
	if n.Server.Requires(to) {
		return
	}
	n.mu.Lock()
	n.until, n.why = time.Time{}, soon()
	n.turns++
	n.mu.Unlock()
	n.Server.Require(to)
}

// run looks until ctx is done.
func (n *Node) run(ctx context.Context) {
	defer close(n.stopped)
	defer n.probe.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	said := ""
	written := time.Time{}
	for {
		err := n.look(ctx)
		if err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			n.Log.Error("this node answers nobody: it is not known whether the control database is the one that counts", "err", err)
		}
		if err == nil && said != "" {
			said = ""
			n.Log.Info("the control database is the one that counts; this node answers again")
		}
		if err == nil && time.Since(written) >= sayEvery && n.say(ctx) == nil {
			written = time.Now()
		}
		select {
		case <-ctx.Done():
			n.leave(ctx)
			return
		case <-n.woken:
			written = time.Time{}
		case <-tick.C:
		}
	}
}

// look compares fence and database, and admits this node where they agree.
func (n *Node) look(ctx context.Context) error {
	began := time.Now()
	own, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	f, err := n.compare(own)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.why = err
	if err == nil {
		if n.fence.token != f.token && !n.fence.token.IsZero() && n.Moved != nil {
			n.Moved()
		}
		n.until, n.fence = began.Add(lease), f
	} else if kind := fault.Of(err); kind == fault.Invalid || kind == fault.Damaged || errors.Is(err, errSoon) {
		n.until = time.Time{} // it is known that it does not count
	}
	return err
}

// compare returns the fence where the database is the one that it names, and
// raises it where the database's timeline is later.
func (n *Node) compare(ctx context.Context) (f fence, err error) {
	defer fault.Wrap(&err, "fence")
	raw, err := n.Register.Load(ctx, fenceName())
	if err != nil {
		return f, err
	}
	if raw != nil {
		if f, err = parseFence(raw, n.MAC); err != nil {
			return f, err
		}
	}
	all, err := n.probe.Primaries(ctx, f.Timeline)
	if err != nil {
		return f, err
	}
	if err := n.choose(ctx, f, raw, all); err != nil {
		return f, err
	}
	switch wait := time.Until(f.from); {
	case wait > raiseWait+clockSkew:
		return f, fault.New(fault.Invalid, "the clock of this machine is far behind that of the node which raised the fence: set the clocks of all nodes by NTP")
	case wait > 0:
		return f, soon()
	}
	return f, nil
}

// choose lets connections be to the server that the fence names, one of those that
// take writes: nobody works on a server of which that is not known. Where there is a later one, it raises the fence,
// and returns an error in any case.
func (n *Node) choose(ctx context.Context, f fence, raw []byte, all []postgres.Primary) (err error) {
	for _, found := range all { // one, but where two standbys were promoted
		switch {
		case raw != nil && found.System != f.System:
			err = fault.New(fault.Invalid, "the control database is another PostgreSQL cluster than before; if you moved it there yourself, run siegel node adopt with all nodes stopped")
		case raw == nil || found.Timeline > f.Timeline:
			n.turn(found) // who waits on the old one for a commit hears of it
			return n.raise(ctx, raw, found)
		default:
			if err = n.known(ctx, found, f); err == nil {
				n.turn(found)
				return nil
			}
		}
	}
	if kind := fault.Of(err); (kind == fault.Invalid || kind == fault.Damaged) && n.works() && !slices.ContainsFunc(all, n.Server.Requires) {
		// The server that we work on was silent for once; another that does not count was not.
		return fault.Because(fault.Busy, "the control database cannot be reached", err)
	}
	return err
}

// works reports whether this node was admitted to the server that is required.
func (n *Node) works() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.until.IsZero()
}

// known fails where a server is not the one of the fence.
func (n *Node) known(ctx context.Context, at postgres.Primary, f fence) error {
	token, err := n.token(ctx, at, f.Timeline)
	switch {
	case err != nil:
		return err
	case token.IsZero():
		return fault.New(fault.Damaged, "the control database is empty or an old copy, but the object store has a fence: delete nothing, check database.postgres, or put the database back from a newer copy")
	case token != f.token:
		return fault.New(fault.Invalid, "two PostgreSQL servers were promoted, and this is not the one that counts; shut it down, or run siegel node adopt with all nodes stopped")
	}
	return nil
}

// Fenced reports whether an object store has a fence.
func Fenced(ctx context.Context, r blob.Register) (bool, error) {
	raw, err := r.Load(ctx, fenceName())
	return raw != nil, err
}

// raise makes the fence name a primary that is new. It returns an error in any
// case: errSoon where it did, or somebody was faster.
func (n *Node) raise(ctx context.Context, old []byte, p postgres.Primary) error {
	// First the row, durable on the standby as well, then the fence.
	token, err := n.newToken(ctx, p)
	if err != nil {
		return err
	}
	f := fence{Primary: p, token: token, from: mail.Time(time.Now())}
	if old != nil {
		f.from = mail.Time(time.Now().Add(raiseWait))
	}
	if err := n.Register.Swap(ctx, fenceName(), old, f.encode(n.MAC)); fault.Of(err) == fault.Conflict {
		return soon() // somebody was faster; the next look sees what he wrote
	} else if err != nil {
		return err
	}
	n.Log.Warn("this control database counts from now on", "timeline", p.Timeline, "first", old == nil)
	return soon()
}

// token returns that of a timeline as a server has it, the zero id where there is none.
// It fails with kind Invalid where the database is another instance's.
func (n *Node) token(ctx context.Context, at postgres.Primary, timeline int64) (mail.ID, error) {
	var b []byte
	var owner string
	err := n.probe.QueryRow(ctx, at, `SELECT token, owner FROM node_epoch WHERE tenant = $1 AND timeline = $2`,
		[]any{mail.TenantID{}.Bytes(), timeline}, []any{&b, &owner})
	switch {
	case errors.Is(err, db.ErrNoRows):
		return mail.ID{}, nil
	case err != nil:
		return mail.ID{}, err
	case owner != n.Instance:
		return mail.ID{}, fault.Newf(fault.Invalid, "the control database belongs to the instance %s, not to this one: check database.postgres and instance.json", fault.Word(owner))
	}
	return mail.IDFrom(b)
}

// newToken returns the token of a server's timeline, which the first call makes.
func (n *Node) newToken(ctx context.Context, at postgres.Primary) (mail.ID, error) {
	err := n.probe.Exec(ctx, at, `INSERT INTO node_epoch (tenant, timeline, token, owner) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, timeline) DO NOTHING`,
		mail.TenantID{}.Bytes(), at.Timeline, mail.NewID().Bytes(), n.Instance)
	if err != nil {
		return mail.ID{}, err
	}
	return n.token(ctx, at, at.Timeline)
}

// Adopt makes the database that the node was given the one that counts, whatever
// the fence says: after a move or an upgrade, with all nodes stopped. It fails with
// kind Busy where one said within half a minute that it works on this database: those
// that work on another one it cannot see.
func Adopt(ctx context.Context, d Deps) error {
	n := &Node{Deps: d, probe: d.Server.Probe()}
	defer n.probe.Close()
	roll, err := n.Roll(ctx)
	if err != nil {
		return err
	}
	for _, s := range roll {
		if s.State != Gone {
			return fault.Newf(fault.Busy, "a server works on this database, %s was seen %d s ago: stop all servers first; of one that was killed wait half a minute", s.Name, int(time.Since(s.Seen).Seconds()))
		}
	}
	old, err := d.Register.Load(ctx, fenceName())
	if err != nil {
		return err
	}
	found, err := n.probe.Primaries(ctx, 0)
	if err != nil {
		return err
	}
	if len(found) > 1 {
		return fault.New(fault.Invalid, "two servers of the address take writes: shut down the one that is not to count")
	}
	d.Server.Require(found[0])
	if err := n.raise(ctx, old, found[0]); err != nil && !errors.Is(err, errSoon) {
		return err
	}
	return nil
}
