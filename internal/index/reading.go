package index

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"siegel/internal/audit"
	"siegel/internal/index/attached"
	"siegel/internal/index/extract"
	"siegel/internal/index/projection"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Bounds of a turn: how many messages are taken together, how long it goes on with
// them, and how many are looked at to find those that nobody reads.
const (
	turnMessages = 16
	turnTime     = 5 * time.Second
	turnLook     = 500
)

// maxLost is how many turns without a message read are enough: others read them.
const maxLost = 3

// pause is how long nothing is tried where no child can be started.
const pause = time.Minute

// reading reads the attachments of messages for open sessions, in the background and
// one message at a time on this node: sessions take turns, who waited longest comes
// first. What was read is kept for all holders of the message (package attached).
type reading struct {
	x      *Index
	reader *extract.Reader // of who has the token
	token  chan struct{}   // has one while nobody's turn is
	ctx    context.Context // ends when the index is closed
	stop   context.CancelFunc
	wait   sync.WaitGroup

	mu        sync.Mutex
	closed    bool                        // guarded by mu
	notBefore time.Time                   // no child could be started; guarded by mu
	sessions  map[*seal.Session]*follower // that are open and were read for; guarded by mu
}

// follower reads for one session.
type follower struct {
	ctx  context.Context // ends with the session
	stop context.CancelFunc
	done chan struct{} // closed when nothing waits any more; nil while nothing is read; guarded by reading.mu
	rest time.Time     // until then only what is new is a reason to begin; guarded by reading.mu

	read, left atomic.Int64 // messages, since it began, and that wait
}

func newReading(x *Index) *reading {
	r := &reading{x: x, reader: extract.New(x.Extract), token: make(chan struct{}, 1), sessions: make(map[*seal.Session]*follower)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.token <- struct{}{}
	return r
}

// close ends the reading and waits for it.
func (r *reading) close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.wait.Wait()
	return r.reader.Close()
}

// begin has a session's attachments read in the background, of which so many wait. It
// returns nil where that cannot be done now, or was tried a moment ago.
func (r *reading) begin(s Session, waiting int64) *follower {
	keys := s.Unlocked()
	r.mu.Lock()
	if r.closed || len(r.x.Extract.Command) == 0 || time.Now().Before(r.notBefore) {
		r.mu.Unlock()
		return nil
	}
	f, known := r.sessions[keys]
	if known && f.done == nil && waiting == f.left.Load() && time.Now().Before(f.rest) {
		r.mu.Unlock()
		return nil
	}
	if !known {
		f = new(follower)
		f.ctx, f.stop = context.WithCancel(r.ctx)
		r.sessions[keys] = f
	}
	if f.done == nil {
		f.done = make(chan struct{})
		f.read.Store(0)
		r.wait.Go(func() { r.follow(s, f) })
	}
	r.mu.Unlock()
	if !known {
		keys.AtClose(func() { r.leave(keys) })
	}
	return f
}

// leave stops reading for a session that has ended.
func (r *reading) leave(keys *seal.Session) {
	r.mu.Lock()
	f := r.sessions[keys]
	delete(r.sessions, keys)
	r.mu.Unlock()
	f.stop()
}

