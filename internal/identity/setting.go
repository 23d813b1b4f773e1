package identity

import (
	"context"
	"errors"

	"siegel/internal/audit"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Names of settings of a tenant.
const (
	// IdleMinutes is how long a browser's session may rest, in minutes.
	IdleMinutes = "session.idle-minutes"
)

// Setting returns what a tenant has chosen, empty where it has not.
func (i *Identity) Setting(ctx context.Context, owner mail.TenantID, name string) (value string, err error) {
	err = i.DB.Tenant(owner).QueryRow(ctx, `SELECT value FROM identity_setting WHERE tenant = $1 AND name = $2`, name).Scan(&value)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// SetSetting chooses for the person's tenant, which takes an administrator. The audit
// log has what it was and what it is (EV-05, EV-09).
func (i *Identity) SetSetting(ctx context.Context, s *Session, name, value string) error {
	if err := i.must(ctx, s, Administrator); err != nil {
		return err
	}
	return s.tenant.Update(ctx, func(tx *db.Tx) error {
		var old string
		err := tx.QueryRow(ctx, `SELECT value FROM identity_setting WHERE tenant = $1 AND name = $2`, name).Scan(&old)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO identity_setting (tenant, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value`, name, value)
		if err != nil {
			return err
		}
		return i.Trail.RecordIn(ctx, tx, audit.Event{What: "setting", Who: s.who(), Object: name, Old: old, New: value})
	})
}
