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

// find takes up the open job of a start, or makes one.
func (r *Room) find(ctx context.Context, j *Job) error {
	s := j.start
	var id, cursor []byte
	plain, err := json.Marshal(what{s.Paths, s.For})
	if err != nil {
		return err
	}
	err = s.Tenant.Update(ctx, func(tx *db.Tx) error {
		now := mail.Micros(r.Now())
		err := tx.QueryRow(ctx, `SELECT id, cursor, accepted, there, refused, octets FROM ingest_job
			WHERE tenant = $1 AND mac = $2 AND state = 'open'`, s.name(r.Keys)).
			Scan(&id, &cursor, &j.Before.Accepted, &j.Before.There, &j.Before.Refused, &j.Before.Octets)
		if err == nil {
			j.Resumed = true
			_, err = tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, person = $2, changed = $3 WHERE tenant = $1 AND id = $4`, s.Person.Bytes(), now, id)
			return err
		}
		if !errors.Is(err, db.ErrNoRows) {
			return err
		}
		j.ID, j.Resumed, j.Before = mail.NewID(), false, Counts{}
		box := r.Keys.SealImport(tx.ID(), j.ID, fieldWhat, plain)
		_, err = tx.Exec(ctx, `INSERT INTO ingest_job (tenant, id, mac, state, what, cursor, place, accepted, there, refused, octets, person, begun, changed)
			VALUES ($1, $2, $3, 'open', $4, $5, 0, 0, 0, 0, 0, $6, $7, $8)`,
			j.ID.Bytes(), s.name(r.Keys), box, []byte{}, s.Person.Bytes(), now, now)
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

// save writes how far the job is.
func (j *Job) save(ctx context.Context, state string) error {
	s := &j.settled
	id := j.ID.Bytes()
	err := j.start.Tenant.Update(ctx, func(tx *db.Tx) error {
		if s.cursor != nil {
			box := j.room.Keys.SealImport(tx.ID(), j.ID, fieldCursor, s.cursor)
			if _, err := tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, cursor = $2 WHERE tenant = $1 AND id = $3`, box, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, state = $2, place = $3, accepted = $4, there = $5, refused = $6, octets = $7, changed = $8
			WHERE tenant = $1 AND id = $9`, state, s.place, s.Accepted, s.There, s.Refused, s.Octets, mail.Micros(j.room.Now()), id)
		if err != nil {
			return err
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
		if s.tally == 0 {
			return nil
		}
		return j.room.Count.Count(ctx, tx, []flow.Counted{{Source: Door, References: s.tally}})
	})
	if errors.Is(err, db.ErrUnknown) {
		// Counting again would count twice: what is in the database counts.
		s.there, s.tally = nil, 0
		return fault.Because(fault.Busy, "it is not known how far the import was saved; give the same command again", err)
	}
	if err != nil {
		return err
	}
	s.there, s.tally, s.since, s.saved = nil, 0, 0, j.room.Now()
	return nil
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
	rows, err := t.Query(ctx, `SELECT id, state, what, accepted, there, refused, octets, person, begun, changed FROM ingest_job
		WHERE tenant = $1 ORDER BY begun DESC, id LIMIT $2`, maxListed)
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (l Listed, err error) {
		var id, box, person []byte
		var begun, changed int64
		if err := row.Scan(&id, &l.State, &box, &l.Accepted, &l.There, &l.Refused, &l.Octets, &person, &begun, &changed); err != nil {
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
			l.State = r.phase(l.ID)
		}
		return l, nil
	})
}

func (r *Room) phase(id mail.ID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[id] {
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
