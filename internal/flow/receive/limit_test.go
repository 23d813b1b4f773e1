package receive_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"siegel/internal/flow/receive"
	"siegel/internal/kit/fault"
)

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	leaks(t)
	c := small()
	c.MaxConnections, c.MaxPerPeer = 3, 2
	h, path := onUnix(t, c)
	first := dial(t, "unix", path)
	first.hello()
	for range 2 { // sockets have no peer: only the sum counts
		dial(t, "unix", path).hello()
	}
	for range 5 {
		p := dial(t, "unix", path)
		p.want("421 4.7.0 *", "")
	}
	first.send("QUIT\r\n")
	first.want("221 *", "")
	eventually(t, func() bool { _, open := h.Peers(); return open == 2 })
	dial(t, "unix", path).hello()

	h, address := onTCP(t, c)
	one := dial(t, "tcp", address)
	one.hello()
	dial(t, "tcp", address).hello()
	dial(t, "tcp", address).want("421 4.7.0 *", "")
	_ = one.Close()
	eventually(t, func() bool { _, open := h.Peers(); return open == 1 })
	dial(t, "tcp", address).hello()
}

// eventually waits for something that happens on the other side of a socket.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it never happened")
}

// far is a connection that seems to come from somewhere.
type far struct {
	net.Conn
	from string
}

func (f far) RemoteAddr() net.Addr {
	if f.from == "" {
		return &net.UnixAddr{}
	}
	return net.TCPAddrFromAddrPort(mustAddrPort(f.from))
}

// pipe connects a peer to the server, in memory. from is its address, empty for
// a Unix socket.
func (h *house) pipe(work context.Context, t testing.TB, from string) *peer {
	t.Helper()
	here, there := net.Pipe()
	go h.Serve(work, far{there, from}, true)
	return newPeer(t, here)
}

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := small()
		c.Transactions, c.Commands = 2, 12
		h := newHouse(t, c)
		p := h.pipe(t.Context(), t, "192.0.2.1:1")
		p.hello()
		begin := func(p *peer, want string) {
			t.Helper()
			p.send("MAIL FROM:<>\r\n")
			p.want(want)
			p.send("RSET\r\n")
			p.want("250 *")
		}
		begin(p, "250 *")
		begin(p, "250 *")
		begin(p, "451 4.7.1 *")
		// Another connection of the same peer shares his account, another peer not.
		same, other := h.pipe(t.Context(), t, "192.0.2.1:2"), h.pipe(t.Context(), t, "192.0.2.2:2")
		same.hello()
		other.hello()
		begin(same, "451 4.7.1 *")
		begin(other, "250 *")
		time.Sleep(time.Minute)
		begin(p, "250 *")
		// One host has a whole /64, and no more than one account.
		six := h.pipe(t.Context(), t, "[2001:db8::1]:1")
		six.hello()
		begin(six, "250 *")
		begin(six, "250 *")
		neighbour := h.pipe(t.Context(), t, "[2001:db8::ffff]:1")
		neighbour.hello()
		begin(neighbour, "451 4.7.1 *")
		for range 10 {
			p.send("NOOP\r\n")
			p.want("250 *")
		}
		p.send("NOOP\r\n")
		p.want("421 4.7.0 *", "")
		// Loopback and Unix sockets are not counted.
		for _, from := range []string{"127.0.0.1:1", "[::1]:1", ""} {
			p := h.pipe(t.Context(), t, from)
			p.hello()
			for range 9 {
				begin(p, "250 *")
			}
			p.Close()
		}
		for _, p := range []*peer{p, same, other, six, neighbour} {
			p.Close()
		}
		synctest.Wait()
		h.check(t)
		if n, _ := h.Peers(); n == 0 {
			t.Error("rates were forgotten with the connection")
		}
		time.Sleep(time.Minute) // accounts are full again: the next visit forgets them
		for _, from := range []string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"} {
			p := h.pipe(t.Context(), t, from)
			p.want("220 *")
			p.Close()
			synctest.Wait()
		}
		if n, _ := h.Peers(); n != 0 {
			t.Errorf("%d peers are remembered", n)
		}
	})
}

// TestManyPeers: changing addresses does not fill the memory.
func TestManyPeers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, small())
		for i := range 10_100 {
			p := h.pipe(t.Context(), t, fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>8, i&0xff))
			p.want("220 *")
			p.send("NOOP\r\n")
			p.want("250 *")
			p.Close()
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if n, _ := h.Peers(); n > 10_000 {
			t.Errorf("%d peers are remembered", n)
		}
	})
}

