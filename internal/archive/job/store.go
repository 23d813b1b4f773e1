package job

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// errNone is the one answer for a job that is not there and for somebody else's.
func errNone() error { return fault.New(fault.NotFound, "there is no such job") }

// errLost says that a run is no longer who carries the job.
var errLost = errors.New("job: it is cancelled, deleted or carried elsewhere")

// row is a job as the database has it.
type row struct {
	id                                             mail.ID
	person                                         mail.ID
	kind                                           Kind
	state                                          State
	problem, place                                 string
	done, total, octets, problems, gained, lacking int64
	begun, changed, ended, until, beat             int64
	run, home                                      mail.ID
	term                                           int
	box                                            []byte
}

const columns = `id, person, kind, state, problem, place, done, total, octets, problems, gained, lacking, begun, changed, ended, until, beat, run, home, term, box`

func scan(s db.Scanner) (j row, err error) {
	var id, person, run, home []byte
	var kind, state string
	err = s.Scan(&id, &person, &kind, &state, &j.problem, &j.place, &j.done, &j.total, &j.octets, &j.problems, &j.gained, &j.lacking,
		&j.begun, &j.changed, &j.ended, &j.until, &j.beat, &run, &home, &j.term, &j.box)
	if err != nil {
		return j, err
	}
	j.kind, j.state = Kind(kind), State(state)
	for to, from := range map[*mail.ID][]byte{&j.id: id, &j.person: person, &j.run: run, &j.home: home} {
		if *to, err = mail.IDFrom(from); err != nil {
			return j, err
		}
	}
	return j, nil
}

// carriedNow reports whether a process is heard of that carries the job.
func (r *Room) carriedNow(j row) bool {
	from, to := r.silence()
	return j.state.Live() && (j.run == r.run || j.home != r.Home) && j.beat >= from && j.beat <= to
}

// seen returns a job as its person sees it.
func (r *Room) seen(j row, s *seal.Session) (Job, error) {
	out := Job{
		ID: j.id, Kind: j.kind, State: j.state, Problem: j.problem, Done: j.done, Total: j.total, Octets: j.octets, Problems: j.problems,
		Lacking: j.lacking, Gained: j.gained, Begun: mail.FromMicros(j.begun),
	}
	if j.state.Live() && !r.carriedNow(j) {
		out.State = Parked
	}
	if j.ended != 0 {
		out.Ended, out.Until = mail.FromMicros(j.ended), mail.FromMicros(j.until)
	}
	what, err := j.open(s)
	if err != nil && s.Closed() {
		return out, err
	}
	out.Order, out.Password, out.Lost = what.Order, what.Password, err != nil
	out.Order.Kind = j.kind
	return out, nil
}

// List returns the person's jobs, newest first, without their parts.
func (r *Room) List(ctx context.Context, s *identity.Session) (list []Job, err error) {
	defer fault.Wrap(&err, "jobs")
	rows, err := s.Tenant().Query(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND person = $2 ORDER BY begun DESC, id`, s.Person().Bytes())
	if err != nil {
		return nil, err
	}
	all, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	for _, j := range all {
		one, err := r.seen(j, s.Unlocked())
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// Get returns one of the person's jobs with its parts. It fails with kind NotFound where
// she has none of that id.
func (r *Room) Get(ctx context.Context, s *identity.Session, id mail.ID) (_ Job, err error) {
	defer fault.Wrap(&err, "job")
	j, err := r.read(ctx, s.Tenant(), id)
	if err != nil {
		return Job{}, err
	}
	if j.person != s.Person() {
		return Job{}, errNone()
	}
	out, err := r.seen(j, s.Unlocked())
	if err != nil {
		return Job{}, err
	}
	parts, err := partsOf(ctx, s.Tenant(), id)
	for _, p := range parts {
		out.Parts = append(out.Parts, p.Part)
	}
	return out, err
}

func (r *Room) read(ctx context.Context, t db.Tenant, id mail.ID) (row, error) {
	j, err := scan(t.QueryRow(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND id = $2`, id.Bytes()))
	if errors.Is(err, db.ErrNoRows) {
		err = errNone()
	}
	return j, err
}

// allowed fails with kind Exhausted where a person has as many jobs as she may, unless the
// order has begun one before, which it returns.
func (r *Room) allowed(ctx context.Context, s *identity.Session, once mail.ID) (there mail.ID, err error) {
	return there, s.Tenant().View(ctx, func(tx *db.Tx) error {
		if there, err = onceIn(ctx, tx, s.Person(), once); err != nil || !there.IsZero() {
			return err
		}
		return counted(ctx, tx, s.Person())
	})
}

