package receive_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"siegel/internal/flow/receive"
)

func mustAddrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// inTime runs a test in a bubble where time is free and where goroutines that
// are left over fail the test.
func inTime(t *testing.T, c receive.Config, do func(h *house, p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, c)
		p := h.pipe(t.Context(), t, "192.0.2.1:1")
		p.hello()
		do(h, p)
		p.Close()
		h.Wait()
		h.check(t)
	})
}

// TestSilent: who says nothing for five minutes is ended, also in the middle of
// a transaction.
func TestSilent(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"", "MAIL FROM:<>\r\n", "MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nBDAT 1\r\nx"} {
		inTime(t, small(), func(_ *house, p *peer) {
			p.send(script)
			start := time.Now()
			for range strings.Count(script, "\r\n") {
				p.want("250 *")
			}
			p.forever("421 4.4.2 Timeout")
			if d := time.Since(start); d != 5*time.Minute {
				t.Errorf("%q: after %v", script, d)
			}
		})
	}
}

// forever waits for a line and the end, however long.
func (p *peer) forever(want string) {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Time{})
	got, _ := p.br.ReadString('\n')
	if got != want+"\r\n" {
		p.t.Errorf("got %q, want %q", got, want)
	}
	if rest, err := p.br.ReadString('\n'); err == nil {
		p.t.Errorf("got %q after the end", rest)
	}
}

// trickle sends s again and again, one piece each time, until the server ends
// the connection; it returns how long that took.
func (p *peer) trickle(s string, every time.Duration) time.Duration {
	p.t.Helper()
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1_000_000 {
			_ = p.SetWriteDeadline(time.Now().Add(time.Hour))
			if _, err := p.Write([]byte(s)); err != nil {
				return
			}
			time.Sleep(every)
		}
		p.t.Error("nobody stopped it")
	}()
	p.forever("421 4.4.2 Timeout")
	took := time.Since(start)
	<-done
	return took
}

// TestSlowLoris: octets that trickle in do not buy time. (OP-08)
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	inTime(t, small(), func(_ *house, p *peer) {
		if d := p.trickle("N", time.Second); d != 5*time.Minute {
			t.Errorf("a command: after %v", d)
		}
	})
	big := receive.Config{Hostname: "mx.test", MaxSize: 15 << 20}
	for _, c := range []struct {
		name, begin, piece string
		every              time.Duration
		replies            int
		least, most        time.Duration
	}{
		{"an octet a second", "DATA\r\n", "x", time.Second, 3, 10 * time.Minute, 10*time.Minute + time.Second},
		{"a line a minute", "DATA\r\n", "x\r\n", time.Minute, 3, 10 * time.Minute, 10*time.Minute + time.Second},
		{"one octet in six minutes", "DATA\r\n", "x", 6 * time.Minute, 3, 5 * time.Minute, 5 * time.Minute},
		{"a chunk", "BDAT 99999999\r\n", "x", time.Second, 2, 10 * time.Minute, 10*time.Minute + time.Second},
		{"a chunk for nobody", "RSET\r\nBDAT 999999999999999999\r\n", "x", time.Second, 3, 10 * time.Minute, 10*time.Minute + time.Second},
		{"8 KiB a second", "DATA\r\n", strings.Repeat("x", 8<<10), time.Second, 3, 19 * time.Minute, 21 * time.Minute},
		// 32 KiB a second is fast enough for any message, but not for one that
		// never ends: 15 MiB buy 16 minutes.
		{"endless", "DATA\r\n", strings.Repeat("x", 32<<10), time.Second, 3, 25 * time.Minute, 27 * time.Minute},
		{"endless chunk", "BDAT 999999999999999999\r\n", strings.Repeat("x", 32<<10), time.Second, 2, 25 * time.Minute, 27 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inTime(t, big, func(h *house, p *peer) {
				p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\n" + c.begin)
				for range c.replies {
					if s := p.line(); !strings.HasPrefix(s, "250") && !strings.HasPrefix(s, "354") {
						t.Fatal(s)
					}
				}
				if d := p.trickle(c.piece, c.every); d < c.least || d > c.most {
					t.Errorf("after %v", d)
				}
				if n := len(h.way.all()); n != 0 {
					t.Errorf("%d passages", n)
				}
			})
		})
	}
	t.Run("empty chunks", func(t *testing.T) {
		t.Parallel()
		inTime(t, big, func(_ *house, p *peer) {
			p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\n")
			p.want("250 *", "250 *")
			start := time.Now()
			for range 2 {
				p.send("BDAT 0\r\n")
				p.want("250 *")
				time.Sleep(4 * time.Minute)
			}
			p.send("BDAT 0\r\n")
			p.want("250 *")
			p.forever("421 4.4.2 Timeout")
			if d := time.Since(start); d != 10*time.Minute {
				t.Errorf("after %v", d)
			}
		})
	})
}

// TestPatient: a slow line that keeps its rate is served.
func TestPatient(t *testing.T) {
	t.Parallel()
	inTime(t, receive.Config{Hostname: "mx.test"}, func(h *house, p *peer) {
		p.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\n")
		p.want("250 *", "250 *", "354 *")
		for range 30 {
			p.send(strings.Repeat("x", 1<<20))
			time.Sleep(time.Minute)
		}
		p.send("\r\n.\r\n")
		p.want("250 2.0.0 Kept *")
		if k := h.way.all(); len(k) != 1 || len(k[0].octets) != 30<<20+2 {
			t.Errorf("%d passages", len(k))
		}
	})
}

