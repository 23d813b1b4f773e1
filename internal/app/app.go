package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"siegel/internal/app/alarm"
	"siegel/internal/app/config"
	"siegel/internal/app/finder"
	"siegel/internal/app/home"
	"siegel/internal/app/kept"
	"siegel/internal/app/place"
	"siegel/internal/app/verification"
	"siegel/internal/archive"
	"siegel/internal/archive/casefile"
	"siegel/internal/archive/export"
	"siegel/internal/archive/job"
	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/flow/commit"
	"siegel/internal/flow/ingest"
	"siegel/internal/flow/tally"
	"siegel/internal/flow/unwrap"
	"siegel/internal/identity"
	"siegel/internal/identity/brake"
	"siegel/internal/identity/ceremony"
	"siegel/internal/identity/replay"
	"siegel/internal/identity/ticket"
	"siegel/internal/identity/visit"
	"siegel/internal/index"
	"siegel/internal/index/extract"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/prove"
	"siegel/internal/vault/node"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/master"
	"siegel/internal/vault/seal/stream"
)

// Options say which data directory to open and how.
type Options struct {
	Dir string
	// ConfigFile is the configuration; empty means siegel.yaml in Dir.
	ConfigFile string
	// Change alters the configuration after it was read: for the demo and the
	// tests, which listen on free ports. It may be nil.
	Change func(*config.Config)
	Log    *slog.Logger
	Now    func() time.Time
	// Watch hears the steps of the path; may be nil.
	Watch flow.Watch
	// Version of the program, for the list of nodes.
	Version string
	// Extractor is the command that reads documents: [ExtractCommand]. Without one
	// attachments wait to be read.
	Extractor []string
	// JobTimes are how long work on jobs takes, and how large parts are; zero for what is right
	// outside of tests.
	JobTimes job.Times
	// Work is what trying a password costs; zero for what is right outside of tests.
	Work seal.Work
	// Adopt makes the PostgreSQL database that is configured the one that counts,
	// whatever was before: see [node.Adopt].
	Adopt bool
}

// App is an open data directory with every room built. Close it.
type App struct {
	Options
	Config   config.Config
	Instance Instance

	DB       *db.DB
	Node     *node.Node // nil with SQLite
	Store    kept.Objects
	Master   *master.Key
	Vault    *seal.Vault
	Ledger   *ledger.Ledger
	Trail    *audit.Trail
	Identity *identity.Identity
	Visits   *visit.Room
	Ceremony *ceremony.Room
	Replays  *replay.Shelf
	Archive  *archive.Archive
	Index    *index.Index
	Cases    *casefile.Room
	Commit   *commit.Room
	Tally    *tally.Room
	Flow     *flow.Flow
	Ingest   *ingest.Room
	Exports  *export.Room
	Jobs     *job.Room
	Spool    *stream.Spool
	Evidence *Evidence

	*verification.Verifier

	home    mail.ID // see [ingest.Deps]
	alarms  *alarm.Once
	opened  time.Time
	serves  atomic.Bool // the doors are open
	closers []io.Closer // first to last opened
}

// Open takes the data directory's lock and builds the rooms in path order. It
// fails with kind Busy where another process has the directory, and with kind
// Invalid where the configuration has problems, all of which are named.
func Open(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{Options: o, opened: o.Now(), alarms: alarm.New(o.Log)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.Instance, err = ReadInstance(o.Dir); err != nil {
		return nil, err
	}
	if err := a.configure(); err != nil {
		return nil, err
	}
	held, err := lock(o.Dir)
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, held)
	if err := a.openKept(ctx); err != nil {
		return nil, err
	}
	if a.Node != nil { // with SQLite there is one process at a time, also after a start of the machine
		if a.home, err = home.Of(held.file); err != nil {
			return nil, err
		}
	}
	return a, a.buildRooms(ctx)
}

func (a *App) configure() error {
	path := a.ConfigFile
	if path == "" {
		path = a.path(place.FileConfig)
	}
	c, problems := config.Load(path)
	if a.Change != nil {
		a.Change(&c)
	}
	c.Complete(a.Dir, a.Instance.Environment)
	if err := errors.Join(problems, c.Check(a.Instance.Environment)); err != nil {
		return fault.Because(fault.Invalid, "the configuration has problems", err)
	}
	a.Config = c
	return nil
}

// path returns a path inside the data directory.
func (a *App) path(name string) string { return filepath.Join(a.Dir, name) }

// openKept opens what is kept: keys, control database, objects.
func (a *App) openKept(ctx context.Context) (err error) {
	arena := secret.NewArena(a.Config.Sessions.Open)
	if a.Master, err = master.Open(a.path(place.FileMaster), arena); err != nil {
		return err
	}
	server, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	if a.Store, err = kept.OpenStore(ctx, a.Config.Objects.S3, a.Dir); err != nil {
		return err
	}
	if err := a.prepareDatabase(ctx, server); err != nil {
		return err
	}
	for _, dir := range []string{place.DirIndex, place.DirTemp} { // each node's own, and empty at first
		if err := os.MkdirAll(a.path(dir), 0o700); err != nil {
			return err
		}
	}
	if err := emptyDir(a.path(place.DirTemp)); err != nil {
		return err
	}
	a.Vault, err = seal.New(seal.Config{Log: a.Ledger, Arena: arena, Now: a.Now, Derivations: a.Config.Sessions.Derivations, Work: a.Work, Alarm: a.alarms.Raise})
	return err
}

