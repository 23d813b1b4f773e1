// Package bench_test measures Siegel as a whole: intake beside Debian's Dovecot
// in the same run, with a table of where the time goes. `make bench` prints it;
// docs/benchmarks.md says how to read it.
package bench_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/proto/smtp"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

const (
	connections = 50
	rounds      = 3
	bound       = 3 * time.Minute // of one run; a server that takes longer fails
	recipient   = stand.Reader
)

// corpus reads the real mail that the load is made of, line ends CRLF.
func corpus(b *testing.B) [][]byte {
	b.Helper()
	dir, err := os.Getwd()
	if err != nil {
		b.Fatal(err)
	}
	dir = filepath.Join(dir, "..", "..", "node_modules", "@stdlib", "datasets-spam-assassin", "data")
	var list [][]byte
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		m, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(m, []byte("From ")) {
			m = m[bytes.IndexByte(m, '\n')+1:]
		}
		m = bytes.ReplaceAll(bytes.ReplaceAll(m, []byte("\r"), nil), []byte("\n"), []byte("\r\n"))
		if !bytes.HasSuffix(m, []byte("\r\n")) {
			m = append(m, "\r\n"...)
		}
		list = append(list, m)
		return nil
	})
	if err != nil || len(list) == 0 {
		b.Skip("the corpus is not installed: run make deps")
	}
	return list
}

// load sends all messages over parallel connections, which the servers share, and
// returns how long that took.
func load(b *testing.B, list [][]byte, connections int, addresses ...string) time.Duration {
	b.Helper()
	var next atomic.Int64
	var wait sync.WaitGroup
	failed := make(chan error, connections)
	start := time.Now()
	for i := range connections {
		wait.Go(func() {
			if err := send(addresses[i%len(addresses)], list, &next); err != nil {
				failed <- err
			}
		})
	}
	wait.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
	return took
}

func send(address string, list [][]byte, next *atomic.Int64) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(bound)); err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	c := smtp.NewClient(conn)
	if err := errors.Join(c.Greeting(), c.Hello(smtp.Lhlo, "bench.localhost")); err != nil {
		return err
	}
	from, err1 := smtp.ParseAddress("sender@elsewhere.example")
	to, err2 := smtp.ParseAddress(recipient)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for {
		i := next.Add(1) - 1
		if i >= int64(len(list)) {
			return c.Quit()
		}
		replies, err := c.Send(smtp.Envelope{Sender: from, Recipients: []smtp.Address{to}}, bytes.NewReader(list[i]))
		if err != nil {
			return err
		}
		if !replies[0].OK() {
			return fmt.Errorf("message %d: %v", i, replies[0])
		}
	}
}

// result is one run of a server.
type result struct {
	rate float64 // messages per second
	cpu  float64 // CPU seconds per 1000 messages
	peak int64
}

func median(list []result, f func(result) float64) float64 {
	values := make([]float64, len(list))
	for i, r := range list {
		values[i] = f(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkIntake takes the real corpus over 50 connections, alternating with
// Dovecot.
func BenchmarkIntake(b *testing.B) {
	on, list := machine(), corpus(b)
	size := 0
	for _, m := range list {
		size += len(m)
	}
	n := float64(len(list))
	var ours, theirs []result
	var table []step
	for range rounds {
		s := startSiegel(b, false)
		took := load(b, list, connections, s.address)
		cpu, r := s.stop(b)
		ours, table = append(ours, result{n / took.Seconds(), cpu.Seconds() / n * 1000, r.Peak}), r.Steps
		d := startDovecot(b)
		took = load(b, list, connections, d.address)
		theirs = append(theirs, result{rate: n / took.Seconds(), cpu: d.stop(b).Seconds() / n * 1000})
	}
	rate, cpu := func(r result) float64 { return r.rate }, func(r result) float64 { return r.cpu }
	fmt.Printf("\nIntake over LMTP, %d connections, %d messages of %.1f KB on average, median of %d runs\n", connections, len(list), float64(size)/n/1000, rounds)
	fmt.Printf("  %s\n", on)
	fmt.Printf("  %-10s %8.0f messages/s  %6.3f CPU s per 1000, client not counted, peak memory %d MiB\n", "Siegel", median(ours, rate), median(ours, cpu), ours[0].peak>>20)
	fmt.Printf("  %-10s %8.0f messages/s  %6.3f CPU s per 1000 (sdbox, mail_fsync=always)\n", "Dovecot", median(theirs, rate), median(theirs, cpu))
	fmt.Printf("  ratio      %8.2f            %6.2f\n", median(ours, rate)/median(theirs, rate), median(ours, cpu)/median(theirs, cpu))
	printSteps(table)
	b.ReportMetric(median(ours, rate), "messages/s")
	b.ReportMetric(median(ours, rate)/median(theirs, rate), "x-Dovecot")
}

func printSteps(table []step) {
	fmt.Printf("  %-18s %8s %12s %12s\n", "step", "times", "mean", "in all")
	for _, s := range table {
		fmt.Printf("  %-18s %8d %12v %12v\n", s.Name, s.Count, (time.Duration(s.Nanos) / time.Duration(s.Count)).Round(time.Microsecond),
			time.Duration(s.Nanos).Round(time.Millisecond))
	}
}

// BenchmarkIntakeScaled takes the same load with PostgreSQL and an S3 store on the
// same machine, whose CPU time is not counted.
func BenchmarkIntakeScaled(b *testing.B) {
	b.Setenv(dbtest.OnDisk, "1")
	on, list := machine(), corpus(b)
	n := float64(len(list))
	var ours []result
	var table []step
	for range rounds {
		s := startSiegel(b, true)
		took := load(b, list, connections, s.address)
		cpu, r := s.stop(b)
		ours, table = append(ours, result{n / took.Seconds(), cpu.Seconds() / n * 1000, r.Peak}), r.Steps
	}
	rate, cpu := func(r result) float64 { return r.rate }, func(r result) float64 { return r.cpu }
	fmt.Printf("\nIntake over LMTP with PostgreSQL and S3 on the same machine, %d connections, %d messages, median of %d runs\n", connections, len(list), rounds)
	fmt.Printf("  %s\n", on)
	fmt.Printf("  %-10s %8.0f messages/s  %6.3f CPU s per 1000, servers and client not counted, peak memory %d MiB\n", "Siegel", median(ours, rate), median(ours, cpu), ours[0].peak>>20)
	printSteps(table)
	b.ReportMetric(median(ours, rate), "messages/s")
}
