package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"siegel/internal/kit/fault"
)

// Lead is the right to do what one node does for all. It is bound to a connection
// of its own, so it ends with the process that has it, whatever kills that, and
// with the primary that gave it.
type Lead struct {
	conn   *pgx.Conn
	server *Server
}

const (
	leadNumber = 0x73696567656c // of the advisory lock; tenants' are random
	askEvery   = 2 * time.Second
	askTime    = 5 * time.Second // for the answer
	closeTime  = 500 * time.Millisecond
	// leadIdle is when the server ends the connection of a leader that says nothing
	// more, so that another node takes over within 30 seconds.
	leadIdle = 15 * time.Second
)

// Take takes the lead. It returns nil without an error where another node has
// it, and fails with kind Busy where the primary cannot be reached.
func (s *Server) Take(ctx context.Context) (_ *Lead, err error) {
	defer fault.Wrap(&err, "lead")
	config := s.config.Copy()
	config.RuntimeParams["application_name"] = "siegel (lead)"
	config.RuntimeParams["idle_session_timeout"] = fmt.Sprint(leadIdle.Milliseconds())
	conn, err := s.connect(ctx, config)
	if err != nil {
		return nil, err
	}
	l := &Lead{conn, s}
	var taken bool
	// no tenant: the whole database is meant
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(leadNumber)).Scan(&taken)
	if err != nil || !taken {
		return nil, errors.Join(classify(err), l.Close())
	}
	return l, nil
}

// Watch returns when ctx is done, with nil, or with an error of kind Busy when
// the lead is lost, also because another primary counts. Until that is noticed, a few seconds, another node may lead
// already: what a leader does must bear a second one.
func (l *Lead) Watch(ctx context.Context) error {
	ticks := time.NewTicker(askEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		ask, cancel := context.WithTimeout(ctx, askTime)
		err := l.conn.Ping(ask)
		cancel()
		if err != nil && ctx.Err() == nil {
			return fault.Because(fault.Busy, "the connection by which this node leads broke", fmt.Errorf("postgres: %T", err))
		}
	}
}

// Close gives the lead back.
func (l *Lead) Close() error {
	l.server.forget(l.conn.PgConn())
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return classify(l.conn.Close(ctx))
}
