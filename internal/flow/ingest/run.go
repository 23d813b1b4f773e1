package ingest

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// A job's row names the run that goes on with it, and when that last said so. Every
// save asks whether it is still this one, so two runs never both write. A run that fell
// silent is taken for dead after silentFor; one that is slow only, and comes back, finds
// that the job is another's and ends. The clocks of nodes may differ by some seconds.
const (
	renewEvery = 5 * time.Second
	renewTime  = 10 * time.Second // for the database to take it
	silentFor  = 30 * time.Second
)

// errTaken says that another run goes on with the job.
func errTaken() error {
	return fault.New(fault.Busy, "another server has taken this import over, because this one did not say for half a minute that it goes on")
}

// errElsewhere says that a run of another home goes on with the job.
func errElsewhere() error {
	return fault.New(fault.Busy, "an import of these files is running at another server; wait for its end. If that server has failed, give the same command again in half a minute")
}

// elsewhere reports whether a run of another home may go on with a job. Of its own home
// the room knows itself what runs, and whoever ran there before is dead.
func (r *Room) elsewhere(home []byte, renewed int64) bool {
	if renewed == 0 || bytes.Equal(home, r.Home.Bytes()) {
		return false
	}
	// A clock that went wrong does not lock the job for longer either.
	return r.Now().Sub(mail.FromMicros(renewed)).Abs() < silentFor
}

// hold says now and then that the run goes on, also while the command sends nothing or
// does not read, until ctx is done. Where another run has the job, it ends this one.
func (j *Job) hold(ctx context.Context) {
	defer close(j.left)
	tick := time.NewTicker(j.room.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if j.room.Now().Sub(mail.FromMicros(j.renewed.Load())) < j.room.every {
			continue // a save has said it
		}
		now := mail.Micros(j.room.Now())
		one, cancel := context.WithTimeout(ctx, renewTime)
		ours, err := j.mark(one, now)
		cancel()
		switch {
		case err != nil: // the next tick tries again; where the database is gone, saves say so
		case !ours:
			j.cancel(errTaken())
			return
		default:
			j.renewed.Store(now)
		}
	}
}

// mark writes when the run said that it goes on, and reports whether the job is still
// its own. Zero is the end of the run.
func (j *Job) mark(ctx context.Context, renewed int64) (ours bool, err error) {
	err = j.start.Tenant.Update(ctx, func(tx *db.Tx) error {
		ours, err = changed(tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, renewed = $2 WHERE tenant = $1 AND id = $3 AND runner = $4`,
			renewed, j.ID.Bytes(), j.run.Bytes()))
		return err
	})
	return ours, err
}

// changed reports whether a statement changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// giveUp leaves a job that could not begin to whoever is next. Where that cannot be
// written, another node waits until this run has been silent for long enough.
func (j *Job) giveUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if _, err := j.mark(ctx, 0); err != nil {
		j.room.Log.Warn("an import that did not begin could not be given up; other nodes wait for half a minute", "job", j.ID, "error", err)
	}
}
