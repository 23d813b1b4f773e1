package source

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/identity/routing"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/recent"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// maxViews bounds of how many tenants sources are remembered.
const maxViews = 1000

// Log is the ledger: vault/ledger.
type Log interface {
	// Standing returns the newest entry of every id, but for events.
	Standing(ctx context.Context, t db.Tenant, log string) (map[mail.ID]flow.Entered, error)
	// Changes returns a number that is the same as long as everything stands in a
	// log as it does.
	Changes(ctx context.Context, t db.Tenant, log string) (int64, error)
}

// Ender enters in the ledger that something holds no longer: seal.Vault.
type Ender interface {
	End(ctx context.Context, tx *db.Tx, id mail.ID) error
}

// Deps is what the register works with.
type Deps struct {
	Book   *standing.Book
	Log    Log
	Ender  Ender
	Routes *routing.Router
	Trail  *audit.Trail
	Alarm  func(mail.TenantID, error) // hears of rows that give nothing
}

// Register has the sources of all tenants. Use it from many goroutines.
type Register struct {
	Deps
	views *recent.Set[mail.TenantID, *view]
}

// New returns a register that has proven nothing yet.
func New(d Deps) *Register {
	return &Register{Deps: d, views: recent.New[mail.TenantID, *view](maxViews)}
}

// view is what was proven of a tenant's sources. It holds as long as nothing was
// entered in the tenant's log that says how a thing is.
type view struct {
	changes int64 // of the log, read before the rows
	sources []Source
	damaged error // a source stands in the log and its row is gone or another one
}

// view returns the sources of a tenant that stand. Rows of which nothing stands
// are left out, with an alarm (ADR 5).
func (r *Register) view(ctx context.Context, tenant mail.TenantID) (*view, error) {
	t := r.Book.DB.Tenant(tenant)
	changes, err := r.Log.Changes(ctx, t, seal.AuditLog)
	if err != nil {
		return nil, err
	}
	if v, ok := r.views.Get(tenant); ok && v.changes == changes {
		return v, nil
	}
	// Rows and log are read one after the other: where the log has changed meanwhile they
	// do not belong together.
	var list []Source
	var entered map[mail.ID]flow.Entered
	for {
		if list, entered, err = r.read(ctx, t); err != nil {
			return nil, err
		}
		now, err := r.Log.Changes(ctx, t, seal.AuditLog)
		if err != nil {
			return nil, err
		}
		if now == changes {
			break
		}
		changes = now
	}
	v := &view{changes: changes}
	strays, changed, problems := compare(list, entered)
	for _, s := range strays {
		r.Alarm(tenant, s.Row().Changed())
	}
	for _, s := range list {
		same := func(o Source) bool { return o.ID == s.ID }
		if !slices.ContainsFunc(strays, same) && !slices.ContainsFunc(changed, same) {
			v.sources = append(v.sources, s)
		}
	}
	if len(problems) > 0 {
		v.damaged = fault.Because(fault.Damaged, "a source is not as it was entered in the ledger: somebody changed the database; verify the ledger", errors.Join(problems...))
	}
	r.views.Note(tenant, v)
	return v, nil
}

func (r *Register) read(ctx context.Context, t db.Tenant) ([]Source, map[mail.ID]flow.Entered, error) {
	rows, err := t.Query(ctx, selectSource+` ORDER BY name`)
	if err != nil {
		return nil, nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, nil, err
	}
	entered, err := r.Log.Standing(ctx, t, seal.AuditLog)
	return list, entered, err
}

// compare sorts out rows that do not stand, as [standing.Sort] has them, and says
// what of the log has no row or another one.
func compare(list []Source, entered map[mail.ID]flow.Entered) (strays, changed []Source, problems []error) {
	found := make(map[mail.ID]bool)
	for _, s := range list {
		found[s.ID] = true
	}
	strays, changed = standing.Sort(list, entered)
	for _, s := range changed {
		problems = append(problems, s.Row().Changed())
	}
	return strays, changed, append(problems, standing.Missing(standing.Source, found, entered)...)
}