// onceIn returns the job that an order has begun before; zero for none.
func onceIn(ctx context.Context, tx *db.Tx, person, once mail.ID) (mail.ID, error) {
	var id []byte
	err := tx.QueryRow(ctx, `SELECT id FROM archive_job WHERE tenant = $1 AND person = $2 AND once = $3`, person.Bytes(), once.Bytes()).Scan(&id)
	if errors.Is(err, db.ErrNoRows) {
		return mail.ID{}, nil
	}
	if err != nil {
		return mail.ID{}, err
	}
	return mail.IDFrom(id)
}

func counted(ctx context.Context, tx *db.Tx, person mail.ID) error {
	var all, open int
	err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN ended = 0 THEN 1 ELSE 0 END), 0) FROM archive_job WHERE tenant = $1 AND person = $2`,
		person.Bytes()).Scan(&all, &open)
	switch {
	case err != nil:
		return err
	case open >= MaxOpen:
		return fault.Newf(fault.Exhausted, "%d of your jobs have not ended, which is the most; wait for one, or cancel it", open)
	case all >= MaxKept:
		return fault.Newf(fault.Exhausted, "you have %d jobs, which is the most; delete one first", all)
	default:
		return nil
	}
}

// abandoned returns, by person, the jobs of a tenant that nobody carries.
func (r *Room) abandoned(ctx context.Context, t db.Tenant) (map[mail.ID][]mail.ID, error) {
	rows, err := t.Query(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND state IN ('waiting', 'running', 'parked') ORDER BY begun`)
	if err != nil {
		return nil, err
	}
	all, err := db.Collect(rows, scan)
	open := make(map[mail.ID][]mail.ID)
	for _, j := range all {
		if !r.carriedNow(j) {
			open[j.person] = append(open[j.person], j.id)
		}
	}
	return open, err
}

// claim takes a job that nobody carries.
func (r *Room) claim(ctx context.Context, t db.Tenant, id mail.ID) (mine bool, err error) {
	err = t.Update(ctx, func(tx *db.Tx) error {
		j, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND id = $2`, id.Bytes()))
		if errors.Is(err, db.ErrNoRows) || err == nil && (j.state.Ended() || r.carriedNow(j)) {
			mine = false
			return nil
		}
		if err != nil {
			return err
		}
		mine = true
		_, err = tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, state = 'waiting', run = $2, home = $3, beat = $4, changed = $4 WHERE tenant = $1 AND id = $5`,
			r.run.Bytes(), r.Home.Bytes(), mail.Micros(mail.Time(r.Now())), id.Bytes())
		return err
	})
	return mine && err == nil, err
}

// part is a part as the database has it.
type part struct {
	Part
	object mail.ID
	sealed int64
	note   seal.Note // without its holder
}

type asker interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func partsOf(ctx context.Context, q asker, job mail.ID) ([]part, error) {
	rows, err := q.Query(ctx, `SELECT part, object, size, sealed, messages, octets, problems, term, wrap FROM archive_job_part WHERE tenant = $1 AND job = $2 ORDER BY part`,
		job.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(s db.Scanner) (p part, err error) {
		var object []byte
		err = s.Scan(&p.Number, &object, &p.Size, &p.sealed, &p.Messages, &p.Octets, &p.Problems, &p.note.Term, &p.note.Sealed)
		if err == nil {
			p.object, err = mail.IDFrom(object)
		}
		return p, err
	})
}

// prefix begins the names of a tenant's parts.
func prefix(tenant mail.TenantID) string { return tenant.String() + "/jobs/" }

func objectName(tenant mail.TenantID, job, object mail.ID) blob.Name {
	return blob.Name(prefix(tenant) + job.String() + "/" + object.String())
}

// Cancel ends one of the person's jobs and takes away what it has made. It fails with kind
// NotFound where she has none of that id, with kind Conflict where it has ended.
func (r *Room) Cancel(ctx context.Context, s *identity.Session, id mail.ID) (err error) {
	defer fault.Wrap(&err, "job")
	return r.drop(ctx, s.Tenant(), id, func(tx *db.Tx) error {
		j, err := mine(ctx, tx, s, id)
		if err != nil {
			return err
		}
		if j.state.Ended() {
			return fault.New(fault.Conflict, "the job has ended already")
		}
		now := mail.Time(r.Now())
		_, err = tx.Exec(ctx, `UPDATE archive_job SET tenant = $1, state = 'cancelled', problem = '', changed = $2, ended = $2, until = $3 WHERE tenant = $1 AND id = $4`,
			mail.Micros(now), mail.Micros(now.Add(KeptFor)), id.Bytes())
		if err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "job.cancel", Who: s.Person().String(), Object: id.String()})
	})
}

