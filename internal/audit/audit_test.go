package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/master"
	"siegel/internal/vault/seal/stream"
)

// desk is a trail over a real database, ledger and vault, with one tenant whose
// archive a keeper holds.
type desk struct {
	testing.TB
	db      *db.DB
	books   *ledgertest.Instance
	master  *master.Key
	vault   *seal.Vault
	trail   *audit.Trail
	tenant  db.Tenant
	archive mail.HolderID
	keeper  *seal.Session
	reader  *seal.Session
	at      time.Time
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{TB: t, at: time.Date(2026, 11, 22, 23, 59, 50, 0, time.UTC)}
	now := func() time.Time { return d.at }
	var err error
	if d.db, err = dbtest.New(t).Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.ok(d.db.Close()) })
	d.ok(d.db.Migrate(t.Context(), "ledger", ledger.Migrations()))
	d.ok(d.db.Migrate(t.Context(), "seal", seal.Migrations()))
	d.ok(d.db.Migrate(t.Context(), "audit", audit.Migrations()))
	arena, path := secret.NewArena(64), filepath.Join(t.TempDir(), "master.key")
	d.ok(master.Create(path))
	d.master, err = master.Open(path, arena)
	d.ok(err)
	d.books = ledgertest.New(t, now)
	l := d.books.Ledger()
	d.vault, err = seal.New(seal.Config{Log: l, Arena: arena, Now: now, Derivations: 1})
	d.ok(err)
	d.trail = audit.New(l, d.master, d.vault, now)
	d.tenant = d.newTenant(l)
	codes := [][]byte{bytes.Repeat([]byte{1}, seal.CodeSize), bytes.Repeat([]byte{2}, seal.CodeSize)}
	var people []mail.HolderID
	d.ok(d.tenant.Update(t.Context(), func(tx *db.Tx) error {
		for _, code := range codes {
			seed, err := d.vault.NewHolder(t.Context(), tx, seal.Person)
			if err != nil {
				return err
			}
			people = append(people, seed.Holder)
			lock, err := d.vault.PrepareLock(t.Context(), seal.ByInvitation, code)
			if err != nil {
				return err
			}
			if err := d.vault.Put(t.Context(), tx, lock, seed); err != nil {
				return err
			}
		}
		seed, err := d.vault.NewHolder(t.Context(), tx, seal.Archive)
		if err != nil {
			return err
		}
		d.archive = seed.Holder
		_, err = d.vault.Give(t.Context(), tx, seal.Grant{Seed: seed, Grantee: people[0], Scope: "all"})
		return err
	}))
	d.keeper, err = d.vault.Unlock(t.Context(), d.tenant, people[0], seal.ByInvitation, codes[0])
	d.ok(err)
	d.reader, err = d.vault.Unlock(t.Context(), d.tenant, people[1], seal.ByInvitation, codes[1])
	d.ok(err)
	t.Cleanup(d.keeper.Close)
	t.Cleanup(d.reader.Close)
	return d
}

func (d *desk) newTenant(l *ledger.Ledger) db.Tenant {
	d.Helper()
	t := d.db.Tenant(mail.NewID())
	d.ok(t.Update(context.Background(), func(tx *db.Tx) error { return l.Create(context.Background(), tx, "audit") }))
	return t
}

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) record(e audit.Event) {
	d.Helper()
	d.ok(d.trail.Record(context.Background(), d.tenant, d.archive, e))
	d.at = d.at.Add(time.Second)
}

func (d *desk) list(o audit.Opener, limit int) (list []audit.Entry, err error) {
	err = d.trail.List(context.Background(), d.tenant, o, limit, func(e audit.Entry) error { list = append(list, e); return nil })
	return list, err
}

func (d *desk) tamper(query string, args ...any) {
	d.Helper()
	d.ok(d.tenant.Update(context.Background(), func(tx *db.Tx) error {
		res, err := tx.Exec(context.Background(), query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			d.Errorf("nothing was changed by %s (%v)", query, err)
		}
		return nil
	}))
}

