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

// A term that changes while a group waits: it is wrapped to the new one, as a
// whole group. While it waits no further pack is written: who comes then stands in
// line, for the next.
func TestTermChangesWhileAGroupWaits(t *testing.T) {
	m := newMill(t, func(m *mill) { m.store.gate, m.txGate = make(chan struct{}), make(chan struct{}) })
	tenant := m.tenant()
	passages := func(n int) (list []*flow.Passage) {
		for range n {
			list = append(list, m.passage(tenant, fmt.Sprint(mail.NewID())))
		}
		return list
	}
	answers := make(chan []error, 3)
	send := func(n int) {
		list := passages(n)
		go func() { answers <- m.sendAll(list) }()
	}
	send(1)
	m.until("the first pack is written", func() bool { return m.store.puts.Load() == 1 })
	send(40)
	m.until("the others stand in line", func() bool { n, _ := m.room.Waiting(); return n == 40 })
	m.store.gate <- struct{}{}
	m.until("the first transaction waits", func() bool { return m.txs.Load() == 1 })
	close(m.store.gate)
	m.until("the others are a group", func() bool { n, groups := m.room.Waiting(); return n == 0 && groups == 1 })
	send(5)
	m.until("the last stand in line", func() bool { n, _ := m.room.Waiting(); return n == 5 })
	if n := m.store.puts.Load(); n != 2 {
		t.Errorf("%d packs were written", n)
	}
	m.newTerm(tenant)
	m.open()
	for range 3 {
		for _, err := range <-answers {
			if err != nil {
				t.Error(err)
			}
		}
	}
	var all, fresh int
	m.ok(m.db.Tenant(tenant).QueryRow(t.Context(), `SELECT COUNT(*), COUNT(CASE WHEN term = 2 THEN 1 END) FROM seal_wrap WHERE tenant = $1`).Scan(&all, &fresh))
	if all != 46 || fresh != 46 {
		t.Errorf("%d of %d messages are wrapped to the new term", fresh, all)
	}
	if n := len(m.kept(tenant)); n != 46 {
		t.Errorf("%d messages", n)
	}
	// The first and the second are tried twice, and on a busy machine one of them once more.
	if n := m.txs.Load(); n < 5 || n > 6 {
		t.Errorf("%d transactions", n)
	}
}
