// Package door listens at addresses for HTTP and answers until it is asked to stop: on
// loopback as it is, from elsewhere with TLS only.
package door

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// ErrPlain says that an address is reached from elsewhere and there is no certificate.
var ErrPlain = errors.New("door: an address that is not loopback needs a certificate")

// Door is an address that is listened on, or a door that is shut.
type Door struct {
	listener net.Listener // nil where the door is shut
	secure   bool
}

// Listen opens a door at host:port; who asks waits until it serves. An empty address is a
// door that is shut, which is no error. It fails with [ErrPlain] where the address is not
// loopback and c is nil.
func Listen(address string, c *tls.Config) (*Door, error) {
	if address == "" {
		return &Door{}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return &Door{listener: l}, nil
	}
	if c == nil {
		return nil, errors.Join(ErrPlain, l.Close())
	}
	return &Door{tls.NewListener(l, c), true}, nil
}

// Secure reports whether it speaks TLS.
func (d *Door) Secure() bool { return d.secure }

// Addr returns the address, nil where the door is shut.
func (d *Door) Addr() net.Addr {
	if d.listener == nil {
		return nil
	}
	return d.listener.Addr()
}

// Close closes a door that does not serve.
func (d *Door) Close() error {
	if d.listener == nil {
		return nil
	}
	return d.listener.Close()
}

// Serve answers as s says until ctx is done, and gives what is in progress then so long
// to come to its end. A door that is shut waits for ctx.
func (d *Door) Serve(ctx context.Context, s *http.Server, grace time.Duration) error {
	if d.listener == nil {
		<-ctx.Done()
		return nil
	}
	return Serve(ctx, s, d.listener, grace)
}

// Serve is [Door.Serve] for a listener of any kind.
func Serve(ctx context.Context, s *http.Server, l net.Listener, grace time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if s.Shutdown(own) != nil {
		return s.Close()
	}
	return nil
}
