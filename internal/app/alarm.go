package app

import (
	"context"
	"log/slog"
	"sync"

	"siegel/internal/front/console"
	"siegel/internal/mail"
)

// alarms says each thing once that somebody comes upon again and again.
type alarms struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool // guarded by mu
}

// maxSaid bounds what is remembered as said.
const maxSaid = 1000

// raise hears of a row that does not stand in the ledger.
func (a *alarms) raise(tenant mail.TenantID, err error) {
	key := tenant.String() + err.Error()
	a.mu.Lock()
	said := a.said[key]
	if len(a.said) >= maxSaid {
		clear(a.said)
	}
	a.said[key] = true
	a.mu.Unlock()
	if !said {
		a.log.Error("somebody changed who has access in the database; the row gives nothing; run siegel ledger verify and siegel access repair",
			"tenant", tenant, "err", err)
	}
}

// checkAccess complains of rows of keys, grants and addresses that do not stand
// in the ledger.
func (a *App) checkAccess(ctx context.Context) (list []console.Finding) {
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return nil // checkTenants says it
	}
	for _, t := range tenants {
		v, err := a.verifyRows(ctx, t.ID, t.Name)
		if err != nil {
			list = append(list, check("access", bad, say("who has access in tenant %s cannot be read", t.Name), say("run siegel ledger verify")))
		} else if n := len(v.Problems); n > 0 {
			list = append(list, check("access", bad, say("%d rows of keys, grants or addresses of tenant %s do not stand in the ledger; nobody has access by them", n, t.Name),
				say("run siegel ledger verify, which names them, find out who wrote them, then siegel access repair")))
		}
	}
	return list
}
