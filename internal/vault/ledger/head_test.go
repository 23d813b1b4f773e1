package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
)

// enter appends an entry of a kind with an id to the audit log.
func (w *world) enter(kind string, id mail.ID) flow.Leaf {
	w.t.Helper()
	w.n++
	text, err := entry.Entry{Kind: kind, ID: id, Time: mail.Time(w.clock.Now()), Size: int64(w.n)}.Text()
	w.must(err)
	l := flow.Leaf{Log: ledger.Audit, Entry: text, Sealed: entry.Nothing()}
	w.must(w.tenant.Update(w.t.Context(), func(tx *db.Tx) error {
		_, err := w.ledger.Append(w.t.Context(), tx, ledger.Audit, []flow.Leaf{l})
		return err
	}))
	return l
}

// rewrite makes leaves, tiles and edge of a log agree with its entries, as
// somebody would who knows the formats and has the database.
func (w *world) rewrite(log string) {
	w.t.Helper()
	var edge checkpoint.Edge
	n := int64(0)
	for e, err := range w.ledger.Entries(w.t.Context(), w.tenant, log, 0) {
		w.must(err)
		data := entry.LeafData(e.Text, e.Sealed)
		w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = $3 AND idx = $4`, data[:], log, e.Index)
		n++
		for _, t := range edge.Add(n, entry.RecordHash(data)) {
			w.exec(w.tenant, `INSERT INTO ledger_tile (tenant, log, level, idx, data) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (tenant, log, level, idx) DO UPDATE SET data = excluded.data`, log, t.Level, t.Index, t.Data)
		}
	}
	w.exec(w.tenant, `UPDATE ledger_log SET tenant = $1, size = $2, edge = $3 WHERE tenant = $1 AND name = $4`, n, edge.Bytes(), log)
}

// EV-02: Has proves inclusion in what was signed, not that a row says so.
func TestHas(t *testing.T) {
	ctx := t.Context()
	for _, signed := range []bool{false, true} {
		w := newWorld(t)
		w.add(700)
		if signed {
			w.must(w.points.CheckpointNow(ctx))
		}
		w.add(5)
		data := func(index int64) entry.Hash {
			text, sealed, err := w.ledger.Entry(ctx, w.tenant, ledger.Message, index)
			w.must(err)
			return entry.LeafData(text, sealed)
		}
		for _, index := range []int64{0, 255, 256, 511, 512, 699, 700, 704} {
			w.must(w.ledger.Has(ctx, w.tenant, ledger.Message, index, data(index)))
			for _, other := range []int64{index + 1, index - 1, 705, -1, 1 << 40} {
				if err := w.ledger.Has(ctx, w.tenant, ledger.Message, other, data(index)); fault.Of(err) != fault.Damaged {
					t.Errorf("entry %d at %d: %v", index, other, err)
				}
			}
		}
		was := data(300)
		w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = $3 AND idx = 300`, w.message().Entry, ledger.Message)
		w.rewrite(ledger.Message)
		forged := data(300)
		in := map[string]*ledger.Ledger{"the same process": w.ledger}
		if signed {
			in["another process"] = w.newLedger()
		}
		for process, l := range in {
			if err := l.Has(ctx, w.tenant, ledger.Message, 300, forged); fault.Of(err) != fault.Damaged {
				t.Errorf("%s (signed: %v) believes a forged entry: %v", process, signed, err)
			}
			if err := l.Has(ctx, w.tenant, ledger.Message, 704, data(704)); process == "another process" && fault.Of(err) != fault.Damaged {
				t.Errorf("%s goes on with a log that is not what was signed: %v", process, err)
			}
		}
		// What was proven before stays known.
		w.must(w.ledger.Has(ctx, w.tenant, ledger.Message, 300, was))
	}
}

