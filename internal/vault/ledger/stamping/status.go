package stamping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
)

// Status is how far signing and stamping are.
type Status struct {
	Signed  time.Time // when the newest checkpoint of the instance was signed; zero for never
	Size    int64     // entries of the instance's log at that time
	Stamped time.Time // the newest timestamp; zero for never
	Covers  time.Time // when the newest stamped checkpoint was signed: everything older is proven
	Waiting int       // checkpoints without a timestamp
	Since   time.Time // when the oldest of them was signed: the gap
	Tries   int       // how often the newest of them was tried
}

// Read reads how far signing and stamping are, from the instance's rows.
func Read(ctx context.Context, instance db.Tenant) (s Status, err error) {
	defer fault.Wrap(&err, "ledger status")
	moment := func(v *int64) time.Time {
		if v == nil {
			return time.Time{}
		}
		return mail.FromMicros(*v)
	}
	var signed, size, made, covers, since *int64
	err = instance.QueryRow(ctx, `SELECT MAX(created), MAX(size) FROM ledger_checkpoint WHERE tenant = $1`).Scan(&signed, &size)
	if err != nil {
		return s, err
	}
	err = instance.QueryRow(ctx, `SELECT MAX(made), MAX(created) FROM ledger_stamp WHERE tenant = $1 AND state = $2`, ledger.Stamped).Scan(&made, &covers)
	if err != nil {
		return s, err
	}
	err = instance.QueryRow(ctx, `SELECT COUNT(*), MIN(created), COALESCE(MIN(tries), 0) FROM ledger_stamp WHERE tenant = $1 AND state = $2`, ledger.Waiting).
		Scan(&s.Waiting, &since, &s.Tries)
	if err != nil {
		return s, err
	}
	if size != nil {
		s.Size = *size
	}
	s.Signed, s.Stamped, s.Covers, s.Since = moment(signed), moment(made), moment(covers), moment(since)
	return s, nil
}

// Reach is how far a log can be proven.
type Reach struct {
	Signed  time.Time // when its newest checkpoint was signed; zero for never
	Stamped time.Time // the timestamp that proves the most of it; zero for none
	Proven  int64     // entries, from the first, that it proves to strangers
}

// ReachOf reads how far a log of a tenant can be proven: by its own checkpoints, and by the
// instance's timestamps as far as they cover where those are anchored.
func ReachOf(ctx context.Context, d *db.DB, tenant mail.TenantID, log string) (r Reach, err error) {
	defer fault.Wrap(&err, "how far the ledger can be proven")
	t := d.Tenant(tenant)
	var signed *int64
	if err := t.QueryRow(ctx, `SELECT MAX(created) FROM ledger_checkpoint WHERE tenant = $1 AND log = $2`, log).Scan(&signed); err != nil {
		return r, err
	}
	if signed != nil {
		r.Signed = mail.FromMicros(*signed)
	}
	var stamped *int64
	if err := d.Instance().QueryRow(ctx, `SELECT MAX(size) FROM ledger_stamp WHERE tenant = $1 AND state = $2`, ledger.Stamped).Scan(&stamped); err != nil {
		return r, err
	}
	if stamped == nil {
		return r, nil
	}
	var at int64
	err = t.QueryRow(ctx, `SELECT size, idx FROM ledger_anchor WHERE tenant = $1 AND log = $2 AND idx < $3 ORDER BY idx DESC LIMIT 1`, log, *stamped).Scan(&r.Proven, &at)
	if errors.Is(err, db.ErrNoRows) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	var made int64
	err = d.Instance().QueryRow(ctx, `SELECT made FROM ledger_stamp WHERE tenant = $1 AND state = $2 AND size > $3 ORDER BY size LIMIT 1`, ledger.Stamped, at).Scan(&made)
	r.Stamped = mail.FromMicros(made)
	return r, err
}

// String says the status in one line, for logs and the console.
func (s Status) String() string {
	return fmt.Sprintf("signed %s, stamped %s, waiting %d", s.Signed.Format(time.RFC3339), s.Stamped.Format(time.RFC3339), s.Waiting)
}
