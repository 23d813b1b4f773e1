package app

import (
	"context"

	"siegel/internal/front/console"
)

// checkAccess complains of rows of keys, grants and addresses that do not stand
// in the ledger.
func (a *App) checkAccess(ctx context.Context) (list []console.Finding) {
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return nil // checkTenants says it
	}
	for _, t := range tenants {
		v, err := a.Rows(ctx, t.ID, t.Name)
		if err != nil {
			list = append(list, check("access", bad, say("who has access in tenant %s cannot be read", t.Name), say("run siegel ledger verify")))
		} else if n := len(v.Problems); n > 0 {
			list = append(list, check("access", bad, say("%d rows of keys, grants or addresses of tenant %s do not stand in the ledger; nobody has access by them", n, t.Name),
				say("run siegel ledger verify, which names them, find out who wrote them, then siegel access repair")))
		}
	}
	return list
}