// emptyDir removes what a crash left in the directory of temporary files.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// buildRooms builds the rooms from the lowest floor up.
func (a *App) buildRooms(ctx context.Context) error {
	a.Trail = audit.New(a.Ledger, a.Master, a.Vault, a.Now)
	a.Identity = identity.New(identity.Deps{DB: a.DB, Vault: a.Vault, Log: a.Ledger, Trail: a.Trail, MAC: a.Master, Now: a.Now, Alarm: a.alarms.Raise})
	a.Visits = visit.New(visit.Deps{
		Identity: a.Identity, Trail: a.Trail, Most: a.Config.Sessions.Browsers,
		Tickets: ticket.New(ticket.Deps{DB: a.DB, Keys: a.Master, Now: a.Now}), Brake: brake.New(brake.Deps{DB: a.DB, MAC: a.Master, Now: a.Now}),
	})
	a.Ceremony = ceremony.New(ceremony.Deps{DB: a.DB, Identity: a.Identity, Locks: a.Vault, Keys: a.Master, Now: a.Now})
	a.closers = append(a.closers, a.Visits)
	a.Replays = replay.New(replay.Deps{DB: a.DB, MAC: a.Master, Now: a.Now})
	if err := a.openEvidence(ctx); err != nil {
		return err
	}
	a.Archive = archive.New(archive.Deps{
		DB: a.DB, Store: a.Store, Vault: a.Vault, Trail: a.Trail, People: a.Identity, Entries: a.Ledger,
		Now: a.Now, TempDir: a.path(place.DirTemp),
	})
	a.Evidence.Notary = archive.NewNotary(a.Archive, prove.New(a.DB, a.Ledger, a.Evidence.Signer.Key(), prove.Plan{
		Every: a.Config.Ledger.CheckpointEvery, Authority: a.Evidence.Stamper != nil,
	}), a.Evidence.Stamps)
	a.Index = index.New(index.Deps{
		DB: a.DB, Store: a.Store, Trail: a.Trail, Now: a.Now, Dir: a.path(place.DirIndex),
		Octets: a.Archive, Extract: extract.Config{Command: a.Extractor}, Log: a.Log,
	})
	a.closers = append(a.closers, a.Index)
	a.Tally = tally.New(tally.Deps{DB: a.DB, Ledger: a.Ledger, Tenants: a.counted, Live: a.live, Now: a.Now, Log: a.Log})
	a.Cases = casefile.New(casefile.Deps{
		DB: a.DB, Vault: a.Vault, Identity: a.Identity, Trail: a.Trail, Find: a.findAll, Check: checkSearch,
		Forget: index.Forget, Remove: a.Index.Remove, Now: a.Now,
	})
	a.Verifier = a.verifier()
	a.Commit = commit.New(commit.Deps{DB: a.DB, Store: a.Store, Keys: a.Vault, Ledger: a.Ledger, MAC: a.Master, Count: a.Tally, Now: a.Now, Watch: a.Watch})
	a.Spool = stream.NewSpool(a.Vault.Codec, a.path(place.DirTemp), inMemory)
	a.Flow = flow.New(flow.Rooms{Unwrap: unwrap.New(), Archive: a.Archive, Index: a.Index, Commit: a.Commit, Watch: a.Watch})
	a.Ingest = ingest.New(ingest.Deps{
		DB: a.DB, Path: a.Flow, Known: a.Commit, Keys: a.Master, Trail: a.Trail, Count: a.Tally, Spool: a.Spool, Log: a.Log, Now: a.Now,
		MaxSize: a.Config.Limits.MessageBytes, Home: a.home,
	})
	a.Exports = export.New(export.Deps{
		Archive: a.Archive, Trail: a.Trail, Keys: a.Master, Now: a.Now,
		MaxMessages: a.Config.Limits.ExportMessages, MaxOctets: a.Config.Limits.ExportBytes,
	})
	a.Jobs = job.New(job.Deps{
		DB: a.DB, Vault: a.Vault, Store: a.Store, Trail: a.Trail, Identity: a.Identity, Archive: a.Archive, Exports: a.Exports, Guests: a.Visits,
		Find: a.Find, Now: a.Now, Log: a.Log, TempDir: a.path(place.DirTemp), Home: a.home, Times: a.JobTimes,
	})
	return nil
}

// Find returns what finds the messages of an export for a session.
func (a *App) Find(s *identity.Session) export.Finder {
	return finder.Finder{Index: a.Index, Session: s}
}

// verifier returns what checks all that is kept.
func (a *App) verifier() *verification.Verifier {
	d := verification.Deps{
		DB: a.DB, Store: a.Store, Vault: a.Vault, Ledger: a.Ledger, Identity: a.Identity, Archive: a.Archive, Index: a.Index, Tally: a.Tally,
		Notary: a.Evidence.Notary, Key: a.Evidence.Signer.Key(), Every: a.Config.Ledger.CheckpointEvery, Now: a.Now,
	}
	if a.Evidence.Stamper != nil {
		d.Stamps = a.Evidence.Stamps
	}
	return verification.New(d)
}

// inMemory is how much of a message stays in memory while it is received, in
// octets; more goes to the encrypted spool.
const inMemory = 1 << 20

// Close closes what Open opened, last to first.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i].Close())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// Steps returns the names of the steps that Options.Watch hears: those that a
// message enters, those inside the commit, and those of a checkpoint.
func (a *App) Steps() []string { return slices.Concat(a.Flow.Steps(), commit.Steps(), ledger.Steps()) }
