package job

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"siegel/internal/archive/export"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// carried is a job that this process carries.
type carried struct {
	room    *Room
	id      mail.ID
	s       *identity.Session
	release func()
	begun   *export.Export // where it has just been ordered; the first try runs it

	ending context.Context // done when the session ends, or the job is taken away
	cancel context.CancelCauseFunc

	done, octets, problems, gained, all atomic.Int64
}

// Why work on a job ends before the job does.
var (
	errAway = errors.New("job: its person's session has ended")
	errStop = errors.New("job: the server stops")
)

// forget ends the work of this process on the job.
func (c *carried) forget() {
	c.cancel(errLost)
	c.release()
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	delete(c.room.carries, c.id)
}

// lastTime is how long the last row of a job's work may take.
const lastTime = 10 * time.Second

// carry works on the job until it has ended or the session has.
func (c *carried) carry(ctx context.Context) {
	defer c.room.look() // there may be another session of hers
	defer c.forget()
	stop := context.AfterFunc(ctx, func() { c.cancel(errStop) })
	defer stop()
	c.s.Unlocked().AtClose(func() { c.cancel(errAway) })
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		c.beats()
	}()
	err := c.turn()
	c.cancel(errLost) // no beat comes after the last row
	<-beating
	if errors.Is(err, errLost) || errors.Is(err, db.ErrUnknown) {
		return // what the row says is true, and it is looked at again
	}
	last, end := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
	defer end()
	if err := c.last(last, err); err != nil && !errors.Is(err, errLost) {
		c.room.Log.Warn("how a job ended could not be written; it goes on when its person is here", "job", c.id, "error", err)
	}
}

// turn waits for the job's turn and works on it, again where what failed may pass.
func (c *carried) turn() error {
	select {
	case c.room.slots <- struct{}{}:
		defer func() { <-c.room.slots }()
	case <-c.ending.Done():
		return context.Cause(c.ending)
	}
	tries := 0
	for {
		before := c.done.Load()
		err := c.try(c.ending)
		if err != nil && c.ending.Err() != nil {
			return errors.Join(context.Cause(c.ending), ended(err))
		}
		if c.done.Load() > before {
			tries = 0
		}
		if err == nil || !passes(err) || tries == len(c.room.Times.Again) {
			return err
		}
		c.room.Log.Warn("a job did not get on; it is tried again", "job", c.id, "kind", fault.Of(err), "error", err)
		if err := c.hinder(fault.Of(err)); err != nil && !passes(err) {
			return err
		}
		select {
		case <-time.After(c.room.Times.Again[tries]):
		case <-c.ending.Done():
			return context.Cause(c.ending)
		}
		tries++
	}
}

// ended is what remains of an error when the work was ended: that nobody knows what a
// transaction has done.
func ended(err error) error {
	if errors.Is(err, db.ErrUnknown) {
		return db.ErrUnknown
	}
	return nil
}

// passes reports whether another try may go well.
func passes(err error) bool {
	switch fault.Of(err) {
	case fault.Busy, fault.Exhausted, fault.Internal:
		return !errors.Is(err, errLost)
	default:
		return false
	}
}

// try works on the job from where its row is.
func (c *carried) try(ctx context.Context) error {
	j, err := c.resume(ctx)
	if err != nil {
		return err
	}
	what, err := j.open(c.s.Unlocked())
	if err != nil {
		return err
	}
	c.done.Store(j.done)
	c.octets.Store(j.octets)
	c.problems.Store(j.problems)
	c.gained.Store(j.gained)
	if j.kind == Regrant {
		return c.regrant(ctx, what)
	}
	return c.export(ctx, j, what)
}

// resume says that the job runs, and reads how far it is.
func (c *carried) resume(ctx context.Context) (j row, err error) {
	err = c.s.Tenant().Update(ctx, func(tx *db.Tx) error {
		if err := c.mine(ctx, tx, `state = 'running'`); err != nil {
			return err
		}
		j, err = scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND id = $2`, c.id.Bytes()))
		if err != nil || j.kind != Export {
			return err
		}
		// Of an export counts what is in parts; the beats said more.
		parts, err := partsOf(ctx, tx, c.id)
		j.done, j.octets, j.problems = 0, 0, 0
		for _, p := range parts {
			j.done, j.octets, j.problems = j.done+p.Messages+p.Problems, j.octets+p.Octets, j.problems+p.Problems
		}
		return err
	})
	return j, err
}

// mine changes the row where this process still carries the job, and otherwise fails with
// errLost. set has no arguments.
func (c *carried) mine(ctx context.Context, tx *db.Tx, set string) error {
	done, err := tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, beat = $2, `+set+` WHERE tenant = $1 AND id = $3 AND run = $4 AND state IN ('waiting', 'running')`,
		mail.Micros(mail.Time(c.room.Now())), c.id.Bytes(), c.room.run.Bytes())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errLost, err)
	}
	return nil
}

