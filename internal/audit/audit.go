// Package audit keeps who did what: each event is an entry in the tenant's
// audit log, so that nobody can take it back, and a payload sealed under the
// key of its day, so that payloads can be pruned while commitments stay
// (decision D6). A payload has ids and settings, never a subject, an address of
// mail or a query: what only keepers may read is a note sealed to the archive.
package audit

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"
	"unicode/utf8"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/stream"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Event is what happened. Its JSON form is the value of the field event of an
// entry of kind audit.
type Event struct {
	What   string         `json:"what"`             // "message.open", "search", "person.role", …
	Who    string         `json:"who"`              // id of the person; "operator" for the console account
	Object string         `json:"object,omitempty"` // id of what it was done to
	Old    string         `json:"old,omitempty"`    // setting before
	New    string         `json:"new,omitempty"`    // setting after
	Detail map[string]any `json:"detail,omitempty"` // numbers, ids, commitments
	// Note is sealed to the archive holder and is no part of the payload; the
	// payload has its commitment. It is text of at most 1,000 characters.
	Note string `json:"-"`
}

// Operator is who did what the console account does.
const Operator = "operator"

// Ledger takes leaves: vault/ledger.
type Ledger interface {
	Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error)
	Has(ctx context.Context, t db.Tenant, log string, index int64, data entry.Hash) error
}

// Keys has the keys of days: seal.Master.
type Keys interface {
	NewDayKey(tenant mail.TenantID, day int64) (secret.Key, []byte)
	OpenDayKey(tenant mail.TenantID, day int64, box []byte) (secret.Key, error)
}

// Notes seals notes to the archive: seal.Vault.
type Notes interface {
	SealNote(ctx context.Context, t db.Tenant, holder mail.HolderID, kind string, id mail.ID, plain []byte) (seal.Note, error)
}

// Trail records events. Use it from many goroutines.
type Trail struct {
	ledger Ledger
	keys   Keys
	notes  Notes
	now    func() time.Time
}

// New returns a trail.
func New(l Ledger, k Keys, n Notes, now func() time.Time) *Trail {
	return &Trail{ledger: l, keys: k, notes: n, now: now}
}

// Record enters an event in a transaction of its own; what it announces may
// happen after it returns nil, never before. archive may be zero where the event
// has no note. It fails with kind Invalid where the note is too long: the ledger
// keeps for ever that there was one, and anybody who signs in can write it.
func (a *Trail) Record(ctx context.Context, t db.Tenant, archive mail.HolderID, e Event) (err error) {
	defer fault.Wrap(&err, "audit")
	p, err := a.prepare(ctx, t, archive, e)
	if err != nil {
		return err
	}
	return t.Update(ctx, func(tx *db.Tx) error { return a.write(ctx, tx, p) })
}

// RecordIn enters an event in the transaction of what it speaks of. The event
// must not have a note. It takes the audit log's lock, so it comes last.
func (a *Trail) RecordIn(ctx context.Context, tx *db.Tx, e Event) (err error) {
	defer fault.Wrap(&err, "audit")
	if e.Note != "" {
		return errors.New("an event with a note needs a transaction of its own")
	}
	p, err := a.prepare(ctx, db.Tenant{}, mail.HolderID{}, e)
	if err != nil {
		return err
	}
	return a.write(ctx, tx, p)
}

// maxNote bounds what people write: the reason of an opening, a query.
const maxNote = 1000 // characters

func checkNote(note string) error {
	if !utf8.ValidString(note) || utf8.RuneCountInString(note) > maxNote {
		return fault.Newf(fault.Invalid, "a reason or a search must be text of at most %d characters", maxNote)
	}
	return nil
}

// noteDetail is where a payload has the commitment of its note.
const noteDetail = "note"

// prepared is an event that waits for its transaction.
type prepared struct {
	id   mail.ID
	at   time.Time
	salt entry.Hash
	body []byte
	note *seal.Note
}

