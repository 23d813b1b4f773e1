// Package joint answers many who ask the same at the same time with one question.
package joint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Longest is how long one question may take: those who wait for the next one must not
// wait for ever because a connection hangs.
const Longest = 10 * time.Second

// ErrPanic says that a question panicked.
var ErrPanic = errors.New("joint: a question panicked")

// Asking joins those who ask the same. Use it from many goroutines; its zero value
// is ready.
type Asking[K comparable, T any] struct {
	mu   sync.Mutex
	open map[K]*line[T] // questions that somebody waits for; guarded by mu
}

// line is what is asked about one thing: a question on its way, and who wants the next.
type line[T any] struct {
	next *question[T] // nil where nobody has come since the one on its way began; guarded by Asking.mu
}

type question[T any] struct {
	ask      func() (T, error) // of who came first
	answered chan struct{}
	value    T // set before answered is closed
	err      error
}

// Ask returns what ask answers for k. The answer is of a call of ask, perhaps another
// caller's, that began after this call did, so it is as new as an own one. A caller
// whose ctx is done stops waiting; the question goes on for the others, for [Longest] at
// most, with the values of the ctx of whose it is.
func (a *Asking[K, T]) Ask(ctx context.Context, k K, ask func(context.Context) (T, error)) (T, error) {
	q := a.join(ctx, k, ask)
	select {
	case <-q.answered:
		return q.value, q.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

func (a *Asking[K, T]) join(ctx context.Context, k K, ask func(context.Context) (T, error)) *question[T] {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.open[k]
	if l != nil && l.next != nil {
		return l.next
	}
	q := &question[T]{answered: make(chan struct{}), ask: func() (T, error) {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), Longest)
		defer cancel()
		return ask(own)
	}}
	if l != nil {
		l.next = q
		return q
	}
	if a.open == nil {
		a.open = make(map[K]*line[T])
	}
	l = new(line[T])
	a.open[k] = l
	go a.work(k, l, q)
	return q
}

// work asks one question after the other until nobody wants a next one.
func (a *Asking[K, T]) work(k K, l *line[T], q *question[T]) {
	for q != nil {
		q.answer()
		a.mu.Lock()
		if q, l.next = l.next, nil; q == nil {
			delete(a.open, k)
		}
		a.mu.Unlock()
	}
}

// answer asks, and tells everybody. A panic is an error for those who asked, as it would
// be where they recover.
func (q *question[T]) answer() {
	defer close(q.answered)
	defer func() {
		if r := recover(); r != nil {
			q.err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	q.value, q.err = q.ask()
}
