// Package attempt counts refused sign-ins (requirement AU-30): each durably, with
// the same work whether the address is somebody's or not (AU-01), and what it
// keeps is bounded. What was counted of a person becomes events of her tenant's
// audit log.
package attempt

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"siegel/internal/audit"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// MAC authenticates octets under a key of the instance: master.Key.
type MAC interface {
	SignInMAC(b []byte) [32]byte
}

// Trail takes events: audit.Trail.
type Trail interface {
	RecordIn(ctx context.Context, tx *db.Tx, e audit.Event) error
}

// Bounds of what refused sign-ins leave.
const (
	// Window is how long attempts at one account are counted together.
	Window = 10 * time.Minute
	// MaxStrangers is how many addresses that nobody has are told apart in a
	// window; attempts at further ones are counted in one row.
	MaxStrangers = 100
	// StrangersFor is how long they are kept.
	StrangersFor = 30 * 24 * time.Hour
	// Batch is how many rows become events in one transaction.
	Batch = 200
)

// Deps is what the counter works with.
type Deps struct {
	DB    *db.DB
	Trail Trail
	MAC   MAC
	Now   func() time.Time
}

// Counter counts. Use it from many goroutines.
type Counter struct {
	Deps

	mu      sync.Mutex
	settled time.Time // windows that began then have been told; guarded by mu
}

// New returns a counter.
func New(d Deps) *Counter {
	return &Counter{Deps: d, settled: d.Now().Truncate(Window).Add(-Window)} // what ended before is no news
}

// Attempt is a refused try to open an account.
type Attempt struct {
	Owner  mail.TenantID // zero where no account could have answered
	Person mail.ID
	Email  mail.Address // empty for what is no address: it may be a mistyped password
	Kind   string       // what was tried: password, invitation
	Held   bool         // it was not looked at, since too many had failed before (package brake)
}

// counter names what attempts are counted by. Of an address that nobody has
// only a MAC is kept.
func (c *Counter) counter(a Attempt) [32]byte {
	if a.Owner.IsZero() {
		return c.MAC.SignInMAC(tuple.Make("siegel/v1 attempt at an address", []byte(a.Kind), []byte(a.Email)))
	}
	return c.MAC.SignInMAC(tuple.Make("siegel/v1 attempt at a person", []byte(a.Kind), a.Owner[:], a.Person[:]))
}

// Refuse counts an attempt, durably.
func (c *Counter) Refuse(ctx context.Context, a Attempt) error {
	now := c.Now()
	began := mail.Micros(now.Truncate(Window))
	account, others := c.counter(a), c.counter(Attempt{Kind: a.Kind})
	held := 0
	if a.Held {
		held = 1
	}
	return c.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		var strangers, known int64
		err := tx.QueryRow(ctx, `SELECT COUNT(*), COUNT(CASE WHEN tenant = $1 AND account = $2 THEN 1 END) FROM identity_attempt
			WHERE tenant = $1 AND began = $3 AND owner = $4`, account[:], began, mail.TenantID{}.Bytes()).Scan(&strangers, &known)
		if err != nil {
			return err
		}
		key := account
		if a.Owner.IsZero() && known == 0 && strangers >= MaxStrangers {
			key = others
		}
		_, err = tx.Exec(ctx, `INSERT INTO identity_attempt (tenant, began, account, owner, person, kind, times, earliest, latest, held)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7, $8)
			ON CONFLICT (tenant, began, account) DO UPDATE SET times = identity_attempt.times + 1, latest = excluded.latest,
				held = identity_attempt.held + excluded.held`,
			began, key[:], a.Owner.Bytes(), a.Person.Bytes(), a.Kind, mail.Micros(now), held)
		return err
	})
}

// Tally is what was counted of one account in one window.
type Tally struct {
	began            int64
	account, person  []byte
	kind             string
	times, held      int64
	earliest, latest int64
}

// event is what the audit log keeps of it.
func (t Tally) event() (audit.Event, error) {
	id, err := mail.IDFrom(t.person)
	e := audit.Event{What: "sign-in", Who: id.String(), New: "refused", Detail: map[string]any{
		"by": t.kind, "times": t.times,
		"first": mail.FromMicros(t.earliest).Format(time.RFC3339), "last": mail.FromMicros(t.latest).Format(time.RFC3339),
	}}
	if t.held > 0 {
		e.Detail["held"] = t.held
	}
	return e, err
}

