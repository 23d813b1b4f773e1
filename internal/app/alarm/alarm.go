// Package alarm tells the operator what somebody comes upon again and again, once.
package alarm

import (
	"log/slog"
	"sync"

	"siegel/internal/mail"
)

// Once says each thing once. Use it from many goroutines.
type Once struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]bool // guarded by mu
}

// maxSaid bounds what is remembered as said.
const maxSaid = 1000

// New returns one that says it in a log.
func New(log *slog.Logger) *Once { return &Once{log: log, said: make(map[string]bool)} }

// Raise hears of a row that does not stand in the ledger.
func (a *Once) Raise(tenant mail.TenantID, err error) {
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