func TestManyRecipients(t *testing.T) {
	t.Parallel()
	c := small()
	c.MaxRecipients = 1000
	h, path := onUnix(t, c)
	p := dial(t, "unix", path)
	p.hello()
	var script strings.Builder
	script.WriteString("MAIL FROM:<>\r\n")
	for i := range 1001 {
		fmt.Fprintf(&script, "RCPT TO:<r%d@%c.example>\r\n", i, "abcdefgijk"[i%10])
	}
	script.WriteString("DATA\r\nx\r\n.\r\nNOOP\r\n")
	go p.send(script.String()) // more than a socket holds
	p.want("250 2.1.0 *")
	for range 1000 {
		p.want("250 2.1.5 *")
	}
	p.want("452 4.5.3 *", "354 *")
	for i := range 1000 {
		p.want([]string{"250 2.0.0 *", "250 2.0.0 *", "250 2.0.0 *", "550 5.7.1 *", "451 4.3.0 *", "452 4.3.1 *", "250 2.0.0 *", "250 2.0.0 *", "250 2.0.0 *", "250 2.0.0 *"}[i%10])
	}
	p.want("250 2.0.0 OK")
	for _, k := range h.way.all() {
		if len(k.Envelope.To) != 100 {
			t.Errorf("%d recipients", len(k.Envelope.To))
		}
	}
	if n := len(h.way.all()); n != 7 {
		t.Errorf("%d passages", n)
	}
}

// TestMemory: senders share what there is; who finds none in time gets 452
// after his message and the connection lives on.
func TestMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := receive.Config{Hostname: "mx.test", Memory: 1 << 20, InMemory: 1 << 20}
		h := newHouse(t, c)
		line := strings.Repeat("x", 998) + "\r\n"
		begin := func(lines int) *peer {
			p := h.pipe(t.Context(), t, "")
			p.hello()
			p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\n")
			p.want("250 *", "250 *", "354 *")
			p.send(strings.Repeat(line, lines))
			return p
		}
		first := begin(2000) // holds 1 MiB, the rest is on disk
		synctest.Wait()
		second := begin(0)
		start := time.Now()
		second.send(line + line + ".\r\n")
		second.want("452 4.3.1 *")
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("waited %v", d)
		}
		// By chunks it is the same.
		second.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nBDAT 4\r\nabcdBDAT 1 LAST\r\nxNOOP\r\n")
		second.want("250 *", "250 *", "452 4.3.1 *", "503 *", "250 2.0.0 OK")
		// What comes free in time is enough.
		second.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\n")
		second.want("250 *", "250 *", "354 *")
		second.send("x\r\n.\r\n")
		time.Sleep(time.Second)
		first.send(".\r\n")
		first.want("250 2.0.0 Kept *")
		second.want("250 2.0.0 Kept *")
		first.Close()
		second.Close()
		synctest.Wait()
		h.check(t)
		if n := len(h.way.all()); n != 2 {
			t.Errorf("%d passages", n)
		}
	})
}

// TestSpoolFails: a full disk is told after the message, by DATA and by BDAT,
// and the connection stays in step.
func TestSpoolFails(t *testing.T) {
	t.Parallel()
	h, path := onUnix(t, small())
	h.spool.fault = fault.New(fault.Exhausted, "disk full: secret-canary")
	p := dial(t, "unix", path)
	p.hello()
	p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nRCPT TO:<2@b.example>\r\nDATA\r\nQUIT\r\n.\r\nNOOP\r\n")
	p.want("250 *", "250 *", "250 *", "354 *", "452 4.3.1 *", "452 4.3.1 *", "250 2.0.0 OK")
	p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nRCPT TO:<2@b.example>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
	p.want("250 *", "250 *", "250 *", "452 4.3.1 *", "452 4.3.1 *", "250 2.0.0 OK")
	if n := len(h.way.all()); n != 0 {
		t.Errorf("%d passages", n)
	}
}

// TestBug: a panic in a step, in the router, or in the spool is answered, logged
// without its text, and harms nobody else.
func TestBug(t *testing.T) {
	t.Parallel()
	leaks(t)
	h, path := onUnix(t, small())
	p := dial(t, "unix", path)
	p.hello()
	p.send("MAIL FROM:<>\r\nRCPT TO:<1@panic.example>\r\nRCPT TO:<1@p.example>\r\nRCPT TO:<1@q.example>\r\nRCPT TO:<1@a.example>\r\n")
	p.want("250 *", "451 4.3.0 *", "250 *", "250 *", "250 *")
	p.send("DATA\r\nx\r\n.\r\n")
	p.want("354 *", "451 4.3.0 *", "451 4.3.0 *", "250 2.0.0 Kept *")
	h.spool.panics = true // when written to, and again when closed
	p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\nx\r\n.\r\n")
	p.want("250 *", "250 *", "354 *", "421 4.3.0 *", "")
	if n := strings.Count(h.log.String(), "level=ERROR msg=bug "); n != 5 {
		t.Errorf("%d bugs in the log:\n%s", n, h.log.String())
	}
	for _, want := range []string{"index out of range", "panic=string", "stack="} {
		if !strings.Contains(h.log.String(), want) {
			t.Errorf("no %q in the log", want)
		}
	}
}