// Take deletes what was counted of a person and returns it, for [Counter.Enter]
// in the same transaction after all that locks other rows.
func (c *Counter) Take(ctx context.Context, b *db.Batch, owner mail.TenantID, person mail.ID) ([]Tally, error) {
	tx := b.Tenant(mail.TenantID{})
	rows, err := tx.Query(ctx, `SELECT began, account, person, kind FROM identity_attempt
		WHERE tenant = $1 AND owner = $2 AND person = $3 ORDER BY began, account LIMIT $4`, owner.Bytes(), person.Bytes(), Batch)
	if err != nil {
		return nil, err
	}
	return take(ctx, tx, rows)
}

// take deletes rows and returns what they counted.
func take(ctx context.Context, tx *db.Tx, rows *sql.Rows) (list []Tally, err error) {
	found, err := db.Collect(rows, scanTally)
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		// What counts is what the row says while we hold it; where another was
		// quicker there is none.
		err := tx.QueryRow(ctx, `DELETE FROM identity_attempt WHERE tenant = $1 AND began = $2 AND account = $3 RETURNING times, held, earliest, latest`,
			t.began, t.account).Scan(&t.times, &t.held, &t.earliest, &t.latest)
		if errors.Is(err, db.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// Enter records tallies in their tenant's audit log, whose lock it takes.
func (c *Counter) Enter(ctx context.Context, tx *db.Tx, list []Tally) error {
	for _, t := range list {
		e, err := t.event()
		if err != nil {
			return err
		}
		if err := c.Trail.RecordIn(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// SettleTenant makes events of all that was counted of a tenant's people until
// now.
func (c *Counter) SettleTenant(ctx context.Context, owner mail.TenantID) error {
	return c.settle(ctx, owner, c.Now())
}

// settle takes windows that began at a time or before.
func (c *Counter) settle(ctx context.Context, owner mail.TenantID, until time.Time) error {
	for n := Batch; n == Batch; {
		err := c.DB.Update(ctx, func(b *db.Batch) error {
			tx := b.Tenant(mail.TenantID{})
			rows, err := tx.Query(ctx, `SELECT began, account, person, kind FROM identity_attempt
				WHERE tenant = $1 AND owner = $2 AND began <= $3 ORDER BY began, account LIMIT $4`, owner.Bytes(), mail.Micros(until), Batch)
			if err != nil {
				return err
			}
			list, err := take(ctx, tx, rows)
			if n = len(list); err != nil || n == 0 {
				return err
			}
			return c.Enter(ctx, b.Tenant(owner), list)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Strangers is how many sign-ins were refused because nobody has the address.
type Strangers struct {
	Addresses int64 // told apart, at most 100 in ten minutes
	Times     int64
}

// Settle makes events of the windows that have ended and forgets old attempts at
// addresses that nobody has. It returns those of windows that have ended since
// it ran last. Call it every few minutes; it may be repeated.
func (c *Counter) Settle(ctx context.Context) (s Strangers, err error) {
	now := c.Now()
	until := now.Truncate(Window).Add(-Window) // began then: has ended
	rows, err := c.DB.Instance().Query(ctx, `SELECT DISTINCT owner FROM identity_attempt WHERE tenant = $1 AND began <= $2`, mail.Micros(until))
	if err != nil {
		return s, err
	}
	owners, err := db.Collect(rows, scanID)
	if err != nil {
		return s, err
	}
	var errs []error // one tenant's trouble does not keep the others' events
	for _, owner := range owners {
		if !owner.IsZero() {
			errs = append(errs, c.settle(ctx, owner, until))
		}
	}
	c.mu.Lock()
	since := c.settled
	c.mu.Unlock()
	err = c.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(times), 0) FROM identity_attempt WHERE tenant = $1 AND owner = $2 AND began <= $3 AND began > $4`,
			mail.TenantID{}.Bytes(), mail.Micros(until), mail.Micros(since)).Scan(&s.Addresses, &s.Times)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM identity_attempt WHERE tenant = $1 AND owner = $2 AND began < $3`,
			mail.TenantID{}.Bytes(), mail.Micros(now.Add(-StrangersFor)))
		return err
	})
	if err == nil {
		c.mu.Lock()
		c.settled = until
		c.mu.Unlock()
	}
	return s, errors.Join(append(errs, err)...)
}

func scanTally(row db.Scanner) (t Tally, err error) {
	return t, row.Scan(&t.began, &t.account, &t.person, &t.kind)
}

func scanID(row db.Scanner) (mail.ID, error) {
	var b []byte
	if err := row.Scan(&b); err != nil {
		return mail.ID{}, err
	}
	return mail.IDFrom(b)
}
