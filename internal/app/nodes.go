package app

import (
	"context"
	"errors"
	"os"
	"time"

	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/node"
)

// Ready implements [console.Nodes].
func (a *App) Ready() error {
	switch {
	case !a.serves.Load():
		return fault.New(fault.Busy, "no server runs on this data directory")
	case a.Node == nil:
		return a.takes()
	}
	state, err := a.Node.State()
	if err == nil && state != node.Ready {
		err = fault.New(fault.Busy, "the server is stopping")
	}
	return errors.Join(err, a.takes())
}

// tooLong is how long a transaction may take before the server says that it takes no
// mail: whoever delivers now waits for an answer that does not come.
const tooLong = 15 * time.Second

// takes fails, with kind Busy, where mail would not be answered now.
func (a *App) takes() error {
	if a.Node != nil {
		if err := a.Node.Admitted(); err != nil {
			return err
		}
	}
	if a.Commit.Busy() > tooLong {
		return fault.New(fault.Busy, "the database has not answered a transaction for too long")
	}
	return nil
}

// Nodes implements [console.Nodes]. With SQLite there is one at most.
func (a *App) Nodes(ctx context.Context) ([]console.Node, error) {
	if a.Node == nil {
		if !a.serves.Load() {
			return []console.Node{}, nil
		}
		name, err := os.Hostname()
		return []console.Node{{Name: name, Version: a.Version, Started: a.opened, Seen: a.Now(), State: node.Ready, Leads: true, Here: true}}, err
	}
	roll, err := a.Node.Roll(ctx)
	list := make([]console.Node, len(roll))
	for i, s := range roll {
		if s.Here && a.Node.Admitted() != nil {
			s.State, s.Leads = node.Idle, false
		}
		list[i] = console.Node{ID: s.ID, Name: s.Name, Version: s.Version, Started: s.Started, Seen: s.Seen, State: s.State, Leads: s.Leads, Here: s.Here}
	}
	return list, err
}

// checkDatabase says of the PostgreSQL server what an operator should know.
func (a *App) checkDatabase(ctx context.Context) []console.Finding {
	if a.Node == nil {
		return nil
	}
	if err := a.Node.Admitted(); err != nil {
		sentence, args := fault.Sentence(a.Node.Why())
		return []console.Finding{
			check("database", bad, say("it is not known whether this PostgreSQL server is the one that counts; no mail is taken"),
				say("see why database or object store do not answer; siegel node list shows the other servers")),
			check("database", bad, say(sentence, args...), say("mend that; the server goes on by itself")),
		}
	}
	version, timeline, synchronous, err := a.Node.Database(ctx)
	if err != nil {
		return []console.Finding{check("database", bad, say("the PostgreSQL server does not answer"), say("check the server and the way to it"))}
	}
	if !synchronous {
		return []console.Finding{check("database", warn, say("PostgreSQL %s, timeline %d; no standby has to have what is acknowledged: the loss of this server would lose mail", version, timeline),
			say("with a standby set synchronous_standby_names (docs/operations.md)"))}
	}
	return []console.Finding{check("database", fine, say("PostgreSQL %s, timeline %d; a standby has what is acknowledged", version, timeline), Sentence{})}
}
