package archive

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/scratch"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// People knows to whom mail is sealed: identity.
type People interface {
	// Sealing returns the tenant's archive holder and the people who own one of
	// the addresses, each with those that are hers.
	Sealing(ctx context.Context, t db.Tenant, addresses []mail.Address) (archive mail.HolderID, owners []mail.Owner, err error)
}

// Deps is what the room works with.
type Deps struct {
	DB     *db.DB
	Store  blob.Store
	Vault  *seal.Vault
	Trail  *audit.Trail
	People People
	// Entries reads the message log.
	Entries Entries
	Now     func() time.Time
	// TempDir takes the sealed octets of large messages until the commit; only
	// sealed octets go there.
	TempDir string
}

// Archive is the room. Use it from many goroutines.
type Archive struct {
	Deps

	scratch scratch.Pool
}

// New returns the room.
func New(d Deps) *Archive { return &Archive{Deps: d} }

// Reader is an unlocked session with the person behind it, as identity makes
// it.
type Reader interface {
	Tenant() db.Tenant
	Person() mail.ID         // for the audit log
	Archive() mail.HolderID  // the tenant's archive holder
	Unlocked() *seal.Session // never nil
}

// row is a message as the database has it.
type row struct {
	id                  mail.ID
	leaf                int64
	pack                mail.ID
	start, length, size int64
	arrived             time.Time
	opening, evidence   []byte
}

// errMissing is the one answer for a message that is not there and for one that
// is somebody else's.
func errMissing() error {
	return fault.New(fault.NotFound, "there is no such message for you")
}
