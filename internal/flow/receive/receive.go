package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"siegel/internal/flow"
	"siegel/internal/flow/receive/limit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

// Path takes a message all the way to the commit point. When Incoming returns
// nil the message is kept for good, and its recipients get 250; an error
// becomes the reply of its kind. It is called from many goroutines, and may
// panic: that is answered with 451 and logged as a bug.
type Path interface {
	Incoming(ctx context.Context, p *flow.Passage) error
}

// Router says whose mail a domain's is.
type Router interface {
	// Tenant returns the tenant that takes mail for d. A fault of kind NotFound
	// means that nobody does (550); others are answered by their kind. It is
	// called from many goroutines.
	Tenant(ctx context.Context, d mail.Domain) (mail.TenantID, error)
}

// Deps are what the room needs from others. All fields must be set but those that
// say otherwise.
type Deps struct {
	Path    Path
	Router  Router  // of LMTP
	Sources Sources // of the journal door
	Spool   flow.Spool
	Count   Counter // may be nil
	Log     *slog.Logger
}

// Counter counts what is refused: flow/tally.
type Counter interface {
	// Refused counts one more. The tenant is zero where nobody knows whose it would
	// have been. It does not wait for anything.
	Refused(tenant mail.TenantID, source string, why mail.Refusal)
}

type nobody struct{}

func (nobody) Refused(mail.TenantID, string, mail.Refusal) {}

// closeTime is how long Run waits for work that was told to stop.
const closeTime = 10 * time.Second

// dialect is what differs between the protocols of this door.
type dialect struct {
	door  string      // in [mail.Source]
	name  string      // in the greeting
	hello []smtp.Verb // those that are taken
	auth  bool        // SMTP AUTH is offered under TLS
	// whose says which tenant a recipient is of, or why he is not taken.
	whose func(context.Context, *session, smtp.Address) (mail.TenantID, error)
	// answer makes the replies after a message out of those of its recipients,
	// in their order.
	answer func(each []smtp.Reply) []smtp.Reply
}

// lmtp answers each recipient (RFC 2033 section 4.2) and refuses HELO and EHLO
// (section 4.1).
func lmtp() dialect {
	return dialect{
		door: mail.DoorLMTP, name: "LMTP", hello: []smtp.Verb{smtp.Lhlo},
		whose: func(ctx context.Context, c *session, a smtp.Address) (mail.TenantID, error) {
			return c.route(ctx, mail.NewDomain(a.Domain))
		},
		answer: func(each []smtp.Reply) []smtp.Reply { return each },
	}
}

// Server is the door. Make it with New, then call Run once.
type Server struct {
	cfg       Config // complete; not changed after New
	deps      Deps
	door      dialect
	listeners []listener
	peers     *limit.Peers
	memory    *semaphore.Weighted // octets of messages in memory
	full      limit.Seldom        // messages that nothing had room for

	mu       sync.Mutex
	open     map[*session]struct{} // guarded by mu
	stopping bool                  // guarded by mu
	sessions sync.WaitGroup
}

// listener is one address, or path, to listen on.
type listener struct {
	net.Listener
	safe     bool // plain text is all right: loopback, or a Unix socket
	implicit bool // TLS from the first octet (RFC 8314 section 3)
}

// New opens the door for LMTP. It checks the configuration and opens the listeners, so that connections
// wait from here on. The error is that of [Config.Check], or says which address
// cannot be had. Who does not call Run must call Close.
func New(c Config, d Deps) (*Server, error) { return open(c, d, lmtp(), d.Router != nil) }

// NewJournal opens the door for journaling mail servers, as New does.
func NewJournal(c Config, d Deps) (*Server, error) { return open(c, d, journal(), d.Sources != nil) }

