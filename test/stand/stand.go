// Package stand is what the tests of whole servers work with: a data directory
// with a founded tenant, senders of distinct random messages that behave as mail
// servers do, and the check of everything that was acknowledged.
package stand

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/identity"
	"siegel/internal/mail"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/seal"
)

// What the tenant of a stand is called, and who is there.
const (
	Tenant   = "stand"
	Domain   = "stand.example"
	Keeper   = "keeper@" + Domain
	Reader   = "reader@" + Domain
	Password = "Stand-1-password" // of everybody
)

// Socket is where the server of a data directory takes mail.
func Socket(dir string) string { return filepath.Join(dir, "lmtp.sock") }

// Quiet is the change of the configuration that stands use: no TCP, so that
// tests of several packages do not meet at a port.
func Quiet(c *config.Config) {
	c.LMTP.Listen = nil
	c.LMTP.Sockets = []string{"lmtp.sock"}
}

// Open opens a data directory as a stand uses it: with passwords that are quick to
// try, so that a test's time goes into what it is about. Options that are zero are filled.
func Open(ctx context.Context, o app.Options) (*app.App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Work == (seal.Work{}) {
		o.Work = seal.Work{Passes: 1, Memory: 8 << 10, Cost: 4}
	}
	change := o.Change
	o.Change = func(c *config.Config) {
		Quiet(c)
		if change != nil {
			change(c)
		}
	}
	return app.Open(ctx, o)
}

// Init makes a data directory for a test environment. Where SIEGEL_TEST_DATABASE
// is postgres, database and objects are servers that end with this process.
func Init(dir string) error {
	err := app.Init(app.InitOptions{Dir: dir, Name: "siegel.stand.example", Environment: config.Test, Now: time.Now})
	if err != nil || !Scaled() {
		return err
	}
	return Scale(dir)
}

// Scaled says whether Init makes data directories whose database and objects are
// servers.
func Scaled() bool { return os.Getenv(dbtest.Variable) == "postgres" }

// Scale makes a data directory that was not opened yet work with a PostgreSQL
// database and a bucket of this process's servers.
func Scale(dir string) error {
	place, err := dbtest.Shared()
	if err != nil {
		return err
	}
	store, err := blobtest.Shared()
	if err != nil {
		return err
	}
	return ScaleTo(dir, place.Address, store.Endpoint)
}

// ScaleTo does what Scale does, with a database at an address, and with a bucket
// of this process's store, which is reached at an endpoint. Servers say at a free
// port of loopback how they are, and have their pages at another.
func ScaleTo(dir, address, endpoint string) error {
	store, err := blobtest.Shared()
	if err != nil {
		return err
	}
	bucket, err := store.Make(context.Background())
	if err != nil {
		return err
	}
	for name, secret := range map[string]string{"postgres.address": address, "s3.secret": store.Secret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			return err
		}
	}
	config := fmt.Sprintf("database:\n  postgres: postgres.address\nobjects:\n  s3:\n    endpoint: %q\n    bucket: %s\n    access: %s\n    secret: s3.secret\n    plain: true\n"+
		"health:\n  listen: 127.0.0.1:0\nweb:\n  listen: 127.0.0.1:0\n", endpoint, bucket, store.Access)
	return os.WriteFile(filepath.Join(dir, "siegel.yaml"), []byte(config), 0o600)
}

// Twin makes a data directory of another node: the keys and the configuration of
// one that works with servers.
func Twin(dir, twin string) error {
	for _, name := range []string{"index", "tmp", "test"} {
		if err := os.MkdirAll(filepath.Join(twin, name), 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{"instance.json", "master.key", "ledger.key", "ledger.pub", "ledger.pem", "siegel.yaml", "postgres.address", "s3.secret"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(twin, name), b, 0o400); err != nil {
			return err
		}
	}
	return os.CopyFS(filepath.Join(twin, "test"), os.DirFS(filepath.Join(dir, "test")))
}

// OnlyFiles skips a test that copies or harms the files of a data directory where
// database and objects are not in it.
func OnlyFiles(t testing.TB) {
	t.Helper()
	if os.Getenv(dbtest.Variable) == "postgres" {
		t.Skip("this test works on the files of a data directory; it runs with SQLite")
	}
}

// Found founds the tenant and lets everybody set the password.
func Found(ctx context.Context, a *app.App) error { return FoundAs(ctx, a, Tenant, Domain) }

// FoundAs founds a tenant with another name and domain.
func FoundAs(ctx context.Context, a *app.App, name string, domain mail.Domain) error {
	at := "@" + domain.String()
	kit, err := a.Identity.NewKit(ctx)
	if err != nil {
		return err
	}
	var words []string
	for _, at := range kit.WordsAsked {
		words = append(words, kit.Words[at-1])
	}
	founded, err := a.Identity.Found(ctx, identity.Founding{
		Name: name, Domains: []mail.Domain{domain}, Kit: kit.ID, Words: words,
		Administrators: []mail.Address{mail.NewAddress("admin" + at)}, Keepers: []mail.Address{mail.NewAddress("keeper" + at)},
		Readers: []mail.Address{mail.NewAddress("reader" + at)},
	})
	if err != nil {
		return err
	}
	for _, inv := range founded.Invitations {
		if err := a.Identity.Accept(ctx, name, inv.Email, inv.Code, []byte(Password)); err != nil {
			return fmt.Errorf("%s: %w", inv.Email, err)
		}
	}
	return nil
}

// New makes a data directory with a founded tenant, closed.
func New(ctx context.Context, dir string) error {
	if err := Init(dir); err != nil {
		return err
	}
	a, err := Open(ctx, app.Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := Found(ctx, a); err != nil {
		return err
	}
	return a.Close()
}

// SignIn opens a session of the keeper.
func SignIn(ctx context.Context, a *app.App) (*identity.Session, error) {
	return a.Identity.SignIn(ctx, Tenant, Keeper, []byte(Password))
}

// Serve runs a server on a data directory until ctx is done; ready is called
// when the doors are open.
func Serve(ctx context.Context, o app.Options, ready func(*app.Server)) error {
	a, err := Open(ctx, o)
	if err != nil {
		return err
	}
	s, err := app.NewServer(ctx, a)
	if err != nil {
		return err
	}
	ready(s)
	if err := s.Run(ctx); err != nil {
		return err
	}
	return a.Close()
}

// Log returns a logger on the standard error that says only what is wrong.
func Log() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
