package ingest

import (
	"context"
	"errors"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// item is a message on its way, or something that is none.
type item struct {
	place   int64
	cursor  []byte // behind it
	size    int64
	outcome Outcome
	counted bool          // the commit has counted it
	err     error         // why the job cannot go on with it
	done    chan struct{} // closed when outcome and err are set
}

// Take brings a message on its way and returns before it has arrived there, as soon as
// there is room for the next. It closes the sheet in the end. cursor is where the
// command goes on behind the message. An error says that the job takes nothing more:
// call End.
func (j *Job) Take(sheet flow.Sheet, cursor []byte) error {
	body, err := sheet.Body()
	if err != nil {
		return errors.Join(err, sheet.Close())
	}
	weight := min(max(body.Size(), 1), inMemory)
	if err := j.memory.Acquire(j.ctx, weight); err != nil {
		return errors.Join(context.Cause(j.ctx), sheet.Close())
	}
	it, err := j.enqueue(cursor, body.Size())
	if err != nil {
		j.memory.Release(weight)
		return errors.Join(err, sheet.Close())
	}
	it.outcome.SHA256 = body.SHA256()
	go func() {
		defer func() {
			_ = sheet.Close() // its body was read, or is given up
			j.memory.Release(weight)
			close(it.done)
		}()
		it.err = j.bring(it, body)
	}()
	return nil
}

// Refuse counts something that the command could not make a message of. reason is a
// fault with the sentence that says why.
func (j *Job) Refuse(reason error, cursor []byte) error {
	it, err := j.enqueue(cursor, 0)
	if err != nil {
		return err
	}
	it.outcome.State, it.outcome.Reason = Refused, reason
	close(it.done)
	return nil
}

func (j *Job) enqueue(cursor []byte, size int64) (*item, error) {
	if len(cursor) > maxCursor {
		return nil, fault.New(fault.Invalid, "the cursor is too long")
	}
	select {
	case j.slots <- struct{}{}:
	case <-j.ctx.Done():
		return nil, context.Cause(j.ctx)
	}
	j.place++
	it := &item{place: j.place, cursor: cursor, size: size, outcome: Outcome{Place: j.place}, done: make(chan struct{})}
	j.queue <- it // as many as there are slots
	return it, nil
}

// bring brings a message to the commit point, unless the archive has it.
func (j *Job) bring(it *item, body flow.Body) error {
	p := &flow.Passage{
		ID: mail.NewID(), Tenant: j.start.Tenant.ID(), Arrived: mail.Time(j.room.Now()), Body: body, Once: true,
		Source: mail.Source{Door: Door, Peer: j.ID.String()},
	}
	// What stands in the header is no envelope: nobody knows any more who it went to.
	if j.start.For != "" {
		p.Envelope.To = []string{j.start.For.String()}
	}
	id, there, err := j.room.Known.Known(j.ctx, p)
	if err == nil && !there {
		p.Units = append(p.Units, flow.Unit{Rows: func(flow.Place) []flow.Row { return []flow.Row{j.taken(it.place, p.ID)} }})
		if err = j.room.Path.Incoming(j.ctx, p); err == nil {
			id, there, it.counted = p.Receipt.Message, p.Receipt.Duplicate, true
		}
	}
	if err != nil {
		return err
	}
	it.outcome.Message, it.outcome.State = id, Accepted
	if there {
		it.outcome.State, err = j.again(it.place, id)
	}
	return err
}

// settled is how far a job is.
type settled struct {
	Counts
	sure    Counts // those of the last save
	closed  bool   // nothing is saved any more: the job is another run's, or nobody knows whether it was saved
	place   int64
	cursor  []byte            // behind it; nil as long as it is that of an earlier run
	there   map[mail.ID]int64 // references that are to be counted
	tally   int64             // of them those that the commit has not counted for the source
	turned  int64             // refusals that are to be counted for the source
	since   int               // items since the last save
	saved   time.Time
	failing []*item // items in a row that could not be kept
	err     error   // why the job does not go on
}

// How often a job is saved, and how many messages in a row may fail inside before it
// is not the messages' fault.
const (
	saveEvery = time.Second
	saveItems = 2000
	maxFailed = 8
)

// settle settles the items in order until the job ends.
func (j *Job) settle() {
	defer close(j.ended)
	for it := range j.queue {
		<-it.done
		<-j.slots
		if j.settled.err != nil {
			continue
		}
		if err := j.one(it); err != nil {
			j.settled.err = err
			j.cancel(err)
		}
	}
}

// one settles an item. Where the fault may be the message's, it waits for what becomes
// of the next ones.
func (j *Job) one(it *item) error {
	s := &j.settled
	switch kind := fault.Of(it.err); {
	case it.err == nil:
	case j.ctx.Err() != nil:
		return context.Cause(j.ctx)
	case kind == fault.Invalid || kind == fault.Denied:
		it.outcome.State, it.outcome.Reason = Refused, it.err
	case kind == fault.Internal || kind == fault.Damaged:
		j.room.Log.Error("an imported message was not kept", "job", j.ID, "place", it.place, "kind", kind, "error", it.err)
		it.outcome.State, it.outcome.Reason = Refused, it.err
		if s.failing = append(s.failing, it); len(s.failing) == maxFailed {
			return it.err
		}
		return nil
	default:
		return it.err
	}
	for _, failed := range append(s.failing, it) {
		if err := j.count(failed); err != nil {
			return err
		}
	}
	s.failing = nil
	return nil
}

func (j *Job) count(it *item) error {
	s := &j.settled
	switch it.outcome.State {
	case Accepted:
		s.Accepted++
	case There:
		s.There++
		if s.there == nil {
			s.there = make(map[mail.ID]int64)
		}
		s.there[it.outcome.Message]++
		if !it.counted {
			s.tally++
		}
	default:
		s.Refused++
		s.turned++
	}
	s.Octets += it.size
	s.place, s.cursor = it.place, it.cursor
	s.since++
	if now := j.room.Now(); s.since >= saveItems || now.Sub(s.saved) >= saveEvery {
		if err := j.start.May(j.ctx); err != nil {
			return err
		}
		if err := j.save(j.ctx, "open", false); err != nil {
			return err
		}
	}
	return j.start.Tell(it.outcome)
}

// End waits for what is on its way and saves how far the job came. whole says that the
// command has brought everything: the job is done then. The counts are those that are
// known to be saved, over all runs. The error is why the job could not go on, nil where it
// could; kinds Busy and Exhausted say that the same command can go on later. Where the job
// was taken over by another node, or nobody knows whether a save was committed, End saves
// nothing, and the next run goes on with what the database has. ctx may be one that has
// ended.
func (j *Job) End(ctx context.Context, whole bool) (Counts, error) {
	close(j.queue)
	<-j.ended
	defer j.room.leave(j.reserved())
	defer j.room.leave(j.ID)
	defer j.cancel(errEnded)
	s := &j.settled
	if s.err == nil && len(s.failing) > 0 {
		s.err = j.rest(whole)
	}
	j.leave() // or it would say after the last save that the run goes on
	<-j.left
	// What was settled counts also where the command is gone and its context ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	state, said := "open", "interrupted"
	if whole && s.err == nil {
		state, said = "done", "done"
	}
	err := s.err
	if !s.closed {
		err = errors.Join(err, j.save(ctx, state, true))
	}
	switch {
	case s.closed && errors.Is(err, db.ErrUnknown):
		said = "unknown"
	case err != nil:
		said = "interrupted"
	}
	detail := map[string]any{"accepted": s.sure.Accepted, "there": s.sure.There, "refused": s.sure.Refused, "octets": s.sure.Octets, "state": said}
	return s.sure, errors.Join(err, j.room.Trail.Record(ctx, j.start.Tenant, j.start.Archive, j.event("import.end", detail)))
}

// endTime bounds how long the end of a job may take.
const endTime = 30 * time.Second

// rest counts items at the end that failed inside.
func (j *Job) rest(whole bool) error {
	if !whole {
		return nil // the next run tries them again
	}
	for _, it := range j.settled.failing {
		if err := j.count(it); err != nil {
			return err
		}
	}
	return nil
}