// Delete deletes one of the person's jobs with all that it has made, whatever its state.
// It fails with kind NotFound where she has none of that id.
func (r *Room) Delete(ctx context.Context, s *identity.Session, id mail.ID) (err error) {
	defer fault.Wrap(&err, "job")
	return r.drop(ctx, s.Tenant(), id, func(tx *db.Tx) error {
		if _, err := mine(ctx, tx, s, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM archive_job WHERE tenant = $1 AND id = $2`, id.Bytes()); err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "job.delete", Who: s.Person().String(), Object: id.String()})
	})
}

func mine(ctx context.Context, tx *db.Tx, s *identity.Session, id mail.ID) (row, error) {
	j, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND id = $2`, id.Bytes()))
	if errors.Is(err, db.ErrNoRows) || err == nil && j.person != s.Person() {
		err = errNone()
	}
	return j, err
}

// drop takes the parts of a job away in a transaction that ends it: with their rows go
// their keys, so nothing opens them any more, also where the store keeps them for now.
func (r *Room) drop(ctx context.Context, t db.Tenant, id mail.ID, end func(tx *db.Tx) error) error {
	var parts []part
	err := t.Update(ctx, func(tx *db.Tx) (err error) {
		if parts, err = partsOf(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM archive_job_part WHERE tenant = $1 AND job = $2`, id.Bytes()); err != nil {
			return err
		}
		return end(tx)
	})
	if err != nil {
		return err
	}
	r.stop(id, errLost)
	for _, p := range parts {
		r.remove(ctx, objectName(t.ID(), id, p.object))
	}
	return nil
}

// removeTime is how long the store may take to remove an object before that is left to
// [Room.Expire].
const removeTime = 30 * time.Second

// remove removes an object that no row names. What stays is found by Expire.
func (r *Room) remove(ctx context.Context, n blob.Name) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	if err := r.Store.Delete(ctx, n); err != nil {
		r.Log.Warn("a part of an export that nobody needs could not be removed; the next try is within an hour", "error", err)
	}
}

// server is who ends jobs whose time is over, in the audit log.
const server = "server"

// Expire deletes a tenant's jobs whose time is over, and parts in the store that no row
// names. Call it now and then.
func (r *Room) Expire(ctx context.Context, tenant mail.TenantID) (err error) {
	defer fault.Wrap(&err, "jobs that have expired")
	t := r.DB.Tenant(tenant)
	now := r.Now()
	rows, err := t.Query(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1 AND ((ended > 0 AND until <= $2) OR (ended = 0 AND changed <= $3))`,
		mail.Micros(now), mail.Micros(now.Add(-waitsFor)))
	if err != nil {
		return err
	}
	over, err := db.Collect(rows, scan)
	if err != nil {
		return err
	}
	for _, j := range over {
		if r.carriedNow(j) {
			continue
		}
		err := r.drop(ctx, t, j.id, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM archive_job WHERE tenant = $1 AND id = $2`, j.id.Bytes()); err != nil {
				return err
			}
			return r.Trail.RecordIn(ctx, tx, audit.Event{What: "job.expire", Who: server, Object: j.id.String()})
		})
		if err != nil {
			return err
		}
	}
	return r.sweep(ctx, t)
}

// sweep removes parts in the store that no row names, of jobs that have ended: those of
// others may be on their way to their row. The store is listed first, so that a job whose
// row is not there afterwards is gone, and not yet to come.
func (r *Room) sweep(ctx context.Context, t db.Tenant) error {
	var there []blob.Name
	err := r.Store.List(ctx, prefix(t.ID()), func(n blob.Name, _ int64) error { there = append(there, n); return nil })
	if err != nil || len(there) == 0 {
		return err
	}
	rows, err := t.Query(ctx, `SELECT `+columns+` FROM archive_job WHERE tenant = $1`)
	if err != nil {
		return err
	}
	jobs, err := db.Collect(rows, scan)
	if err != nil {
		return err
	}
	var keep []blob.Name
	for _, j := range jobs {
		if !j.state.Ended() {
			begin := objectName(t.ID(), j.id, mail.ID{})[:len(prefix(t.ID()))+len(j.id.String())]
			there = slices.DeleteFunc(there, func(n blob.Name) bool { return len(n) > len(begin) && n[:len(begin)] == begin })
			continue
		}
		parts, err := partsOf(ctx, t, j.id)
		if err != nil {
			return err
		}
		for _, p := range parts {
			keep = append(keep, objectName(t.ID(), j.id, p.object))
		}
	}
	for _, n := range there {
		if !slices.Contains(keep, n) {
			r.remove(ctx, n)
		}
	}
	return nil
}
