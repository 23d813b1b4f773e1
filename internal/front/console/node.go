package console

import (
	"context"
	"time"

	"siegel/internal/mail"
)

// Nodes knows the servers that work together; app has it.
type Nodes interface {
	// Nodes lists them, those that lead or run first.
	Nodes(ctx context.Context) ([]Node, error)
	// Ready fails, with kind Busy, where this server takes no mail.
	Ready() error
}

// Node is a server that works on the instance's database.
type Node struct {
	ID      mail.ID   `json:"id"`   // of the process
	Name    string    `json:"name"` // of its machine
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
	State   string    `json:"state"` // ready, idle, draining, gone
	Leads   bool      `json:"leads"`
	Here    bool      `json:"here"` // it is the one that answers
}

func (c *Console) nodeReady(context.Context, *call) (any, error) { return done{}, c.Nodes.Ready() }

func (c *Console) nodeList(ctx context.Context, _ *call) (any, error) { return c.Nodes.Nodes(ctx) }
