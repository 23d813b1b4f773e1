package identity

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"siegel/internal/audit"
	"siegel/internal/identity/account"
	"siegel/internal/identity/address"
	"siegel/internal/identity/attempt"
	"siegel/internal/identity/opened"
	"siegel/internal/identity/recovery"
	"siegel/internal/identity/request"
	"siegel/internal/identity/routing"
	"siegel/internal/identity/sealing"
	"siegel/internal/identity/source"
	"siegel/internal/identity/standing"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

type (
	// Role is what a person may do.
	Role = account.Role
	// State says how far an account is.
	State = account.State
	// Person is an account of a tenant.
	Person = account.Person
)

// The roles and states.
const (
	Administrator = account.Administrator
	Keeper        = account.Keeper
	Auditor       = account.Auditor
	Reader        = account.Reader
	Invited       = account.Invited
	Active        = account.Active
	Removed       = account.Removed
	Damaged       = account.Damaged
)

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) { return account.ParseRole(s) }

// invitationFor is how long a code opens an invitation.
const invitationFor = 14 * 24 * time.Hour

// Log is the ledger: vault/ledger.
type Log interface {
	seal.Log
	sealing.Log
	Create(ctx context.Context, tx *db.Tx, name string) error
	routing.Log
}

// Deps is what the room works with.
type Deps struct {
	DB    *db.DB
	Vault *seal.Vault
	Log   Log
	Trail *audit.Trail
	MAC   attempt.MAC
	Now   func() time.Time
	// Alarm hears of assignments that give nothing because they do not stand in
	// the ledger; may be nil.
	Alarm func(mail.TenantID, error)
}

// Identity is the room. Use it from many goroutines.
type Identity struct {
	Deps

	book     *standing.Book                                     // which rows stand in the ledger
	people   *account.Roll                                      // accounts
	owners   *address.Register                                  // of addresses
	requests *request.Register                                  // what keepers decide
	routes   *routing.Router                                    // tenants and domains
	sealing  *sealing.Lookup                                    // whose mail is whose
	sources  *source.Register                                   // who may hand in mail
	open     *opened.Register[*Session]                         // of sessions
	attempts *attempt.Counter                                   // that were refused
	kits     *recovery.Shelf                                    // recovery kits shown and not yet confirmed
	update   func(context.Context, func(*db.Batch) error) error // of the database; tests lose its answer
}

// New returns the room.
func New(d Deps) *Identity {
	if d.Alarm == nil {
		d.Alarm = func(mail.TenantID, error) {}
	}
	book := &standing.Book{DB: d.DB, Log: d.Log, Now: d.Now}
	routes, owners := &routing.Router{Book: book, Log: d.Log}, &address.Register{Book: book, Ender: d.Vault, Alarm: d.Alarm}
	return &Identity{
		Deps: d, book: book,
		people: &account.Roll{Book: book}, requests: &request.Register{Book: book}, owners: owners, routes: routes, sealing: sealing.New(d.Log, routes, owners),
		sources: source.New(source.Deps{Book: book, Log: d.Log, Ender: d.Vault, Routes: routes, Trail: d.Trail, Alarm: d.Alarm}),
		open:    opened.New[*Session](), kits: recovery.New(d.Vault, d.Now), update: d.DB.Update,
		attempts: attempt.New(attempt.Deps{DB: d.DB, Trail: d.Trail, MAC: d.MAC, Now: d.Now}),
	}
}

// Sealing returns the tenant's archive holder and who owns any of the addresses,
// as [sealing.Lookup.For] does.
func (i *Identity) Sealing(ctx context.Context, t db.Tenant, addresses []mail.Address) (mail.HolderID, []mail.Owner, error) {
	return i.sealing.For(ctx, t, addresses)
}

// Settle enters refused sign-ins in the audit logs of their tenants: those that
// were counted together until ten minutes ago. Call it every few minutes. It
// returns how many there were since at addresses that nobody has.
func (i *Identity) Settle(ctx context.Context) (attempt.Strangers, error) {
	return i.attempts.Settle(ctx)
}

// Tenant is a tenant as the instance knows it.
type Tenant = routing.Tenant

// Tenants returns all tenants, by name, as the database has them.
func (i *Identity) Tenants(ctx context.Context) ([]Tenant, error) { return i.routes.All(ctx) }

// Lost returns the tenants that have logs and are missing among Tenants:
// somebody changed the database.
func (i *Identity) Lost(ctx context.Context) ([]mail.TenantID, error) { return i.routes.Lost(ctx) }

// Named returns the tenant of that name, or the only one for the empty name. It
// fails with kind Damaged where it is not as the ledger has it.
func (i *Identity) Named(ctx context.Context, name string) (Tenant, error) {
	return i.routes.Named(ctx, name)
}

// Tenant returns the tenant that takes mail for a domain. It fails with kind
// NotFound where nobody does, and Damaged where the ledger does not have it so.
// It implements the router of the room receive.
func (i *Identity) Tenant(ctx context.Context, d mail.Domain) (mail.TenantID, error) {
	return i.routes.Owner(ctx, d)
}
