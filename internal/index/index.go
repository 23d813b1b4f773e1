package index

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"siegel/internal/audit"
	"siegel/internal/index/extract"
	"siegel/internal/index/projection"
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
	// Octets opens messages whose attachments are read.
	Octets Octets
	// Extract says how attachments are read. Without a command they are not: they wait.
	Extract extract.Config
	Log     *slog.Logger
}

// Octets opens the octets of a message whose key is open, for whoever has entered that
// in the audit log: archive. Reading fails at the end where they are not those that
// arrived.
type Octets interface {
	Octets(ctx context.Context, t db.Tenant, message mail.ID, key *seal.Opened) (io.ReadCloser, error)
}

// Index is the room. Use it from many goroutines.
type Index struct {
	Deps

	shelf   *projection.Shelf
	reading *reading
}

// New returns the room.
func New(d Deps) *Index {
	x := &Index{Deps: d, shelf: projection.NewShelf(d.Dir)}
	x.reading = newReading(x)
	return x
}

// Forget deletes what opens the projections of a holder that nobody shall reach any more.
// Their files stay unreadable; [Index.Remove] deletes those of this node.
func Forget(ctx context.Context, tx *db.Tx, holder mail.HolderID) error {
	return projection.Forget(ctx, tx, holder)
}

// Remove deletes this node's files of a holder.
func (x *Index) Remove(tenant mail.TenantID, holder mail.HolderID) error {
	return x.shelf.Remove(tenant, holder)
}

// Close ends the reading of attachments and closes the projections that are open.
func (x *Index) Close() error {
	return errors.Join(x.reading.close(), x.shelf.Close())
}

// Session is an unlocked session with the person behind it, as identity makes
// it.
type Session interface {
	Tenant() db.Tenant
	Person() mail.ID
	Archive() mail.HolderID
	Unlocked() *seal.Session
}

// Confined is a session that searches through one holder alone, which it reaches: what
// of the archive somebody was given.
type Confined interface {
	Session
	Confined() mail.HolderID
}

// holder returns through whom a session searches: the one to whom it is confined, the
// archive where it holds that, else the person.
func holder(s Session) mail.HolderID {
	if c, ok := s.(Confined); ok {
		return c.Confined()
	}
	if s.Unlocked().Holds(s.Archive()) {
		return s.Archive()
	}
	return s.Unlocked().Person()
}
