package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/stream"
)

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

// row is what the database has of an event beside its entry.
type row struct {
	Entry
	day               int64
	box, dayBox, note []byte
}

// page is how many entries of the log are read at a time.
const page = 1000

// maxNamed is how many damaged events an error names.
const maxNamed = 100

// ErrEnough is what the caller of [Trail.Below] returns to end the list.
var ErrEnough = errors.New("audit: enough")

// List calls f with the tenant's events from the newest to the oldest, at most limit of
// them, as [Trail.Below] does.
func (a *Trail) List(ctx context.Context, t db.Tenant, o Opener, limit int, f func(Entry) error) error {
	if limit <= 0 {
		return nil
	}
	return a.Below(ctx, t, o, math.MaxInt64, func(e Entry) error {
		limit--
		if err := f(e); err != nil || limit > 0 {
			return err
		}
		return ErrEnough
	})
}

// Below calls f with the tenant's events below an index of the audit log, from the newest
// to the oldest; [math.MaxInt64] means all. It calls it until that returns an error, with
// notes where o (which may be nil) can open them. The list is
// that of the audit log, not of the rows: an event whose payload is gone, or is
// not the one that was entered (EV-06), and an entry that is missing or was
// changed, are left out, and after the rest was listed the error, of kind Damaged,
// names their indexes.
func (a *Trail) Below(ctx context.Context, t db.Tenant, o Opener, before int64, f func(Entry) error) (err error) {
	defer fault.Wrap(&err, "audit")
	var bad []error
	keys := days{keys: a.keys, tenant: t.ID()}
	defer keys.wipe()
	if before == math.MaxInt64 {
		before = -1 // the end of the log as it is now
	}
	for before != 0 {
		entries, err := a.ledger.Recent(ctx, t, "audit", before, page)
		if err != nil {
			return errors.Join(append(bad, err)...)
		}
		if len(entries) == 0 {
			break
		}
		before = entries[len(entries)-1].Index
		rows, err := read(ctx, t, before, entries[0].Index)
		if err != nil {
			return err
		}
		for _, e := range entries {
			r, err := event(&keys, o, e.Entry, rows[e.Index])
			if e.Err != nil {
				r, err = nil, e.Err
			}
			switch {
			case fault.Of(err) == fault.Damaged && err != nil:
				if len(bad) < maxNamed {
					bad = append(bad, err)
				}
			case err != nil:
				return errors.Join(append(bad, err)...)
			case r != nil:
				if err := f(*r); errors.Is(err, ErrEnough) {
					return errors.Join(bad...)
				} else if err != nil {
					return err
				}
			}
		}
	}
	return errors.Join(bad...)
}

// event returns the event of an entry, nil for an entry of another kind.
func event(keys *days, o Opener, e layout.Entry, r *row) (*Entry, error) {
	parsed, err := entry.Parse(e.Text)
	if err == nil && parsed.Kind != "audit" {
		return nil, nil
	}
	damaged := func(err error) error {
		return &fault.Error{Kind: fault.Damaged, Public: "event %d of the audit log is missing or not what was recorded", Args: []any{e.Index}, Cause: err}
	}
	if err != nil || r == nil {
		return nil, damaged(err)
	}
	r.ID, r.Index, r.Time = parsed.ID, e.Index, parsed.Time
	if err := keys.open(parsed, r); err != nil {
		return nil, damaged(err)
	}
	if o != nil {
		if r.Entry.Note, err = openNote(o, r); err != nil {
			return nil, damaged(err)
		}
	}
	return &r.Entry, nil
}

// read returns the rows of the events between two indexes of the log.
func read(ctx context.Context, t db.Tenant, from, to int64) (_ map[int64]*row, err error) {
	rows, err := t.Query(ctx, `SELECT e.leaf, e.day, e.box, e.note, d.box
		FROM audit_event e JOIN audit_day d ON d.tenant = e.tenant AND d.day = e.day
		WHERE e.tenant = $1 AND e.leaf >= $2 AND e.leaf <= $3`, from, to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	list := make(map[int64]*row)
	for rows.Next() {
		var r row
		var leaf int64
		if err := rows.Scan(&leaf, &r.day, &r.box, &r.note, &r.dayBox); err != nil {
			return nil, err
		}
		list[leaf] = &r
	}
	return list, rows.Err()
}

// days opens payloads. It keeps the key of the day that it was asked for last: events come
// day by day. It belongs to one goroutine; wipe ends it.
type days struct {
	keys   Keys
	tenant mail.TenantID

	day int64
	box []byte // of the day's key; nil where there is none yet
	key secret.Key
}

func (d *days) wipe() {
	if d.box != nil {
		d.key.Wipe()
	}
	d.box = nil
}

// of has the key of an event's day.
func (d *days) of(r *row) error {
	if d.box != nil && d.day == r.day && bytes.Equal(d.box, r.dayBox) {
		return nil
	}
	d.wipe()
	key, err := d.keys.OpenDayKey(d.tenant, r.day, r.dayBox)
	if err == nil {
		d.day, d.box, d.key = r.day, r.dayBox, key
	}
	return err
}

// open opens the payload of an event and compares it with its entry.
func (d *days) open(e entry.Entry, r *row) error {
	if err := d.of(r); err != nil {
		return err
	}
	plain, err := stream.OpenBox("an audit event", d.key, r.box, tuple.Make("siegel/v1 audit event", d.tenant[:], r.ID[:]))
	if err != nil {
		return err
	}
	fields, err := tuple.Parse("siegel/v1 audit event", plain)
	if err != nil || len(fields) != 2 || len(fields[0]) != entry.SaltSize {
		return fault.New(fault.Damaged, "an audit event is malformed")
	}
	// The entry is what was entered (ledger.Recent), and has one form (entry.Parse): it is of
	// this payload where it commits to it, and to nothing else.
	o := entry.Opening{Salt: entry.Hash(fields[0]), Value: fields[1]}
	if e.Size != 0 || len(e.Fields) != 1 || e.Fields[0] != (entry.Field{Name: "event", Commitment: o.Commit()}) {
		return fault.New(fault.Damaged, "an audit event is malformed")
	}
	return json.Unmarshal(fields[1], &r.Event)
}

// openNote returns the note of an event, empty where there is none or the
// session cannot open it. A note that is not the one that the payload commits
// to, or that is gone, is an error of kind Damaged: anybody can seal to the
// archive, so that it opens proves nothing.
func openNote(o Opener, r *row) (string, error) {
	want, noted := r.Detail[noteDetail].(string)
	if !noted {
		return "", nil
	}
	to, _ := r.Detail[noteToDetail].(string)
	holder, term, _ := strings.Cut(to, " ")
	n := seal.Note{Sealed: r.note}
	var errs [2]error
	n.Holder, errs[0] = mail.ParseID(holder)
	n.Term, errs[1] = strconv.Atoi(term)
	if err := errors.Join(errs[:]...); err != nil || r.note == nil {
		return "", errors.Join(fault.New(fault.Damaged, "the note of an audit event is missing"), err)
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
