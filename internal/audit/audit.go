// Package audit keeps who did what: each event is an entry in the tenant's
// audit log, so that nobody can take it back, and a payload sealed under the
// key of its day, so that payloads can be pruned while commitments stay
// (decision D6). A payload has ids and settings, never a subject, an address of
// a message's envelope or header, or a query: what only keepers may read is a note
// sealed to the archive. The own addresses of people are settings: whose mail is
// sealed to whom must be told also when the assignment has ended, and the server
// knows them anyway.
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
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/master"
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
	// Recent returns proven entries below an index, newest first, and what is wrong
	// with others in their places; a negative index is the end of the log.
	Recent(ctx context.Context, t db.Tenant, log string, before int64, limit int) ([]ledger.Recent, error)
}

// Keys has the keys of days: master.Key.
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

// Where a payload has the commitment of its note, and to whom it is sealed: in
// the row both could be changed, and the note would seem to be for others.
const (
	noteDetail   = "note"
	noteToDetail = "note-to" // holder and term
)

// maxNote bounds what people write: the reason of an opening, a query.
const maxNote = 1000 // characters

func checkNote(note string) error {
	if !utf8.ValidString(note) || utf8.RuneCountInString(note) > maxNote {
		return fault.Newf(fault.Invalid, "a reason or a search must be text of at most %d characters", maxNote)
	}
	return nil
}

// prepared is an event that waits for its transaction.
type prepared struct {
	id   mail.ID
	at   time.Time
	salt entry.Hash
	body []byte
	note []byte // sealed; nil where there is none
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
		e.Detail[noteToDetail] = fmt.Sprintf("%s %d", n.Holder, n.Term)
		p.note = n.Sealed
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
	day := master.Day(p.at)
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
	_, err = tx.Exec(ctx, `INSERT INTO audit_event (tenant, leaf, day, box, note) VALUES ($1, $2, $3, $4, $5)`, leaf, day, box, p.note)
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
