package node

import (
	"context"
	"slices"
	"time"

	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Times of the roll.
const (
	sayEvery = 5 * time.Second
	goneFor  = 30 * time.Second   // silent for so long, a node is taken for gone
	keepFor  = 7 * 24 * time.Hour // and forgotten
	sayTime  = 5 * time.Second
)

// States of a node.
const (
	Ready    = "ready"
	Draining = "draining"
	Idle     = "idle" // it answers nobody: see Admitted
	Gone     = "gone" // it did not say goodbye
)

// Seen is a node as the roll has it.
type Seen struct {
	ID      mail.ID   `json:"id"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
	State   string    `json:"state"`
	Leads   bool      `json:"leads"`
	Here    bool      `json:"here"` // it is this process
}

// Serve says that this node takes mail: it stands in the roll from now on. A
// command that opens the database for itself does not.
func (n *Node) Serve() {
	n.mu.Lock()
	n.serves = true
	n.mu.Unlock()
	n.wake()
}

// Drain says that this node takes no new mail.
func (n *Node) Drain() {
	n.mu.Lock()
	n.draining = true
	n.mu.Unlock()
	n.wake()
}

// Why returns why the last look did not admit this node, nil where it did.
func (n *Node) Why() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.why
}

// State says whether this node takes mail: Ready, Draining, or why it does not.
func (n *Node) State() (string, error) {
	if err := n.Admitted(); err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draining {
		return Draining, nil
	}
	return Ready, nil
}

func (n *Node) wake() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

// say writes this node's row, and forgets those of nodes that are long gone.
func (n *Node) say(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sayTime)
	defer cancel()
	state, err := n.State()
	if err != nil {
		return err
	}
	n.mu.Lock()
	serves, leads := n.serves, n.leads
	n.mu.Unlock()
	if !serves {
		return nil
	}
	now := time.Now()
	return n.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO node_seen (tenant, id, name, version, started, seen, state, leads) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (tenant, id) DO UPDATE SET seen = excluded.seen, state = excluded.state, leads = excluded.leads`,
			n.id.Bytes(), n.Name, n.Version, mail.Micros(n.started), mail.Micros(now), state, truth(leads))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM node_seen WHERE tenant = $1 AND seen < $2`, mail.Micros(now.Add(-keepFor)))
		return err
	})
}

// leave takes this node's row away.
func (n *Node) leave(ctx context.Context) {
	n.mu.Lock()
	serves := n.serves
	n.mu.Unlock()
	if !serves {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sayTime)
	defer cancel()
	err := n.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM node_seen WHERE tenant = $1 AND id = $2`, n.id.Bytes())
		return err
	})
	if err != nil {
		n.Log.Warn("this node could not say goodbye; it is listed as gone for a week", "err", err)
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Database returns what the PostgreSQL server says of itself: its version, its
// timeline, and whether commits wait for a standby.
func (n *Node) Database(ctx context.Context) (version string, timeline int64, synchronous bool, err error) {
	var names, commit string
	// no tenant: the server itself is asked; $1 is bound by the handle
	err = n.DB.Instance().QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('synchronous_standby_names'), current_setting('synchronous_commit')
		WHERE $1::bytea IS NOT NULL`).Scan(&version, &names, &commit)
	n.mu.Lock()
	defer n.mu.Unlock()
	return version, n.fence.Timeline, names != "" && (commit == "on" || commit == "remote_apply"), err
}

// Roll lists the nodes, those that lead or run first.
func (n *Node) Roll(ctx context.Context) ([]Seen, error) {
	rows, err := n.DB.Instance().Query(ctx, `SELECT id, name, version, started, seen, state, leads FROM node_seen WHERE tenant = $1 ORDER BY started`)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	list, err := db.Collect(rows, func(row db.Scanner) (s Seen, err error) {
		var id []byte
		var started, seen int64
		if err := row.Scan(&id, &s.Name, &s.Version, &started, &seen, &s.State, &s.Leads); err != nil {
			return s, err
		}
		s.Started, s.Seen = mail.FromMicros(started), mail.FromMicros(seen)
		if now.Sub(s.Seen) > goneFor {
			s.State, s.Leads = Gone, false
		}
		s.ID, err = mail.IDFrom(id)
		s.Here = s.ID == n.id
		return s, err
	})
	order := func(s Seen) int {
		switch {
		case s.Leads:
			return 0
		case s.State != Gone:
			return 1
		default:
			return 2
		}
	}
	slices.SortStableFunc(list, func(a, b Seen) int { return order(a) - order(b) })
	return list, err
}
