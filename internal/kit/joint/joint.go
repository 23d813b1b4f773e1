// Package joint answers many who ask the same at the same time with one question.
package joint

import (
	"context"
	"sync"
)

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
	ask      func(context.Context) (T, error) // of who came first
	answered chan struct{}
	value    T // set before answered is closed
	err      error
}

// Ask returns what ask answers for k. The answer is of a call of ask, perhaps another
// caller's, that began after this call did, so it is as new as an own one. A caller
// whose ctx is done stops waiting; the question goes on for the others, with the values
// of the ctx of who came first.
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
	q := &question[T]{ask: ask, answered: make(chan struct{})}
	if l != nil {
		l.next = q
		return q
	}
	if a.open == nil {
		a.open = make(map[K]*line[T])
	}
	l = new(line[T])
	a.open[k] = l
	go a.work(context.WithoutCancel(ctx), k, l, q)
	return q
}

// work asks one question after the other until nobody wants a next one.
func (a *Asking[K, T]) work(ctx context.Context, k K, l *line[T], q *question[T]) {
	for q != nil {
		q.value, q.err = q.ask(ctx)
		close(q.answered)
		a.mu.Lock()
		if q, l.next = l.next, nil; q == nil {
			delete(a.open, k)
		}
		a.mu.Unlock()
	}
}
