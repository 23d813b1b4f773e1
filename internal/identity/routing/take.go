package routing

import (
	"context"
	"errors"
	"slices"

	"siegel/internal/identity/bound"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Free fails, at the field domain, where a tenant cannot take the mail of a further domain:
// with kind Invalid where it can be nobody's (see [bound.Domain]) or the tenant has as many
// as it may, with Conflict where it is the tenant's or another one's, which is not named, with
// Damaged where the ledger has it otherwise. Where it looks like one of the tenant's it
// fails as [Router.Meant] does, at the field confirm-domain, unless it is confirmed.
func (r *Router) Free(ctx context.Context, tenant mail.TenantID, d mail.Domain, confirmed []mail.Domain) error {
	if err := bound.Domain(d); err != nil {
		return fault.At("domain", err)
	}
	own, err := r.Owns(ctx, tenant, d)
	if err != nil {
		return err
	}
	if own {
		return fault.At("domain", fault.Newf(fault.Conflict, "%s is a domain of this tenant already", d))
	}
	if _, err := r.domain(ctx, d); err == nil {
		return fault.At("domain", errTaken(d))
	} else if !errors.Is(err, db.ErrNoRows) {
		return err
	}
	list, _, err := r.Domains(ctx, tenant)
	if err != nil {
		return err
	}
	if len(list) >= bound.MaxDomains {
		return fault.At("domain", bound.TooMany())
	}
	if like := alike(d, list); like != "" && !slices.Contains(confirmed, d) {
		return fault.At("confirm-domain", fault.Newf(fault.Invalid,
			"%s looks like %s, which is a domain of this tenant: correct it, or confirm that it is meant", told(d, like), like))
	}
	return nil
}

// Take writes the row of a further domain of a tenant and enters it in its audit log, so that every
// node takes its mail as soon as the transaction is committed. It fails with kind Conflict
// where a tenant has it: of two that take it at once one does.
func (r *Router) Take(ctx context.Context, b *db.Batch, tenant mail.TenantID, d mail.Domain) error {
	instance := b.Tenant(mail.TenantID{})
	row, err := r.add(ctx, instance, "domain", domain{id: mail.NewID(), domain: d, owner: tenant})
	if err != nil {
		return err
	}
	var n int
	err = instance.QueryRow(ctx, `SELECT COUNT(*) FROM identity_domain WHERE tenant = $1 AND owner = $2`, tenant.Bytes()).Scan(&n)
	if err != nil {
		return err
	}
	if n > bound.MaxDomains {
		return fault.At("domain", bound.TooMany())
	}
	return r.Book.Enter(ctx, b.Tenant(tenant), row)
}

// add writes the row of a domain, and returns what is to be entered of it. Field is what an
// error of kind Conflict is about.
func (r *Router) add(ctx context.Context, instance *db.Tx, field string, d domain) (standing.Row, error) {
	d.stamp = r.Book.NewStamp()
	_, err := instance.Exec(ctx, `INSERT INTO identity_domain (tenant, domain, owner, id, salt, entered) VALUES ($1, $2, $3, $4, $5, $6)`,
		d.domain.String(), d.owner.Bytes(), d.id.Bytes(), d.stamp.Salt[:], d.stamp.At)
	if fault.Of(err) == fault.Conflict {
		err = fault.At(field, errTaken(d.domain))
	}
	return d.Row(), err
}

// errTaken says that a domain is a tenant's, and not whose.
func errTaken(d mail.Domain) error {
	return fault.Newf(fault.Conflict, "the domain %s belongs to a tenant already", d)
}
