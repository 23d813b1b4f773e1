package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Fields of a job's row that are sealed.
const (
	fieldWhat   = "what"
	fieldCursor = "cursor"
)

// what is sealed of a job.
type what struct {
	Paths []string     `json:"paths"`
	For   mail.Address `json:"for,omitempty"`
}

// find takes up the open job of a start, or makes one, and makes it this run's.
func (r *Room) find(ctx context.Context, j *Job) error {
	s := j.start
	var id, cursor, home []byte
	var renewed int64
	plain, err := json.Marshal(what{s.Paths, s.For})
	if err != nil {
		return err
	}
	err = s.Tenant.Update(ctx, func(tx *db.Tx) error {
		now := mail.Micros(r.Now())
		j.renewed.Store(now)
		err := tx.QueryRow(ctx, `SELECT id, cursor, accepted, there, refused, octets, home, renewed FROM ingest_job
			WHERE tenant = $1 AND mac = $2 AND state = 'open'`, s.name(r.Keys)).
			Scan(&id, &cursor, &j.Before.Accepted, &j.Before.There, &j.Before.Refused, &j.Before.Octets, &home, &renewed)
		switch {
		case err == nil && r.elsewhere(home, renewed):
			return errElsewhere()
		case err == nil:
			j.Resumed = true
			_, err = tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, person = $2, changed = $3, runner = $4, home = $5, renewed = $3 WHERE tenant = $1 AND id = $6`,
				s.Person.Bytes(), now, j.run.Bytes(), r.Home.Bytes(), id)
			return err
		case !errors.Is(err, db.ErrNoRows):
			return err
		}
		j.ID, j.Resumed, j.Before = mail.NewID(), false, Counts{}
		box := r.Keys.SealImport(tx.ID(), j.ID, fieldWhat, plain)
		_, err = tx.Exec(ctx, `INSERT INTO ingest_job (tenant, id, mac, state, what, cursor, place, accepted, there, refused, octets, person, begun, changed, runner, home, renewed)
			VALUES ($1, $2, $3, 'open', $4, $5, 0, 0, 0, 0, 0, $6, $7, $7, $8, $9, $7)`,
			j.ID.Bytes(), s.name(r.Keys), box, []byte{}, s.Person.Bytes(), now, j.run.Bytes(), r.Home.Bytes())
		return err
	})
	if err != nil || !j.Resumed {
		return err
	}
	if j.ID, err = mail.IDFrom(id); err != nil || len(cursor) == 0 {
		return err
	}
	j.Cursor, err = r.Keys.OpenImport(s.Tenant.ID(), j.ID, fieldCursor, cursor)
	return err
}

// save writes how far the job is, last at the end of the run: then others may go on with
// it at once. It fails where the job is no longer this run's, or where nobody knows whether
// it was saved; this run saves nothing any more then.
func (j *Job) save(ctx context.Context, state string, last bool) error {
	s := &j.settled
	now := mail.Micros(j.room.Now())
	renewed := now
	if last {
		renewed = 0
	}
	ours := true
	err := j.start.Tenant.Update(ctx, func(tx *db.Tx) (err error) {
		ours, err = changed(tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, state = $2, place = $3, accepted = $4, there = $5, refused = $6, octets = $7, changed = $8, renewed = $9
			WHERE tenant = $1 AND id = $10 AND runner = $11`,
			state, s.place, s.Accepted, s.There, s.Refused, s.Octets, now, renewed, j.ID.Bytes(), j.run.Bytes()))
		if err != nil || !ours {
			return err
		}
		if err := j.saveItems(ctx, tx); err != nil {
			return err
		}
		return j.saveTally(ctx, tx)
	})
	switch {
	case errors.Is(err, db.ErrUnknown):
		// Who saved again would count twice where this was committed. The next run goes on
		// with what the database has, which is all of this or nothing.
		s.closed = true
		return fault.Because(fault.Busy, "it is not known how far the import was saved; give the same command again", err)
	case err != nil:
		return err
	case !ours:
		s.closed = true
		return errTaken()
	}
	j.renewed.Store(now)
	s.there, s.tally, s.turned, s.since, s.saved, s.sure = nil, 0, 0, 0, j.room.Now(), s.Counts
	return nil
}

