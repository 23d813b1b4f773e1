package app

import (
	"context"
	"os"

	"siegel/internal/front/console"
	"siegel/internal/vault/node"
)

// Nodes implements [console.Nodes]. With SQLite there is one.
func (a *App) Nodes(ctx context.Context) ([]console.Node, error) {
	if a.Node == nil {
		name, err := os.Hostname()
		return []console.Node{{Name: name, Version: a.Version, Started: a.opened, Seen: a.Now(), State: node.Ready, Leads: true, Here: true}}, err
	}
	roll, err := a.Node.Roll(ctx)
	list := make([]console.Node, len(roll))
	for i, s := range roll {
		list[i] = console.Node{Name: s.Name, Version: s.Version, Started: s.Started, Seen: s.Seen, State: s.State, Leads: s.Leads, Here: s.Here}
	}
	return list, err
}

// checkDatabase says of the PostgreSQL server what an operator should know.
func (a *App) checkDatabase(ctx context.Context) []console.Finding {
	if a.Node == nil {
		return nil
	}
	if err := a.Node.Admitted(); err != nil {
		return []console.Finding{check("database", bad, say("it is not known whether this PostgreSQL server is the one that counts; no mail is taken"),
			say("see why database or object store do not answer; siegel node list shows the other servers"))}
	}
	version, timeline, synchronous, err := a.Node.Database(ctx)
	if err != nil {
		return []console.Finding{check("database", bad, say("the PostgreSQL server does not answer"), say("check the server and the way to it"))}
	}
	if !synchronous {
		return []console.Finding{check("database", fine, say("PostgreSQL %s, timeline %d; no standby has to have what is acknowledged: the loss of this server would lose mail", version, timeline),
			say("with a standby set synchronous_standby_names (docs/operations.md)"))}
	}
	return []console.Finding{check("database", fine, say("PostgreSQL %s, timeline %d; a standby has what is acknowledged", version, timeline), Sentence{})}
}