// damaged fails where the list does not end at an index with kind Damaged.
func (d *desk) damaged(what string, o audit.Opener, index int64) {
	d.Helper()
	_, err := d.list(o, 100)
	if fault.Of(err) != fault.Damaged || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("event %d ", index)) {
		d.Errorf("%s: %v, want damage at event %d", what, err, index)
	}
}

// ends checks that three others are listed, and that the list ends with what is
// wrong with an entry of the log.
func (d *desk) ends(what string, index int64) {
	d.Helper()
	list, err := d.list(nil, 100)
	if len(list) != 3 {
		d.Errorf("%s: %d others are listed", what, len(list))
	}
	if fault.Of(err) != fault.Damaged || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("entry %d ", index)) {
		d.Errorf("%s: %v, want damage at entry %d", what, err, index)
	}
}

// text returns the text of an entry of the audit log.
func (d *desk) text(index int64) string {
	d.Helper()
	var b []byte
	d.ok(d.tenant.QueryRow(context.Background(), `SELECT text FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = $2`, index).Scan(&b))
	return string(b)
}

// EV-05: events come back as they were, newest first: who, when, what, old and
// new.
func TestListIsWhatWasRecorded(t *testing.T) {
	d := newDesk(t)
	start := d.at
	events := []audit.Event{
		{What: "sign-in", Who: "p1", New: "ok", Detail: map[string]any{"by": "password"}},
		{What: "person.role", Who: "p2", Object: "p1", Old: "reader", New: "auditor"},
		{What: "message.open", Who: "p1", Object: "m", Detail: map[string]any{"own": true, "n": 3.0}, Note: "the reason"},
		{What: "tenant.create", Who: audit.Operator},
	}
	for _, e := range events {
		d.record(e)
	}
	list, err := d.list(d.keeper, 100)
	d.ok(err)
	if len(list) != len(events) {
		t.Fatalf("%d events, want %d", len(list), len(events))
	}
	for i, got := range list {
		n := len(events) - 1 - i
		want := events[n]
		if got.Note != want.Note || !got.Time.Equal(start.Add(time.Duration(n)*time.Second)) || got.ID.IsZero() {
			t.Errorf("event %d: %+v", n, got)
		}
		if i > 0 && got.Index >= list[i-1].Index {
			t.Errorf("index %d comes after %d", got.Index, list[i-1].Index)
		}
		want.Note = ""
		if want.Object == "m" {
			delete(got.Detail, "note")
			delete(got.Detail, "note-to")
		}
		if !reflect.DeepEqual(got.Event, want) {
			t.Errorf("event %d: %+v, want %+v", n, got.Event, want)
		}
	}
	if list, err := d.list(d.keeper, 2); err != nil || len(list) != 2 || list[0].What != "tenant.create" {
		t.Errorf("two of them: %+v, %v", list, err)
	}
	stop := errors.New("enough")
	n := 0
	if err := d.trail.List(t.Context(), d.tenant, nil, 100, func(audit.Entry) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("after the first: %d, %v", n, err)
	}
}

