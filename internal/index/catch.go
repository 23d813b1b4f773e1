package index

import (
	"context"
	"errors"
	"sync"
	"time"

	"siegel/internal/audit"
	"siegel/internal/index/attached"
	"siegel/internal/index/projection"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/sequence"
)

// batchSize is how many records are taken into a projection at a time.
const batchSize = 1000

// Lag is how far a session's index is behind.
type Lag struct {
	Indexed int64 `json:"indexed"` // messages that are in the index
	Pending int64 `json:"pending"` // messages that are not yet
	Damaged int64 `json:"damaged"` // of the indexed, whose record did not open: no search finds them
	Former  int64 `json:"former"`  // messages sealed to a former key, which the session does not reach
	// Of the indexed: messages with attachments that wait to be read, as an open session
	// does in the background, or for a program that reads them; and messages with an
	// attachment that could not be read and never will be. Both are found by everything else.
	Waiting int64 `json:"waiting"`
	Unread  int64 `json:"unread"`
}

func (l *Lag) add(s projection.State) {
	l.Indexed += s.Messages - s.Former
	l.Damaged += s.Damaged
	l.Former += s.Former
	l.Waiting += s.Waiting
	l.Unread += s.Unread
}

// Wait is how a session catches up before something is looked for.
type Wait struct {
	// Patience is how long it may take; what is pending then is not found, and
	// [Lag] says how much that is. 0 waits until nothing is.
	Patience time.Duration
	// Progress hears how many messages of a month that are pending were taken in;
	// may be nil.
	Progress func(done, total int64)
	// Attachments is how long it may take to read attachments that wait for it, before
	// something is looked for; what was not read until then is read in the background as
	// long as the session is open. 0 waits for none.
	Attachments time.Duration
}

// shelved are the projections of a session, caught up and open, newest month first.
type shelved struct {
	files []*projection.File
	Lag
}

func (f *shelved) give() {
	for _, one := range f.files {
		one.Give()
	}
}

// with catches the session's index up and calls f with it. Attachments that wait are
// read in the background from then on.
func (x *Index) with(ctx context.Context, s Session, w Wait, f func(*shelved) error) error {
	if w.Attachments > 0 {
		if err := x.reading.await(ctx, s, w); err != nil {
			return err
		}
	}
	waiting := int64(0)
	err := x.caught(ctx, s, w, func(files *shelved) error {
		waiting = files.Waiting
		return f(files)
	})
	if err == nil && waiting > 0 {
		x.reading.begin(s, waiting)
	}
	return err
}

// caught catches the session's index up and calls f with it. What was damaged is made
// again, once.
func (x *Index) caught(ctx context.Context, s Session, w Wait, f func(*shelved) error) error {
	again := func() (err error) {
		files, err := x.take(ctx, s, w)
		defer files.give()
		if err != nil {
			return err
		}
		return f(files)
	}
	err := again()
	if errors.Is(err, projection.ErrBroken) {
		err = again()
	}
	return err
}

func (x *Index) take(ctx context.Context, s Session, w Wait) (out *shelved, err error) {
	out = new(shelved)
	keys, who := s.Unlocked(), holder(s)
	heads, err := sequence.Heads(ctx, s.Tenant(), who)
	if err != nil {
		return out, err
	}
	rows, err := projection.Rows(ctx, s.Tenant(), who)
	if err != nil {
		return out, err
	}
	seconds, err := attached.Heads(ctx, s.Tenant())
	if err != nil {
		return out, err
	}
	patient := ctx
	if w.Patience > 0 {
		var cancel func()
		patient, cancel = context.WithTimeout(ctx, w.Patience)
		defer cancel()
	}
	for _, h := range heads {
		p, err := x.shelf.Take(ctx, s.Tenant(), keys, h.Month, who, rows[h.Month])
		if err != nil {
			return out, err
		}
		out.files = append(out.files, p)
		c := catcher{x: x, s: s, p: p, head: h, second: seconds[h.Month], holder: who, progress: w.Progress}
		if err := c.run(ctx, patient); err != nil {
			return out, err
		}
		state := p.State()
		out.add(state)
		if state.Seq < h.Last {
			n, err := sequence.Behind(ctx, s.Tenant(), who, h.Month, state.Seq)
			if err != nil {
				return out, err
			}
			out.Pending += n
		}
	}
	return out, nil
}

// catcher takes what is pending of a month into its projection.
type catcher struct {
	x        *Index
	s        Session
	p        *projection.File
	head     sequence.Head
	second   int64 // number of the month's newest second record
	holder   mail.HolderID
	progress func(done, total int64)
}

