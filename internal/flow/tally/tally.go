package tally

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Ledger takes and gives entries: vault/ledger.
type Ledger interface {
	Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error)
	Entry(ctx context.Context, t db.Tenant, log string, index int64) (text []byte, sealed entry.Hash, err error)
}

// Deps is what the room works with.
type Deps struct {
	DB     *db.DB
	Ledger Ledger
	// Tenants are those whose hours are entered.
	Tenants func(context.Context) ([]mail.TenantID, error)
	// Live says which sources of a tenant should hand something in: a source that was
	// removed, or an import that has ended, is silent without an alarm.
	Live func(context.Context, mail.TenantID) (map[string]bool, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// Room counts. Use it from many goroutines; Run writes what is refused. Make it
// with [New].
type Room struct {
	Deps

	mu      sync.Mutex
	refused map[mail.TenantID]map[string]*refusals // since the last write; guarded by mu
	silent  map[string]bool                        // sources whose silence was said; for Run alone
	heard   time.Time                              // when Run listened last; for Run alone
}

// refusals are numbers by reason, in the order of mail.Refusals.
type refusals [6]int64

// New returns the room.
func New(d Deps) *Room {
	return &Room{Deps: d, refused: make(map[mail.TenantID]map[string]*refusals), silent: make(map[string]bool)}
}

// Bounds of what is counted in memory.
const (
	maxTenants = 10_000
	maxSources = 2_000 // of a tenant
)

// Refused counts one refusal. What nobody knows the tenant of is not counted.
func (r *Room) Refused(tenant mail.TenantID, source string, why mail.Refusal) {
	i := why.Index()
	if tenant.IsZero() || i < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	by := r.refused[tenant]
	if by == nil {
		if len(r.refused) >= maxTenants {
			return
		}
		by = make(map[string]*refusals)
		r.refused[tenant] = by
	}
	if by[source] == nil {
		if len(by) >= maxSources {
			return
		}
		by[source] = new(refusals)
	}
	by[source][i]++
}

// Count adds what a transaction makes true to the tenant's rows, within it.
func (r *Room) Count(ctx context.Context, tx *db.Tx, list []flow.Counted) error {
	now := r.Now()
	for _, c := range list {
		one := row{Count: Count{
			Accepted: c.Accepted, References: c.References, Octets: c.Octets, Stored: c.Stored,
			Reports: c.Reports, Undecodable: c.Undecodable,
		}, source: c.Source, hour: hourOf(now), earliest: mail.Micros(now), latest: mail.Micros(now), from: -1, to: -1}
		if c.Accepted > 0 {
			one.from, one.to = c.From, c.To
		}
		if err := add(ctx, tx, one); err != nil {
			return err
		}
	}
	return nil
}

// Refuse adds refusals to a source's row, within the transaction that makes them true.
// That is for whoever would refuse the same once more after a crash.
func (r *Room) Refuse(ctx context.Context, tx *db.Tx, source string, why mail.Refusal, n int64) error {
	i := why.Index()
	if i < 0 {
		return fmt.Errorf("tally: %q is no reason", why)
	}
	var by refusals
	by[i] = n
	return add(ctx, tx, row{Count: Count{refused: by}, source: source, hour: hourOf(r.Now()), from: -1, to: -1})
}

const hour = 3600

func hourOf(t time.Time) int64 { return t.Unix() / hour * hour }

// Times of Run.
const (
	writeEvery = 30 * time.Second
	// settled is how long after its end an hour is entered: a transaction that is
	// under way then, or a node whose clock is late, still adds to it.
	settled = 5 * time.Minute
	// listenEvery is how often silence is looked for, in the rows of recently.
	listenEvery = 5 * time.Minute
	recently    = 60 * 24 * time.Hour
)

// Run writes what was refused, and enters hours that have passed, until ctx is
// done; what was refused until then is written.
func (r *Room) Run(ctx context.Context) error {
	for {
		err := r.Flush(ctx)
		if err == nil {
			err = r.enterAll(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("what sources handed in was not entered; the next try is in half a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			r.last(context.WithoutCancel(ctx))
			return nil
		case <-time.After(writeEvery):
		}
	}
}

// lastFor bounds how long a stop waits for what was refused to be written.
const lastFor = 10 * time.Second

// last writes what was refused before the server ends. Where there is no database
// to write to, that is no reason to end badly.
func (r *Room) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFor)
	defer cancel()
	if err := r.Flush(ctx); err != nil {
		r.Log.Warn("what was refused within the last half minute was not counted", "error", err)
	}
}

// Flush writes what was refused. What cannot be written is kept for the next time.
func (r *Room) Flush(ctx context.Context) (err error) {
	r.mu.Lock()
	all := r.refused
	r.refused = make(map[mail.TenantID]map[string]*refusals)
	r.mu.Unlock()
	for tenant, by := range all {
		e := r.write(ctx, tenant, by)
		if e != nil && !errors.Is(e, db.ErrUnknown) { // what may be there is not counted twice
			r.putBack(tenant, by)
		}
		if e != nil {
			err = e
		}
	}
	return err
}

func (r *Room) write(ctx context.Context, tenant mail.TenantID, by map[string]*refusals) error {
	return r.DB.Tenant(tenant).Update(ctx, func(tx *db.Tx) error {
		for source, n := range by {
			if err := add(ctx, tx, row{Count: Count{refused: *n}, source: source, hour: hourOf(r.Now()), from: -1, to: -1}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *Room) putBack(tenant mail.TenantID, by map[string]*refusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.refused[tenant]
	if now == nil {
		r.refused[tenant] = by
		return
	}
	for source, n := range by {
		if now[source] == nil {
			now[source] = n
			continue
		}
		for i := range n {
			now[source][i] += n[i]
		}
	}
}

func (r *Room) enterAll(ctx context.Context) error {
	tenants, err := r.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, id := range tenants {
		if err := r.Enter(ctx, id); err != nil {
			return err
		}
	}
	if now := r.Now(); now.Sub(r.heard) >= listenEvery || now.Before(r.heard) {
		for _, id := range tenants {
			if err := r.listen(ctx, id, now); err != nil {
				return err
			}
		}
		r.heard = now
	}
	return nil
}

// listen says once of each source that it is silent for longer than usual.
func (r *Room) listen(ctx context.Context, tenant mail.TenantID, now time.Time) error {
	states, err := r.since(ctx, tenant, hourOf(now.Add(-recently)))
	for _, s := range states {
		key := tenant.String() + " " + s.Source
		if s.Alarm && !r.silent[key] {
			r.Log.Error("a source is silent for longer than usual; siegel source list shows it", "tenant", tenant, "source", s.Source,
				"silent", s.SilentFor().Round(time.Minute), "usual", s.Usual().Round(time.Minute))
		}
		if s.Alarm {
			r.silent[key] = true
		} else {
			delete(r.silent, key)
		}
	}
	return err
}
