package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/db/postgres"
)

func things(t *testing.T, d *db.DB) db.Tenant {
	t.Helper()
	err := d.Migrate(t.Context(), "thing", fstest.MapFS{"migrations/00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing_row (tenant BYTEA NOT NULL, id BIGINT NOT NULL, PRIMARY KEY (tenant, id));
`)}})
	if err != nil {
		t.Fatal(err)
	}
	return d.Tenant(mail.NewID())
}

// opened is a database on a pair, with a tenant's things.
func opened(t *testing.T, pair *dbtest.Pair) (*postgres.Server, *db.DB, db.Tenant) {
	t.Helper()
	s := at(t, pair.Address)
	d, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return s, d, things(t, d)
}

func put(t *testing.T, h db.Tenant, id int) error {
	t.Helper()
	return h.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO thing_row (tenant, id) VALUES ($1, $2)`, id)
		return err
	})
}

// newest returns the one primary that a probe finds.
func newest(t *testing.T, p *postgres.Probe, oldest int64) postgres.Primary {
	t.Helper()
	list, err := p.Primaries(t.Context(), oldest)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v: %v", list, err)
	}
	return list[0]
}

// A promotion begins the next timeline, which a probe sees although the old primary
// goes on, and goes back from to none that is older. Connections are to the primary that
// is required only; those that were there before are cut.
func TestPromotion(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	s, _, h := opened(t, pair)
	if err := put(t, h, 1); err != nil {
		t.Fatal(err)
	}
	probe := s.Probe()
	defer probe.Close()
	first := newest(t, probe, 0)
	s.Require(first)
	pair.Promote(t)
	second := newest(t, probe, 0)
	if second.System != first.System || second.Timeline != first.Timeline+1 || second.Same(first) {
		t.Fatalf("%+v follows %+v", second, first)
	}
	if err := put(t, h, 2); err != nil {
		t.Errorf("nobody has said yet that it does not count: %v", err)
	}
	s.Require(second)
	if err := put(t, h, 3); err != nil {
		t.Errorf("on the second: %v", err)
	}
	if rows := pair.Ask(t, 1, `SELECT string_agg(id::text, ' ' ORDER BY id) FROM thing_row`); rows != "1 3" {
		t.Errorf("the second has the rows %s", rows)
	}
	pair.Kill(1)
	if _, err := probe.Primaries(t.Context(), second.Timeline); fault.Of(err) != fault.Busy {
		t.Errorf("only the first is left: %v", err)
	}
	if err := put(t, h, 4); fault.Of(err) != fault.Busy {
		t.Errorf("only the first is left: %v", err)
	}
}

// A commit whose wait for the standby is broken off is not one: the server says
// that it succeeded, with a warning.
func TestCommitAlone(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, true)
	_, _, h := opened(t, pair)
	if err := put(t, h, 1); err != nil {
		t.Fatal(err)
	}
	pair.Kill(1)
	done := make(chan error, 1)
	go func() { done <- put(t, h, 2) }()
	select {
	case err := <-done:
		t.Fatalf("a commit without the standby ended: %v", err)
	case <-time.After(2 * time.Second):
	}
	// The operator lets it go, or the session is cancelled.
	pair.Do(t, 0, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
	var err error
	select {
	case err = <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it still waits")
	}
	if !errors.Is(err, db.ErrAlone) || !errors.Is(err, db.ErrUnknown) || fault.Of(err) != fault.Busy {
		t.Errorf("a commit on one server alone: %v", err)
	}
}

// A commit that waits on a primary which does not count any more hears of it at
// once: nobody else would ever answer it.
func TestCommitOnTheOldPrimary(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, true)
	s, d, h := opened(t, pair)
	probe := s.Probe()
	defer probe.Close()
	s.Require(newest(t, probe, 0))
	if err := put(t, h, 1); err != nil {
		t.Fatal(err)
	}
	pair.Promote(t) // the first has no standby any more
	done := make(chan error, 1)
	go func() { done <- put(t, h, 2) }()
	time.Sleep(time.Second)
	s.Require(newest(t, probe, 0))
	var err error
	select {
	case err = <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
	}
	if !errors.Is(err, db.ErrUnknown) {
		t.Errorf("a commit that was cut: %v", err)
	}
	if err := d.Barrier(t.Context()); err != nil {
		t.Errorf("on the new primary: %v", err)
	}
	if err := put(t, h, 3); err != nil {
		t.Errorf("on the new primary: %v", err)
	}
}

// A server that says nothing keeps nobody from finding the others.
func TestSilentHost(t *testing.T) {
	t.Parallel()
	pair := dbtest.NewPair(t, false)
	s := at(t, pair.Address)
	probe := s.Probe()
	defer probe.Close()
	first := newest(t, probe, 0)
	pair.Promote(t)
	pair.Stop(t, 0)
	defer pair.Go(t, 0)
	begun := time.Now()
	second := newest(t, probe, 0)
	if second.Timeline != first.Timeline+1 || time.Since(begun) > 5*time.Second {
		t.Errorf("%+v after %v", second, time.Since(begun))
	}
	s.Require(second)
	d, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := put(t, things(t, d), 1); err != nil {
		t.Error(err)
	}
}

// Who is alone stays alone, for longer than the server lets a silent transaction live,
// and hears of it when he is not any more.
func TestAlone(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t).Address
	open := func() *db.DB {
		d, err := postgres.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	one, two := open(), open()
	var working atomic.Int64
	begun := make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- one.Alone(context.Background(), "work", func(context.Context) error {
			working.Add(1)
			defer working.Add(-1)
			close(begun)
			time.Sleep(24 * time.Second)
			return nil
		})
	}()
	<-begun
	for {
		together := int64(0)
		err := two.Alone(t.Context(), "work", func(context.Context) error { together = working.Load(); return nil })
		if err == nil && together > 0 {
			t.Fatal("two at once")
		}
		if err == nil {
			break
		}
		if fault.Of(err) != fault.Busy {
			t.Fatal(err)
		}
	}
	if err := <-first; err != nil {
		t.Errorf("who was alone: %v", err)
	}

	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	err = one.Alone(t.Context(), "work", func(ctx context.Context) error {
		if _, err := c.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(20 * time.Second):
			return errors.New("nobody said that it is not alone")
		}
	})
	if fault.Of(err) != fault.Busy {
		t.Errorf("who lost it: %v", err)
	}
	stop := errors.New("stop")
	if err := one.Alone(t.Context(), "work", func(context.Context) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("its own error: %v", err)
	}
}

// A server that takes connections and says nothing is one that cannot be reached, and
// nothing of the address is in the error.
func TestMute(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	address := fmt.Sprintf("postgres://canary:canary@127.0.0.1:%d/canary?sslmode=disable", l.Addr().(*net.TCPAddr).Port) //nolint:errcheck,forcetypeassert // of a TCP listener
	_, err = postgres.Open(t.Context(), address)
	if fault.Of(err) != fault.Busy {
		t.Errorf("%v", err)
	}
	quiet(t, err)
	s, err := postgres.At(address)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Probe()
	defer p.Close()
	if _, err := p.Primaries(t.Context(), 0); fault.Of(err) != fault.Busy {
		t.Errorf("probed: %v", err)
	} else {
		quiet(t, err)
	}
	if _, err := s.Take(t.Context()); fault.Of(err) != fault.Busy {
		t.Errorf("lead: %v", err)
	} else {
		quiet(t, err)
	}
	// A caller who leaves is told that he left.
	left, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer leave()
	if _, err := postgres.Open(left, address); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who left: %v", err)
	} else {
		quiet(t, err)
	}
}
