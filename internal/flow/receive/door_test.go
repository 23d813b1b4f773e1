package receive_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/flow"
	"siegel/internal/flow/receive"
	"siegel/internal/proto/smtp"
)

// TestDoorKeepsOctets: what a client sends by DATA and by BDAT comes to the path
// unchanged, through a real socket. (EV-01)
func TestDoorKeepsOctets(t *testing.T) {
	t.Parallel()
	c := small()
	c.MaxSize = 1 << 20
	h, path := onUnix(t, c)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cl := smtp.NewClient(conn)
	if err := cl.Greeting(); err != nil {
		t.Fatal(err)
	}
	if err := cl.Hello(smtp.Lhlo, "client.example"); err != nil {
		t.Fatal(err)
	}
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"\r\n", "\r", "\n", ".", "\r\n.", "\r\n.\r\n", "\r\r\n", "QUIT\r\n", "\x00", "\xff"}),
		rapid.Map(rapid.IntRange(0, 20_000), func(n int) string { return strings.Repeat("x", n) }),
	)
	e := smtp.Envelope{Recipients: []smtp.Address{{Local: "1", Domain: "a.example"}}}
	rapid.Check(t, func(t *rapid.T) {
		msg := strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "message"), "") + "\r\n"
		n := len(h.way.all())
		if r, err := cl.Send(e, strings.NewReader(msg)); err != nil || !r[0].OK() {
			t.Fatalf("DATA: %v, %v", r, err)
		}
		if r, err := cl.SendChunks(e, strings.NewReader(msg), rapid.IntRange(100, 30_000).Draw(t, "chunk")); err != nil || !r[0].OK() {
			t.Fatalf("BDAT: %v, %v", r, err)
		}
		all := h.way.all()
		if len(all) != n+2 || all[n].octets != msg || all[n+1].octets != msg {
			t.Fatalf("%d passages, want 2 of %.200q", len(all)-n, msg)
		}
	})
}

// script is a connection in memory whose other side says its lines and goes.
type script struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// FuzzSession says anything to the door. It must not hang or panic, must answer
// with replies only, must give back what it took, and must never bring more
// messages to the path than were ended: by CRLF.CRLF (or a first line that is
// .CRLF) after a 354, or by a LAST.
func FuzzSession(f *testing.F) {
	const begin = "LHLO x\r\nMAIL FROM:<s@x.example>\r\nRCPT TO:<1@a.example>\r\n"
	for _, s := range []string{
		begin + "DATA\r\nx\r\n.\r\nQUIT\r\n", begin + "RCPT TO:<2@b.example>\r\nDATA\r\n..\r\n.\r\nNOOP\r\n",
		begin + "BDAT 3\r\nabcBDAT 0 LAST\r\n", begin + "DATA\r\na\n.\nMAIL FROM:<>\r\n.\r\n", begin + "BDAT 5 last\r\n\r\n.\r\n",
		begin + "RSET\r\nDATA\r\n", "EHLO x\r\n", "POST / HTTP/1.1\r\n\r\n", begin + "DATA\r\n.\r\n" + begin[8:] + "DATA\r\n.\r\n",
		begin + "RCPT TO:<1@p.example>\r\nDATA\r\n.\r\n", begin + "BDAT 99999\r\nabc", begin + "DATA\r\n" + strings.Repeat("x", 1100) + "\r\n.\r\n",
		"STARTTLS\r\nAUTH PLAIN AGEAYg==\r\nVRFY a\r\nHELP\r\n", begin + "DATA\r\na\r\r\n..b\r\n.\rx\r\n.\r\n",
		begin + "RCPT TO:<1@h.example>\r\nDATA\r\n.\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h := newHouse(t, small())
		h.way.hold = nil // a path that waits for the test would wait for ever
		s := &script{in: bytes.NewReader(in)}
		h.Serve(t.Context(), s, true)
		h.Wait()
		h.check(t)
		if err := wellFormed(&s.out); err != nil {
			t.Fatalf("%v in %q", err, s.out.String())
		}
		upper := bytes.ToUpper(in)
		ends := bytes.Count(in, []byte("\n.\r\n")) + bytes.Count(upper, []byte("LAST"))
		tenants := make(map[string]int) // passages of each; one transaction makes one per tenant
		for _, k := range h.way.all() {
			if tenants[k.Tenant.String()]++; tenants[k.Tenant.String()] > ends {
				t.Fatalf("%d messages, %d ends in %q", tenants[k.Tenant.String()], ends, in)
			}
			if len(k.octets) > 1000 || len(k.Envelope.To) == 0 {
				t.Fatalf("passage %+v", k)
			}
		}
		if n := bytes.Count(s.out.Bytes(), []byte("Kept as")); n < len(h.way.all()) {
			t.Fatalf("%d recipients were told of %d passages", n, len(h.way.all()))
		}
	})
}