// saveItems writes what goes with the place of a job: the cursor, and what the archive
// had already.
func (j *Job) saveItems(ctx context.Context, tx *db.Tx) error {
	s := &j.settled
	id := j.ID.Bytes()
	if s.cursor != nil {
		box := j.room.Keys.SealImport(tx.ID(), j.ID, fieldCursor, s.cursor)
		if _, err := tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, cursor = $2 WHERE tenant = $1 AND id = $3`, box, id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ingest_taken WHERE tenant = $1 AND job = $2 AND place <= $3`, id, s.place); err != nil {
		return err
	}
	for message, times := range s.there {
		_, err := tx.Exec(ctx, `INSERT INTO ingest_reference (tenant, message, job, times) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant, message, job) DO UPDATE SET times = ingest_reference.times + excluded.times`, message.Bytes(), id, times)
		if err != nil {
			return err
		}
	}
	return nil
}

// saveTally counts for the source what no commit has counted.
func (j *Job) saveTally(ctx context.Context, tx *db.Tx) error {
	s := &j.settled
	if s.turned > 0 {
		if err := j.room.Count.Refuse(ctx, tx, Door, mail.RefusedPolicy, s.turned); err != nil {
			return err
		}
	}
	if s.tally == 0 {
		return nil
	}
	return j.room.Count.Count(ctx, tx, []flow.Counted{{Source: Door, References: s.tally}})
}

// taken notes in the transaction that keeps a message that this job brought it. A job
// brings the message of a place to one commit at a time, so no group has two such rows.
func (j *Job) taken(place int64, message mail.ID) flow.Row {
	return flow.Row{
		Query: `INSERT INTO ingest_taken (tenant, job, place, message) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant, job, place) DO UPDATE SET message = excluded.message`,
		Values: []any{j.ID.Bytes(), place, message.Bytes()},
	}
}

// again tells whether a message that is there was brought by an earlier run of this
// job, which was interrupted before it could count it.
func (j *Job) again(place int64, message mail.ID) (State, error) {
	if !j.Resumed {
		return There, nil
	}
	var taken []byte
	err := j.start.Tenant.QueryRow(j.ctx, `SELECT message FROM ingest_taken WHERE tenant = $1 AND job = $2 AND place = $3`,
		j.ID.Bytes(), place).Scan(&taken)
	if errors.Is(err, db.ErrNoRows) || err == nil && string(taken) != string(message.Bytes()) {
		return There, nil
	}
	return Accepted, err
}

// Listed is a job with how far it came.
type Listed struct {
	ID      mail.ID      `json:"id"`
	State   string       `json:"state"` // running, interrupted, done
	Paths   []string     `json:"paths"`
	For     mail.Address `json:"for,omitempty"`
	Person  mail.ID      `json:"person"` // who gave the command last
	Begun   time.Time    `json:"begun"`
	Changed time.Time    `json:"changed"`
	Counts
}

// maxListed bounds a list of jobs.
const maxListed = 1000

// List returns the newest jobs of a tenant, at most 1,000.
func (r *Room) List(ctx context.Context, t db.Tenant) (_ []Listed, err error) {
	defer fault.Wrap(&err, "imports")
	rows, err := t.Query(ctx, `SELECT id, state, what, accepted, there, refused, octets, person, begun, changed, home, renewed FROM ingest_job
		WHERE tenant = $1 ORDER BY begun DESC, id LIMIT $2`, maxListed)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (l Listed, err error) {
		var id, box, person, home []byte
		var begun, changed, renewed int64
		if err := row.Scan(&id, &l.State, &box, &l.Accepted, &l.There, &l.Refused, &l.Octets, &person, &begun, &changed, &home, &renewed); err != nil {
			return l, err
		}
		var errs [2]error
		l.ID, errs[0] = mail.IDFrom(id)
		l.Person, errs[1] = mail.IDFrom(person)
		if err := errors.Join(errs[:]...); err != nil {
			return l, err
		}
		plain, err := r.Keys.OpenImport(t.ID(), l.ID, fieldWhat, box)
		if err != nil {
			return l, err
		}
		var w what
		if err := json.Unmarshal(plain, &w); err != nil {
			return l, fault.Because(fault.Damaged, "what is kept of an import is malformed", err)
		}
		l.Paths, l.For = w.Paths, w.For
		l.Begun, l.Changed = mail.FromMicros(begun), mail.FromMicros(changed)
		if l.State == "open" {
			l.State = r.phase(l.ID, r.elsewhere(home, renewed))
		}
		return l, nil
	})
}

// phase says what becomes of an open job, which may run elsewhere.
func (r *Room) phase(id mail.ID, elsewhere bool) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if elsewhere || r.running[id] {
		return "running"
	}
	return "interrupted"
}

// clean makes a text of octets that may be none: names of files are octets.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
