package index

import (
	"embed"
	"io/fs"
	"sync"
	"time"

	"siegel/internal/audit"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Deps is what the room works with.
type Deps struct {
	DB    *db.DB
	Store blob.Store
	Trail *audit.Trail
	Now   func() time.Time
	Dir   string // of the projections' files
}

// Index is the room. Use it from many goroutines.
type Index struct {
	Deps

	mu   sync.Mutex
	busy map[projectionKey]*sync.Mutex // who has a projection open has its lock; guarded by mu
}

// New returns the room.
func New(d Deps) *Index { return &Index{Deps: d, busy: make(map[projectionKey]*sync.Mutex)} }

// Session is an unlocked session with the person behind it, as identity makes
// it.
type Session interface {
	Tenant() db.Tenant
	Person() mail.ID
	Archive() mail.HolderID
	Unlocked() *seal.Session
}

// projectionKey names a projection.
type projectionKey struct {
	tenant, holder mail.ID
	month          int
}

// lock takes a projection for the caller alone.
func (x *Index) lock(k projectionKey) (unlock func()) {
	x.mu.Lock()
	m := x.busy[k]
	if m == nil {
		m = new(sync.Mutex)
		x.busy[k] = m
	}
	x.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// holder returns through whom a session searches: the archive where it holds
// that, else the person.
func holder(s Session) mail.HolderID {
	if s.Unlocked().Holds(s.Archive()) {
		return s.Archive()
	}
	return s.Unlocked().Person()
}
