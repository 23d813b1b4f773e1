package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/db"
)

// Primary is a server that takes writes, with its history: a standby that is
// promoted begins the next timeline (PostgreSQL manual, section 26.3.5).
type Primary struct {
	System   string // identifier of the cluster, made by initdb
	Timeline int64

	host int // in the address
}

// Same reports whether two have one history.
func (p Primary) Same(o Primary) bool { return p.System == o.System && p.Timeline == o.Timeline }

// errBehind says that a server is not the primary that is asked for.
var errBehind = errors.New("postgres: another primary than the one that counts")

// errStandby says that a server takes no writes.
var errStandby = errors.New("postgres: the server is a standby")

// primaryOf asks a connection whose it is. It fails with errStandby where the
// server is one.
func primaryOf(ctx context.Context, c *pgconn.PgConn) (p Primary, err error) {
	// A walfile's name begins with the timeline that is written now; the control
	// file says it only after the first checkpoint that follows a promotion.
	// no tenant: the server itself is asked
	const question = `SELECT system_identifier::text, CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
		FROM pg_control_system()`
	r := c.ExecParams(ctx, question, nil, nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return p, r.Err
	case len(r.Rows) != 1 || len(r.Rows[0]) != 2:
		return p, errors.New("postgres: the server does not say who it is")
	case len(r.Rows[0][1]) == 0:
		return p, errStandby
	}
	p.System = string(r.Rows[0][0])
	p.Timeline, err = strconv.ParseInt(string(r.Rows[0][1]), 16, 64)
	return p, err
}

// hosts returns a configuration for each server of the address.
func hosts(config *pgx.ConnConfig) (list []*pgx.ConnConfig) {
	one := func(host string, port uint16) *pgx.ConnConfig {
		c := config.Copy()
		c.Host, c.Port, c.Fallbacks = host, port, nil
		return c
	}
	list = append(list, one(config.Host, config.Port))
	for _, f := range config.Fallbacks {
		c := one(f.Host, f.Port)
		c.TLSConfig = f.TLSConfig
		list = append(list, c)
	}
	return list
}

// lines are the connections that are open, so that those to a primary that does not
// count any more can be cut: a commit that waits there for its standby would wait for
// ever.
type lines struct {
	mu       sync.Mutex
	required *Primary                    // nil: any; guarded by mu
	open     map[*pgconn.PgConn]*Primary // guarded by mu
}

// Require lets connections from now on be to this primary only: others are
// refused, and those that are there already are cut.
func (s *Server) Require(p Primary) {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	s.lines.required = &p
	for c, to := range s.lines.open {
		if *to != p {
			_ = c.Conn().Close() // whoever waits for it hears of it
			delete(s.lines.open, c)
		}
	}
}

// Requires reports whether connections are made to this primary only.
func (s *Server) Requires(p Primary) bool {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	return s.lines.required != nil && *s.lines.required == p
}

// right reports whether a connection is to the primary that is required, and was
// not cut.
func (s *Server) right(c *pgconn.PgConn) bool {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	return s.lines.open[c] != nil
}

// forget forgets a connection that is closed.
func (s *Server) forget(c *pgconn.PgConn) {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	delete(s.lines.open, c)
}

// note takes a new connection into the list, or fails where it is to another
// primary than the one that is required.
func (s *Server) note(c *pgconn.PgConn, p Primary) error {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	if want := s.lines.required; want != nil && *want != p {
		return errBehind
	}
	s.lines.open[c] = &p
	return nil
}

// pinned returns the servers that connections are made to: the one that is
// required, or all while none is.
func (s *Server) pinned(config *pgx.ConnConfig) []*pgx.ConnConfig {
	all := hosts(config)
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	for i, c := range all {
		c.ValidateConnect = func(ctx context.Context, c *pgconn.PgConn) error {
			p, err := primaryOf(ctx, c)
			if err != nil {
				return err
			}
			p.host = i
			return s.note(c, p)
		}
	}
	if want := s.lines.required; want != nil && want.host < len(all) {
		return all[want.host : want.host+1]
	}
	return all
}

// connect connects to the primary: that which is required, or the first that takes
// writes.
func (s *Server) connect(ctx context.Context, config *pgx.ConnConfig) (conn *pgx.Conn, err error) {
	for _, c := range s.pinned(config) {
		var failed error
		if conn, failed = pgx.ConnectConfig(ctx, c); failed == nil {
			return conn, nil
		}
		err = errors.Join(err, failed)
	}
	return nil, unreached(ctx, err)
}

// Probe finds out which primaries there are. It belongs to one goroutine.
type Probe struct {
	server *Server
	conns  []*pgx.Conn // by host; nil where there is none
}

