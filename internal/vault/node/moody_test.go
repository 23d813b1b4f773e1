package node_test

import (
	"context"
	"sync"

	"siegel/internal/vault/blob"
)

// moody is a register that fails when it is told to.
type moody struct {
	blob.Register

	mu  sync.Mutex
	err error // guarded by mu
}

func (m *moody) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Load implements [blob.Register].
func (m *moody) Load(ctx context.Context, n blob.Name) ([]byte, error) {
	m.mu.Lock()
	err := m.err
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return m.Register.Load(ctx, n)
}
