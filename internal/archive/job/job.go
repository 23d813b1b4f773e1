// Package job does long work for people, who see how far it is, may close the page and
// come back: exports of what a search finds (requirement EX-02, decision D16), and
// giving older mail to somebody. It is part of the archive.
//
// A job runs in an open session of its person and stops with it: when she signs out, her
// session ends or her account changes, it waits for her and goes on when she has signed in
// again, at any node. What it is about, the password of its parts and their keys are sealed
// to her; a row tells sizes, times, kind and state. A part of an export is sealed as it is
// made and is an object of the store before its row counts it, so that a crash leaves whole
// parts, and the next run goes on behind the last one.
package job

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"siegel/internal/archive"
	"siegel/internal/archive/export"
	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/identity/opened"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Kind is what a job does.
type Kind string

// The kinds.
const (
	Export  Kind = "export"  // takes out what a search finds
	Regrant Kind = "regrant" // gives older mail to a person
)

// State is how a job stands.
type State string

// The states.
const (
	Waiting   State = "waiting" // for its turn
	Running   State = "running"
	Parked    State = "parked" // for its person: it goes on when she has signed in
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Live reports whether the state is one that changes without anybody's doing.
func (s State) Live() bool { return s == Waiting || s == Running }

// Ended reports whether nothing more comes of the job.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Bounds.
const (
	MaxOpen  = 3                   // jobs of a person that have not ended
	MaxKept  = 20                  // jobs of a person
	maxNode  = 200                 // jobs that a node carries or has waiting
	KeptFor  = 7 * 24 * time.Hour  // what has ended, with its parts
	waitsFor = 30 * 24 * time.Hour // for its person
)

// Order is what somebody wants done.
type Order struct {
	Kind Kind
	// Once makes an order that is given again the same job; zero for none.
	Once mail.ID

	// Of an export: a search, or empty for all that the person can read; the format,
	// [export.AsEML] or [export.AsMbox]; whether it is not encrypted; and the reason, for
	// a plain one and where others' mail is in it.
	Query  string
	Format string
	Plain  bool
	Reason string

	// Of giving older mail: to whom.
	Person mail.Address
}

// Job is a job as its person sees it.
type Job struct {
	ID    mail.ID
	Kind  Kind
	State State
	// Problem is the kind of what is in the way, or made it fail: a word of [fault.Kind];
	// empty for nothing.
	Problem  string
	Done     int64 // messages that were looked at
	Total    int64 // messages
	Octets   int64 // of the messages that are in parts
	Problems int64 // messages that could not be opened; the manifest names them
	Lacking  int64 // messages that the search could not look at
	Gained   int64 // messages that the person can read now
	Begun    time.Time
	Ended    time.Time // zero before
	Until    time.Time // when it is deleted; zero before it has ended
	// Order, Password and Parts are what was sealed. Lost says that it was sealed to a
	// former key of its person.
	Order
	Password string // of the parts; empty where they are plain
	Parts    []Part
	Lost     bool
}

// Part is a file of an export.
type Part struct {
	Number   int
	Size     int64 // of the file
	Messages int64
	Octets   int64 // of the messages
	Problems int64
}

// Percent is how much is done, from 0 to 100.
func (j Job) Percent() int64 {
	if j.Total <= 0 {
		return 0
	}
	return min(100, j.Done*100/j.Total)
}

// Store has the parts.
type Store interface {
	blob.Store
	blob.Lister
}

// Guests are the sessions that are open here: visit.Room.
type Guests interface {
	Here() []opened.Whose
	Borrow(of opened.Whose) (*identity.Session, func())
}

// Visitor is a session that a job may keep: a visit.
type Visitor interface {
	Hold() (release func())
}

// Deps is what the room works with.
type Deps struct {
	DB       *db.DB
	Vault    *seal.Vault
	Store    Store
	Trail    *audit.Trail
	Identity *identity.Identity
	Archive  *archive.Archive
	Exports  *export.Room
	Guests   Guests
	// Find returns what finds messages of an export for a session.
	Find    func(s *identity.Session) export.Finder
	Now     func() time.Time
	Log     *slog.Logger
	TempDir string // sealed octets of a part until the store has them
	// Home is where this process runs: another process of it is dead. Zero where all
	// that reach the database are at one home.
	Home  mail.ID
	Times Times
}

// Times are how long things take; zero for what is right outside of tests.
type Times struct {
	Beat   time.Duration   // between two signs of life
	Silent time.Duration   // after which a job's process is taken for dead
	Again  []time.Duration // before each further try of what may pass
	Stall  time.Duration   // that the store may take no octet
	Part   int             // messages of a part
	Pause  time.Duration   // after each transaction in which older mail is given; none outside of tests
}

func (t Times) complete() Times {
	if t.Beat == 0 {
		t.Beat = 2 * time.Second
	}
	if t.Silent == 0 {
		t.Silent = 30 * time.Second
	}
	if t.Again == nil {
		t.Again = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 5 * time.Minute, 5 * time.Minute}
	}
	if t.Stall == 0 {
		t.Stall = 2 * time.Minute
	}
	if t.Part == 0 {
		t.Part = partMessages
	}
	return t
}