// EV-06: whatever a hand changes in the row of an event, the list says which
// one it is.
func TestChangedRow(t *testing.T) {
	d := newDesk(t)
	for i := range 4 {
		d.record(audit.Event{What: "event", Who: fmt.Sprint(i), Note: "note"})
	}
	list, err := d.list(nil, 100)
	d.ok(err)
	victim, other := list[2], list[1]
	row := func(column string) (v any) {
		d.ok(d.tenant.QueryRow(t.Context(), `SELECT `+column+` FROM audit_event WHERE tenant = $1 AND leaf = $2`, victim.Index).Scan(&v))
		return v
	}
	box, ok := row("box").([]byte)
	if !ok {
		t.Fatal("no box")
	}
	flipped := slices.Clone(box)
	flipped[len(flipped)/2] ^= 1
	forged := d.forge(victim, audit.Event{What: "event", Who: "somebody else"})
	for _, c := range []struct {
		what, column string
		value        any
	}{
		{"a flipped bit", "box", flipped},
		{"no payload", "box", []byte{}},
		{"another payload by who has the master key", "box", forged},
		{"another day", "day", master.Day(victim.Time) + 1},
		{"another place", "leaf", int64(1000)},
	} {
		was := row(c.column)
		d.tamper(`UPDATE audit_event SET tenant = $1, `+c.column+` = $2 WHERE tenant = $1 AND leaf = $3`, c.value, victim.Index)
		d.damaged(c.what, nil, victim.Index)
		at := victim.Index
		if c.column == "leaf" {
			at = 1000
		}
		d.tamper(`UPDATE audit_event SET tenant = $1, `+c.column+` = $2 WHERE tenant = $1 AND leaf = $3`, was, at)
		_, err := d.list(nil, 100)
		d.ok(err)
	}
	// Another's payload.
	d.tamper(`UPDATE audit_event SET tenant = $1, box = (SELECT e.box FROM audit_event e WHERE e.tenant = $1 AND e.leaf = $2) WHERE tenant = $1 AND leaf = $3`, other.Index, victim.Index)
	d.damaged("another's payload", nil, victim.Index)
	d.tamper(`UPDATE audit_event SET tenant = $1, box = $2 WHERE tenant = $1 AND leaf = $3`, box, victim.Index)
	// The whole row: the others are listed, the gap is named.
	d.tamper(`DELETE FROM audit_event WHERE tenant = $1 AND leaf = $2`, victim.Index)
	d.damaged("no row", nil, victim.Index)
	if list, _ := d.list(nil, 100); len(list) != 3 {
		t.Errorf("%d events are listed around the gap, want 3", len(list))
	}
	// The row together with its entry's, and the entry turned to another kind.
	d.tamper(`UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'audit' AND idx = $3`,
		[]byte(strings.Replace(d.text(victim.Index), "siegel/v1 audit", "siegel/v1 grant", 1)), victim.Index)
	d.ends("another kind", victim.Index)
	d.tamper(`UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = 'audit' AND idx = $3`, make([]byte, 32), victim.Index)
	d.ends("another leaf", victim.Index)
	d.tamper(`DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = $2`, victim.Index)
	d.ends("no entry", victim.Index)
	// Two events that change places.
	d = newDesk(t)
	d.record(audit.Event{What: "first", Who: "a"})
	d.record(audit.Event{What: "second", Who: "a"})
	list, err = d.list(nil, 100)
	d.ok(err)
	d.tamper(`UPDATE audit_event SET tenant = $1, leaf = $2 WHERE tenant = $1 AND leaf = $3`, int64(1000), list[0].Index)
	d.tamper(`UPDATE audit_event SET tenant = $1, leaf = $2 WHERE tenant = $1 AND leaf = $3`, list[0].Index, list[1].Index)
	d.damaged("two that change places", nil, list[0].Index)
	d.damaged("two that change places", nil, list[1].Index)
}

// forge boxes another payload under the key of its day, as the operator could
// who has the master key.
func (d *desk) forge(e audit.Entry, fake audit.Event) []byte {
	d.Helper()
	day := master.Day(e.Time)
	var kept []byte
	d.ok(d.tenant.QueryRow(context.Background(), `SELECT box FROM audit_day WHERE tenant = $1 AND day = $2`, day).Scan(&kept))
	k, err := d.master.OpenDayKey(d.tenant.ID(), day, kept)
	d.ok(err)
	payload, err := json.Marshal(fake)
	d.ok(err)
	id := d.tenant.ID()
	salt := seal.NewSalt()
	return stream.Box(k, tuple.Make("siegel/v1 audit event", salt[:], payload), tuple.Make("siegel/v1 audit event", id[:], e.ID[:]))
}

