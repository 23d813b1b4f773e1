// Package setting has what tenants have chosen instead of a default.
package setting

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"siegel/internal/identity/ticket"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/db"
)

// Names of settings.
const (
	// IdleMinutes is how long a browser's session may rest, in minutes.
	IdleMinutes = "session.idle-minutes"
)

// Default returns what holds of a setting where a tenant has chosen nothing.
func Default(name string) string {
	if name == IdleMinutes {
		return strconv.Itoa(int(ticket.DefaultIdle / time.Minute))
	}
	return ""
}

// Asker is a tenant's handle or a transaction.
type Asker interface {
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Of returns what a tenant has chosen, the default where it has not.
func Of(ctx context.Context, q Asker, name string) (value string, err error) {
	err = q.QueryRow(ctx, `SELECT value FROM identity_setting WHERE tenant = $1 AND name = $2`, name).Scan(&value)
	if errors.Is(err, db.ErrNoRows) {
		return Default(name), nil
	}
	return value, err
}

// Choose writes what a tenant chooses and returns what held before: the same where nothing
// changes, and then it writes nothing. Where some values are given that it may have been, it
// fails with kind Conflict when it is none of them any more.
func Choose(ctx context.Context, tx *db.Tx, name, value string, was ...string) (old string, err error) {
	if old, err = Of(ctx, tx, name); err != nil {
		return "", err
	}
	if len(was) > 0 && !slices.Contains(was, old) {
		return "", fault.New(fault.Conflict, "somebody else has changed this meanwhile; please look at it again")
	}
	if old == value {
		return old, nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO identity_setting (tenant, name, value) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value`, name, value)
	return old, err
}
