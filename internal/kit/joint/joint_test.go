package joint_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"siegel/internal/kit/joint"
)

// Who asks while a question is on its way gets the answer of the next one, which all
// who came meanwhile share; never an answer of a question that began before.
func TestAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a joint.Asking[string, int64]
		var now, asked atomic.Int64
		ask := func(context.Context) (int64, error) {
			asked.Add(1)
			seen := now.Load()
			time.Sleep(time.Second)
			return seen, nil
		}
		answers := make(chan int64, 101)
		want := func(atLeast int64) {
			v, err := a.Ask(t.Context(), "k", ask)
			if err != nil || v < atLeast {
				t.Errorf("%d, %v, want at least %d", v, err, atLeast)
			}
			answers <- v
		}
		go want(0)
		synctest.Wait() // the first question is on its way
		now.Store(1)
		for range 100 {
			go want(1)
		}
		for range 101 {
			<-answers
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("%d questions, want 2", n)
		}
		// When all have gone, nothing is left, and the next one asks anew.
		synctest.Wait()
		now.Store(2)
		want(2)
		if v := <-answers; v != 2 {
			t.Errorf("an old answer: %d", v)
		}
	})
}

// What is different is asked apart, an error goes to all who share it, and who leaves
// takes nothing from those who stay.
func TestAskApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a joint.Asking[string, string]
		broken := errors.New("broken")
		slow := func(v string, err error) func(context.Context) (string, error) {
			return func(ctx context.Context) (string, error) {
				time.Sleep(time.Second)
				return v, errors.Join(err, ctx.Err())
			}
		}
		leaving, leave := context.WithCancelCause(t.Context())
		gone := make(chan error)
		go func() { _, err := a.Ask(leaving, "a", slow("a", nil)); gone <- err }()
		synctest.Wait()
		failed := make(chan error, 2)
		for range 2 {
			go func() { _, err := a.Ask(t.Context(), "a", slow("", broken)); failed <- err }()
		}
		other := make(chan string)
		go func() { v, _ := a.Ask(t.Context(), "b", slow("b", nil)); other <- v }()
		synctest.Wait()
		left := errors.New("left")
		leave(left)
		if err := <-gone; !errors.Is(err, left) {
			t.Errorf("who left: %v", err)
		}
		if v := <-other; v != "b" {
			t.Errorf("another question: %q", v)
		}
		for range 2 {
			if err := <-failed; !errors.Is(err, broken) {
				t.Errorf("who stayed: %v", err)
			}
		}
	})
}

// A question that hangs ends, so that the next one is asked; one that panics is an error.
func TestAskHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a joint.Asking[string, int]
		hangs := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		first := make(chan error)
		go func() { _, err := a.Ask(t.Context(), "k", hangs); first <- err }()
		synctest.Wait()
		begun := time.Now()
		v, err := a.Ask(t.Context(), "k", func(context.Context) (int, error) { return 7, nil })
		if err != nil || v != 7 || time.Since(begun) > joint.Longest {
			t.Errorf("behind one that hangs: %d, %v after %v", v, err, time.Since(begun))
		}
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that hangs: %v", err)
		}
		if _, err := a.Ask(t.Context(), "k", func(context.Context) (int, error) { panic("bug") }); !errors.Is(err, joint.ErrPanic) {
			t.Errorf("a panic: %v", err)
		}
		if v, err := a.Ask(t.Context(), "k", func(context.Context) (int, error) { return 8, nil }); err != nil || v != 8 {
			t.Errorf("after a panic: %d, %v", v, err)
		}
	})
}
