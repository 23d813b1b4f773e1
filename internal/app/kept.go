package app

import (
	"context"
	"strings"

	"siegel/internal/app/kept"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/ledger"
)

// openDatabase opens the control database and brings its tables up to date.
func (a *App) openDatabase(ctx context.Context) (err error) {
	a.DB, a.Hold, err = kept.OpenDatabase(ctx, a.Config.Database, a.Dir, a.Master.ControlKey())
	if err != nil {
		return err
	}
	if a.Hold != nil {
		a.closers = append(a.closers, a.Hold)
	}
	a.closers = append(a.closers, a.DB)
	for _, m := range tables() {
		if err := a.DB.Migrate(ctx, m.pkg, m.files); err != nil {
			return err
		}
	}
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
