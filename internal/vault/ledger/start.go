package ledger

import (
	"context"
	"fmt"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Check is for the start: every log must extend its last signed checkpoint, and
// the clock must not be before the newest one. It returns what is wrong with the
// logs of tenants, which is theirs alone, and fails where nothing can be relied
// on: with kind Damaged for the log of the instance, or, for the clock, Invalid.
func (c *Checkpointer) Check(ctx context.Context) (damaged map[mail.TenantID]error, err error) {
	defer fault.Wrap(&err, "ledger")
	if err := c.CheckClock(ctx); err != nil {
		return nil, err
	}
	tenants, err := c.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	damaged = make(map[mail.TenantID]error)
	for _, id := range append(tenants, mail.TenantID{}) {
		for _, log := range Logs(id) {
			_, _, err := c.read(ctx, c.DB.Tenant(id), log)
			switch {
			case err == nil:
			case id.IsZero(), ctx.Err() != nil, fault.Of(err) == fault.Busy: // the last two say nothing of the tenant
				return damaged, fmt.Errorf("tenant %s: %w", id, err)
			case damaged[id] == nil:
				damaged[id] = err
			}
		}
	}
	return damaged, nil
}

// Start fails where a server must not serve, as [Checkpointer.Check] does.
// Tenants whose logs are damaged it shuts, so that the others are served.
func (c *Checkpointer) Start(ctx context.Context) error {
	damaged, err := c.Check(ctx)
	if err != nil {
		return err
	}
	for id, err := range damaged {
		c.shut(id, err)
	}
	return c.warm(ctx)
}

// warmFor bounds how long a start reads audit logs through.
const warmFor = time.Minute

// warm reads the audit logs of all tenants through, since whoever asks first
// would wait for it, and mail with him. It shuts tenants whose audit log has
// entries that this server did not make. What there is no time for is read when
// somebody asks.
func (c *Checkpointer) warm(ctx context.Context) error {
	tenants, err := c.Tenants(ctx)
	if err != nil {
		return err
	}
	began := c.Now()
	limited, cancel := context.WithTimeout(ctx, warmFor)
	defer cancel()
	read, entries := 0, int64(0)
	for _, id := range tenants {
		if c.Ledger.Shut(id) != nil {
			continue
		}
		err := c.Ledger.registered(limited, c.DB.Tenant(id), Audit, func(r *register) { entries += r.size })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case limited.Err() != nil:
			c.Log.Warn("there was no time to read every audit log before the start; who asks first waits for the others", "read", read, "tenants", len(tenants))
			return nil
		case err != nil && fault.Of(err) != fault.Busy:
			c.shut(id, err)
		default:
			read++
		}
	}
	c.Log.Info("audit logs were read", "tenants", read, "entries", entries, "took", c.Now().Sub(began))
	return nil
}

// shut shuts a tenant and says so.
func (c *Checkpointer) shut(id mail.TenantID, err error) {
	c.Log.Error("the ledger of a tenant is damaged: its mail waits with the senders, nobody of it signs in, nothing of it is signed; run siegel ledger verify",
		"tenant", id, "err", err)
	c.Ledger.shut(id, err)
}

// shut keeps a tenant out until the process ends.
func (l *Ledger) shut(id mail.TenantID, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quarantine[id] = err
}

// Shut returns why a tenant is shut, an error of kind Damaged, or nil where it
// is not. Of a tenant that is shut nothing is proven, entered or signed: what
// has been harmed is not built upon. It ends with the process, since whoever
// mends a database stops the server first.
func (l *Ledger) Shut(id mail.TenantID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fault.Because(fault.Damaged, "the ledger of this tenant is damaged, so it is shut: run siegel ledger verify, put the database back from a copy, start the server again", l.quarantine[id])
}
