package node

import (
	"context"
	"errors"
	"time"

	"siegel/internal/vault/db/postgres"
)

// takeEvery is how often a node that does not lead asks whether it may.
const takeEvery = 3 * time.Second

// Lead calls do while this node leads, with a context that ends when it does not
// any more, and waits for it. It returns nil when ctx is done, and an error
// only where do failed although it led.
func (n *Node) Lead(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		lead, err := n.Server.Take(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			n.Log.Debug("who leads could not be asked", "err", err)
		case lead != nil:
			if err := n.leading(ctx, lead, do); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(takeEvery):
		}
	}
}

// errLost says that another node may lead.
var errLost = errors.New("node: the lead is lost")

func (n *Node) leading(ctx context.Context, lead *postgres.Lead, do func(ctx context.Context) error) error {
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := lead.Watch(own); err != nil {
			cancel(errors.Join(errLost, err))
		}
	}()
	n.setLeads(true)
	n.Log.Info("this node leads: it signs, stamps and clears away for all")
	err := do(own)
	n.setLeads(false)
	lost := errors.Is(context.Cause(own), errLost)
	cancel(nil)
	<-watched
	if lost {
		n.Log.Warn("this node does not lead any more", "err", context.Cause(own))
	}
	_ = lead.Close() // it may be broken; the server gives the lead to another one then
	return err
}

func (n *Node) setLeads(leads bool) {
	n.mu.Lock()
	n.leads = leads
	n.mu.Unlock()
	n.wake()
}
