package receive

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	readBuffer    = 16 << 10        // the window of commands and data, per connection
	writeBuffer   = 4 << 10         // replies that wait to be sent
	writeTime     = time.Minute     // for the client to take replies
	handshakeTime = time.Minute     // for STARTTLS
	lingerTime    = 2 * time.Second // for the client to read our last reply
	lingerSize    = 1 << 20         // what we read and drop meanwhile
)

// What ends a connection from our side.
var (
	errSlow     = errors.New("receive: client too slow")
	errStopping = errors.New("receive: stopping")
)

// wire is a connection with its time limits. Replies are sent when the client's
// input is used up and before each wait for more (RFC 2920 section 3.2), so
// that neither side waits for the other. It is for one goroutine, but for stop
// and kill.
type wire struct {
	br *bufio.Reader
	bw *bufio.Writer

	idle  time.Duration
	until time.Time // for the command, where there is one to wait for
	pace  *pace     // of the message, nil without one

	mu       sync.Mutex
	raw      net.Conn // as accepted
	conn     net.Conn // raw, or TLS on it; guarded by mu
	waiting  bool     // for a command; guarded by mu
	open     bool     // a transaction has begun: a stop lets it end; guarded by mu
	stopping bool     // guarded by mu
}

// pace is the time that a message has. It grows with the octets that came, up
// to the greatest size of a message, so that nobody can buy time without end.
type pace struct {
	begun    time.Time
	time     time.Duration
	rate     int   // octets that buy a second
	size     int64 // octets that count at most
	got      int64
	inflight bool // octets are coming now; false between chunks
}

func (p *pace) end() time.Time {
	seconds := float64(min(p.got, p.size)) / float64(p.rate)
	return p.begun.Add(p.time + time.Duration(seconds*float64(time.Second)))
}

func newWire(conn net.Conn, idle time.Duration) *wire {
	w := &wire{idle: idle, raw: conn, conn: conn}
	w.br = bufio.NewReaderSize(w, readBuffer)
	w.bw = bufio.NewWriterSize(writer{w}, writeBuffer)
	return w
}

// await begins to wait for a command: it must be complete within the idle time,
// however its octets trickle in.
func (w *wire) await() error {
	w.until = time.Now().Add(w.idle)
	if w.pace != nil && w.pace.end().Before(w.until) {
		w.until = w.pace.end()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping && !w.open {
		return errStopping
	}
	w.waiting = true
	return nil
}

// transaction notes that one has begun or ended.
func (w *wire) transaction(open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = open
}

// busy ends the wait: what is in progress may finish although we stop.
func (w *wire) busy() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
}

// Read sends the replies that wait and reads. Time that ran out is errSlow, a
// stop during the wait for a command is errStopping.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.bw.Flush(); err != nil {
		return 0, err
	}
	conn, err := w.arm()
	if err != nil {
		return 0, err
	}
	n, err := conn.Read(p)
	if w.pace != nil && w.pace.inflight {
		w.pace.got += int64(n)
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if err = errSlow; w.stopping && w.waiting && !w.open {
			err = errStopping
		}
	}
	return n, err
}

// arm sets the deadline of the next read.
func (w *wire) arm() (net.Conn, error) {
	at := time.Now().Add(w.idle)
	if w.pace != nil && w.pace.inflight && w.pace.end().Before(at) {
		at = w.pace.end()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting {
		if w.stopping && !w.open {
			return nil, errStopping
		}
		at = w.until
	}
	return w.conn, w.conn.SetReadDeadline(at)
}

// stop ends the connection as soon as it waits for a command outside a
// transaction. It may be called from any goroutine.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	if w.waiting && !w.open {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the read
	}
}

// kill closes the connection at once. It may be called from any goroutine, and
// again.
func (w *wire) kill() { _ = w.raw.Close() }

// writer sets the deadline of writes, also of those that a full buffer makes.
type writer struct{ w *wire }

func (o writer) Write(p []byte) (int, error) {
	o.w.mu.Lock()
	conn := o.w.conn
	o.w.mu.Unlock()
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return conn.Write(p)
}

// startTLS does the handshake of a server. What the client sent in plain text
// after STARTTLS is dropped: an attacker may have put it there (RFC 3207
// section 6, CVE-2011-0411).
func (w *wire) startTLS(ctx context.Context, config *tls.Config) (*tls.ConnectionState, error) {
	if err := w.bw.Flush(); err != nil {
		return nil, err
	}
	conn := tls.Server(w.raw, config)
	if err := w.raw.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.conn = conn
	w.mu.Unlock()
	w.br.Reset(w)
	state := conn.ConnectionState()
	return &state, nil
}

// close ends the connection. With linger the client gets time to read our last
// reply: closing over octets that we did not read would take it away from him.
func (w *wire) close(linger bool) {
	defer w.kill()
	if w.bw.Flush() != nil {
		return
	}
	half, ok := w.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || !linger {
		return
	}
	if w.raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, w.raw, lingerSize)
	}
}
