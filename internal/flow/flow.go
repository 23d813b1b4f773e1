// Package flow is the path of a message. This file lists the steps in order:
// it is the first file to read. docs/flow.md says what a crash in each step
// leaves.
package flow

import (
	"context"
	"fmt"
	"time"
)

// Preparer is a room on the path: it looks at a passage and appends the units
// that it wants kept. It leaves nothing on disk that a restart would have to
// clean up by hand.
type Preparer interface {
	Prepare(ctx context.Context, p *Passage) error
}

// Committer ends the path. When Group returns nil, the passage's units are
// durable together and p.Receipt is set.
type Committer interface {
	Group(ctx context.Context, p *Passage) error
}

// Watch hears which step a message enters and, with done, how long it took.
// Metrics, the benchmark's table and the crash test use it. It is called from
// many goroutines.
type Watch func(step string, done bool, took time.Duration)

// Rooms are the rooms on the path, in the order of the steps.
type Rooms struct {
	Unwrap  Preparer
	Archive Preparer
	Index   Preparer
	Commit  Committer
	Watch   Watch // may be nil
}

// Flow brings messages from the door to the commit point.
type Flow struct {
	steps []step
	watch Watch
}

type step struct {
	name string
	do   func(context.Context, *Passage) error
}

// New lists the path.
func New(r Rooms) *Flow {
	return &Flow{watch: r.Watch, steps: []step{
		{"unwrap", r.Unwrap.Prepare},
		{"archive", r.Archive.Prepare},
		{"index", r.Index.Prepare},
		{"commit", r.Commit.Group}, // commit point: 250 after this, never before
	}}
}

// Steps returns the names of the steps in order.
func (f *Flow) Steps() []string {
	names := make([]string, len(f.steps))
	for i, s := range f.steps {
		names[i] = s.name
	}
	return names
}

// Incoming takes one received message all the way to the commit point, while
// its sender waits. Nothing before the commit leaves a trace that counts, so
// every step may run again when the sender comes back.
func (f *Flow) Incoming(ctx context.Context, p *Passage) error {
	released := false
	defer func() {
		// A step before the commit failed: nobody else will release the units.
		if !released {
			p.Release()
		}
	}()
	for i, s := range f.steps {
		if i == len(f.steps)-1 {
			released = true // commit releases, also when it fails
		}
		if err := f.run(ctx, s, p); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (f *Flow) run(ctx context.Context, s step, p *Passage) error {
	if f.watch == nil {
		return s.do(ctx, p)
	}
	f.watch(s.name, false, 0)
	start := time.Now()
	err := s.do(ctx, p)
	f.watch(s.name, true, time.Since(start))
	return err
}

// Release gives back what the units of the passage hold.
func (p *Passage) Release() {
	for _, u := range p.Units {
		if u.Release != nil {
			u.Release()
		}
	}
}
