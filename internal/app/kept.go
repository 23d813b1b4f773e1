package app

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"strings"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/blob/s3"
	"siegel/internal/vault/db/postgres"
	"siegel/internal/vault/db/sqlite"
	"siegel/internal/vault/ledger"
)

// Objects is the store of packs and signed checkpoints.
type Objects interface {
	blob.Store
	blob.Register
	blob.Lister
}

// openDatabase opens the control database: the file of the data directory, or the
// one that the configuration names.
func (a *App) openDatabase(ctx context.Context) (err error) {
	if a.Config.Database.Postgres != "" {
		address, err := readSecret(a.Config.Database.Postgres)
		if err != nil {
			return err
		}
		if a.Hold, err = postgres.Take(ctx, address); err != nil {
			return err
		}
		a.closers = append(a.closers, a.Hold)
		if a.DB, err = postgres.Open(ctx, address); err != nil {
			return err
		}
	} else {
		if err := a.checkDatabase(); err != nil {
			return err
		}
		if a.DB, err = sqlite.Open(ctx, a.path(fileControl), a.Master.ControlKey()); err != nil {
			return unopened(err)
		}
	}
	a.closers = append(a.closers, a.DB)
	for _, m := range tables() {
		if err := a.DB.Migrate(ctx, m.pkg, m.files); err != nil {
			return err
		}
	}
	return nil
}

// openStore opens the object store: the directory in the data directory, or the
// bucket that the configuration names.
func (a *App) openStore(ctx context.Context) (err error) {
	c := a.Config.Objects.S3
	if c.Endpoint == "" {
		a.Store, err = disk.Open(a.path(dirObjects))
		return err
	}
	secret, err := readSecret(c.Secret)
	if err != nil {
		return err
	}
	var roots *x509.CertPool
	if c.Roots != "" {
		b, err := os.ReadFile(c.Roots)
		roots = x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(b) {
			return fault.Because(fault.Invalid, "the root certificates of the object store cannot be read", err)
		}
	}
	a.Store, err = s3.Open(ctx, s3.Config{
		Endpoint: c.Endpoint, Bucket: c.Bucket, Region: c.Region, Access: c.Access, Secret: secret, Plain: c.Plain, Roots: roots,
	})
	return err
}

// readSecret reads a file whose one line is a secret.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Because(fault.Invalid, "a file with a secret that the configuration names cannot be read", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// checkBegin refuses to begin an instance in an empty database where the object
// store has sealed messages: only the old database opens them.
func (a *App) checkBegin(ctx context.Context) error {
	_, err := a.Ledger.Tree(ctx, a.DB.Instance(), ledger.Instance)
	if fault.Of(err) != fault.NotFound {
		return err
	}
	found := errors.New("there is a pack")
	err = a.Store.List(ctx, "", func(n blob.Name, _ int64) error {
		if strings.Contains(string(n), "/packs/") {
			return found
		}
		return nil
	})
	if errors.Is(err, found) {
		return fault.New(fault.Damaged, "the control database is empty, but there are sealed messages: delete nothing, put the database back from a copy")
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
		case info.Mode().Perm()&0o077 != 0:
			problem(f.field, say("others can read the file (mode %04o)", info.Mode().Perm()), say("take their rights away with chmod go-rwx"))
		}
	}
}
