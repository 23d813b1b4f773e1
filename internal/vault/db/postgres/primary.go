package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"siegel/internal/kit/fault"
)

// Primary is the server that takes writes, with its history: a standby that is
// promoted begins the next timeline (PostgreSQL manual, section 26.3.5).
type Primary struct {
	System   string // identifier of the cluster, made by initdb
	Timeline int64
}

// errBehind says that a server is not the primary that is asked for.
var errBehind = errors.New("postgres: another primary than the one that counts")

// primaryOf asks a connection whose it is. It fails where the server is a standby.
func primaryOf(ctx context.Context, c *pgconn.PgConn) (p Primary, err error) {
	// A walfile's name begins with the timeline that is written now; the control
	// file says it only after the first checkpoint that follows a promotion.
	// no tenant: the server itself is asked
	const question = `SELECT system_identifier::text, CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,
		current_setting('transaction_read_only') FROM pg_control_system()`
	r := c.ExecParams(ctx, question, nil, nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return p, r.Err
	case len(r.Rows) != 1 || len(r.Rows[0]) != 3:
		return p, errors.New("postgres: the server does not say who it is")
	case len(r.Rows[0][1]) == 0:
		return p, errors.New("postgres: the server is a standby")
	}
	p.System = string(r.Rows[0][0])
	p.Timeline, err = strconv.ParseInt(string(r.Rows[0][1]), 16, 64)
	return p, err
}

// Require lets connections from now on be to this primary only: others are
// refused, and those that are there already are not used again.
func (s *Server) Require(p Primary) { s.required.Store(&p) }

// validate is for connections that are made: to the primary that is required, or
// to any while none is.
func (s *Server) validate(ctx context.Context, c *pgconn.PgConn) error {
	p, err := primaryOf(ctx, c)
	if err != nil {
		return err
	}
	if !s.right(p) {
		return errBehind
	}
	c.CustomData()[dataPrimary] = p
	return nil
}

func (s *Server) right(p Primary) bool {
	want := s.required.Load()
	return want == nil || *want == p
}

// dataPrimary is where a connection keeps whose it is.
const dataPrimary = "siegel primary"

// Probe is a connection that finds out which primary there is. It belongs to one
// goroutine.
type Probe struct {
	server *Server
	conn   *pgx.Conn // nil where it broke
}

// Probe returns a probe, which connects when it is first asked.
func (s *Server) Probe() *Probe { return &Probe{server: s} }

// Primary asks which primary there is. Of several servers that take writes the
// first in the address counts that is not older than the timeline named: whoever
// knows of a promotion does not go back. It fails with kind Busy where there is
// none, and the next call looks anew.
func (p *Probe) Primary(ctx context.Context, oldest int64) (found Primary, err error) {
	defer fault.Wrap(&err, "control database")
	if p.conn != nil {
		if found, err = primaryOf(ctx, p.conn.PgConn()); err == nil && found.Timeline >= oldest {
			return found, nil
		}
		p.Close()
	}
	config := p.server.config.Copy()
	config.RuntimeParams["application_name"] = "siegel (probe)"
	config.ValidateConnect = func(ctx context.Context, c *pgconn.PgConn) error {
		if found, err = primaryOf(ctx, c); err == nil && found.Timeline < oldest {
			err = errBehind
		}
		return err
	}
	if p.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		p.conn = nil
		if errors.Is(err, errBehind) {
			return found, fault.Because(fault.Busy, "the PostgreSQL server was left behind: another one was promoted, and this node cannot reach it", errBehind)
		}
		return found, classify(err)
	}
	return found, nil
}

// Close ends the connection.
func (p *Probe) Close() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = p.conn.Close(ctx) // it may be broken
	p.conn = nil
}
