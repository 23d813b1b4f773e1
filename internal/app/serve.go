package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"siegel/internal/app/place"
	"siegel/internal/flow/receive"
	"siegel/internal/front/console"
	"siegel/internal/front/health"
	"siegel/internal/front/web"
	"siegel/internal/kit/door"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/run"
)

// Server is an app with open doors.
type Server struct {
	*App
	door    *receive.Server
	journal *receive.Server // nil where it is shut
	console net.Listener
	http    *http.Server
	health  *health.Door
	web     *web.Door
}

// NewServer opens the doors: connections wait from here on, and are served by
// Run. Who does not call Run must call Close.
func NewServer(ctx context.Context, a *App) (_ *Server, err error) {
	if err := a.checkEvidence(ctx); err != nil {
		return nil, err
	}
	s := &Server{App: a}
	c, err := a.receiveConfig()
	if err != nil {
		return nil, err
	}
	deps := receive.Deps{Path: a.Flow, Router: router{a}, Sources: journalSources{a}, Spool: a.Spool, Count: a.Tally, Log: a.Log}
	if s.door, err = receive.New(c, deps); err != nil {
		return nil, fault.Because(fault.Invalid, "a door cannot be opened: look at lmtp.listen and lmtp.sockets, and whether another program has the address", err)
	}
	if s.journal, err = a.openJournal(c, deps); err != nil {
		s.door.Close()
		return nil, err
	}
	if s.console, err = listenConsole(a.path(place.FileConsole)); err != nil {
		s.closeDoors()
		return nil, err
	}
	if s.health, err = a.openHealth(); err != nil {
		s.closeDoors()
		return nil, errors.Join(err, s.console.Close())
	}
	if s.web, err = a.openWeb(); err != nil {
		s.closeDoors()
		return nil, errors.Join(err, s.console.Close(), s.health.Close())
	}
	a.serves.Store(true)
	if a.Node != nil {
		a.Node.Serve()
	}
	commands := a.commands(s.web)
	s.http = &http.Server{Handler: commands, ReadHeaderTimeout: 10 * time.Second}
	s.http.RegisterOnShutdown(commands.Stop)
	return s, nil
}

// Addrs returns the addresses of the LMTP door.
func (s *Server) Addrs() []net.Addr { return s.door.Addrs() }

// HealthAddr returns the address of the door for health, nil where there is none.
func (s *Server) HealthAddr() net.Addr { return s.health.Addr() }

// Close closes the doors of a server that does not run. The app stays open.
func (s *Server) Close() error {
	s.closeDoors()
	return errors.Join(s.console.Close(), s.health.Close(), s.web.Close())
}

// openHealth opens the door at which load balancers and monitors ask.
func (a *App) openHealth() (*health.Door, error) {
	c := health.Config{Listen: a.Config.Health.Listen, State: a.takes}
	var err error
	if c.TLS, err = a.certificate(); err != nil {
		return nil, err
	}
	d, err := health.Open(c)
	return d, fault.Because(fault.Invalid, "the door for health cannot be opened: look at health.listen, and whether another program has the address", err)
}

// Run serves until ctx is done, and then stops in the order in which nobody
// loses anything: no new mail, senders get their answers, then the rest.
func (s *Server) Run(ctx context.Context) error {
	defer collectLater()()
	return run.All(ctx,
		run.Service{Name: "health", Run: s.health.Run},
		run.Service{Name: "tally", Run: s.Tally.Run},
		run.Service{Name: "commit", Run: s.Commit.Run},
		run.Service{Name: "for all", Run: s.forAll},
		run.Service{Name: "sessions", Run: s.endSessions},
		run.Service{Name: "jobs", Run: s.Jobs.Run},
		run.Service{Name: "console", Run: s.runConsole},
		run.Service{Name: "web", Run: s.web.Run},
		run.Service{Name: "receive", Run: s.door.Run},
		run.Service{Name: "journal", Run: s.runJournal},
		run.Service{Name: "drain", Run: s.drain})
}

// runJournal takes journaled mail, where the door for it is open.
func (s *Server) runJournal(ctx context.Context) error {
	if s.journal == nil {
		<-ctx.Done()
		return nil
	}
	return s.journal.Run(ctx)
}

// forAll runs what one node does for all: this one, or while it leads.
func (s *Server) forAll(ctx context.Context) error {
	services := append([]run.Service{
		{Name: "expire", Run: s.expire},
		{Name: "settle", Run: s.settle},
	}, s.evidenceServices()...)
	if s.Node == nil {
		return run.All(ctx, services...)
	}
	return s.Node.Lead(ctx, func(ctx context.Context) error { return run.All(ctx, services...) })
}

// drain says, when the server is asked to stop, that it takes no new mail, and lets
// the doors stand open for whoever has not heard it yet.
func (s *Server) drain(ctx context.Context) error {
	<-ctx.Done()
	s.health.Drain()
	s.Commit.Hurry()
	if s.Node != nil {
		s.Node.Drain()
	}
	time.Sleep(s.Config.Health.Drain)
	return nil
}

