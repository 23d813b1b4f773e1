package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/db/postgres"
)

func at(t *testing.T, address string) *postgres.Server {
	t.Helper()
	s, err := postgres.At(address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func take(t *testing.T, s *postgres.Server) *postgres.Lead {
	t.Helper()
	l, err := s.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// soon takes the lead that somebody has just given back: the server takes a moment
// to notice the end of a connection.
func soon(t *testing.T, s *postgres.Server) *postgres.Lead {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if l := take(t, s); l != nil {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody leads, and it was not to be had")
		}
	}
}

// One node at a time leads; when it gives the lead back another one may.
func TestLead(t *testing.T) {
	t.Parallel()
	s := at(t, dbtest.Postgres(t).Address)
	first := take(t, s)
	if first == nil {
		t.Fatal("nobody leads, and it was not to be had")
	}
	if second := take(t, s); second != nil {
		t.Fatal("two lead")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	second := soon(t, s)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// Who lost the connection hears it, and another one can lead.
func TestLeadIsLost(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t).Address
	s := at(t, address)
	l := take(t, s)
	lost := make(chan error, 1)
	go func() { lost <- l.Watch(t.Context()) }()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	var ended int
	err = c.QueryRow(t.Context(), `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE application_name = 'siegel (lead)' AND datname = current_database()`).Scan(&ended)
	if err != nil || ended != 1 {
		t.Fatalf("%d connections were ended, %v", ended, err)
	}
	select {
	case err := <-lost:
		if fault.Of(err) != fault.Busy {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	_ = l.Close()
	again := soon(t, s)
	ctx, stop := context.WithCancel(t.Context())
	go func() { lost <- again.Watch(ctx) }()
	time.Sleep(100 * time.Millisecond)
	stop()
	if err := <-lost; err != nil {
		t.Errorf("after a stop: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A leader that says nothing more, as one whose machine hangs, loses the lead by
// itself, so that another takes over within 30 seconds.
func TestLeadOfTheSilent(t *testing.T) {
	t.Parallel()
	s := at(t, dbtest.Postgres(t).Address)
	silent := take(t, s)
	begun := time.Now()
	for {
		l := take(t, s)
		if l != nil {
			_ = l.Close()
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatal("it still leads after 30 seconds")
		}
		time.Sleep(time.Second)
	}
	_ = silent.Close()
}
