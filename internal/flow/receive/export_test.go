package receive

import (
	"context"
	"crypto/tls"
	"net"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/smtp"
)

// Serve serves one connection as if a listener had taken it.
func (s *Server) Serve(work context.Context, conn net.Conn, safe bool) {
	s.start(work, conn, listener{safe: safe})
}

// ServeSecured serves one connection as if its handshake were done.
func (s *Server) ServeSecured(work context.Context, conn net.Conn) {
	c := newSession(s, conn, nil, listener{})
	c.tls = new(tls.ConnectionState)
	c.run(work)
}

// Stop is the end of Run.
func (s *Server) Stop(cancel context.CancelFunc) error { return s.stop(cancel) }

// Wait waits for all sessions to end.
func (s *Server) Wait() { s.sessions.Wait() }

// FreeMemory says whether no octet of the common memory is taken.
func (s *Server) FreeMemory() bool {
	if !s.memory.TryAcquire(s.cfg.Memory) {
		return false
	}
	s.memory.Release(s.cfg.Memory)
	return true
}

// Peers returns the number of peers that are remembered and of connections.
func (s *Server) Peers() (peers, open int) {
	return s.peers.Count()
}

// Reply is the table of replies.
func Reply(k fault.Kind) (smtp.Reply, bool) {
	r, ok := replies[k]
	return r, ok
}