// TestDeaf: who does not read our replies is ended.
func TestDeaf(t *testing.T) {
	t.Parallel()
	inTime(t, small(), func(h *house, p *peer) {
		p.send("NOOP\r\n") // over a pipe the reply has nowhere to go
		start := time.Now()
		h.Wait()
		if d := time.Since(start); d != time.Minute {
			t.Errorf("after %v", d)
		}
	})
}

// TestWorkTime: a step that takes too long is told to stop, and the sender to
// come back.
func TestWorkTime(t *testing.T) {
	t.Parallel()
	inTime(t, small(), func(h *house, p *peer) {
		p.send("MAIL FROM:<>\r\nRCPT TO:<1@h.example>\r\nRCPT TO:<1@a.example>\r\nDATA\r\nx\r\n.\r\n")
		p.want("250 *", "250 *", "250 *", "354 *")
		_ = p.SetReadDeadline(time.Time{})
		start := time.Now()
		for _, want := range []string{"451 4.3.0 ", "250 2.0.0 Kept"} {
			if got, err := p.br.ReadString('\n'); !strings.HasPrefix(got, want) {
				t.Errorf("got %q, %v", got, err)
			}
		}
		if d := time.Since(start); d != 5*time.Minute {
			t.Errorf("after %v", d)
		}
	})
}

// TestStop: idle connections get 421 at once; a transaction that has begun, a message
// on its way, and one that is being committed are finished first, so that no sender
// is turned away in the middle. (OP-05)
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, small())
		work, cancel := context.WithCancel(t.Context())
		idle, partial := h.pipe(work, t, ""), h.pipe(work, t, "")
		coming, committing := h.pipe(work, t, ""), h.pipe(work, t, "")
		for _, p := range []*peer{idle, partial, coming, committing} {
			p.hello()
		}
		partial.send("MAIL FROM:<>\r\nRCPT TO:<1@a.exa")
		partial.want("250 *")
		coming.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\nx")
		coming.want("250 *", "250 *", "354 *")
		committing.send("MAIL FROM:<>\r\nRCPT TO:<1@h.example>\r\nDATA\r\nx\r\n.\r\n")
		committing.want("250 *", "250 *", "354 *")
		<-h.way.came
		stopped := make(chan error)
		go func() { stopped <- h.Stop(cancel) }()
		idle.forever("421 4.3.2 Closing down, please come back")
		late := h.pipe(work, t, "") // accepted in the last moment
		late.want("220 *")
		late.forever("421 4.3.2 Closing down, please come back")
		time.Sleep(time.Second)
		partial.send("mple>\r\nDATA\r\nx\r\n.\r\n")
		partial.want("250 *", "354 *", "250 2.0.0 Kept *")
		partial.forever("421 4.3.2 Closing down, please come back")
		coming.send("\r\n.\r\nNOOP\r\n")
		coming.want("250 2.0.0 Kept *")
		coming.forever("421 4.3.2 Closing down, please come back")
		close(h.way.hold)
		committing.want("250 2.0.0 Kept *")
		committing.forever("421 4.3.2 Closing down, please come back")
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		h.check(t)
		if n := len(h.way.all()); n != 3 {
			t.Errorf("%d passages", n)
		}
	})
}

// TestStopTakesTooLong: after the drain time connections are cut and work is
// cancelled.
func TestStopTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, small())
		work, cancel := context.WithCancel(t.Context())
		coming, committing := h.pipe(work, t, ""), h.pipe(work, t, "")
		coming.hello()
		coming.send("MAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\nx")
		coming.want("250 *", "250 *", "354 *")
		committing.hello()
		committing.send("MAIL FROM:<>\r\nRCPT TO:<1@h.example>\r\nDATA\r\nx\r\n.\r\n")
		committing.want("250 *", "250 *", "354 *")
		start := time.Now()
		if err := h.Stop(cancel); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("after %v", d)
		}
		h.check(t)
		if n := len(h.way.all()); n != 0 {
			t.Errorf("%d passages", n)
		}
	})
}

// TestVanish: a client that goes away at any point leaves nothing behind.
func TestVanish(t *testing.T) {
	t.Parallel()
	leaks(t)
	h, address := onTCP(t, small())
	const script = "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nDATA\r\nabc\r\n.\r"
	const chunked = "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<1@a.example>\r\nBDAT 3\r\nabcBDAT 4 LAST\r\nabc"
	for _, s := range []string{script, chunked} {
		for i := range len(s) + 1 {
			p := dial(t, "tcp", address)
			p.send(s[:i])
			if i%2 == 0 {
				if tcp, ok := p.Conn.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0) // a reset instead of an end
				}
			}
			_ = p.Close()
		}
	}
	eventually(t, func() bool { _, open := h.Peers(); return open == 0 })
	if n := len(h.way.all()); n != 0 {
		t.Errorf("%d passages", n)
	}
}

// TestVanishLate: who goes away after the end of his message has sent it.
func TestVanishLate(t *testing.T) {
	t.Parallel()
	h, address := onTCP(t, small())
	p := dial(t, "tcp", address)
	p.hello()
	p.send("MAIL FROM:<>\r\nRCPT TO:<1@h.example>\r\nDATA\r\nx\r\n.\r\n")
	<-h.way.came
	_ = p.Close()
	close(h.way.hold)
	eventually(t, func() bool { return len(h.way.all()) == 1 })
}