// A tile that somebody changed is not believed, and believed again when it was
// mended.
func TestHasMended(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.add(600)
	text, sealed, err := w.ledger.Entry(ctx, w.tenant, ledger.Message, 10)
	w.must(err)
	data := entry.LeafData(text, sealed)
	w.must(w.ledger.Has(ctx, w.tenant, ledger.Message, 599, w.dataOf(599)))
	var tile []byte
	w.must(w.tenant.QueryRow(ctx, `SELECT data FROM ledger_tile WHERE tenant = $1 AND log = $2 AND level = 0 AND idx = 0`, ledger.Message).Scan(&tile))
	set := func(b []byte) {
		w.exec(w.tenant, `UPDATE ledger_tile SET tenant = $1, data = $2 WHERE tenant = $1 AND log = $3 AND level = 0 AND idx = 0`, b, ledger.Message)
	}
	set(append([]byte{tile[0] ^ 1}, tile[1:]...))
	if err := w.ledger.Has(ctx, w.tenant, ledger.Message, 10, data); fault.Of(err) != fault.Damaged {
		t.Errorf("a changed tile: %v", err)
	}
	set(tile[:len(tile)-1])
	if err := w.ledger.Has(ctx, w.tenant, ledger.Message, 10, data); fault.Of(err) != fault.Damaged {
		t.Errorf("a short tile: %v", err)
	}
	set(tile)
	w.must(w.ledger.Has(ctx, w.tenant, ledger.Message, 10, data))
}

// The proof of a leaf does not hold the tile's own idea of that leaf: a tile that
// has another one there is not remembered as proven.
func TestHasForgedTile(t *testing.T) {
	ctx := t.Context()
	for _, index := range []int64{10, 255} {
		w := newWorld(t)
		w.add(600)
		honest := w.dataOf(index)
		other := w.message()
		forged := entry.LeafData(other.Entry, other.Sealed)
		var tile []byte
		w.must(w.tenant.QueryRow(ctx, `SELECT data FROM ledger_tile WHERE tenant = $1 AND log = $2 AND level = 0 AND idx = 0`, ledger.Message).Scan(&tile))
		hash := entry.RecordHash(forged)
		copy(tile[index*int64(len(hash)):], hash[:])
		w.exec(w.tenant, `UPDATE ledger_tile SET tenant = $1, data = $2 WHERE tenant = $1 AND log = $3 AND level = 0 AND idx = 0`, tile, ledger.Message)
		for _, data := range []entry.Hash{honest, forged} {
			if err := w.ledger.Has(ctx, w.tenant, ledger.Message, index, data); fault.Of(err) != fault.Damaged {
				t.Errorf("entry %d, honest %v: %v", index, data == honest, err)
			}
		}
	}
}

// Who could not read a tile has found no damage; who found none has.
func TestHasUnread(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t)
	w.add(600)
	w.must(w.ledger.Has(ctx, w.tenant, ledger.Message, 599, w.dataOf(599)))
	data := w.dataOf(10)
	cancel()
	if err := w.ledger.Has(ctx, w.tenant, ledger.Message, 10, data); !errors.Is(err, context.Canceled) || fault.Of(err) == fault.Damaged {
		t.Errorf("an asker who went away: %v", err)
	}
	w.exec(w.tenant, `DELETE FROM ledger_tile WHERE tenant = $1 AND log = $2 AND level = 0 AND idx = 0`, ledger.Message)
	if err := w.ledger.Has(t.Context(), w.tenant, ledger.Message, 10, data); fault.Of(err) != fault.Damaged {
		t.Errorf("a missing tile: %v", err)
	}
}