// sweepEvery is how often sessions are compared with accounts: those that another
// node removed, reset or gave another role lose theirs here.
const sweepEvery = 2 * time.Second

func (s *Server) endSessions(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepEvery):
		}
		if err := errors.Join(s.Identity.Sweep(ctx), s.Visits.Sweep(ctx)); err != nil && ctx.Err() == nil {
			s.Log.Warn("open sessions could not be compared with their accounts", "err", err)
		}
	}
}

func (a *App) receiveConfig() (receive.Config, error) {
	c := receive.Config{
		Hostname: a.Config.LMTP.Hostname, TCP: a.Config.LMTP.Listen, Unix: a.Config.LMTP.Sockets,
		MaxSize: a.Config.Limits.MessageBytes, MaxRecipients: a.Config.Limits.Recipients,
		MaxConnections: a.Config.Limits.Connections, MaxPerPeer: a.Config.Limits.ConnectionsByPeer,
		Transactions: a.Config.Limits.MessagesByMinute, IdleTime: a.Config.Limits.Idle,
		Memory: a.Config.Limits.MemoryBytes, InMemory: inMemory,
	}
	var err error
	c.TLS, err = a.certificate()
	return c, err
}

// certificate returns what doors show with TLS, nil where nothing is configured.
func (a *App) certificate() (*tls.Config, error) {
	if a.Config.TLS.Certificate == "" {
		return nil, nil //nolint:nilnil // without one there is no TLS
	}
	cert, err := tls.LoadX509KeyPair(a.Config.TLS.Certificate, a.Config.TLS.Key)
	if err != nil {
		return nil, fault.Because(fault.Invalid, "certificate and key cannot be used", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// listenConsole opens the operator's socket, which only the account of the
// server can use.
func listenConsole(path string) (net.Listener, error) {
	// The directory's lock is ours: a socket here is left from a crash.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, err
	}
	return l, nil
}

// Console returns the handler of the operator's commands.
func (a *App) Console() *console.Console { return a.commands(nil) }

// commands returns the handler of the operator's commands beside a door for browsers,
// which may be nil.
func (a *App) commands(w *web.Door) *console.Console {
	return console.New(console.Deps{
		Identity: a.Identity, Archive: a.Archive, Index: a.Index, Ingest: a.Ingest, Exports: a.Exports, Evidence: a, Nodes: a, Tally: a.Tally, Log: a.Log,
		Ceremony: a.Ceremony, Pages: func() string { return a.pages(w) },
		Find: a.Find,
	})
}

// consoleGrace is how long commands in progress may take when the server stops.
const consoleGrace = 10 * time.Second

func (s *Server) runConsole(ctx context.Context) error {
	return door.Serve(ctx, s.http, s.console, consoleGrace)
}

// settle makes events of refused sign-ins, and ends cases whose time is over, every minute.
func (s *Server) settle(ctx context.Context) error {
	for {
		if err := s.endCases(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("cases whose time is over were not ended; the next try is in a minute", "error", err)
		}
		strangers, err := s.Identity.Settle(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("refused sign-ins were not entered in the audit log; the next try is in a minute", "error", err)
		}
		if strangers.Times > 0 {
			s.Log.Warn("sign-ins at addresses that nobody has were refused", "times", strangers.Times, "addresses", strangers.Addresses)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
		}
	}
}

// endCases ends cases whose time is over.
func (s *Server) endCases(ctx context.Context) error {
	tenants, err := s.Identity.Tenants(ctx)
	errs := []error{err}
	for _, t := range tenants {
		errs = append(errs, s.Cases.Expire(ctx, t.ID))
	}
	return errors.Join(errs...)
}

// expire deletes hourly what has expired.
func (s *Server) expire(ctx context.Context) error {
	for {
		if err := s.Visits.Expire(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("sessions that have expired were not deleted; the next try is in an hour", "error", err)
		}
		if err := s.Ceremony.Expire(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("what foundings have left was not deleted; the next try is in an hour", "error", err)
		}
		tenants, err := s.Identity.Tenants(ctx)
		if err == nil {
			for _, t := range tenants {
				// Who stops the server in between has not made anything fail.
				if err := s.Commit.Expire(ctx, t.ID); err != nil && ctx.Err() == nil {
					s.Log.Warn("expired references were not deleted; the next try is in an hour", "error", err)
				}
				if err := s.Jobs.Expire(ctx, t.ID); err != nil && ctx.Err() == nil {
					s.Log.Warn("jobs that have expired were not deleted; the next try is in an hour", "error", err)
				}
				if err := s.Replays.Expire(ctx, s.DB.Tenant(t.ID)); err != nil && ctx.Err() == nil {
					s.Log.Warn("expired idempotency keys were not deleted; the next try is in an hour", "error", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
	}
}