// Notes are for who holds the archive, and they are the ones that were written:
// anybody can seal to the archive's public key.
func TestNotes(t *testing.T) {
	d := newDesk(t)
	const note = "reason-canary-991"
	d.record(audit.Event{What: "before", Who: "p"})
	d.record(audit.Event{What: "message.open", Who: "p", Note: note})
	for who, c := range map[string]struct {
		o    audit.Opener
		want string
	}{"keeper": {d.keeper, note}, "reader": {d.reader, ""}, "nobody": {nil, ""}} {
		list, err := d.list(c.o, 100)
		if err != nil || len(list) != 2 || list[0].Note != c.want || list[1].Note != "" {
			t.Errorf("%s reads %+v, error %v", who, list, err)
		}
		if b, err := json.Marshal(list); err != nil || (c.want == "" && bytes.Contains(b, []byte("canary"))) {
			t.Errorf("%s: the payload has the note: %s, %v", who, b, err)
		}
	}
	list, err := d.list(nil, 1)
	d.ok(err)
	at := list[0]
	forged, err := d.vault.SealNote(t.Context(), d.tenant, d.archive, "audit", at.ID,
		tuple.Make("siegel/v1 audit note", bytes.Repeat([]byte{1}, entry.SaltSize), []byte("another reason")))
	d.ok(err)
	var good []byte
	d.ok(d.tenant.QueryRow(t.Context(), `SELECT note FROM audit_event WHERE tenant = $1 AND leaf = $2`, at.Index).Scan(&good))
	for what, value := range map[string]any{"a forged note": forged.Sealed, "a note that does not open": []byte{1, 2}, "an empty note": []byte{}, "no note": nil} {
		d.tamper(`UPDATE audit_event SET tenant = $1, note = $2 WHERE tenant = $1 AND leaf = $3`, value, at.Index)
		d.damaged(what, d.keeper, at.Index)
		if _, err := d.list(d.reader, 100); err != nil && what == "a forged note" {
			t.Errorf("%s: who cannot read it is stopped by it: %v", what, err)
		}
	}
	d.tamper(`UPDATE audit_event SET tenant = $1, note = $2 WHERE tenant = $1 AND leaf = $3`, good, at.Index)
	if list, err := d.list(d.keeper, 100); err != nil || list[0].Note != note {
		t.Errorf("with its note back: %v", err)
	}
}

// EX-03: what people write into the audit log is bounded, and nothing is entered
// where it is too long.
func TestLongNotes(t *testing.T) {
	d := newDesk(t)
	for note, want := range map[string]bool{
		strings.Repeat("ü", 1000): true, strings.Repeat("ü", 1001): false, strings.Repeat("x", 1<<20): false, "\xff": false,
	} {
		err := d.trail.Record(t.Context(), d.tenant, d.archive, audit.Event{What: "message.open", Who: "p", Note: note})
		if (err == nil) != want || (err != nil && fault.Of(err) != fault.Invalid) {
			t.Errorf("a note of %d octets: %v", len(note), err)
		}
	}
	if list, err := d.list(nil, 100); err != nil || len(list) != 1 {
		t.Errorf("%d events, error %v", len(list), err)
	}
}

