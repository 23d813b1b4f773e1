package receive_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/flow/receive"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// spool keeps messages in memory and counts what is open.
type spool struct {
	mu     sync.Mutex
	open   int
	fault  error // of every Write, if set
	panics bool  // in Write and Close
}

func (s *spool) New() flow.Sheet {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return &sheet{spool: s}
}

type sheet struct {
	spool  *spool
	octets bytes.Buffer
	closed bool
}

func (s *sheet) Write(p []byte) (int, error) {
	if s.spool.panics {
		panic("spool: secret-canary")
	}
	if s.spool.fault != nil {
		return 0, s.spool.fault
	}
	return s.octets.Write(p)
}

func (s *sheet) Body() (flow.Body, error) { return body(s.octets.String()), nil }

func (s *sheet) Close() error {
	s.spool.mu.Lock()
	defer s.spool.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.spool.open--
	}
	if s.spool.panics {
		panic("spool: secret-canary")
	}
	return nil
}

type body string

func (b body) Open() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(b))), nil }
func (b body) Size() int64                  { return int64(len(b)) }
func (b body) SHA256() [32]byte             { return sha256.Sum256([]byte(b)) }

// The tenants of the tests: their first octet is the letter of their domain.
func tenant(letter byte) mail.TenantID { return mail.TenantID{letter} }

// router knows a.example to z.example, busy.example and nobody else.
type router struct{}

func (router) Tenant(_ context.Context, d mail.Domain) (mail.TenantID, error) {
	switch {
	case len(d) == len("a.example") && strings.HasSuffix(string(d), ".example"):
		return tenant(d[0]), nil
	case d == "busy.example":
		return mail.TenantID{}, fault.New(fault.Busy, "later")
	case d == "instance.example":
		return mail.TenantID{}, nil
	case d == "panic.example":
		panic("router: secret-canary")
	}
	return mail.TenantID{}, fault.New(fault.NotFound, "secret-canary")
}

// kept is a passage that came to the path.
type kept struct {
	flow.Passage
	octets string
}

// way is the path of the tests. Tenants have outcomes: see Incoming.
type way struct {
	hold chan struct{} // if set, h.example waits for it
	came chan struct{} // gets an element when h.example waits

	mu   sync.Mutex
	kept []kept // guarded by mu
}

var errPath = errors.New("receive_test: secret-canary")

func (w *way) Incoming(ctx context.Context, p *flow.Passage) error {
	r, err := p.Body.Open()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	switch p.Tenant[0] {
	case 'd':
		return fault.Because(fault.Denied, "because of secret-canary", errPath)
	case 'e':
		return errPath
	case 'f':
		return fault.New(fault.Exhausted, "")
	case 'p':
		panic("path: secret-canary")
	case 'q':
		_ = p.Envelope.To[len(p.Envelope.To)+len(b)]
	case 'h':
		if w.hold == nil {
			break
		}
		w.came <- struct{}{}
		select {
		case <-w.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, kept{*p, string(b)})
	p.Receipt.Message = p.ID
	return nil
}

func (w *way) all() []kept {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]kept(nil), w.kept...)
}

// house is a server with everything around it.
type house struct {
	*receive.Server
	way   *way
	spool *spool
	log   *safeBuffer
	count *counter

	client *tls.Config // of the journal door's clients
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// small is a configuration whose limits a test can reach.
func small() receive.Config {
	return receive.Config{
		Hostname: "mx.test", MaxSize: 1000, MaxRecipients: 4, MaxErrors: 5, MaxRefused: 3,
		Memory: 4 << 20, DrainTime: 5 * time.Second,
	}
}

func newHouse(t testing.TB, c receive.Config) *house { t.Helper(); return openHouse(t, c, receive.New) }

func openHouse(t testing.TB, c receive.Config, open func(receive.Config, receive.Deps) (*receive.Server, error)) *house {
	t.Helper()
	h := &house{way: &way{hold: make(chan struct{}), came: make(chan struct{}, 99)}, spool: &spool{}, log: &safeBuffer{}, count: &counter{}}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	s, err := open(c, receive.Deps{Path: h.way, Router: router{}, Sources: sources{}, Spool: h.spool, Count: h.count, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h.Server = s
	return h
}

// check says what must hold after every test: nothing is left open, and
// nothing of a client or of an error's text is in the log.
func (h *house) check(t testing.TB) {
	t.Helper()
	if h.spool.open != 0 {
		t.Errorf("%d sheets are open", h.spool.open)
	}
	if !h.FreeMemory() {
		t.Error("memory was not given back")
	}
	if _, open := h.Peers(); open != 0 {
		t.Errorf("%d connections are counted", open)
	}
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, "@") || strings.Contains(line, ".example") ||
			strings.Contains(line, "canary") && !strings.Contains(line, "level=ERROR") ||
			strings.Contains(line, "canary") && strings.Contains(line, "msg=bug") {
			t.Errorf("in the log: %s", line)
		}
	}
}

// run runs the server until the test's end, where it must stop cleanly.
func (h *house) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		h.check(t)
	})
}

// onTCP returns a running server on loopback and its address.
func onTCP(t testing.TB, c receive.Config) (*house, string) {
	t.Helper()
	c.TCP = []string{"127.0.0.1:0"}
	h := newHouse(t, c)
	h.run(t)
	return h, h.Addrs()[0].String()
}

// onUnix returns a running server on a socket and its path.
func onUnix(t testing.TB, c receive.Config) (*house, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lmtp") //nolint:usetesting // t.TempDir is too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	c.Unix = []string{path}
	h := newHouse(t, c)
	h.run(t)
	return h, path
}

// peer is the other side of a connection, as rude as a test likes.
type peer struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

func dial(t testing.TB, network, address string) *peer {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, conn)
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{Conn: conn, t: t, br: bufio.NewReader(conn)}
}

// send sends octets as they are.
func (p *peer) send(s string) {
	p.t.Helper()
	_ = p.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(p, s); err != nil {
		p.t.Fatalf("sending %.40q: %v", s, err)
	}
}

// line reads one line, or "" at the end of the connection.
func (p *peer) line() string {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(20 * time.Second))
	s, err := p.br.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || s != "") && !strings.Contains(err.Error(), "reset") {
		p.t.Fatalf("reading: %q, %v", s, err)
	}
	return strings.TrimSuffix(s, "\r\n")
}

// want reads lines, each of which must match its pattern: a prefix where it
// ends in *, else all of it.
func (p *peer) want(patterns ...string) {
	p.t.Helper()
	for _, pattern := range patterns {
		got := p.line()
		prefix, open := strings.CutSuffix(pattern, "*")
		if got != pattern && !(open && strings.HasPrefix(got, prefix)) {
			p.t.Fatalf("got %q, want %q", got, pattern)
		}
	}
}

// hello reads the greeting and says LHLO.
func (p *peer) hello() {
	p.t.Helper()
	p.want("220 mx.test LMTP")
	p.send("LHLO client.example\r\n")
	for strings.HasPrefix(p.line(), "250-") {
	}
}

// leaks fails the test if goroutines of this package are left when all else is
// cleaned up. Call it first.
func leaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		var stacks string
		for range 200 { // what is about to end may take a moment
			buf := make([]byte, 1<<20)
			stacks = string(buf[:runtime.Stack(buf, true)])
			if !strings.Contains(stacks, "receive.(*session).run") && !strings.Contains(stacks, "receive.(*Server).accept") {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("goroutines are left:\n%s", stacks)
	})
}
