// Package kept opens where a server keeps things: the control database and the
// object store, as the configuration chooses them. It is part of app.
package kept

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/blob/s3"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/postgres"
	"siegel/internal/vault/db/sqlite"
)

// Names in a data directory, where nothing else is chosen.
const (
	FileControl = "control.db"
	DirObjects  = "objects"
)

// Database says where the control database is.
type Database struct {
	Postgres string `yaml:"postgres"` // file with its address; empty: a SQLite file
}

// Store says where objects are.
type Store struct {
	S3 S3 `yaml:"s3"`
}

// S3 is a bucket; without an endpoint objects are files.
type S3 struct {
	Endpoint string `yaml:"endpoint"`
	Bucket   string `yaml:"bucket"`
	Region   string `yaml:"region"`
	Access   string `yaml:"access"`
	Secret   string `yaml:"secret"` // file
	Roots    string `yaml:"roots"`  // file
	Plain    bool   `yaml:"plain"`
}

// Objects is the store of packs and signed checkpoints.
type Objects interface {
	blob.Store
	blob.Register
	blob.Lister
}

// OpenDatabase opens the control database: the file of the data directory, or the
// one that the configuration names, whose server is returned too.
func OpenDatabase(ctx context.Context, c Database, dir string, key secret.Key) (*db.DB, *postgres.Server, error) {
	if c.Postgres == "" {
		if err := missing(dir); err != nil {
			return nil, nil, err
		}
		d, err := sqlite.Open(ctx, filepath.Join(dir, FileControl), key)
		if fault.Of(err) == fault.Damaged {
			err = fault.Because(fault.Damaged, "the control database does not open: master.key is not the one of this database, or the database is damaged", err)
		}
		return d, nil, err
	}
	address, err := Secret(c.Postgres)
	if err != nil {
		return nil, nil, err
	}
	s, err := postgres.At(address)
	if err != nil {
		return nil, nil, err
	}
	d, err := s.Open(ctx)
	return d, s, err
}

// missing refuses to begin an empty control database where the old one is
// missing: there are objects that only the old one opens.
func missing(dir string) error {
	_, err := os.Stat(filepath.Join(dir, FileControl))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept, err := Holds(filepath.Join(dir, DirObjects))
	if err == nil && kept {
		err = fault.New(fault.Damaged, "control.db is missing, but there are sealed messages: delete nothing, put the database back from a copy")
	}
	return err
}

// Holds reports whether a directory has anything in it; one that is missing has
// nothing.
func Holds(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}

// OpenStore opens the object store: the directory in the data directory, or the
// bucket that the configuration names.
func OpenStore(ctx context.Context, c S3, dir string) (Objects, error) {
	if c.Endpoint == "" {
		return disk.Open(filepath.Join(dir, DirObjects))
	}
	secret, err := Secret(c.Secret)
	if err != nil {
		return nil, err
	}
	var roots *x509.CertPool
	if c.Roots != "" {
		b, err := os.ReadFile(c.Roots)
		roots = x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(b) {
			return nil, fault.Because(fault.Invalid, "the root certificates of the object store cannot be read", errors.Join(errors.New("no certificate"), err))
		}
	}
	return s3.Open(ctx, s3.Config{
		Endpoint: c.Endpoint, Bucket: c.Bucket, Region: c.Region, Access: c.Access, Secret: secret, Plain: c.Plain, Roots: roots,
	})
}

// Reach asks whether the object store answers, and says why not, with its address.
// It returns nil for the data directory's own.
func Reach(ctx context.Context, c S3, s Objects) error {
	if c.Endpoint == "" {
		return nil
	}
	_, err := s.Size(ctx, "probe/doctor") // nothing is there
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	return s3.Explain(c.Endpoint, err)
}

// Secret reads a file whose one line is a secret.
func Secret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Because(fault.Invalid, "a file with a secret that the configuration names cannot be read", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Sealed reports whether a store has sealed messages.
func Sealed(ctx context.Context, s blob.Lister) (bool, error) {
	found := errors.New("there is a pack")
	err := s.List(ctx, "", func(n blob.Name, _ int64) error {
		if strings.Contains(string(n), "/packs/") {
			return found
		}
		return nil
	})
	if errors.Is(err, found) {
		return true, nil
	}
	return false, err
}
