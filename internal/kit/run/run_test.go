package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"siegel/internal/kit/run"
)

func TestStopsLastToFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var order []string
		service := func(name string) run.Service {
			return run.Service{Name: name, Run: func(ctx context.Context) error {
				<-ctx.Done()
				order = append(order, name) // one at a time, so no lock
				return ctx.Err()
			}}
		}
		done := make(chan error)
		go func() { done <- run.All(ctx, service("a"), service("b"), service("c")) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(order, []string{"c", "b", "a"}) {
			t.Fatalf("stopped in the order %v", order)
		}
	})
}

func TestCrashStopsTheOthers(t *testing.T) {
	boom := errors.New("boom")
	stopped := false
	err := run.All(t.Context(),
		run.Service{Name: "door", Run: func(ctx context.Context) error { <-ctx.Done(); stopped = true; return nil }},
		run.Service{Name: "broken", Run: func(context.Context) error { return boom }})
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "broken") || !stopped {
		t.Fatalf("error %v, stopped %v", err, stopped)
	}
	err = run.All(t.Context(), run.Service{Name: "quiet", Run: func(context.Context) error { return nil }})
	if err == nil {
		t.Fatal("a service that ends by itself is a crash")
	}
}
