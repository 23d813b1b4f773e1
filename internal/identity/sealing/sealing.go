// Package sealing says to whom a message is sealed: to the tenant's archive and to
// whoever owns an address in it. What was proven of that is remembered as long as
// the tenant's log says nothing new.
package sealing

import (
	"context"
	"sync"

	"siegel/internal/identity/address"
	"siegel/internal/identity/routing"
	"siegel/internal/kit/recent"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Bounds of what is remembered of whose mail is whose.
const (
	maxViews  = 1000 // tenants
	maxOwners = 4096 // addresses of a tenant
)

// Log is the ledger: vault/ledger.
type Log interface {
	// Changes returns a number that is the same as long as everything stands in a
	// log as it does.
	Changes(ctx context.Context, t db.Tenant, log string) (int64, error)
}

// Lookup knows whose mail is whose. Use it from many goroutines. Make it with
// [New].
type Lookup struct {
	log    Log
	routes *routing.Router
	owners *address.Register
	views  *recent.Set[mail.TenantID, *view]
}

// New returns a lookup that has proven nothing yet.
func New(l Log, routes *routing.Router, owners *address.Register) *Lookup {
	return &Lookup{log: l, routes: routes, owners: owners, views: recent.New[mail.TenantID, *view](maxViews)}
}

// view is what was proven of whose mail is whose in a tenant. It holds as long as
// nothing was entered in the tenant's log that says how a thing is: the log is
// what counts, and rows that a hand changes meanwhile change nothing.
type view struct {
	changes int64 // of the log, read before the rows
	archive mail.HolderID
	domains map[mail.Domain]bool
	all     bool // the domains are all that the log knows

	mu     sync.Mutex
	owners map[mail.Address][]mail.HolderID // guarded by mu
}

// For returns the tenant's archive holder and who owns any of the
// addresses. A row that a hand put into the database must not add a reader: where
// nothing of its id stands in the ledger it is left out, with an alarm, since it
// must not keep the mail of others out either. One that stands and was changed is
// an error of kind Damaged: its reader would miss the mail.
func (l *Lookup) For(ctx context.Context, t db.Tenant, addresses []mail.Address) (mail.HolderID, []mail.Owner, error) {
	v, err := l.view(ctx, t)
	if err != nil {
		return mail.HolderID{}, nil, err
	}
	local := make(map[mail.Domain]bool)
	seen := make(map[mail.Address]bool)
	var owners []mail.Owner
	for _, a := range addresses {
		d := a.Domain()
		if _, known := local[d]; !known {
			if local[d] = v.domains[d]; !v.all {
				if local[d], err = l.routes.Owns(ctx, t.ID(), d); err != nil {
					return mail.HolderID{}, nil, err
				}
			}
		}
		if seen[a] || !local[d] {
			continue
		}
		seen[a] = true
		holders, err := l.holders(ctx, t, v, a)
		if err != nil {
			return mail.HolderID{}, nil, err
		}
		for _, h := range holders {
			owners = addOwner(owners, h, a)
		}
	}
	return v.archive, owners, nil
}

// view returns what holds of a tenant now.
func (l *Lookup) view(ctx context.Context, t db.Tenant) (*view, error) {
	changes, err := l.log.Changes(ctx, t, seal.AuditLog)
	if err != nil {
		return nil, err
	}
	if v, ok := l.views.Get(t.ID()); ok && v.changes == changes {
		return v, nil
	}
	tenant, err := l.routes.One(ctx, t.ID())
	if err != nil {
		return nil, err
	}
	v := &view{changes: changes, archive: tenant.Archive, owners: make(map[mail.Address][]mail.HolderID)}
	if v.domains, v.all, err = l.routes.Domains(ctx, t.ID()); err != nil {
		return nil, err
	}
	l.views.Note(t.ID(), v)
	return v, nil
}

// holders returns the holders of an address.
func (l *Lookup) holders(ctx context.Context, t db.Tenant, v *view, a mail.Address) ([]mail.HolderID, error) {
	v.mu.Lock()
	list, ok := v.owners[a]
	v.mu.Unlock()
	if ok {
		return list, nil
	}
	list, err := l.owners.At(ctx, t, a)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.owners) >= maxOwners {
		clear(v.owners)
	}
	v.owners[a] = list
	return list, nil
}

func addOwner(owners []mail.Owner, holder mail.HolderID, a mail.Address) []mail.Owner {
	for k := range owners {
		if owners[k].Holder == holder {
			owners[k].Addresses = append(owners[k].Addresses, a)
			return owners
		}
	}
	return append(owners, mail.Owner{Holder: holder, Addresses: []mail.Address{a}})
}
