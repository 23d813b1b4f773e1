package ingest

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Door is the word of this door in a message's source; the peer is the id of the job.
const Door = "import"

// Path brings a passage to the commit point: flow.Flow.
type Path interface {
	Incoming(ctx context.Context, p *flow.Passage) error
}

// Known tells which octets a tenant has: flow/commit.
type Known interface {
	Known(ctx context.Context, p *flow.Passage) (mail.ID, bool, error)
}

// Keys seals what is kept of a job and names it: master.Key.
type Keys interface {
	MAC(tenant mail.TenantID, b []byte) [32]byte
	SealImport(tenant mail.TenantID, job mail.ID, what string, plain []byte) []byte
	OpenImport(tenant mail.TenantID, job mail.ID, what string, box []byte) ([]byte, error)
}

// Trail records who imported: audit.
type Trail interface {
	Record(ctx context.Context, t db.Tenant, archive mail.HolderID, e audit.Event) error
}

// Count counts what each source hands in, in the transaction that saves it: flow/tally.
// What the commit makes true it counts itself.
type Count interface {
	Count(ctx context.Context, tx *db.Tx, list []flow.Counted) error
	Refuse(ctx context.Context, tx *db.Tx, source string, why mail.Refusal, n int64) error
}

// Deps is what the room works with.
type Deps struct {
	DB      *db.DB
	Path    Path
	Known   Known
	Keys    Keys
	Trail   Trail
	Count   Count
	Spool   flow.Spool
	Log     *slog.Logger
	Now     func() time.Time
	MaxSize int64 // of a message, in octets
	// Home names what only one process has at a time, such as a data directory: a run of
	// the same home that this room does not know is dead, and is not waited for.
	Home mail.ID
}

// Bounds of a job.
const (
	maxPaths  = 1000
	maxPath   = 4096    // octets of a path
	maxCursor = 8 << 10 // octets
	maxFlight = 256     // messages that are on their way together
	maxMemory = 16 << 20
	inMemory  = 1 << 20 // octets of a message that the spool keeps in memory
)

// Room takes imports. Use it from many goroutines.
type Room struct {
	Deps

	every time.Duration // how often a run says that it goes on

	mu      sync.Mutex
	running map[mail.ID]bool // jobs; guarded by mu
}

// New returns the room.
func New(d Deps) *Room {
	return &Room{Deps: d, every: renewEvery, running: make(map[mail.ID]bool)}
}

// Start says what is imported, and for whom.
type Start struct {
	Tenant  db.Tenant
	Archive mail.HolderID // to which the audit event's note is sealed
	Person  mail.ID       // who imports
	Paths   []string      // absolute, in order
	For     mail.Address  // recipient that joins the envelope; empty for none
	// May is asked again and again whether the person still may; a job that may not
	// go on ends.
	May func(ctx context.Context) error
	// Tell hears what became of each item, in order, from one goroutine. The job ends
	// where it fails.
	Tell func(Outcome) error
}

// State is what became of an item.
type State string

// What can become of an item.
const (
	Accepted State = "accepted"
	There    State = "there" // the archive had it, a reference was counted
	Refused  State = "refused"
)

// Outcome is what became of an item.
type Outcome struct {
	Place   int64 // of the item in the job, from 1
	State   State
	Message mail.ID // in the archive; zero where it was refused
	SHA256  [32]byte
	Reason  error // why it was refused: a fault with its sentence
}

// Counts are the items of a job that are settled.
type Counts struct {
	Accepted int64 `json:"accepted"`
	There    int64 `json:"there"`
	Refused  int64 `json:"refused"`
	Octets   int64 `json:"octets"`
}

func (c Counts) items() int64 { return c.Accepted + c.There + c.Refused }

// Job is an import in progress. Its methods but those of its sheets belong to one
// goroutine. End it.
type Job struct {
	ID      mail.ID
	Resumed bool
	Cursor  []byte // behind the last item of an earlier run; nil where there is none
	Before  Counts // of earlier runs

	room   *Room
	start  Start
	run    mail.ID         // of this run
	ctx    context.Context //nolint:containedctx // of all passages of the job, which outlive the call that brought them
	cancel context.CancelCauseFunc
	memory *semaphore.Weighted
	slots  chan struct{}
	queue  chan *item // in order; closed by End
	ended  chan struct{}
	place  int64 // of the item that was brought last

	renewed atomic.Int64       // when this run last said that it goes on, in microseconds
	leave   context.CancelFunc // ends hold
	left    chan struct{}      // closed when hold has ended

	settled settled // of the goroutine settle
}

