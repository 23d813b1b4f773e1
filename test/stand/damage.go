package stand

import (
	"context"
	"fmt"
	"math"

	"siegel/internal/app"
	"siegel/internal/audit"
	"siegel/internal/vault/db"
)

// Damage changes the newest event of a kind in the database, as a hand would that is not the
// server's, and returns its index in the audit log.
func Damage(ctx context.Context, a *app.App, what string) (int64, error) {
	s, err := SignIn(ctx, a)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	index := int64(-1)
	err = a.Identity.Audit(ctx, s, math.MaxInt64, func(e audit.Entry) error {
		if e.What != what {
			return nil
		}
		index = e.Index
		return audit.ErrEnough
	})
	if err != nil {
		return 0, err
	}
	return index, s.Tenant().Update(ctx, func(tx *db.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE audit_event SET tenant = $1, box = note WHERE tenant = $1 AND leaf = $2 AND note IS NOT NULL`, index)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("stand: %d events were changed (%w)", n, err)
		}
		return nil
	})
}