// What was signed, and what was checked at the start, is relied on: taking away
// the guard and the rows of the checkpoints does not get another log signed.
func TestGuardTakenAway(t *testing.T) {
	for what, look := range map[string]func(w *world) error{
		"signed":               func(*world) error { return nil },
		"checked at the start": func(w *world) error { w.ledger = w.newLedger(); w.build(w.tsa); return w.check() },
	} {
		t.Run(what, func(t *testing.T) {
			ctx := t.Context()
			w := newWorld(t)
			w.add(5)
			w.must(w.points.CheckpointNow(ctx))
			w.must(look(w))
			w.must(w.guard.Delete(ctx, guardOf(w)))
			w.exec(w.tenant, `DELETE FROM ledger_checkpoint WHERE tenant = $1 AND log = 'message'`)
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'message' AND idx = 3`, w.message().Entry)
			w.rewrite(ledger.Message)
			w.add(1)
			if err := w.ledger.Has(ctx, w.tenant, ledger.Message, 3, w.dataOf(3)); fault.Of(err) != fault.Damaged {
				t.Errorf("used: %v", err)
			}
			if err := w.points.CheckpointNow(ctx); fault.Of(err) != fault.Damaged || w.points.Alarms() == nil {
				t.Errorf("signed: %v", err)
			}
			if note, err := w.guard.Load(ctx, guardOf(w)); err != nil || note != nil {
				t.Errorf("another log was signed: %s, %v", note, err)
			}
		})
	}
}

// A row that says that nothing waits to be signed, or that it came in the
// future, keeps nothing from being signed.
func TestDueIsNotBelieved(t *testing.T) {
	for _, changed := range []int64{0, 1 << 60} {
		w := newWorld(t)
		w.add(5)
		w.must(w.points.CheckpointNow(t.Context()))
		w.add(1)
		w.exec(w.tenant, `UPDATE ledger_log SET tenant = $1, changed = $2 WHERE tenant = $1 AND name = 'message'`, changed)
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		w.points.Every = time.Hour
		w.points.Watch = func(step string, _ bool, _ time.Duration) {
			if step == "checkpoint/kept" {
				stop()
			}
		}
		w.must(w.points.Run(ctx))
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("changed %d: not signed", changed)
		}
		stop()
	}
}

func (w *world) dataOf(index int64) entry.Hash {
	w.t.Helper()
	text, sealed, err := w.ledger.Entry(w.t.Context(), w.tenant, ledger.Message, index)
	w.must(err)
	return entry.LeafData(text, sealed)
}

// Recent gives every entry once, newest first, and stops at what is wrong.
func TestRecent(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	if list, err := w.ledger.Recent(ctx, w.tenant, ledger.Message, -1, 10); err != nil || len(list) != 0 {
		t.Fatalf("an empty log: %v, %v", list, err)
	}
	w.add(600)
	want, before := int64(599), int64(-1)
	for {
		list, err := w.ledger.Recent(ctx, w.tenant, ledger.Message, before, 77)
		w.must(err)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if e.Index != want {
				t.Fatalf("entry %d, want %d", e.Index, want)
			}
			want--
		}
		if before = list[len(list)-1].Index; before == 0 {
			break
		}
	}
	if want != -1 {
		t.Errorf("ended before entry %d", want)
	}
	w.add(1)
	if list, err := w.ledger.Recent(ctx, w.tenant, ledger.Message, -1, 1); err != nil || len(list) != 1 || list[0].Index != 600 {
		t.Errorf("the newest: %v, %v", list, err)
	}
	for what, harm := range map[string]func(w *world){
		"another text": func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'message' AND idx = 5`, w.message().Entry)
		},
		"one with half a hash": func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, leaf = $2, sealed = $2 WHERE tenant = $1 AND log = 'message' AND idx = 5`, []byte{1, 2})
		},
		"a missing one": func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'message' AND idx = 5`)
		},
	} {
		w := newWorld(t)
		w.add(20)
		recent := func() (bad []error) {
			list, err := w.ledger.Recent(ctx, w.tenant, ledger.Message, 10, 10)
			w.must(err)
			for i, e := range list {
				if e.Index != int64(9-i) {
					t.Errorf("%s: entry %d in the place of %d", what, e.Index, 9-i)
				}
				if e.Err != nil {
					bad = append(bad, e.Err)
				}
			}
			return bad
		}
		if bad := recent(); bad != nil {
			t.Fatal(bad)
		}
		harm(w)
		if bad := recent(); len(bad) != 1 || fault.Of(bad[0]) != fault.Damaged || !strings.Contains(fmt.Sprint(bad[0]), "entry 5 ") {
			t.Errorf("%s: %v", what, bad)
		}
	}
}

// The newest entry of an id says how the thing of that id is.
func TestNewest(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	a, b, never := mail.NewID(), mail.NewID(), mail.NewID()
	place := func(l *ledger.Ledger, id mail.ID, index int64, kind string) {
		t.Helper()
		p, err := l.Newest(ctx, w.tenant, ledger.Audit, id)
		if err != nil || p.Index != index || p.Kind != kind {
			t.Errorf("%+v, error %v; want %s at %d", p, err, kind, index)
		}
	}
	place(w.ledger, a, -1, "")
	l := w.enter("grant", a)
	place(w.ledger, a, 0, "grant")
	if p, _ := w.ledger.Newest(ctx, w.tenant, ledger.Audit, a); p.Data != entry.LeafData(l.Entry, l.Sealed) {
		t.Error("another leaf")
	}
	w.enter("audit", b) // events stand for themselves
	place(w.ledger, b, -1, "")
	for range 300 {
		w.enter("key", mail.NewID())
	}
	w.enter("revoke", a)
	w.enter("grant", b)
	w.must(w.points.CheckpointNow(ctx))
	w.enter("key", b)
	for _, l := range []*ledger.Ledger{w.ledger, w.newLedger()} {
		place(l, a, 302, "revoke")
		place(l, b, 304, "key")
		place(l, never, -1, "")
		all, err := l.Standing(ctx, w.tenant, ledger.Audit)
		if err != nil || len(all) != 302 || all[b].Kind != "key" {
			t.Errorf("%d ids, error %v", len(all), err)
		}
	}
	// Many ask at once while the log grows.
	var wait sync.WaitGroup
	fresh := w.newLedger()
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if p, err := fresh.Newest(ctx, w.tenant, ledger.Audit, a); err != nil || p.Index < 302 {
					t.Errorf("%+v, %v", p, err)
				}
			}
		})
	}
	for range 50 {
		w.enter("revoke", a)
	}
	wait.Wait()
	if _, err := w.ledger.Newest(ctx, w.tenant, "nothing", a); fault.Of(err) != fault.NotFound {
		t.Errorf("a log that does not exist: %v", err)
	}
}

