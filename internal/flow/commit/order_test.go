package commit_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"siegel/internal/flow"
	"siegel/internal/flow/commit"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// heads notes in which order the logs' heads are locked.
type heads struct {
	commit.Ledger
	mu     sync.Mutex
	locked []mail.TenantID // guarded by mu
}

func (h *heads) Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error) {
	h.mu.Lock()
	h.locked = append(h.locked, tx.ID())
	h.mu.Unlock()
	return h.Ledger.Append(ctx, tx, log, leaves)
}

// EX-01: a transaction of several tenants locks their rows in the order of the
// tenants' ids, whoever came first, so that no two of them wait for each other.
func TestTenantsAreLockedInOrder(t *testing.T) {
	h := new(heads)
	m := newMill(t, func(m *mill) {
		h.Ledger = m.ledger
		m.txGate, m.logs.Ledger = make(chan struct{}), h
	})
	ids := []mail.TenantID{m.tenant(), m.tenant(), m.tenant(), m.tenant()}
	slices.SortFunc(ids, func(a, b mail.TenantID) int { return bytes.Compare(b[:], a[:]) })
	answers := make(chan error, 1+len(ids))
	send := func(id mail.TenantID) { answers <- m.send(m.passage(id, fmt.Sprint(mail.NewID()))) }
	go send(ids[0])
	m.until("the first transaction waits", func() bool { return m.txs.Load() == 1 })
	for n, id := range ids { // the greatest first
		go send(id)
		m.until("its group is ready", func() bool { _, groups := m.room.Waiting(); return groups == n+1 })
	}
	m.open()
	for range 1 + len(ids) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Reverse(ids)
	if got := h.locked[1:]; m.txs.Load() != 2 || !slices.Equal(got, ids) {
		t.Errorf("%d transactions; the tenants %v were locked in the order %v", m.txs.Load(), ids, got)
	}
}
