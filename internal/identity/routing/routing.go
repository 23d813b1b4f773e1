// Package routing knows the tenants of the instance and which domains are whose.
// Its rows belong to the instance; each is entered in the audit log of the tenant
// that it speaks of, so that no domain leads to another tenant and no other holder
// is a tenant's archive because a hand changed the database.
package routing

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"siegel/internal/flow"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/joint"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Tenant is a tenant as the instance knows it.
type Tenant struct {
	ID       mail.TenantID `json:"id"`
	Name     string        `json:"name"`
	Archive  mail.HolderID `json:"-"`
	Recovery mail.HolderID `json:"-"`
	Domains  []mail.Domain `json:"domains"`

	stamp standing.Stamp
}

// Row implements [standing.Rower].
func (t Tenant) Row() standing.Row {
	return standing.Row{
		Stamp: t.stamp, Tenant: t.ID, Kind: standing.Tenant, ID: t.ID,
		Value: tuple.Make("siegel/v1 tenant", []byte(t.Name), t.Archive[:], t.Recovery[:]),
	}
}

const selectTenant = `SELECT id, name, archive, recovery, salt, entered FROM identity_tenant WHERE tenant = $1`

func scanTenant(row db.Scanner) (t Tenant, err error) {
	var id, archive, recovery, salt []byte
	if err := row.Scan(&id, &t.Name, &archive, &recovery, &salt, &t.stamp.At); err != nil {
		return t, err
	}
	t.stamp.ScanSalt(salt)
	var errs [3]error
	t.ID, errs[0] = mail.IDFrom(id)
	t.Archive, errs[1] = mail.IDFrom(archive)
	t.Recovery, errs[2] = mail.IDFrom(recovery)
	return t, errors.Join(errs[:]...)
}

// domain says whose a domain is.
type domain struct {
	stamp  standing.Stamp
	id     mail.ID
	domain mail.Domain
	owner  mail.TenantID
}

// Row implements [standing.Rower].
func (d domain) Row() standing.Row {
	return standing.Row{
		Stamp: d.stamp, Tenant: d.owner, Kind: standing.Domain, ID: d.id,
		Value: tuple.Make("siegel/v1 domain", []byte(d.domain)),
	}
}

const selectDomain = `SELECT domain, owner, id, salt, entered FROM identity_domain WHERE tenant = $1`

func scanDomain(row db.Scanner) (d domain, err error) {
	var owner, id, salt []byte
	if err := row.Scan(&d.domain, &owner, &id, &salt, &d.stamp.At); err != nil {
		return d, err
	}
	d.stamp.ScanSalt(salt)
	var errs [2]error
	d.owner, errs[0] = mail.IDFrom(owner)
	d.id, errs[1] = mail.IDFrom(id)
	return d, errors.Join(errs[:]...)
}

// Log is the ledger: vault/ledger.
type Log interface {
	// Standing returns the newest entry of every id, but for events.
	Standing(ctx context.Context, t db.Tenant, log string) (map[mail.ID]flow.Entered, error)
	// Owners returns the tenants that have logs.
	Owners(ctx context.Context, instance db.Tenant) ([]mail.TenantID, error)
}

// Router knows tenants and domains. Use it from many goroutines.
type Router struct {
	Book *standing.Book
	Log  Log

	asking joint.Asking[mail.Domain, domain]
}

func (r *Router) instance() db.Tenant { return r.Book.DB.Instance() }

// All returns all tenants, by name, as the database has them: a row that does not
// stand is found where it is used, and by [Router.Verify].
func (r *Router) All(ctx context.Context) ([]Tenant, error) {
	rows, err := r.instance().Query(ctx, selectTenant+` ORDER BY name`)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scanTenant)
	if err != nil {
		return nil, err
	}
	for k := range list {
		owned, err := r.owned(ctx, list[k].ID)
		if err != nil {
			return nil, err
		}
		for _, d := range owned {
			list[k].Domains = append(list[k].Domains, d.domain)
		}
	}
	return list, nil
}

