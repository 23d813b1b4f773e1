package node_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/db/postgres"
	"siegel/internal/vault/node"
)

type hash struct{}

func (hash) FenceMAC(b []byte) [32]byte { return sha256.Sum256(b) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// objects is an empty store. Nodes share it: who opens a directory sweeps what another
// is writing there, so a directory has one store.
func objects(t *testing.T) *disk.Store {
	t.Helper()
	store, err := disk.Open(t.TempDir())
	must(t, err)
	return store
}

// deps are those of a node at an address, with the store that all share.
func deps(t *testing.T, address string, store *disk.Store) node.Deps {
	t.Helper()
	s, err := postgres.At(address)
	must(t, err)
	d, err := s.Open(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	must(t, d.Migrate(t.Context(), "node", node.Migrations()))
	return node.Deps{DB: d, Server: s, Register: store, MAC: hash{}, Instance: "a.example", Name: "here", Version: "1", Log: slog.New(slog.DiscardHandler)}
}

func join(t *testing.T, d node.Deps) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), d)
	must(t, err)
	t.Cleanup(func() { must(t, n.Close()) })
	n.Serve()
	return n
}

// write is a transaction as any room has it.
func write(d node.Deps) error {
	return d.DB.Instance().Update(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE node_seen SET tenant = $1, version = version WHERE tenant = $1`)
		return err
	})
}

func eventually(t *testing.T, within time.Duration, what string, f func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for !f() {
		if time.Since(begun) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begun)
}

// OP-09: the standby was promoted while the old primary goes on. Who is left on
// the old one writes nothing from the moment on that anybody works on the new one.
func TestFailover(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	store := objects(t)
	a := deps(t, pair.Only(0), store) // it will not reach the new one
	left := join(t, a)
	must(t, write(a))

	pair.Promote(t)
	must(t, write(a)) // nobody knows of it yet
	b := deps(t, pair.Swapped(), store)
	opened := make(chan error, 1)
	go func() {
		n, err := node.Open(context.Background(), b)
		if err == nil {
			err = errors.Join(write(b), n.Close())
		}
		opened <- err
	}()
	eventually(t, 8*time.Second, "the node on the old primary writes no more", func() bool { return left.Admitted() != nil && write(a) != nil })
	select {
	case err := <-opened:
		t.Fatalf("work began at once, while others may still be admitted: %v", err)
	default:
	}
	must(t, <-opened)
	if left.Admitted() == nil || write(a) == nil {
		t.Error("the node on the old primary is admitted")
	}
	old := pair.Ask(t, 0, `SELECT MAX(seen)::text FROM node_seen`)
	time.Sleep(6 * time.Second) // longer than a node is silent
	if now := pair.Ask(t, 0, `SELECT MAX(seen)::text FROM node_seen`); now != old {
		t.Error("something is still written on the old primary")
	}
}

// Nodes find a promotion by themselves, although the old primary goes on, and those
// that begin together while the fence is raised all begin.
func TestFindsPromotion(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	store := objects(t)
	var moved atomic.Int64
	a := deps(t, pair.Address, store)
	a.Moved = func() { moved.Add(1) }
	n := join(t, a)
	must(t, write(a))
	pair.Promote(t)
	opened := make(chan error, 4)
	for range 4 {
		d := deps(t, pair.Swapped(), store)
		go func() {
			n, err := node.Open(context.Background(), d)
			if err == nil {
				err = errors.Join(write(d), n.Close())
			}
			opened <- err
		}()
	}
	for range 4 {
		must(t, <-opened)
	}
	eventually(t, 40*time.Second, "the node works on the new primary", func() bool { return n.Admitted() == nil && write(a) == nil })
	if moved.Load() != 1 {
		t.Errorf("told %d times that it moved", moved.Load())
	}
	eventually(t, 10*time.Second, "its row is there", func() bool {
		return pair.Ask(t, 1, `SELECT COUNT(*)::text FROM node_seen WHERE state = 'ready' AND seen > (EXTRACT(EPOCH FROM now()) * 1000000 - 8000000)`) == "1"
	})
}

// slow is a register whose Swap takes its time.
type slow struct {
	blob.Register
	time.Duration
}

func (s slow) Swap(ctx context.Context, n blob.Name, old, fresh []byte) error {
	time.Sleep(s.Duration)
	return s.Register.Swap(ctx, n, old, fresh)
}

// acknowledged writes rows through a node until told to stop, and returns the numbers of
// those that were said to be durable.
func acknowledged(d node.Deps, stop <-chan struct{}) (list []string) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return list
		default:
		}
		value := fmt.Sprint(i)
		err := d.DB.Instance().Update(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec(context.Background(), `INSERT INTO node_epoch (tenant, timeline, token, owner) VALUES ($1, $2, $3, 'written')`, 1000+i, []byte(value))
			return err
		})
		if err == nil {
			list = append(list, value)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// written returns the numbers of the rows of acknowledged that a server has.
func written(t *testing.T, pair *dbtest.Pair, i int) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for _, value := range strings.Fields(pair.Ask(t, i, `SELECT COALESCE(string_agg(convert_from(token, 'UTF8'), ' '), '') FROM node_epoch WHERE owner = 'written'`)) {
		all[value] = true
	}
	return all
}

// The node that finds a promotion itself acknowledges nothing on the new primary before
// everybody has waited, however long it takes to raise the fence.
func TestNothingBeforeTheFence(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	a := deps(t, pair.Address, objects(t))
	a.Register = slow{a.Register, time.Second}
	var moved atomic.Bool
	a.Moved = func() { moved.Store(true) }
	n := join(t, a)
	stop, done := make(chan struct{}), make(chan []string)
	go func() { done <- acknowledged(a, stop) }()
	time.Sleep(time.Second)
	pair.Promote(t)
	promoted := written(t, pair, 1)
	time.Sleep(15 * time.Second) // less than everybody waits
	close(stop)
	list := <-done
	if moved.Load() || n.Admitted() == nil {
		t.Fatal("work began on the new primary at once")
	}
	old, fresh := written(t, pair, 0), written(t, pair, 1)
	for _, value := range list {
		if fresh[value] && !old[value] {
			t.Errorf("%s was acknowledged on the new primary before the fence", value)
		}
	}
	if len(promoted) == 0 || len(list) < len(promoted) {
		t.Errorf("%d were acknowledged, %d were there at the promotion", len(list), len(promoted))
	}
}

// Two standbys were promoted. Whichever stands first in the address: what is
// acknowledged is on the one that counts, and nobody works on the other for a moment.
func TestTwoPromoted(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	third := pair.Follow(t)
	store := objects(t)
	first := deps(t, pair.Only(0), store)
	must(t, join(t, first).Admitted())
	seen := pair.Ask(t, 0, `SELECT pg_current_wal_lsn()::text`)
	eventually(t, 20*time.Second, "the third server has all", func() bool {
		return pair.Ask(t, third, `SELECT (pg_last_wal_replay_lsn() >= $1::text::pg_lsn)::text`, seen) == "true"
	})
	pair.PromoteAt(t, 1)
	pair.PromoteAt(t, third)
	counts := deps(t, pair.Only(1), store)
	must(t, join(t, counts).Admitted())
	d := deps(t, pair.Of(third, 1), store)
	must(t, join(t, d).Admitted())
	stop, done := make(chan struct{}), make(chan []string)
	go func() { done <- acknowledged(d, stop) }()
	time.Sleep(6 * time.Second)
	pair.Stop(t, 1) // for once it does not answer
	time.Sleep(3 * time.Second)
	pair.Go(t, 1)
	time.Sleep(3 * time.Second)
	close(stop)
	list := <-done
	if len(list) < 100 {
		t.Errorf("only %d were acknowledged", len(list))
	}
	if other := written(t, pair, third); len(other) > 0 {
		t.Errorf("%d rows on the server that does not count", len(other))
	}
	kept := written(t, pair, 1)
	for _, value := range list {
		if !kept[value] {
			t.Errorf("%s was acknowledged and is not on the server that counts", value)
		}
	}
}

// Who reaches the old primary only answers nothing, for as long as it takes.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	store := objects(t)
	must(t, join(t, deps(t, pair.Address, store)).Admitted())
	pair.Promote(t)
	next := join(t, deps(t, pair.Swapped(), store))
	if err := node.Adopt(t.Context(), deps(t, pair.Swapped(), store)); fault.Of(err) != fault.Busy {
		t.Errorf("adopted while a server works: %v", err)
	}
	pair.Kill(1)
	eventually(t, 20*time.Second, "nothing is admitted without the new primary", func() bool { return next.Admitted() != nil })
	if _, err := node.Open(t.Context(), deps(t, pair.Address, store)); fault.Of(err) != fault.Busy {
		t.Errorf("a node that begins on the old primary: %v", err)
	}
	// The operator decides that the old one counts again, with all nodes stopped.
	d := deps(t, pair.Address, store)
	must(t, d.DB.Instance().Claim(t.Context(), func(tx *db.Tx) error { // half a minute passes
		_, err := tx.Exec(t.Context(), `UPDATE node_seen SET tenant = $1, seen = seen - 40000000 WHERE tenant = $1`)
		return err
	}))
	must(t, node.Adopt(t.Context(), d))
	n, err := node.Open(t.Context(), d)
	must(t, err)
	must(t, write(d))
	must(t, n.Close())
}

// Two servers with one timeline, another cluster, another instance's database and
// an empty one are told apart.
func TestAnotherDatabase(t *testing.T) {
	t.Parallel()
	store := objects(t)
	first := deps(t, dbtest.Postgres(t).Address, store)
	must(t, join(t, first).Admitted())
	refused := func(what string, d node.Deps, kind fault.Kind) {
		t.Helper()
		if _, err := node.Open(t.Context(), d); fault.Of(err) != kind {
			t.Errorf("%s: %v", what, err)
		}
		if err := write(d); fault.Of(err) != fault.Busy {
			t.Errorf("%s was written: %v", what, err)
		}
	}
	empty := deps(t, dbtest.Postgres(t).Address, store)
	refused("an empty database", empty, fault.Damaged)
	pair := dbtest.NewPair(t, false)
	refused("another cluster", deps(t, pair.Address, store), fault.Invalid)
	theirs := deps(t, dbtest.Postgres(t).Address, objects(t))
	theirs.Instance = "theirs.example"
	must(t, join(t, theirs).Admitted())
	taken := theirs
	taken.Instance, taken.Register = first.Instance, first.Register
	refused("another instance's", taken, fault.Invalid)
	twin := deps(t, dbtest.Postgres(t).Address, objects(t))
	must(t, join(t, twin).Admitted())
	twin.Register = first.Register
	refused("one with a token of its own", twin, fault.Invalid)
}

// Nothing is admitted while the object store does not answer, and again without a
// hand when it does.
func TestStoreIsGone(t *testing.T) {
	t.Parallel()
	d := deps(t, dbtest.Postgres(t).Address, objects(t))
	r := &moody{Register: d.Register}
	d.Register = r
	n := join(t, d)
	r.set(errors.New("gone"))
	took := eventually(t, 15*time.Second, "nothing is admitted", func() bool { return n.Admitted() != nil })
	if took < 5*time.Second {
		t.Errorf("a moment's trouble stopped everything after %v", took)
	}
	if err := write(d); fault.Of(err) != fault.Busy {
		t.Errorf("written: %v", err)
	}
	r.set(nil)
	eventually(t, 5*time.Second, "it goes on", func() bool { return write(d) == nil })
}

// One node leads; when it stops, fails or falls silent, another one does.
func TestLead(t *testing.T) {
	t.Parallel()
	address, store := dbtest.Postgres(t).Address, objects(t)
	a, b := join(t, deps(t, address, store)), join(t, deps(t, address, store))
	leads := make(chan string)
	work := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			leads <- name
			<-ctx.Done()
			leads <- "not " + name
			return nil
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- a.Lead(ctx, work("a")) }()
	want := func(name string) {
		t.Helper()
		select {
		case got := <-leads:
			if got != name {
				t.Fatalf("%s, want %s", got, name)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("not %s within 30 seconds", name)
		}
	}
	want("a")
	other, end := context.WithCancel(t.Context())
	go func() { ended <- b.Lead(other, work("b")) }()
	eventually(t, 10*time.Second, "the roll says who leads", func() bool {
		roll, err := b.Roll(t.Context())
		must(t, err)
		return len(roll) == 2 && roll[0].Leads && !roll[0].Here && !roll[1].Leads && roll[1].Here
	})
	stop()
	want("not a")
	want("b")
	end()
	want("not b")
	must(t, errors.Join(<-ended, <-ended))
	broken := errors.New("broken")
	if err := a.Lead(t.Context(), func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("what fails while it leads: %v", err)
	}
}

// Who drains says so to the others.
func TestDrain(t *testing.T) {
	t.Parallel()
	address, store := dbtest.Postgres(t).Address, objects(t)
	a, b := join(t, deps(t, address, store)), join(t, deps(t, address, store))
	if state, err := a.State(); err != nil || state != node.Ready {
		t.Errorf("%s, %v", state, err)
	}
	a.Drain()
	eventually(t, 10*time.Second, "the other knows", func() bool {
		roll, err := b.Roll(t.Context())
		must(t, err)
		for _, s := range roll {
			if !s.Here && s.State == node.Draining {
				return true
			}
		}
		return false
	})
}