// wellFormed reads replies to the end.
func wellFormed(out *bytes.Buffer) error {
	br := bufio.NewReader(bytes.NewReader(out.Bytes()))
	for n := 0; ; n++ {
		if _, err := smtp.ReadReply(br); errors.Is(err, io.EOF) && n > 0 {
			return nil
		} else if err != nil {
			return fmt.Errorf("reply %d: %w", n, err)
		}
	}
}

// nothing is a path and a spool that cost nothing.
type nothing struct{ n atomic.Int64 }

func (n *nothing) Incoming(_ context.Context, _ *flow.Passage) error { n.n.Add(1); return nil }
func (n *nothing) New() flow.Sheet                                   { return &empty{} }

type empty struct{ n int64 }

func (e *empty) Write(p []byte) (int, error)  { e.n += int64(len(p)); return len(p), nil }
func (e *empty) Body() (flow.Body, error)     { return e, nil }
func (e *empty) Close() error                 { return nil }
func (e *empty) Open() (io.ReadCloser, error) { return nil, io.EOF }
func (e *empty) Size() int64                  { return e.n }
func (e *empty) SHA256() (none [32]byte)      { return none }

// BenchmarkDoor is the cost of the door alone: real sockets, messages of the
// size that the corpus has, a path that does nothing.
func BenchmarkDoor(b *testing.B) {
	for _, size := range []int{12_600, 10 << 20} {
		for _, network := range []string{"tcp", "unix"} {
			b.Run(fmt.Sprintf("%s/%d", network, size), func(b *testing.B) { benchDoor(b, network, size) })
		}
	}
}

func benchDoor(b *testing.B, network string, size int) {
	c := receive.Config{TCP: []string{"127.0.0.1:0"}, Unix: []string{b.TempDir() + "/s"}}
	n := &nothing{}
	s, err := receive.New(c, receive.Deps{Path: n, Router: router{}, Spool: n, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	address := s.Addrs()[0].String()
	if network == "unix" {
		address = s.Addrs()[1].String()
	}
	msg := []byte(strings.Repeat(strings.Repeat("0123456789", 7)+"abcdef\r\n", size/78+1))[:size]
	copy(msg[size-2:], "\r\n")
	e := smtp.Envelope{Recipients: []smtp.Address{{Local: "1", Domain: "a.example"}}, Size: int64(size)}
	b.SetBytes(int64(size))
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial(network, address)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		cl := smtp.NewClient(conn)
		if cl.Greeting() != nil || cl.Hello(smtp.Lhlo, "bench.example") != nil {
			b.Error("no greeting")
			return
		}
		for pb.Next() {
			if r, err := cl.Send(e, bytes.NewReader(msg)); err != nil || !r[0].OK() {
				b.Error(r, err)
				return
			}
		}
		_ = cl.Quit()
	})
	b.ReportMetric(float64(n.n.Load())/b.Elapsed().Seconds(), "messages/s")
}