// run catches up until nothing is pending or patient is done. Who finds somebody
// else catching up waits for him, that long; others search meanwhile.
func (c *catcher) run(ctx, patient context.Context) error {
	if state := c.p.State(); c.head.Last <= state.Seq && state.Former == 0 && c.second <= state.Second {
		return nil
	}
	_, err := c.p.CatchUp(patient, func() error {
		if err := c.p.Again(ctx, c.s.Unlocked().Terms(c.holder)); err != nil {
			return err
		}
		if c.head.Last > c.p.State().Seq {
			if err := c.catch(ctx, patient); err != nil {
				return err
			}
		}
		return c.attach(ctx, patient)
	})
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// catch records that it will open what is pending, and takes it in. Records are
// opened while those before them are written.
func (c *catcher) catch(ctx, patient context.Context) error {
	from := c.p.State().Seq
	event := audit.Event{
		What: "index.catch-up", Who: c.s.Person().String(),
		Detail: map[string]any{"month": c.head.Month, "holder": c.holder.String(), "after": from, "up-to": c.head.Last},
	}
	if err := c.x.Trail.Record(ctx, c.s.Tenant(), c.s.Archive(), event); err != nil {
		return err
	}
	total, err := sequence.Behind(ctx, c.s.Tenant(), c.holder, c.head.Month, from)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	batches := make(chan *batch, 1)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	wait.Go(func() {
		defer close(batches)
		for after := from; after < c.head.Last && (after == from || patient.Err() == nil); {
			b := c.open(ctx, after)
			if b.err == nil && len(b.opened()) == 0 {
				return
			}
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if b.err != nil {
				return
			}
			after = b.opened()[len(b.opened())-1].Seq
		}
	})
	done := int64(0)
	for b := range batches {
		if b.err != nil {
			return b.err
		}
		if err := c.p.Add(ctx, b.opened()); err != nil {
			return err
		}
		if done += int64(len(b.opened())); c.progress != nil {
			c.progress(done, total)
		}
	}
	return c.p.Settle(ctx, done)
}

// open opens the next records behind a sequence number.
func (c *catcher) open(ctx context.Context, after int64) *batch {
	wraps, err := c.s.Unlocked().Wraps(ctx, c.holder, c.head.Month, after, batchSize)
	if err != nil || len(wraps) == 0 {
		return &batch{err: err}
	}
	return c.openAll(ctx, wraps)
}

// openAll opens the records of some messages, or the first of them.
func (c *catcher) openAll(ctx context.Context, wraps []seal.Wrap) *batch {
	groups, err := c.x.groups(ctx, c.s.Tenant(), wraps)
	if err != nil {
		return &batch{err: err}
	}
	b := newBatch(len(wraps))
	b.seconds = c.second > 0
	b.err = parallel(len(groups), requests, func(i int) error { return c.x.read(ctx, c.s, groups[i], b) })
	return b
}

// attach takes the month's second records that came since into the projection: the
// records of their messages are opened once more, since words can be added to a message
// only by writing all of them anew.
func (c *catcher) attach(ctx, patient context.Context) error {
	added, recorded := int64(0), false
	for from := c.p.State().Second; from < c.second && patient.Err() == nil; {
		rows, err := attached.Since(ctx, c.s.Tenant(), c.head.Month, from, batchSize)
		if err != nil || len(rows) == 0 {
			return err
		}
		seqs, err := c.p.Behind(ctx, rows)
		if err != nil {
			return err
		}
		if len(seqs) > 0 && !recorded {
			event := audit.Event{
				What: "index.catch-up", Who: c.s.Person().String(),
				Detail: map[string]any{"month": c.head.Month, "holder": c.holder.String(), "attachments-after": from, "attachments-up-to": c.second},
			}
			if err := c.x.Trail.Record(ctx, c.s.Tenant(), c.s.Archive(), event); err != nil {
				return err
			}
			recorded = true
		}
		wraps, err := c.s.Unlocked().WrapsAt(ctx, c.holder, seqs)
		if err != nil {
			return err
		}
		for len(wraps) > 0 {
			b := c.openAll(ctx, wraps)
			if b.err != nil {
				return b.err
			}
			if err := c.p.Add(ctx, b.opened()); err != nil {
				return err
			}
			added += int64(len(b.opened()))
			wraps = wraps[len(b.opened()):]
		}
		from = rows[len(rows)-1].Seq
		if err := c.p.Passed(ctx, from); err != nil {
			return err
		}
	}
	return c.p.Settle(ctx, added)
}

// requests is how many objects are asked for at once: a store can be far away.
const requests = 8

// parallel calls f with 0 to n-1, so many at once, and returns the first error.
func parallel(n, at int, f func(int) error) error {
	var (
		mu    sync.Mutex
		next  int   // guarded by mu
		first error // guarded by mu
		wait  sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= n && first == nil
	}
	for range min(n, at) {
		wait.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := f(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return first
}

// CatchUp takes what is pending into the session's index, as [Index.Search] does
// before it searches, and says how far it is. It can run beside searches.
func (x *Index) CatchUp(ctx context.Context, s Session, w Wait) (l Lag, err error) {
	defer fault.Wrap(&err, "catch up")
	err = x.with(ctx, s, w, func(files *shelved) error {
		l = files.Lag
		return nil
	})
	return l, err
}
