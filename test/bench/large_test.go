package bench_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"siegel/internal/proto/smtp"
	"siegel/internal/vault/db/dbtest"
)

const (
	largeCount  = 10
	largeSize   = 150_000_000 // octets, at least
	largeMemory = 300 << 20   // of resident memory that the server may need
)

// large yields a message with an attachment in base64 that does not compress
// otherwise, so that nobody has to hold it.
type large struct {
	rest []byte // made and not yet read
	made int
	from *rand.ChaCha8
	end  bool
}

func newLarge(seed byte) *large {
	return &large{
		from: rand.NewChaCha8([32]byte{seed}),
		rest: []byte("From: sender@elsewhere.example\r\nTo: " + recipient + "\r\nSubject: plans\r\nMIME-Version: 1.0\r\n" +
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\n" +
			"Content-Type: application/octet-stream; name=plans.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
	}
}

func (l *large) Read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		switch {
		case l.end:
			return 0, io.EOF
		case l.made >= largeSize:
			l.rest, l.end = []byte("--b--\r\n"), true
		default:
			l.rest = l.lines(1000)
		}
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	l.made += n
	return n, nil
}

// lines makes n lines of an attachment.
func (l *large) lines(n int) []byte {
	var b bytes.Buffer
	raw, line := make([]byte, 57), make([]byte, 76)
	for range n {
		_, _ = l.from.Read(raw) // never fails
		base64.StdEncoding.Encode(line, raw)
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// sendLarge sends one large message.
func sendLarge(address string, seed byte) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(2 * bound)); err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	c := smtp.NewClient(conn)
	from, err1 := smtp.ParseAddress("sender@elsewhere.example")
	to, err2 := smtp.ParseAddress(recipient)
	if err := errors.Join(err1, err2, c.Greeting(), c.Hello(smtp.Lhlo, "bench.localhost")); err != nil {
		return err
	}
	replies, err := c.Send(smtp.Envelope{Sender: from, Recipients: []smtp.Address{to}}, newLarge(seed))
	if err != nil {
		return err
	}
	if !replies[0].OK() {
		return fmt.Errorf("a large message: %v", replies[0])
	}
	return c.Quit()
}

// largeRun sends all large messages at once and says how that went. It fails
// where the server needs more memory than it may.
func largeRun(b *testing.B, on, with string, scaled bool) {
	b.Helper()
	s := startSiegel(b, scaled)
	start := time.Now()
	failed := make(chan error, largeCount)
	var wait sync.WaitGroup
	for i := range largeCount {
		wait.Go(func() { failed <- sendLarge(s.address, byte(i)) })
	}
	wait.Wait()
	took := time.Since(start)
	cpu, r := s.stop(b)
	for range largeCount {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
	fmt.Printf("\n%d messages of %d MB at once, with %s\n  %s\n", largeCount, largeSize/1_000_000, with, on)
	fmt.Printf("  peak memory %d MiB (may be %d), %v in all, %.1f MB/s, %.2f CPU s a message\n", r.Peak>>20, int64(largeMemory)>>20,
		took.Round(time.Millisecond), largeCount*largeSize/1e6/took.Seconds(), cpu.Seconds()/largeCount)
	b.ReportMetric(float64(r.Peak>>20), "MiB-peak")
	if r.Peak > largeMemory {
		b.Errorf("the server needed %d MiB", r.Peak>>20)
	}
}

// BenchmarkLarge takes 10 messages of 150 MB at once (EX-03).
func BenchmarkLarge(b *testing.B) { largeRun(b, machine(), "SQLite and a disk", false) }

// BenchmarkLargeScaled does it with PostgreSQL and an S3 store.
func BenchmarkLargeScaled(b *testing.B) {
	b.Setenv(dbtest.OnDisk, "1")
	largeRun(b, machine(), "PostgreSQL and S3", true)
}
