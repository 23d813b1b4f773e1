package app

import (
	"context"
	"os"
	"strings"

	"siegel/internal/app/kept"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/db/postgres"
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

// checkKept looks at what the configuration says of database and object store.
func (c Config) checkKept(problem func(field string, what, remedy Sentence)) {
	s := c.Objects.S3
	missing := say("this is missing")
	for _, f := range []struct{ field, value string }{{"objects.s3.bucket", s.Bucket}, {"objects.s3.access", s.Access}, {"objects.s3.secret", s.Secret}} {
		switch {
		case s.Endpoint != "" && f.value == "":
			problem(f.field, missing, say("set it, or take objects.s3.endpoint away to keep objects in the data directory"))
		case s.Endpoint == "" && f.value != "":
			problem(f.field, say("this works with objects.s3.endpoint only"), say("set objects.s3.endpoint, or take this away"))
		}
	}
	for _, f := range []struct{ field, path string }{{"database.postgres", c.Database.Postgres}, {"objects.s3.secret", s.Secret}} {
		if f.path == "" {
			continue
		}
		switch info, err := os.Stat(f.path); {
		case err != nil:
			problem(f.field, say("the file cannot be read"), say("check the path and its mode"))
			continue
		case info.Mode().Perm()&0o077 != 0:
			problem(f.field, say("others can read the file (mode %04o)", info.Mode().Perm()), say("take their rights away with chmod go-rwx"))
		}
		if f.path != c.Database.Postgres {
			continue
		}
		address, err := kept.Secret(f.path)
		if err == nil {
			err = postgres.CheckAddress(address)
		}
		if err != nil {
			sentence, args := fault.Sentence(err)
			problem(f.field, say(sentence, args...), say("write it as docs/operations.md shows"))
		}
	}
}