func (r *Router) owned(ctx context.Context, owner mail.TenantID) ([]domain, error) {
	rows, err := r.instance().Query(ctx, selectDomain+` AND owner = $2 ORDER BY domain`, owner.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, scanDomain)
}

// One returns a tenant, without its domains. It fails with kind Damaged where its
// row does not stand.
func (r *Router) One(ctx context.Context, id mail.TenantID) (Tenant, error) {
	return standing.Read(ctx, r.Book, func() (Tenant, error) {
		t, err := scanTenant(r.instance().QueryRow(ctx, selectTenant+` AND id = $2`, id.Bytes()))
		return t, orNone(err)
	})
}

func orNone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "there is no such tenant")
	}
	return err
}

// Named returns the tenant of that name, or the only one for the empty name. It
// fails with kind Damaged where its row does not stand, and then returns it all
// the same.
func (r *Router) Named(ctx context.Context, name string) (Tenant, error) {
	list, err := r.All(ctx)
	if err != nil {
		return Tenant{}, err
	}
	for _, t := range list {
		if t.Name == name || (name == "" && len(list) == 1) {
			one, err := r.One(ctx, t.ID)
			one.Domains = t.Domains
			return one, err
		}
	}
	if name == "" && len(list) > 1 {
		return Tenant{}, fault.New(fault.Invalid, "there are several tenants; name one")
	}
	return Tenant{}, fault.New(fault.NotFound, "there is no such tenant")
}

// domain reads the row of a domain. Recipients of the same one who come at the same time
// share the answer.
func (r *Router) domain(ctx context.Context, d mail.Domain) (domain, error) {
	return r.asking.Ask(ctx, d, func(ctx context.Context) (domain, error) {
		return scanDomain(r.instance().QueryRow(ctx, selectDomain+` AND domain = $2`, d.String()))
	})
}

// Owner returns the tenant that takes mail for a domain. It fails with kind
// NotFound where nobody does, and Damaged where the tenant never did.
func (r *Router) Owner(ctx context.Context, d mail.Domain) (mail.TenantID, error) {
	one, err := standing.Read(ctx, r.Book, func() (domain, error) {
		one, err := r.domain(ctx, d)
		if errors.Is(err, db.ErrNoRows) {
			err = fault.New(fault.NotFound, "nobody here takes mail for this domain")
		}
		return one, err
	})
	return one.owner, err
}

// Owns reports whether a domain is a tenant's. It fails with kind Damaged where
// the rows say something else than the tenant's log; what others' logs say of
// others' domains is not looked at.
func (r *Router) Owns(ctx context.Context, tenant mail.TenantID, d mail.Domain) (bool, error) {
	one, err := r.domain(ctx, d)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if one.owner == tenant {
		_, err := r.Owner(ctx, d)
		return err == nil, err
	}
	one.owner = tenant
	if stolen, err := r.Book.Stands(ctx, one.Row()); err != nil || stolen {
		return false, errors.Join(err, errStolen(tenant, stolen))
	}
	return false, nil
}