// Verify compares the sources of a tenant with what stands in its audit log.
func (r *Register) Verify(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) ([]error, error) {
	rows, err := t.Query(ctx, selectSource)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	strays, _, problems := compare(list, entered)
	for _, s := range strays {
		problems = append(problems, s.Row().Changed())
	}
	return problems, nil
}

// Why a client is not a source.
var (
	// ErrNone is the one answer to a wrong journal address, an unknown one, and one
	// of another tenant.
	ErrNone = errors.New("source: none is registered")
	// ErrSignIn means that network or certificate are those of a source which has
	// to sign in as well.
	ErrSignIn = errors.New("source: it has to sign in")
)

// Found is the source that a client is.
type Found struct {
	Tenant mail.TenantID // also where there is no source, if the address is in a domain of his
	ID     mail.ID
	Form   mail.Form
}

// Match says which source a client is who delivers to an address. It fails with
// ErrNone where he is none, with ErrSignIn, and with kind Damaged where it cannot
// be known: his mail waits with him then.
func (r *Register) Match(ctx context.Context, to mail.Address, p Proof) (f Found, err error) {
	var v *view
	if f.Tenant, v, err = r.of(ctx, to); err != nil {
		return f, err
	}
	best := v.damaged
	if best == nil {
		best = ErrNone
	}
	for _, s := range v.sources {
		if s.Address != to {
			continue
		}
		switch s.try(p) {
		case right:
			f.ID, f.Form = s.ID, s.Form
			return f, nil
		case unnamed:
			f.ID = s.ID // whose refusal it is
			if v.damaged == nil {
				best = ErrSignIn // otherwise he may be the one that is damaged: a refusal is for good
			}
		case wrong:
		}
	}
	return f, best
}

// of returns whose domain an address is in, also where it then fails, and his sources.
// It fails with ErrNone where it is nobody's.
func (r *Register) of(ctx context.Context, a mail.Address) (t mail.TenantID, v *view, err error) {
	t, err = r.Routes.Owner(ctx, a.Domain())
	if fault.Of(err) == fault.NotFound {
		return t, nil, ErrNone
	}
	if err != nil {
		return t, nil, err
	}
	v, err = r.view(ctx, t)
	return t, v, err
}

// SignIn returns the source of that user name and secret. It fails with ErrNone
// where either is wrong, and with kind Damaged where that cannot be known.
func (r *Register) SignIn(ctx context.Context, user string, secret []byte) (f Found, err error) {
	name, _, _ := strings.Cut(user, "@")
	address := mail.NewAddress(user)
	var v *view
	if f.Tenant, v, err = r.of(ctx, address); err != nil {
		return f, err
	}
	for _, s := range v.sources {
		if len(s.verifier) == 0 || !strings.EqualFold(s.Name, name) || s.Address.Domain() != address.Domain() {
			continue
		}
		f.ID = s.ID // whose refusal it is
		got, err := verify(f.Tenant, s.ID, secret)
		if err != nil {
			return f, err
		}
		if subtle.ConstantTimeCompare(got, s.verifier) == 1 {
			f.Form = s.Form
			return f, nil
		}
	}
	if v.damaged != nil {
		return f, v.damaged
	}
	return f, ErrNone
}

// Listed is a source for whoever manages it.
type Listed struct {
	ID          mail.ID      `json:"id"`
	Name        string       `json:"name"`
	Address     mail.Address `json:"address"`
	Networks    []string     `json:"networks"`
	Certificate string       `json:"certificate,omitempty"` // SHA-256 in hex
	User        string       `json:"user,omitempty"`
	Form        mail.Form    `json:"form"`
	Entered     time.Time    `json:"entered,omitzero"`
	Damaged     bool         `json:"damaged,omitempty"` // it gives nothing: its row is not what was entered
	Ended       bool         `json:"ended,omitempty"`   // it was removed: id, name and address are all that is known
}

// All lists the rows of a tenant's sources, by name.
func (r *Register) All(ctx context.Context, t db.Tenant) (out []Listed, err error) {
	rows, err := t.Query(ctx, selectSource+` ORDER BY name`)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	out = []Listed{}
	for _, s := range list {
		ok, err := r.Book.Stands(ctx, s.Row())
		if err != nil {
			return nil, err
		}
		out = append(out, s.listed(!ok))
	}
	return out, nil
}