// hinder notes what is in the way.
func (c *carried) hinder(kind fault.Kind) error {
	return c.s.Tenant().Update(c.ending, func(tx *db.Tx) error {
		if err := c.mine(c.ending, tx, `state = 'running'`); err != nil {
			return err
		}
		_, err := tx.Exec(c.ending, `UPDATE archive_job SET tenant = $1, problem = $2 WHERE tenant = $1 AND id = $3`, kind.String(), c.id.Bytes())
		return err
	})
}

// beats says again and again that the job is carried and how far it is. Where that could
// not be said for so long that others may carry it, the work ends.
func (c *carried) beats() {
	tick := time.NewTicker(c.room.Times.Beat)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-c.ending.Done():
			return
		case <-tick.C:
		}
		err := c.beat()
		switch {
		case c.ending.Err() != nil:
			return
		case err == nil:
			last = time.Now()
		case errors.Is(err, errLost) || time.Since(last) > c.room.Times.Silent:
			c.cancel(errLost)
			return
		}
	}
}

func (c *carried) beat() error {
	ctx, cancel := context.WithTimeout(c.ending, c.room.Times.Silent)
	defer cancel()
	return c.s.Tenant().Update(ctx, func(tx *db.Tx) error {
		if err := c.mine(ctx, tx, `state = state`); err != nil {
			return err
		}
		return c.counts(ctx, tx)
	})
}

// counts writes how far the job is.
func (c *carried) counts(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, done = $2, octets = $3, problems = $4, changed = $5 WHERE tenant = $1 AND id = $6`,
		c.done.Load(), c.octets.Load(), c.problems.Load(), mail.Micros(mail.Time(c.room.Now())), c.id.Bytes())
	return err
}

// last writes how the work ended: the job has, or it waits for its person.
func (c *carried) last(ctx context.Context, err error) error {
	state, problem := Done, ""
	switch {
	case err == nil:
	case errors.Is(err, errAway), errors.Is(err, errStop), fault.Of(err) == fault.Locked:
		state = Parked
	default:
		state, problem = Failed, fault.Of(err).String()
		c.room.Log.Error("a job failed", "job", c.id, "kind", problem, "error", err)
	}
	if state == Parked {
		return c.s.Tenant().Update(ctx, func(tx *db.Tx) error { return c.end(ctx, tx, state, problem) })
	}
	end := func(tx *db.Tx) error {
		if err := c.end(ctx, tx, state, problem); err != nil {
			return err
		}
		return c.room.Trail.RecordIn(ctx, tx, audit.Event{
			What: "job.end", Who: c.s.Person().String(), Object: c.id.String(), New: string(state),
			Detail: map[string]any{"messages": c.done.Load(), "octets": c.octets.Load(), "problems": c.problems.Load(), "gained": c.gained.Load()},
		})
	}
	if state == Failed {
		return c.room.drop(ctx, c.s.Tenant(), c.id, end)
	}
	return c.s.Tenant().Update(ctx, end)
}

func (c *carried) end(ctx context.Context, tx *db.Tx, state State, problem string) error {
	if err := c.mine(ctx, tx, `state = state`); err != nil {
		return err
	}
	if err := c.counts(ctx, tx); err != nil {
		return err
	}
	now := mail.Time(c.room.Now())
	over, until := mail.Micros(now), mail.Micros(now.Add(KeptFor))
	if state == Parked {
		over, until = 0, 0
	}
	_, err := tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, state = $2, problem = $3, ended = $4, until = $5 WHERE tenant = $1 AND id = $6`,
		string(state), problem, over, until, c.id.Bytes())
	return err
}

// regrant gives older mail to somebody. What she has already is left out, so it begins
// anew where it was interrupted. What she gains is counted in the transaction in which she
// gains it: a process that is killed loses no count, and one that comes back late gives
// nothing.
func (c *carried) regrant(ctx context.Context, what ordered) error {
	owner, err := c.room.Identity.Owner(ctx, c.s, what.Person)
	if err != nil {
		return err
	}
	c.done.Store(0)
	within := func(tx *db.Tx, n int) error {
		if err := c.mine(ctx, tx, `state = state`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, gained = gained + $2 WHERE tenant = $1 AND id = $3`, n, c.id.Bytes())
		return err
	}
	gained, err := c.room.Archive.RegrantWithin(ctx, c.s, owner, within, func(done, total int64) {
		c.done.Store(done)
		c.total(ctx, total)
		if pause := c.room.Times.Pause; pause > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	})
	c.gained.Add(gained)
	return err
}

// total notes how many messages there are to be looked at, where that is new.
func (c *carried) total(ctx context.Context, n int64) {
	if c.all.Swap(n) == n {
		return
	}
	_ = c.s.Tenant().Update(ctx, func(tx *db.Tx) error { // the number is for the bar only
		if err := c.mine(ctx, tx, `state = state`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, total = $2 WHERE tenant = $1 AND id = $3`, n, c.id.Bytes())
		return err
	})
}