func open(c Config, d Deps, door dialect, known bool) (_ *Server, err error) {
	defer fault.Wrap(&err, "receive")
	if err := c.Check(); err != nil {
		return nil, err
	}
	if d.Path == nil || !known || d.Spool == nil || d.Log == nil {
		return nil, errors.New("a dependency is missing")
	}
	if d.Count == nil {
		d.Count = nobody{}
	}
	c = c.withDefaults()
	if door.auth && c.TLS != nil {
		c.TLS.ClientAuth = tls.RequestClientCert // asked for, and compared with what sources registered
	}
	s := &Server{
		cfg: c, deps: d, door: door,
		peers: limit.NewPeers(c.rates()), memory: semaphore.NewWeighted(c.Memory),
		open: make(map[*session]struct{}),
	}
	if err := s.listen(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) listen() error {
	for _, address := range s.cfg.TCP {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		tcp, ok := l.Addr().(*net.TCPAddr)
		safe := ok && tcp.IP.IsLoopback()
		s.listeners = append(s.listeners, listener{Listener: l, safe: safe})
		if !safe && s.cfg.TLS == nil { // localhost that is elsewhere
			return fmt.Errorf("%s is not a loopback address and needs TLS", address)
		}
	}
	for _, address := range s.cfg.Implicit {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, listener{Listener: l, implicit: true})
	}
	for _, path := range s.cfg.Unix {
		l, err := listenUnix(path)
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, listener{Listener: l, safe: true})
	}
	return nil
}

// listenUnix opens a socket for owner and group. A file of a server that is
// gone is replaced, one that somebody answers on is not.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		conn, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("%s: another server listens", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Addrs returns the addresses that are listened on, TCP first, then those with
// TLS from the first octet, then sockets, each in the
// order of the configuration.
func (s *Server) Addrs() []net.Addr {
	all := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		all[i] = l.Addr()
	}
	return all
}

// Close closes the listeners. Run does so itself.
func (s *Server) Close() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}

// Run takes mail until ctx is done. Then no new connection is taken, those that
// wait for a command outside a transaction get 421, and transactions in progress finish, for DrainTime at
// most; what is still open then is cut, its work is cancelled, and its senders
// will try again. The error is not nil only when work does not end even so.
func (s *Server) Run(ctx context.Context) error {
	// Work in progress outlives ctx: a message that is being committed is not
	// thrown away because somebody asked us to stop.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var accepting sync.WaitGroup
	for _, l := range s.listeners {
		accepting.Go(func() { s.accept(ctx, work, l) })
	}
	<-ctx.Done()
	s.Close()
	accepting.Wait()
	return s.stop(cancel)
}

// stop ends all sessions as Run says. cancel ends their work.
func (s *Server) stop(cancel context.CancelFunc) error {
	s.each(func(c *session) { c.wire.stop() })
	if s.wait(s.cfg.DrainTime) {
		return nil
	}
	cancel()
	s.each(func(c *session) { c.wire.kill() })
	if !s.wait(closeTime) {
		return errors.New("receive: work does not end")
	}
	return nil
}

// each calls do for every session, and from now on for none that is new.
func (s *Server) each(do func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for c := range s.open {
		do(c)
	}
}

// wait waits until all sessions have ended, for d at most.
func (s *Server) wait(d time.Duration) bool {
	done := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(done)
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// accept takes connections until the listener is closed.
func (s *Server) accept(ctx, work context.Context, l listener) {
	for pause := time.Millisecond; ; {
		conn, err := l.Accept()
		if err == nil {
			pause = time.Millisecond
			s.start(work, conn, l)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of file descriptors, most likely: connections will end.
		s.deps.Log.Warn("no connection could be taken", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// start serves a connection in a goroutine of its own, or refuses it.
func (s *Server) start(work context.Context, conn net.Conn, l listener) {
	peer, ok := s.peers.Enter(conn.RemoteAddr())
	if !ok {
		// The buffer of a new connection is empty, so this does not wait.
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write(sayFull.Append(nil, false))
		_ = conn.Close()
		s.deps.Log.Warn("connection refused: too many")
		return
	}
	c := newSession(s, conn, peer, l)
	s.mu.Lock()
	s.open[c] = struct{}{}
	if s.stopping {
		c.wire.stop()
	}
	s.sessions.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.sessions.Done()
		defer s.peers.Leave(peer)
		defer func() {
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
		}()
		c.run(work)
	}()
}