func (a *Trail) prepare(ctx context.Context, t db.Tenant, archive mail.HolderID, e Event) (*prepared, error) {
	p := &prepared{id: mail.NewID(), at: mail.Time(a.now()), salt: seal.NewSalt()}
	if e.Note != "" {
		if err := checkNote(e.Note); err != nil {
			return nil, err
		}
		o := entry.Opening{Salt: seal.NewSalt(), Value: []byte(e.Note)}
		e.Detail = maps.Clone(e.Detail) // the caller keeps his map
		if e.Detail == nil {
			e.Detail = make(map[string]any)
		}
		e.Detail[noteDetail] = entry.Hex(o.Commit())
		n, err := a.notes.SealNote(ctx, t, archive, "audit", p.id, tuple.Make("siegel/v1 audit note", o.Salt[:], o.Value))
		if err != nil {
			return nil, err
		}
		p.note = &n
	}
	var err error
	p.body, err = json.Marshal(e)
	return p, err
}

func (a *Trail) write(ctx context.Context, tx *db.Tx, p *prepared) error {
	text, err := eventText(p.id, p.at, entry.Opening{Salt: p.salt, Value: p.body})
	if err != nil {
		return err
	}
	day := seal.Day(p.at)
	key, err := a.dayKey(ctx, tx, day)
	if err != nil {
		return err
	}
	defer key.Wipe()
	id := tx.ID()
	box := stream.Box(key, tuple.Make("siegel/v1 audit event", p.salt[:], p.body), tuple.Make("siegel/v1 audit event", id[:], p.id[:]))
	leaf, err := a.ledger.Append(ctx, tx, "audit", []flow.Leaf{{Log: "audit", Entry: text, Sealed: entry.Nothing()}})
	if err != nil {
		return err
	}
	var note, holder []byte
	var term int
	if p.note != nil {
		note, holder, term = p.note.Sealed, p.note.Holder.Bytes(), p.note.Term
	}
	_, err = tx.Exec(ctx, `INSERT INTO audit_event (tenant, id, leaf, created, day, box, note, note_holder, note_term)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, p.id.Bytes(), leaf, mail.Micros(p.at), day, box, note, holder, term)
	return err
}

// eventText is the entry of an event.
func eventText(id mail.ID, at time.Time, o entry.Opening) ([]byte, error) {
	return entry.Entry{Kind: "audit", ID: id, Time: at, Fields: []entry.Field{{Name: "event", Commitment: o.Commit()}}}.Text()
}

// dayKey returns the key of a day, which the first event of the day makes.
func (a *Trail) dayKey(ctx context.Context, tx *db.Tx, day int64) (secret.Key, error) {
	key, box := a.keys.NewDayKey(tx.ID(), day)
	var kept []byte
	// Who comes second gets the row of the first.
	err := tx.QueryRow(ctx, `INSERT INTO audit_day (tenant, day, box) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, day) DO UPDATE SET day = excluded.day RETURNING box`, day, box).Scan(&kept)
	if err != nil {
		return secret.Key{}, err
	}
	if string(kept) == string(box) {
		return key, nil
	}
	key.Wipe()
	return a.keys.OpenDayKey(tx.ID(), day, kept)
}

// Entry is an event as it is read back.
type Entry struct {
	ID    mail.ID   `json:"id"`
	Index int64     `json:"index"` // in the audit log
	Time  time.Time `json:"time"`
	Event
	Note string `json:"note,omitempty"` // where the session may read it
}

// Opener opens notes: an unlocked session that holds the archive.
type Opener interface {
	Holds(holder mail.HolderID) bool
	OpenNote(n seal.Note, kind string, id mail.ID) ([]byte, error)
}

// row is an event as the database has it.
type row struct {
	Entry
	day               int64
	box, dayBox, note []byte
	noteHolder        []byte
	noteTerm          *int
}

// List calls f with the tenant's events from the newest to the oldest, at most
// limit of them, with notes where o (which may be nil) can open them. Each
// payload is compared with its entry in the audit log first; one that differs
// ends the list with an error of kind Damaged that names the index.
func (a *Trail) List(ctx context.Context, t db.Tenant, o Opener, limit int, f func(Entry) error) (err error) {
	defer fault.Wrap(&err, "audit")
	list, err := read(ctx, t, limit)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := a.openEvent(ctx, t, &r); err != nil {
			return fmt.Errorf("event %d: %w", r.Index, err)
		}
		if o != nil {
			if r.Entry.Note, err = openNote(o, r); err != nil {
				return fmt.Errorf("event %d: %w", r.Index, err)
			}
		}
		if err := f(r.Entry); err != nil {
			return err
		}
	}
	return nil
}

func read(ctx context.Context, t db.Tenant, limit int) (list []row, err error) {
	rows, err := t.Query(ctx, `SELECT e.id, e.leaf, e.created, e.day, e.box, e.note, e.note_holder, e.note_term, d.box
		FROM audit_event e JOIN audit_day d ON d.tenant = e.tenant AND d.day = e.day
		WHERE e.tenant = $1 ORDER BY e.leaf DESC LIMIT $2`, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		var id []byte
		var created int64
		if err := rows.Scan(&id, &r.Index, &created, &r.day, &r.box, &r.note, &r.noteHolder, &r.noteTerm, &r.dayBox); err != nil {
			return nil, err
		}
		if r.ID, err = mail.IDFrom(id); err != nil {
			return nil, err
		}
		r.Time = mail.FromMicros(created)
		list = append(list, r)
	}
	return list, rows.Err()
}

// openEvent opens the payload and compares it with the ledger.
func (a *Trail) openEvent(ctx context.Context, t db.Tenant, r *row) error {
	tenant := t.ID()
	key, err := a.keys.OpenDayKey(tenant, r.day, r.dayBox)
	if err != nil {
		return err
	}
	defer key.Wipe()
	plain, err := stream.OpenBox("an audit event", key, r.box, tuple.Make("siegel/v1 audit event", tenant[:], r.ID[:]))
	if err != nil {
		return err
	}
	fields, err := tuple.Parse("siegel/v1 audit event", plain)
	if err != nil || len(fields) != 2 || len(fields[0]) != entry.SaltSize {
		return fault.New(fault.Damaged, "an audit event is malformed")
	}
	text, err := eventText(r.ID, r.Time, entry.Opening{Salt: entry.Hash(fields[0]), Value: fields[1]})
	if err != nil {
		return err
	}
	if err := a.ledger.Has(ctx, t, "audit", r.Index, entry.LeafData(text, entry.Nothing())); err != nil {
		return err
	}
	return json.Unmarshal(fields[1], &r.Event)
}

// openNote returns the note of an event, empty where there is none or the
// session cannot open it. A note that is not the one that the payload commits
// to, or that is gone, is an error of kind Damaged: anybody can seal to the
// archive, so that it opens proves nothing.
func openNote(o Opener, r row) (string, error) {
	want, noted := r.Detail[noteDetail].(string)
	if !noted {
		return "", nil
	}
	if r.note == nil || r.noteTerm == nil {
		return "", fault.New(fault.Damaged, "the note of an audit event is missing")
	}
	n := seal.Note{Term: *r.noteTerm, Sealed: r.note}
	var err error
	if n.Holder, err = mail.IDFrom(r.noteHolder); err != nil {
		return "", fault.Because(fault.Damaged, "an audit note is malformed", err)
	}
	if !o.Holds(n.Holder) {
		return "", nil
	}
	plain, err := o.OpenNote(n, "audit", r.ID)
	if fault.Of(err) == fault.NotFound {
		return "", nil // a term that the session does not hold
	}
	if err != nil {
		return "", err
	}
	fields, err := tuple.Parse("siegel/v1 audit note", plain)
	if err != nil || len(fields) != 2 || len(fields[0]) != entry.SaltSize {
		return "", fault.New(fault.Damaged, "an audit note is malformed")
	}
	if entry.Hex(entry.Opening{Salt: entry.Hash(fields[0]), Value: fields[1]}.Commit()) != want {
		return "", fault.New(fault.Damaged, "an audit note is not the one that was written")
	}
	return string(fields[1]), nil
}