// follow reads for a session until nothing waits that can be read.
func (r *reading) follow(s Session, f *follower) {
	var err error
	for more, lost := true, 0; more && err == nil && lost < maxLost; {
		read := f.read.Load()
		if more, err = r.turn(f, s); f.read.Load() == read {
			lost++
		} else {
			lost = 0
		}
	}
	if err != nil && f.ctx.Err() == nil && fault.Of(err) != fault.Locked {
		r.x.Log.Warn("attachments are not read: they wait, and searches find messages by everything else; the next search tries again", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, extract.ErrNone) {
		r.notBefore = time.Now().Add(pause)
	}
	close(f.done)
	f.done, f.rest = nil, time.Now().Add(pause)
}

// await reads for a session as long as it has patience.
func (r *reading) await(ctx context.Context, s Session, w Wait) error {
	waiting := int64(0)
	first := w
	first.Attachments = 0
	err := r.x.caught(ctx, s, first, func(files *shelved) error {
		waiting = files.Waiting
		return nil
	})
	if err != nil || waiting == 0 {
		return err
	}
	f := r.begin(s, waiting)
	if f == nil {
		return nil
	}
	r.mu.Lock()
	done := f.done
	r.mu.Unlock()
	if done == nil {
		return nil
	}
	late := time.NewTimer(w.Attachments)
	defer late.Stop()
	tell := time.NewTicker(time.Second)
	defer tell.Stop()
	for {
		select {
		case <-done:
			return ctx.Err()
		case <-late.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tell.C:
			if read := f.read.Load(); w.Progress != nil && read > 0 {
				w.Progress(read, read+f.left.Load())
			}
		}
	}
}

// turn waits for the session's turn and reads some messages. It reports whether there
// may be more of them. A child that nobody needs is not kept.
func (r *reading) turn(f *follower, s Session) (more bool, err error) {
	// A month that has to be made again keeps nobody else waiting.
	if err := r.x.caught(f.ctx, s, Wait{}, func(*shelved) error { return nil }); err != nil {
		return false, err
	}
	select {
	case <-r.token:
	case <-f.ctx.Done():
		return false, f.ctx.Err()
	}
	defer func() { r.token <- struct{}{} }()
	w, err := r.choose(f, s)
	if err == nil && len(w.claimed) > 0 {
		err = w.read(f)
	}
	if err != nil || len(w.claimed) == 0 {
		return w.lost, errors.Join(err, r.reader.Close())
	}
	return true, nil
}

// work is what is read in one turn, all of one month.
type work struct {
	x       *Index
	s       Session
	month   int
	claimed []attached.Claimed
	lost    bool // somebody else was faster
}

// choose takes in what was read before, and claims messages whose attachments wait,
// newest first. The audit log has it in the same transaction.
func (r *reading) choose(f *follower, s Session) (*work, error) {
	w := &work{x: r.x, s: s}
	able, err := r.reader.Able(f.ctx)
	if err != nil {
		return w, err
	}
	kinds := []int{projection.WaitsForReading}
	if able.PDF {
		kinds = append(kinds, projection.WaitsForHelper)
	}
	var list []mail.ID
	again := false
	err = r.x.caught(f.ctx, s, Wait{}, func(files *shelved) error {
		f.left.Store(files.Waiting)
		for _, waits := range kinds {
			for _, p := range files.files {
				waiting, err := p.Waiting(f.ctx, waits, turnLook)
				if err != nil {
					return err
				}
				if list, err = r.free(f.ctx, s.Tenant(), waiting); err != nil || len(list) > 0 {
					w.month, again = p.Month(), waits == projection.WaitsForHelper
					return err
				}
			}
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		return w, err
	}
	return w, w.claim(f.ctx, list, again)
}

// free returns the first messages of a list that nobody reads.
func (r *reading) free(ctx context.Context, t db.Tenant, waiting []mail.ID) (list []mail.ID, err error) {
	busy, err := attached.Busy(ctx, t, waiting, r.x.Now())
	for _, id := range waiting {
		if !busy[id] && len(list) < turnMessages {
			list = append(list, id)
		}
	}
	return list, err
}

func (w *work) claim(ctx context.Context, list []mail.ID, again bool) error {
	return w.s.Tenant().Update(ctx, func(tx *db.Tx) error {
		w.claimed = nil
		for _, id := range list {
			c, ok, err := attached.Claim(ctx, tx, w.month, id, again, w.x.Now())
			if err != nil {
				return err
			}
			if ok {
				w.claimed = append(w.claimed, c)
			}
		}
		if w.lost = len(w.claimed) == 0; w.lost {
			return nil
		}
		return w.x.Trail.RecordIn(ctx, tx, audit.Event{
			What: "index.attachments", Who: w.s.Person().String(),
			Detail: map[string]any{"month": w.month, "holder": holder(w.s).String(), "messages": len(w.claimed)},
		})
	})
}

// storeTime is how long keeping what was read may take when the session has ended.
const storeTime = 10 * time.Second

// read reads the claimed messages and keeps their records, also where the session ends
// in between; what was not read is given back.
func (w *work) read(f *follower) (err error) {
	begin := time.Now()
	var rows []attached.Row
	var rest []mail.ID
	for i, c := range w.claimed {
		if err != nil || i > 0 && time.Since(begin) > turnTime {
			rest = append(rest, c.Message)
			continue
		}
		var box []byte
		if c.Tries <= attached.MaxTries {
			box, err = w.message(f.ctx, c.Message)
		}
		if err != nil {
			rest = append(rest, c.Message)
			continue
		}
		rows = append(rows, attached.Row{Message: c.Message, Box: box})
		f.read.Add(1)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), storeTime)
	defer cancel()
	return errors.Join(err, attached.Put(ctx, w.s.Tenant(), w.month, rows, w.x.Now()), attached.Release(ctx, w.s.Tenant(), rest))
}

// message reads the attachments of a message and returns their record, sealed; nil where
// the message cannot be opened any more.
func (w *work) message(ctx context.Context, message mail.ID) ([]byte, error) {
	key, err := w.s.Unlocked().Open(ctx, message, w.s.Archive())
	if damage(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer key.Close()
	found, err := w.x.reading.reader.Message(ctx, func() (io.ReadCloser, error) { return w.x.Octets.Octets(ctx, w.s.Tenant(), message, key) })
	if err != nil {
		return nil, err
	}
	plain, err := found.Marshal()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return key.SealAttachments(plain), nil
}
