package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"siegel/internal/archive/export"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/aezip"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// noteKind names the notes that say what was ordered.
const noteKind = "job"

// ordered is what is sealed of a job.
type ordered struct {
	Order
	Password string    `json:"password,omitempty"`
	Name     []byte    `json:"name,omitempty"` // see [export.Export]
	Before   time.Time `json:"before,omitzero"`
}

// Start begins a job in a session, which it keeps beyond the visit. What is wrong with an
// order is told at once: an export fails as [export.Room.Begin] does, and with kind Invalid
// where there is nothing to export; giving mail fails with kind Denied for who does not hold
// the archive. With kind Exhausted it fails where the person has too many jobs, with kind
// Busy where the node has. When Start returns nil the job is durable.
func (r *Room) Start(ctx context.Context, s *identity.Session, v Visitor, o Order) (_ Job, err error) {
	defer fault.Wrap(&err, "job")
	if o.Once.IsZero() {
		o.Once = mail.NewID()
	}
	there, err := r.allowed(ctx, s, o.Once)
	if err != nil {
		return Job{}, err
	}
	if !there.IsZero() {
		return r.Get(ctx, s, there)
	}
	row := row{kind: o.Kind, state: Waiting, begun: mail.Micros(mail.Time(r.Now()))}
	what := ordered{Order: o}
	var begun *export.Export
	switch o.Kind {
	case Export:
		begun, err = r.beginExport(ctx, s, &what, &row)
	case Regrant:
		row.id = mail.NewID()
		_, err = r.Identity.Owner(ctx, s, o.Person)
	default:
		err = fault.New(fault.Invalid, "there is no job of this kind")
	}
	if err != nil {
		return Job{}, err
	}
	release := v.Hold()
	c := r.note(row.id, s, release)
	if c == nil {
		release()
		return Job{}, fault.New(fault.Busy, "too many jobs wait on this server; try again later")
	}
	c.begun = begun
	if err := r.insert(ctx, s, row, what); err != nil {
		c.forget()
		if again, ok := errors.AsType[errOnce](err); ok {
			return r.Get(ctx, s, again.id)
		}
		return Job{}, err
	}
	r.mu.Lock()
	r.handed = append(r.handed, c)
	r.mu.Unlock()
	r.look()
	return r.Get(ctx, s, row.id)
}

func (r *Room) beginExport(ctx context.Context, s *identity.Session, what *ordered, row *row) (*export.Export, error) {
	if s.Account().Role == identity.Administrator {
		return nil, fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to export")
	}
	switch reason := export.IsReason(what.Reason); {
	case what.Plain && !reason:
		return nil, fault.New(fault.Invalid, "an export that is not encrypted takes a reason, which is kept in the audit log")
	case s.Unlocked().Holds(s.Archive()) && !reason:
		return nil, fault.New(fault.Invalid, "you can export mail of others: that takes a reason, which is kept in the audit log")
	}
	e, err := r.Exports.Begin(ctx, s, r.Find(s), what.request())
	if err != nil {
		return nil, err
	}
	if e.Messages == 0 {
		return nil, fault.New(fault.Invalid, "there is no message to export")
	}
	what.Name, what.Before = e.Name, e.Before
	if !what.Plain {
		what.Password = aezip.Password()
	}
	row.id, row.total = e.Job, e.Messages
	if what.Query != "" {
		row.lacking = e.Damaged
	}
	return e, nil
}

func (o ordered) request() export.Request {
	q := export.Request{Query: o.Query, Format: o.Format, Cipher: export.ByZip, Reason: o.Reason}
	if o.Plain {
		q.Cipher = export.Plain
	}
	return q
}

// insert writes the row of a new job.
func (r *Room) insert(ctx context.Context, s *identity.Session, j row, what ordered) error {
	plain, err := json.Marshal(what)
	if err != nil {
		return err
	}
	owner := s.Unlocked().Person()
	note, err := r.Vault.SealNote(ctx, s.Tenant(), owner, noteKind, j.id, plain)
	if err != nil {
		return err
	}
	return s.Tenant().Update(ctx, func(tx *db.Tx) error {
		// Again, since another order may have come meanwhile, or the same.
		if there, err := onceIn(ctx, tx, s.Person(), what.Once); err != nil || !there.IsZero() {
			return cmp.Or(err, error(errOnce{there}))
		}
		if err := counted(ctx, tx, s.Person()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO archive_job (tenant, id, person, once, kind, state, problem, done, total, octets, problems, gained, lacking, place,
			begun, changed, ended, until, run, home, beat, term, box)
			VALUES ($1, $2, $3, $4, $5, $6, '', 0, $7, 0, 0, 0, $8, '', $9, $9, 0, 0, $10, $11, $9, $12, $13)`,
			j.id.Bytes(), s.Person().Bytes(), what.Once.Bytes(), string(j.kind), string(j.state), j.total, j.lacking, j.begun,
			r.run.Bytes(), r.Home.Bytes(), note.Term, note.Sealed)
		if err != nil {
			return err
		}
		detail := map[string]any{"kind": string(j.kind)}
		if j.kind == Export {
			detail["messages"], detail["plain"] = j.total, what.Plain
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "job.begin", Who: s.Person().String(), Object: j.id.String(), Detail: detail})
	})
}

// errOnce says that the order began a job before.
type errOnce struct{ id mail.ID }

func (errOnce) Error() string { return "job: the order was given before" }

// open opens what was ordered.
func (j row) open(s *seal.Session) (ordered, error) {
	var what ordered
	plain, err := s.OpenNote(seal.Note{Holder: s.Person(), Term: j.term, Sealed: j.box}, noteKind, j.id)
	if err != nil {
		return what, err
	}
	defer clear(plain)
	return what, json.Unmarshal(plain, &what)
}