// atOnce is how many jobs of a node run at once; others wait for their turn.
const atOnce = 2

// Room is the room. Use it from many goroutines.
type Room struct {
	Deps

	run   mail.ID // this process
	slots chan struct{}
	wake  chan struct{} // cap 1; a send means "look again"

	mu      sync.Mutex
	handed  []*carried           // that wait for Run; guarded by mu
	carries map[mail.ID]*carried // guarded by mu
}

// New returns the room.
func New(d Deps) *Room {
	d.Times = d.Times.complete()
	return &Room{Deps: d, run: mail.NewID(), slots: make(chan struct{}, atOnce), wake: make(chan struct{}, 1), carries: make(map[mail.ID]*carried)}
}

// silence is from when to when a sign of life counts, for who asks now.
func (r *Room) silence() (from, to int64) {
	now := r.Now()
	return mail.Micros(now.Add(-r.Times.Silent)), mail.Micros(now.Add(r.Times.Silent))
}

// look has Run look again.
func (r *Room) look() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// stop ends the work on a job in this process, if there is any.
func (r *Room) stop(id mail.ID, why error) {
	r.mu.Lock()
	c := r.carries[id]
	r.mu.Unlock()
	if c != nil {
		c.cancel(why)
	}
}

// Run carries jobs until ctx is done: those that are begun here, and those whose person
// has an open session here and that nobody else carries. What it carries then waits for
// its person.
func (r *Room) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(r.Times.Beat)
	defer tick.Stop()
	for {
		for _, c := range append(r.taken(), r.found(ctx)...) {
			all.Go(func() { c.carry(ctx) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.wake:
		}
	}
}

// taken returns the jobs that were begun here and nobody carries yet.
func (r *Room) taken() []*carried {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.handed
	r.handed = nil
	return list
}

// found returns jobs of people who are here, which nobody carries.
func (r *Room) found(ctx context.Context) (list []*carried) {
	here := make(map[mail.TenantID][]opened.Whose)
	for _, of := range r.Guests.Here() {
		here[of.Tenant] = append(here[of.Tenant], of)
	}
	for tenant, people := range here {
		t := r.DB.Tenant(tenant)
		open, err := r.abandoned(ctx, t)
		if err != nil {
			if ctx.Err() == nil {
				r.Log.Warn("jobs that wait could not be looked for", "error", err)
			}
			continue
		}
		for _, of := range people {
			for _, id := range open[of.Person] {
				if c := r.borrow(ctx, t, of, id); c != nil {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// borrow takes a job up in a session of its person; nil where somebody else did.
func (r *Room) borrow(ctx context.Context, t db.Tenant, of opened.Whose, id mail.ID) *carried {
	s, release := r.Guests.Borrow(of)
	if s == nil {
		return nil
	}
	c := r.note(id, s, release)
	if c == nil {
		release()
		return nil
	}
	mine, err := r.claim(ctx, t, id)
	if err != nil && ctx.Err() == nil {
		r.Log.Warn("a job could not be taken up", "job", id, "error", err)
	}
	if err != nil || !mine {
		c.forget()
		return nil
	}
	return c
}

// note registers a job as carried by this process; nil where it is already, or where there
// is no room for more.
func (r *Room) note(id mail.ID, s *identity.Session, release func()) *carried {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.carries[id] != nil || len(r.carries) >= maxNode {
		return nil
	}
	c := &carried{room: r, id: id, s: s, release: release}
	c.ending, c.cancel = context.WithCancelCause(context.Background())
	r.carries[id] = c
	return c
}
