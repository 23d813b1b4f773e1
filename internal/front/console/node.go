package console

import (
	"context"
	"time"
)

// Nodes knows the servers that work together; app has it.
type Nodes interface {
	// Nodes lists them, those that lead or run first.
	Nodes(ctx context.Context) ([]Node, error)
}

// Node is a server that works on the instance's database.
type Node struct {
	Name    string    `json:"name"` // of its machine
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
	State   string    `json:"state"` // ready, draining, gone
	Leads   bool      `json:"leads"`
	Here    bool      `json:"here"` // it is the one that answers
}

func (c *Console) nodeList(ctx context.Context, _ *call) (any, error) { return c.Nodes.Nodes(ctx) }