// Domains returns the domains of a tenant that stand, and whether those are all
// that its log knows: where they are not, ask for each with [Router.Owns].
func (r *Router) Domains(ctx context.Context, tenant mail.TenantID) (own map[mail.Domain]bool, all bool, err error) {
	owned, err := r.owned(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	entered, err := r.Log.Standing(ctx, r.Book.DB.Tenant(tenant), seal.AuditLog)
	if err != nil {
		return nil, false, err
	}
	own = make(map[mail.Domain]bool, len(owned))
	strays, changed := standing.Sort(owned, entered)
	found := make(map[mail.ID]bool)
	for _, d := range owned {
		own[d.domain], found[d.id] = true, true
	}
	gone := standing.Missing(standing.Domain, found, entered)
	return own, len(strays)+len(changed)+len(gone) == 0, nil
}

func errStolen(tenant mail.TenantID, stolen bool) error {
	if !stolen {
		return nil
	}
	return fault.Newf(fault.Damaged, "a domain of the tenant %s leads to another one: somebody changed the database; verify the ledger", tenant)
}

// Found writes the rows of a new tenant and enters them in its audit log, which
// must be there. Domains are written in order: two foundings that want the same
// ones must not wait for each other. The tenant's own rows, written before,
// nobody else knows yet.
func (r *Router) Found(ctx context.Context, b *db.Batch, t *Tenant) error {
	instance := b.Tenant(mail.TenantID{})
	t.stamp = r.Book.NewStamp()
	_, err := instance.Exec(ctx, `INSERT INTO identity_tenant (tenant, id, name, archive, recovery, salt, entered) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.ID.Bytes(), t.Name, t.Archive.Bytes(), t.Recovery.Bytes(), t.stamp.Salt[:], t.stamp.At)
	if fault.Of(err) == fault.Conflict {
		return fault.At("name", fault.Newf(fault.Conflict, "there is a tenant %q already", t.Name))
	}
	if err != nil {
		return err
	}
	rows := []standing.Row{t.Row()}
	for _, name := range slices.Sorted(slices.Values(t.Domains)) {
		row, err := r.add(ctx, instance, "domains", domain{id: mail.NewID(), domain: name, owner: t.ID})
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return r.Book.Enter(ctx, b.Tenant(t.ID), rows...)
}

// Lost returns the tenants that have logs and no row.
func (r *Router) Lost(ctx context.Context) (lost []mail.TenantID, err error) {
	owners, err := r.Log.Owners(ctx, r.instance())
	if err != nil {
		return nil, err
	}
	for _, id := range owners {
		var one int
		err := r.instance().QueryRow(ctx, `SELECT 1 FROM identity_tenant WHERE tenant = $1 AND id = $2`, id.Bytes()).Scan(&one)
		if errors.Is(err, db.ErrNoRows) {
			lost = append(lost, id)
		} else if err != nil {
			return nil, err
		}
	}
	return lost, nil
}

// Whole fails with kind Damaged where a tenant or a domain is in a log and its
// row is gone or another one: what would be free then must not be given to a
// new tenant.
func (r *Router) Whole(ctx context.Context) error {
	owners, err := r.Log.Owners(ctx, r.instance())
	if err != nil {
		return err
	}
	var problems []error
	for _, id := range owners {
		found, err := r.lacks(ctx, id)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
	}
	return fault.Because(fault.Damaged, "tenants and domains are not in the database as the ledger has them, so nothing can be added to them; verify the ledger",
		errors.Join(problems...))
}

// wholeTries is how often a tenant's log and rows are read where they differ: what was added
// between the one and the other is there in both the next time.
const wholeTries = 5

// lacks returns what of a tenant's log and rows differs.
func (r *Router) lacks(ctx context.Context, id mail.TenantID) (problems []error, err error) {
	for range wholeTries {
		entered, err := r.Log.Standing(ctx, r.Book.DB.Tenant(id), seal.AuditLog)
		if err != nil {
			return nil, err
		}
		if problems, err = r.Verify(ctx, id, entered); err != nil || len(problems) == 0 {
			return nil, err
		}
	}
	return problems, nil
}

// Verify compares a tenant's rows with what stands in its audit log.
func (r *Router) Verify(ctx context.Context, id mail.TenantID, entered map[mail.ID]flow.Entered) (problems []error, err error) {
	var tenants, domains []standing.Row
	t, err := scanTenant(r.instance().QueryRow(ctx, selectTenant+` AND id = $2`, id.Bytes()))
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return nil, err
	}
	if err == nil {
		tenants = append(tenants, t.Row())
	}
	owned, err := r.owned(ctx, id)
	for _, d := range owned {
		domains = append(domains, d.Row())
	}
	changed, missing := standing.Compare(standing.Tenant, tenants, entered)
	moved, gone := standing.Compare(standing.Domain, domains, entered)
	return slices.Concat(changed, missing, moved, gone), err
}
