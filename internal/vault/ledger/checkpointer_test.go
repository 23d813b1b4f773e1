package ledger_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/signing"
	"siegel/internal/vault/ledger/stamping"
)

// EV-02: a tenant's leaves come under a signed checkpoint, its anchor under one
// of the instance, and that waits for its timestamp.
func TestCheckpointNow(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.check())
	w.add(3)
	w.must(w.points.CheckpointNow(ctx))
	s, err := stamping.Read(ctx, w.db.Instance())
	w.must(err)
	if s.Size != 1 || s.Waiting != 1 || !s.Stamped.IsZero() {
		t.Fatalf("status %+v", s)
	}
	note, err := w.guard.Load(ctx, "00000000000000000000000000000000/checkpoints/instance")
	w.must(err)
	c, err := checkpoint.OpenLog(note, w.signer.Key())
	if err != nil || c.Size != 1 {
		t.Fatalf("guard of the instance: %+v, %v", c, err)
	}
	// Nothing new, nothing signed.
	w.must(w.points.CheckpointNow(ctx))
	again, err := stamping.Read(ctx, w.db.Instance())
	w.must(err)
	if again != s {
		t.Fatalf("status %+v, want %+v", again, s)
	}
	w.add(300)
	w.must(w.points.CheckpointNow(ctx))
	w.must(w.check())
	for _, r := range verify(w) {
		w.must(r.Err())
	}
}

func verify(w *world) []*ledger.Result {
	w.t.Helper()
	var all []*ledger.Result
	for _, h := range []db.Tenant{w.tenant, w.db.Instance()} {
		list, err := w.ledger.Verify(w.t.Context(), h, w.verification())
		w.must(err)
		all = append(all, list...)
	}
	return all
}

// A log is signed when its first leaf has waited, not before; and when the
// server stops.
func TestRunWaits(t *testing.T) {
	w := newWorld(t)
	signed := func() int64 {
		s, err := stamping.Read(context.Background(), w.db.Instance())
		w.must(err)
		return s.Size
	}
	w.points.Every = 2 * time.Second // looked for every 100 ms
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.points.Run(ctx) }()
	w.add(1)
	time.Sleep(300 * time.Millisecond)
	if signed() != 0 {
		t.Error("signed before the interval was over")
	}
	w.clock.Advance(2 * time.Second)
	for range 1000 {
		if signed() == 1 {
			break
		}
		time.Sleep(30 * time.Millisecond)
	}
	if signed() != 1 {
		t.Fatal("not signed when the interval was over")
	}
	w.add(1)
	stop()
	w.must(<-ended)
	if signed() != 2 {
		t.Error("not signed at the stop")
	}
}

// Never fork: a database that does not extend what was signed is not served
// and not signed.
func TestGuard(t *testing.T) {
	tests := map[string]struct {
		harm func(w *world)
		want string
	}{
		"rolled back": {func(w *world) {
			saved := save(w)
			w.add(2)
			w.must(w.points.CheckpointNow(w.t.Context()))
			restore(w, saved)
		}, "older than its last checkpoint"},
		"rolled back and grown again": {func(w *world) {
			saved := save(w)
			w.add(2)
			w.must(w.points.CheckpointNow(w.t.Context()))
			restore(w, saved)
			w.add(5)
		}, "not what was signed"},
		"edge changed": {func(w *world) {
			tree, err := w.ledger.Tree(w.t.Context(), w.tenant, ledger.Message)
			w.must(err)
			edge := append(make([]byte, 0, 2000), 0, byte(len(must(tree.Hashes(0, 1)))))
			edge = append(append(edge, make([]byte, 32*44)...), 0, 1)
			edge = append(edge, make([]byte, 32)...)
			w.exec(w.tenant, `UPDATE ledger_log SET tenant = $1, edge = $2 WHERE tenant = $1 AND name = $3`, edge, ledger.Message)
		}, "not what was signed"},
		"guard lost": {func(w *world) {
			w.must(w.guard.Delete(w.t.Context(), guardOf(w)))
		}, "missing in the object store"},
		"guard rolled back": {func(w *world) {
			old, err := w.guard.Load(w.t.Context(), guardOf(w))
			w.must(err)
			w.add(1)
			w.must(w.points.CheckpointNow(w.t.Context()))
			now, err := w.guard.Load(w.t.Context(), guardOf(w))
			w.must(err)
			w.must(w.guard.Swap(w.t.Context(), guardOf(w), now, old))
		}, "another checkpoint"},
		"guard forged": {func(w *world) {
			now, err := w.guard.Load(w.t.Context(), guardOf(w))
			w.must(err)
			w.must(w.guard.Swap(w.t.Context(), guardOf(w), now, []byte(strings.Replace(string(now), "\n", "\n1", 1))))
		}, "was changed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(300)
			w.must(w.points.CheckpointNow(t.Context()))
			tt.harm(w)
			err := w.check()
			if fault.Of(err) != fault.Damaged || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("check: %v, want damaged with %q", err, tt.want)
			}
			w.exec(w.tenant, `UPDATE ledger_log SET tenant = $1, changed = 1 WHERE tenant = $1 AND name = $2`, ledger.Message)
			if err := w.points.CheckpointNow(t.Context()); fault.Of(err) != fault.Damaged {
				t.Errorf("signed all the same: %v", err)
			}
			if err := w.points.Alarms(); err == nil {
				t.Error("no alarm")
			}
		})
	}
}