// A log that was changed or cut is not read through again, and not signed,
// though nobody had signed what is missing.
func TestReliedOn(t *testing.T) {
	ctx := t.Context()
	for what, harm := range map[string]func(w *world){
		"an entry changed": func(w *world) {
			text, err := entry.Entry{Kind: "grant", ID: mail.NewID(), Time: mail.Time(w.clock.Now())}.Text()
			w.must(err)
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND log = 'audit' AND idx = 2`, text)
			w.rewrite(ledger.Audit)
			w.enter("key", mail.NewID())
		},
		"the last entry cut off": func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = 3`)
			w.rewrite(ledger.Audit)
		},
		"the log gone": func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_log WHERE tenant = $1 AND name = 'audit'`)
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			for range 4 {
				w.enter("key", mail.NewID())
			}
			if _, err := w.ledger.Newest(ctx, w.tenant, ledger.Audit, mail.NewID()); err != nil {
				t.Fatal(err)
			}
			begun, err := w.guard.Load(ctx, auditGuardOf(w))
			w.must(err)
			harm(w)
			if _, err := w.ledger.Newest(ctx, w.tenant, ledger.Audit, mail.NewID()); fault.Of(err) != fault.Damaged {
				t.Errorf("relied on: %v", err)
			}
			if err := w.check(); fault.Of(err) != fault.Damaged {
				t.Errorf("checked: %v", err)
			}
			err = w.points.CheckpointNow(ctx)
			if note, _ := w.guard.Load(ctx, auditGuardOf(w)); !bytes.Equal(note, begun) || (what != "the log gone" && fault.Of(err) != fault.Damaged) {
				t.Errorf("signed: %v", err)
			}
		})
	}
}

// An entry that is no entry stops the reading, by index.
func TestNewestOfNoEntry(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.enter("key", mail.NewID())
	w.must(w.tenant.Update(ctx, func(tx *db.Tx) error {
		_, err := w.ledger.Append(ctx, tx, ledger.Audit, []flow.Leaf{{Log: ledger.Audit, Entry: []byte("nonsense\n"), Sealed: entry.Nothing()}})
		return err
	}))
	_, err := w.ledger.Newest(ctx, w.tenant, ledger.Audit, mail.NewID())
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Damaged || !strings.Contains(err.Error(), "entry 1 ") {
		t.Errorf("%v", err)
	}
}

// How fast a log is read through when a server starts.
func BenchmarkNewest(b *testing.B) {
	const n = 20_000
	w := newWorld(b)
	var leaves []flow.Leaf
	for range n {
		text, err := entry.Entry{Kind: "audit", ID: mail.NewID(), Time: mail.Time(w.clock.Now()), Fields: []entry.Field{{Name: "event"}}}.Text()
		w.must(err)
		leaves = append(leaves, flow.Leaf{Log: ledger.Audit, Entry: text, Sealed: entry.Nothing()})
	}
	w.must(w.tenant.Update(b.Context(), func(tx *db.Tx) error {
		_, err := w.ledger.Append(b.Context(), tx, ledger.Audit, leaves)
		return err
	}))
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			_, err := w.newLedger().Newest(b.Context(), w.tenant, ledger.Audit, mail.ID{})
			w.must(err)
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
	b.Run("later", func(b *testing.B) {
		for b.Loop() {
			_, err := w.ledger.Newest(b.Context(), w.tenant, ledger.Audit, mail.ID{})
			w.must(err)
		}
	})
}