// An event of a transaction is there when that is, and only then.
func TestRecordIn(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	gone := errors.New("rolled back")
	for _, end := range []error{gone, nil} {
		err := d.tenant.Update(ctx, func(tx *db.Tx) error {
			for range 2 {
				if err := d.trail.RecordIn(ctx, tx, audit.Event{What: "in", Who: "p"}); err != nil {
					return err
				}
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
		list, err := d.list(nil, 100)
		if want := map[bool]int{true: 2}[end == nil]; err != nil || len(list) != want {
			t.Errorf("%d events, want %d, error %v", len(list), want, err)
		}
	}
	err := d.tenant.Update(ctx, func(tx *db.Tx) error {
		return d.trail.RecordIn(ctx, tx, audit.Event{What: "in", Who: "p", Note: "note"})
	})
	if err == nil {
		t.Error("a note was taken in another's transaction")
	}
}

// The caller's map stays his.
func TestDetailIsNotChanged(t *testing.T) {
	d := newDesk(t)
	detail := map[string]any{"a": 1}
	for range 2 {
		d.record(audit.Event{What: "x", Who: "p", Detail: detail, Note: "note"})
	}
	if len(detail) != 1 {
		t.Errorf("the map became %v", detail)
	}
	_, err := d.list(d.keeper, 10)
	d.ok(err)
}

// D6: one key per day and tenant; when it is gone, so are the day's payloads, by
// index, while their entries stay and everything else is read as before.
func TestDayKeys(t *testing.T) {
	d := newDesk(t)
	d.record(audit.Event{What: "today", Who: "p"})
	d.record(audit.Event{What: "today", Who: "p"})
	first := master.Day(d.at)
	d.at = d.at.Add(time.Minute) // past midnight, UTC
	d.record(audit.Event{What: "tomorrow", Who: "p"})
	count := func(query string) (n int) {
		d.ok(d.tenant.QueryRow(t.Context(), query).Scan(&n))
		return n
	}
	if n := count(`SELECT COUNT(*) FROM audit_day WHERE tenant = $1`); n != 2 {
		t.Fatalf("%d days", n)
	}
	var box []byte
	d.ok(d.tenant.QueryRow(t.Context(), `SELECT box FROM audit_day WHERE tenant = $1 AND day = $2`, first).Scan(&box))
	if _, err := d.master.OpenDayKey(d.tenant.ID(), first+1, box); fault.Of(err) != fault.Damaged {
		t.Errorf("a key of another day: %v", err)
	}
	if _, err := d.master.OpenDayKey(mail.NewID(), first, box); fault.Of(err) != fault.Damaged {
		t.Errorf("a key of another tenant: %v", err)
	}
	entries := count(`SELECT COUNT(*) FROM ledger_entry WHERE tenant = $1 AND log = 'audit'`)
	d.tamper(`DELETE FROM audit_day WHERE tenant = $1 AND day = $2`, first)
	list, err := d.list(d.keeper, 100)
	if len(list) != 1 || list[0].What != "tomorrow" {
		t.Errorf("without the day's key: %+v", list)
	}
	if fault.Of(err) != fault.Damaged || !strings.Contains(fmt.Sprint(err), "event 4 ") || !strings.Contains(fmt.Sprint(err), "event 5 ") {
		t.Errorf("what is gone is not named: %v", err)
	}
	if n := count(`SELECT COUNT(*) FROM ledger_entry WHERE tenant = $1 AND log = 'audit'`); n != entries {
		t.Errorf("%d entries are left of %d", n, entries)
	}
}

// Tenants do not see each other's events, and many who record at once all do.
func TestManyAndApart(t *testing.T) {
	d := newDesk(t)
	other := d.newTenant(d.books.Ledger())
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			h := d.tenant
			if i%4 == 0 {
				h = other
			}
			if err := d.trail.Record(t.Context(), h, d.archive, audit.Event{What: "e", Who: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for h, want := range map[*db.Tenant]int{&d.tenant: 30, &other: 10} {
		n, last := 0, int64(1<<62)
		err := d.trail.List(t.Context(), *h, d.keeper, 100, func(e audit.Entry) error {
			if n++; e.Index >= last {
				t.Errorf("index %d after %d", e.Index, last)
			}
			last = e.Index
			return nil
		})
		if err != nil || n != want {
			t.Errorf("%d events, want %d, error %v", n, want, err)
		}
	}
}

// What is kept of a payload is sealed: not even with the database opened is a
// setting readable without the master key.
func TestPayloadIsSealed(t *testing.T) {
	d := newDesk(t)
	d.record(audit.Event{What: "setting-canary", Who: "who-canary", Old: "old-canary", New: "new-canary", Note: "note-canary"})
	var box, note []byte
	d.ok(d.tenant.QueryRow(t.Context(), `SELECT box, note FROM audit_event WHERE tenant = $1`).Scan(&box, &note))
	if bytes.Contains(box, []byte("canary")) || bytes.Contains(note, []byte("canary")) {
		t.Error("the payload is readable")
	}
	var texts int
	d.ok(d.tenant.QueryRow(t.Context(), `SELECT COUNT(*) FROM ledger_entry WHERE tenant = $1 AND CAST(text AS TEXT) LIKE '%canary%'`).Scan(&texts))
	if texts != 0 {
		t.Error("the entry says it")
	}
}