// check says what is wrong with the instance, or with the tenant.
func (w *world) check() error {
	damaged, err := w.points.Check(w.t.Context())
	return errors.Join(err, damaged[w.tenant.ID()])
}

func auditGuardOf(w *world) blob.Name {
	return blob.Name(w.tenant.ID().String() + "/checkpoints/audit")
}

func guardOf(w *world) blob.Name {
	return blob.Name(w.tenant.ID().String() + "/checkpoints/message")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// save copies the database as an attacker with the disk would.
func save(w *world) *dbtest.Place {
	w.t.Helper()
	w.must(w.db.Close())
	saved := w.place.Copy(w.t)
	reopen(w)
	return saved
}

func restore(w *world, saved *dbtest.Place) {
	w.t.Helper()
	w.must(w.db.Close())
	w.place = saved.Copy(w.t)
	reopen(w)
}

func reopen(w *world) {
	id := w.tenant.ID()
	w.open()
	w.tenant = w.db.Tenant(id)
	w.build(w.tsa)
}

func TestClock(t *testing.T) {
	w := newWorld(t)
	w.add(1)
	w.must(w.points.CheckpointNow(t.Context()))
	w.clock.Advance(-time.Hour)
	if err := w.check(); fault.Of(err) != fault.Invalid {
		t.Errorf("check with a clock that is behind: %v", err)
	}
	w.add(1)
	if err := w.points.CheckpointNow(t.Context()); fault.Of(err) != fault.Invalid {
		t.Errorf("signed with a clock that is behind: %v", err)
	}
}

// A crash between the guard and the row: the next round writes the row.
func TestLostRow(t *testing.T) {
	w := newWorld(t)
	w.add(2)
	w.must(w.points.CheckpointNow(t.Context()))
	w.exec(w.tenant, `DELETE FROM ledger_checkpoint WHERE tenant = $1`)
	w.exec(w.tenant, `DELETE FROM ledger_anchor WHERE tenant = $1`)
	w.exec(w.tenant, `UPDATE ledger_log SET tenant = $1, changed = 1 WHERE tenant = $1 AND name = $2`, ledger.Message)
	w.must(w.points.CheckpointNow(t.Context()))
	for _, r := range verify(w) {
		w.must(r.Err())
		if r.Log == ledger.Message && (r.Checkpoints != 1 || r.Anchors != 1) {
			t.Errorf("%+v", r)
		}
	}
}

func TestSignerPrintsNothing(t *testing.T) {
	k := must(signing.Create("test.example", plain{}))
	signer := must(signing.Open("test.example", k.Box, plain{}))
	seed := k.Box[3:]
	private := ed25519.NewKeyFromSeed(seed)
	for _, v := range []any{signer, *signer, struct{ s *signing.Signer }{signer}} {
		b := must(json.Marshal(v))
		for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%x", v), fmt.Sprintf("%s", v), string(b)} {
			for _, form := range []string{fmt.Sprint(seed[:8]), fmt.Sprintf("%x", seed[:8]), fmt.Sprint(private[:8]), base64.StdEncoding.EncodeToString(seed[:9])} {
				if strings.Contains(s, strings.Trim(form, "[]")) {
					t.Errorf("prints the key: %.100s", s)
				}
			}
		}
	}
}