// Begin begins a job, or goes on with the one of these paths and recipient that was not
// finished. It fails with kind Busy where that one is running, here or at another node:
// one whose node died is taken for running for another half a minute. It fails with kind
// Invalid where the start is out of bounds. ctx is that of the whole job.
func (r *Room) Begin(ctx context.Context, s Start) (_ *Job, err error) {
	defer fault.Wrap(&err, "import")
	if err := s.check(); err != nil {
		return nil, err
	}
	j := &Job{
		room: r, start: s, run: mail.NewID(), memory: semaphore.NewWeighted(maxMemory), slots: make(chan struct{}, maxFlight),
		queue: make(chan *item, maxFlight), ended: make(chan struct{}), left: make(chan struct{}),
	}
	// First the place, then the look: who was running until now may just have saved.
	if err := r.enter(j.reserved()); err != nil {
		return nil, err
	}
	if err := r.find(ctx, j); err != nil {
		r.leave(j.reserved())
		return nil, err
	}
	if err := r.begin(ctx, j); err != nil {
		j.giveUp(ctx)
		r.leave(j.reserved())
		return nil, err
	}
	return j, nil
}

// begin sets a job going that was found.
func (r *Room) begin(ctx context.Context, j *Job) error {
	if err := r.enter(j.ID); err != nil {
		return err
	}
	if err := r.Trail.Record(ctx, j.start.Tenant, j.start.Archive, j.event("import.begin", map[string]any{"resumed": j.Resumed})); err != nil {
		r.leave(j.ID)
		return err
	}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	j.settled = settled{Counts: j.Before, sure: j.Before, place: j.Before.items(), saved: r.Now()}
	j.place = j.settled.place
	// The job is this run's until it has ended, whatever becomes of the command.
	held, leave := context.WithCancel(context.WithoutCancel(ctx))
	j.leave = leave
	go j.hold(held)
	go j.settle()
	return nil
}

func (s Start) check() error {
	if len(s.Paths) < 1 || len(s.Paths) > maxPaths {
		return fault.Newf(fault.Invalid, "import 1 to %d files or folders at a time", maxPaths)
	}
	for _, p := range s.Paths {
		if p == "" || len(p) > maxPath {
			return fault.Newf(fault.Invalid, "a path has at most %d characters", maxPath)
		}
	}
	return nil
}

// name names the job in rows that tell nothing of it.
func (s Start) name(k Keys) []byte {
	m := k.MAC(s.Tenant.ID(), tuple.Make("siegel/v1 import job", []byte(s.For), tuple.Make("paths", octetsOf(s.Paths)...)))
	return m[:]
}

func octetsOf(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

// reserved names what is imported among the jobs that run: no job has that id.
func (j *Job) reserved() (id mail.ID) {
	copy(id[:], j.start.name(j.room.Keys))
	return id
}

func (r *Room) enter(id mail.ID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[id] {
		return fault.New(fault.Busy, "an import of these files is running; wait for its end")
	}
	r.running[id] = true
	return nil
}

func (r *Room) leave(id mail.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, id)
}

// maxNote bounds what of the paths stands in the note of an event, in characters.
const maxNote = 900

func (j *Job) event(what string, detail map[string]any) audit.Event {
	note := ""
	if j.start.For != "" {
		note = "for " + j.start.For.String() + ": "
	}
	for i, p := range j.start.Paths {
		if i > 0 {
			note += " "
		}
		note += p
	}
	if runes := []rune(note); len(runes) > maxNote {
		note = string(runes[:maxNote]) + "…"
	}
	return audit.Event{What: what, Who: j.start.Person.String(), Object: j.ID.String(), Detail: detail, Note: clean(note)}
}

// errEnded is why nothing more is taken of a job that has ended.
var errEnded = errors.New("ingest: the job has ended")

// Sheet returns a sheet for the next message.
func (j *Job) Sheet() flow.Sheet { return j.room.Spool.New() }

// MaxSize is how large a message may be, in octets.
func (j *Job) MaxSize() int64 { return j.room.MaxSize }
