package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"time"

	"siegel/internal/flow/receive"
	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/run"
)

// Server is an app with open doors.
type Server struct {
	*App
	door    *receive.Server
	console net.Listener
	http    *http.Server
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
	if s.door, err = receive.New(c, receive.Deps{Path: a.Flow, Router: router{a}, Spool: a.Spool, Log: a.Log}); err != nil {
		return nil, fault.Because(fault.Invalid, "a door cannot be opened", err)
	}
	if s.console, err = listenConsole(a.path(fileConsole)); err != nil {
		s.door.Close()
		return nil, err
	}
	commands := a.Console()
	s.http = &http.Server{Handler: commands, ReadHeaderTimeout: 10 * time.Second}
	s.http.RegisterOnShutdown(commands.Stop)
	return s, nil
}

// Addrs returns the addresses of the door for mail.
func (s *Server) Addrs() []net.Addr { return s.door.Addrs() }

// Close closes the doors of a server that does not run. The app stays open.
func (s *Server) Close() error {
	s.door.Close()
	return s.console.Close()
}

// Run serves until ctx is done, and then stops in the order in which nobody
// loses anything: no new mail, senders get their answers, then the rest.
func (s *Server) Run(ctx context.Context) error {
	var services []run.Service
	if s.Hold != nil {
		services = append(services, run.Service{Name: "hold", Run: s.Hold.Run})
	}
	services = append(services,
		run.Service{Name: "commit", Run: s.Commit.Run},
		run.Service{Name: "expire", Run: s.expire},
		run.Service{Name: "settle", Run: s.settle})
	services = append(services, s.evidenceServices()...)
	services = append(services,
		run.Service{Name: "console", Run: s.runConsole},
		run.Service{Name: "receive", Run: s.door.Run})
	return run.All(ctx, services...)
}

func (a *App) receiveConfig() (receive.Config, error) {
	c := receive.Config{
		Hostname: a.Config.LMTP.Hostname, TCP: a.Config.LMTP.Listen, Unix: a.Config.LMTP.Sockets,
		MaxSize: a.Config.Limits.MessageBytes, MaxRecipients: a.Config.Limits.Recipients,
		MaxConnections: a.Config.Limits.Connections, MaxPerPeer: a.Config.Limits.ConnectionsByPeer,
		Transactions: a.Config.Limits.MessagesByMinute, IdleTime: a.Config.Limits.Idle,
		Memory: a.Config.Limits.MemoryBytes, InMemory: inMemory,
	}
	if a.Config.TLS.Certificate != "" {
		cert, err := tls.LoadX509KeyPair(a.Config.TLS.Certificate, a.Config.TLS.Key)
		if err != nil {
			return c, fault.Because(fault.Invalid, "certificate and key cannot be used", err)
		}
		c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	return c, nil
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
func (a *App) Console() *console.Console {
	return console.New(console.Deps{Identity: a.Identity, Archive: a.Archive, Index: a.Index, Ingest: a.Ingest, Exports: a.Exports, Evidence: a, Log: a.Log})
}

// consoleGrace is how long commands in progress may take when the server stops.
const consoleGrace = 10 * time.Second

func (s *Server) runConsole(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.console) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), consoleGrace)
	defer cancel()
	if err := s.http.Shutdown(grace); err != nil {
		return s.http.Close()
	}
	return nil
}

// settle makes events of refused sign-ins, every minute.
func (s *Server) settle(ctx context.Context) error {
	for {
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

// expire deletes hourly what has expired.
func (s *Server) expire(ctx context.Context) error {
	for {
		tenants, err := s.Identity.Tenants(ctx)
		if err == nil {
			for _, t := range tenants {
				// Who stops the server in between has not made anything fail.
				if err := s.Commit.Expire(ctx, t.ID); err != nil && ctx.Err() == nil {
					s.Log.Warn("expired references were not deleted; the next try is in an hour", "error", err)
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
