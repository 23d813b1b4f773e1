package app

import (
	"context"
	"os"
	"strings"

	"siegel/internal/app/kept"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/db/postgres"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/node"
)

// openDatabase opens the control database. It returns the server that it is on, nil
// for SQLite.
func (a *App) openDatabase(ctx context.Context) (server *postgres.Server, err error) {
	a.DB, server, err = kept.OpenDatabase(ctx, a.Config.Database, a.Dir, a.Master.ControlKey())
	if err == nil {
		a.closers = append(a.closers, a.DB)
	}
	return server, err
}

// prepareDatabase brings the tables of the control database up to date. A
// database that several nodes share is changed only where it is known to be the one
// that counts, but for the tables by which that is known; where nothing says yet
// which one counts, checkInstance has to look first.
func (a *App) prepareDatabase(ctx context.Context, server *postgres.Server) (err error) {
	if server == nil && a.Adopt {
		return fault.New(fault.Invalid, "this data directory has its database in control.db: there is no other one to adopt")
	}
	// Whose master key is another one must not come as far as the fence.
	if err := a.openLedger(); err != nil {
		return err
	}
	fenced := false
	if server != nil {
		if err := a.DB.Migrate(ctx, "node", node.Migrations()); err != nil {
			return err
		}
		if fenced, err = node.Fenced(ctx, a.Store); err != nil {
			return err
		}
	}
	if fenced && !a.Adopt {
		if err := a.join(ctx, server); err != nil {
			return err
		}
	}
	for _, m := range tables() {
		if err := a.DB.Migrate(ctx, m.pkg, m.files); err != nil {
			return err
		}
	}
	if err := a.checkInstance(ctx); err != nil || server == nil || a.Node != nil {
		return err
	}
	return a.join(ctx, server)
}

// join makes this process one of the nodes of its instance.
func (a *App) join(ctx context.Context, server *postgres.Server) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	d := node.Deps{DB: a.DB, Server: server, Register: a.Store, MAC: a.Master, Moved: a.Ledger.Forget, Instance: a.Instance.Name, Name: name, Version: a.Version, Log: a.Log}
	if a.Adopt {
		if err := node.Adopt(ctx, d); err != nil {
			return err
		}
	}
	if a.Node, err = node.Open(ctx, d); err != nil {
		return err
	}
	a.closers = append(a.closers, a.Node)
	return nil
}

// checkInstance refuses a control database of another instance, and an empty one
// where the object store has sealed messages, which only the old database opens.
func (a *App) checkInstance(ctx context.Context) error {
	log, err := a.Ledger.Tree(ctx, a.DB.Instance(), ledger.Instance)
	if err == nil {
		if name, _, _ := strings.Cut(log.Origin, "/"); name != a.Instance.Name {
			return fault.Newf(fault.Invalid, "the control database belongs to the instance %s, not to this one: check database.postgres and instance.json", fault.Word(name))
		}
		return nil
	}
	if fault.Of(err) != fault.NotFound {
		return err
	}
	sealed, err := kept.Sealed(ctx, a.Store)
	if err == nil && sealed {
		err = fault.New(fault.Damaged, "the control database is empty, but there are sealed messages: delete nothing, put the database back from a copy")
	}
	return err
}