// probeTime is how long a server may take to answer a probe.
const probeTime = 2 * time.Second

// Probe returns a probe, which connects when it is first asked.
func (s *Server) Probe() *Probe {
	return &Probe{server: s, conns: make([]*pgx.Conn, len(hosts(s.config)))}
}

// Primaries asks all servers of the address at once which of them take writes, and
// returns those of the latest timeline: two where two standbys were promoted, the one
// that is required first. One that
// is silent is left out after two seconds. It fails with kind Busy where none of a
// timeline from oldest on answers: whoever knows of a promotion does not go back.
func (p *Probe) Primaries(ctx context.Context, oldest int64) (found []Primary, err error) {
	defer fault.Wrap(&err, "control database")
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	configs := hosts(p.server.config)
	list, errs := make([]Primary, len(configs)), make([]error, len(configs))
	var asked sync.WaitGroup
	for i := range configs {
		asked.Go(func() { list[i], errs[i] = p.ask(ctx, configs[i], i) })
	}
	asked.Wait()
	behind := false
	for i, one := range list {
		switch {
		case errs[i] != nil:
		case one.Timeline < oldest:
			behind = true
		case len(found) == 0 || one.Timeline == found[0].Timeline:
			found = append(found, one)
		case one.Timeline > found[0].Timeline:
			found = append(found[:0], one)
		}
	}
	switch {
	case len(found) > 0:
		slices.SortStableFunc(found, func(a, b Primary) int { return p.rank(a) - p.rank(b) })
		return found, nil
	case behind:
		return nil, fault.Because(fault.Busy, "the PostgreSQL server was left behind: another one was promoted, and this node cannot reach it", errBehind)
	}
	for _, err := range errs {
		if !errors.Is(err, errStandby) {
			return nil, unreached(caller, err)
		}
	}
	return nil, fault.Because(fault.Busy, "the control database cannot be reached", errStandby)
}

func (p *Probe) rank(one Primary) int {
	if p.server.Requires(one) {
		return 0
	}
	return 1
}

// QueryRow asks a primary that [Probe.Primaries] found, over the probe's own connection,
// so that something can be known of a server before anybody works on it.
func (p *Probe) QueryRow(ctx context.Context, at Primary, query string, args, into []any) error {
	c := p.conns[at.host]
	if c == nil {
		return fault.Because(fault.Busy, "the control database cannot be reached", errBehind)
	}
	err := c.QueryRow(ctx, query, args...).Scan(into...)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.ErrNoRows
	}
	return p.lost(ctx, at, err)
}

// Exec writes something at a primary as QueryRow reads. When it returns nil it is
// durable, also on the standby for which commits wait.
func (p *Probe) Exec(ctx context.Context, at Primary, query string, args ...any) error {
	c := p.conns[at.host]
	if c == nil {
		return fault.Because(fault.Busy, "the control database cannot be reached", errBehind)
	}
	data := c.PgConn().CustomData()
	delete(data, dataDoubt)
	if _, err := c.Exec(ctx, query, args...); err != nil {
		return p.lost(ctx, at, err)
	}
	if data[dataDoubt] != nil {
		return errDoubt()
	}
	return nil
}

// lost gives an error a kind, and hangs up: the connection may be broken.
func (p *Probe) lost(ctx context.Context, at Primary, err error) error {
	if err == nil {
		return nil
	}
	p.hangUp(at.host)
	return classifyFor(ctx, err)
}

// ask asks one server, over the connection that there is or a new one.
func (p *Probe) ask(ctx context.Context, config *pgx.ConnConfig, host int) (found Primary, err error) {
	if p.conns[host] == nil {
		config.RuntimeParams["application_name"] = "siegel (probe)"
		if p.conns[host], err = pgx.ConnectConfig(ctx, config); err != nil {
			p.conns[host] = nil
			return found, err
		}
	}
	found, err = primaryOf(ctx, p.conns[host].PgConn())
	if err != nil && !errors.Is(err, errStandby) {
		p.hangUp(host)
	}
	found.host = host
	return found, err
}

func (p *Probe) hangUp(host int) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = p.conns[host].Close(ctx) // it may be broken
	p.conns[host] = nil
}

// Close ends the connections.
func (p *Probe) Close() {
	for i := range p.conns {
		if p.conns[i] != nil {
			p.hangUp(i)
		}
	}
}

// waits reports whether a setting of synchronous_commit lets commits wait for a
// standby that is named.
func waits(commit string) bool { return slices.Contains([]string{"on", "remote_apply"}, commit) }
