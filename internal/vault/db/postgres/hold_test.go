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

// One process at a time works on a database; a second one waits for the first to
// end, for a while.
func TestHold(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t).Address
	first, err := postgres.Take(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Take(t.Context(), address); fault.Of(err) != fault.Busy {
		t.Fatalf("a second one: %v", err)
	}
	time.AfterFunc(time.Second, func() { _ = first.Close() })
	second, err := postgres.Take(t.Context(), address)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// Who lost his connection hears it, and another one can begin.
func TestHoldIsLost(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t).Address
	h, err := postgres.Take(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan error, 1)
	go func() { lost <- h.Run(t.Context()) }()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	var ended int
	err = c.QueryRow(t.Context(), `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE application_name = 'siegel (hold)' AND datname = current_database()`).Scan(&ended)
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
	_ = h.Close()
	again, err := postgres.Take(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() { lost <- again.Run(ctx) }()
	time.Sleep(100 * time.Millisecond)
	stop()
	if err := <-lost; err != nil {
		t.Errorf("after a stop: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
