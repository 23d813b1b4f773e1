package stamping

import (
	"context"
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

// String says the status in one line, for logs and the console.
func (s Status) String() string {
	return fmt.Sprintf("signed %s, stamped %s, waiting %d", s.Signed.Format(time.RFC3339), s.Stamped.Format(time.RFC3339), s.Waiting)
}
