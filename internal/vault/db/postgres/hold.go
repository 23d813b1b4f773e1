package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"siegel/internal/kit/fault"
)

// Hold is the right to be the one process that works on a database. It is bound
// to a connection: when that breaks, another process may take it.
type Hold struct{ conn *pgx.Conn }

const (
	holdNumber = 0x73696567656c  // of the advisory lock; tenants' are random
	askEvery   = 2 * time.Second // whether the connection is still there
	askTime    = 5 * time.Second // for the answer
	waitTime   = 3 * askEvery    // for one who is ending
	waitPause  = askEvery / 10   // between two tries
	closeTime  = 500 * time.Millisecond
)

// Take takes the hold. It fails with kind Busy where another process has it and
// does not end within some seconds, or the server cannot be reached, and with kind
// Invalid where the address is not one.
func Take(ctx context.Context, address string) (_ *Hold, err error) {
	defer fault.Wrap(&err, "control database")
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "siegel (hold)"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, atStart(classify(err))
	}
	for end := time.Now().Add(waitTime); ; {
		var taken bool
		// no tenant: the whole database is meant
		if err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(holdNumber)).Scan(&taken); err != nil || taken {
			break
		}
		if err = fault.New(fault.Busy, "another server works on this database; stop it first"); time.Now().After(end) {
			break
		}
		time.Sleep(waitPause)
	}
	h := &Hold{conn}
	if err != nil {
		return nil, errors.Join(atStart(classify(err)), h.Close())
	}
	return h, nil
}

// Run watches the hold until ctx is done. It returns an error of kind Busy where
// it is lost: the process must stop then, since another one may work. Until that is
// noticed, a few seconds, transactions of both are safe, since they take turns.
func (h *Hold) Run(ctx context.Context) error {
	ticks := time.NewTicker(askEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		ask, cancel := context.WithTimeout(ctx, askTime)
		err := h.conn.Ping(ask)
		cancel()
		if err != nil && ctx.Err() == nil {
			return fault.Because(fault.Busy, "the connection that keeps other servers from this database broke", fmt.Errorf("postgres: %T", err))
		}
	}
}

// Close gives the hold back.
func (h *Hold) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return classify(h.conn.Close(ctx))
}
