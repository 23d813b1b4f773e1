// Package bench_test measures Siegel as a whole: intake beside Debian's Dovecot
// in the same run, with a table of where the time goes. `make bench` prints it;
// docs/benchmarks.md says how to read it.
package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/identity"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

const (
	connections = 50
	rounds      = 3
	bound       = 3 * time.Minute // of one run; a server that takes longer fails
	recipient   = "office@bench.example"
)

// childDir, when set in the environment, makes this binary the server under
// test instead of the tests.
const childDir = "SIEGEL_BENCH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// step is the time spent in one step of the path.
type step struct {
	Name  string
	Count int64
	Nanos int64
}

// steps adds up what the path's watch hears.
type steps struct {
	mu   sync.Mutex
	list []step // guarded by mu
}

func (s *steps) watch(name string, done bool, took time.Duration) {
	if !done {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(x step) bool { return x.Name == name })
	if i < 0 {
		i = len(s.list)
		s.list = append(s.list, step{Name: name})
	}
	s.list[i].Count++
	s.list[i].Nanos += took.Nanoseconds()
}

// child serves until SIGTERM and then prints its steps.
func child(dir string) error {
	ctx, stop := context.WithCancel(context.Background())
	go func() { _, _ = os.Stdin.Read(make([]byte, 1)); stop() }() // the parent closes our input
	var s steps
	a, err := app.Open(ctx, app.Options{
		Dir: dir, Now: time.Now, Watch: s.watch,
		Log:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Change: func(c *config.Config) { c.LMTP.Listen = []string{"127.0.0.1:0"} },
	})
	if err != nil {
		return err
	}
	server, err := app.NewServer(ctx, a)
	if err != nil {
		return err
	}
	for _, addr := range server.Addrs() {
		if addr.Network() == "tcp" {
			fmt.Println(addr)
		}
	}
	stopProfile, err := profile()
	if err != nil {
		return err
	}
	if err := errors.Join(server.Run(ctx), stopProfile(), a.Close()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s.list)
}

// profileFile, when set in the environment, takes a CPU profile of the server.
const profileFile = "SIEGEL_BENCH_PROFILE"

func profile() (stop func() error, err error) {
	path := os.Getenv(profileFile)
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, pprof.StartCPUProfile(f)
}

// siegel is the server under test as a process of its own.
type siegel struct {
	cmd     *exec.Cmd
	in      interface{ Close() error }
	out     *bufio.Reader
	address string
}

func startSiegel(b *testing.B, scaled bool) *siegel {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "data")
	found(b, dir, scaled)
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	s := &siegel{cmd: exec.CommandContext(context.Background(), exe)}
	s.cmd.Env = append(os.Environ(), childDir+"="+dir)
	s.cmd.Stderr = os.Stderr
	in, err1 := s.cmd.StdinPipe()
	out, err2 := s.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, s.cmd.Start()); err != nil {
		b.Fatal(err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	s.address = strings.TrimSpace(line)
	return s
}

// found makes a data directory with a tenant, or one that works with PostgreSQL
// and S3.
func found(b *testing.B, dir string, scaled bool) {
	b.Helper()
	ctx := b.Context()
	if err := app.Init(app.InitOptions{Dir: dir, Name: "bench.example", Environment: config.Test, Now: time.Now}); err != nil {
		b.Fatal(err)
	}
	if scaled {
		if err := stand.Scale(dir); err != nil {
			b.Fatal(err)
		}
	}
	a, err := app.Open(ctx, app.Options{Dir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	kit, err := a.Identity.NewKit(ctx)
	if err != nil {
		b.Fatal(err)
	}
	_, err = a.Identity.Found(ctx, identity.Founding{
		Name: "bench", Domains: []mail.Domain{"bench.example"}, Kit: kit.ID,
		Words:          []string{kit.Words[kit.WordsAsked[0]-1], kit.Words[kit.WordsAsked[1]-1]},
		Administrators: []mail.Address{"admin@bench.example"}, Keepers: []mail.Address{"keeper@bench.example"},
		Readers: []mail.Address{recipient},
	})
	if err := errors.Join(err, a.Close()); err != nil {
		b.Fatal(err)
	}
}

// stop ends the server and returns its CPU time, its peak memory in octets and
// its steps.
func (s *siegel) stop(b *testing.B) (cpu time.Duration, peak int64, list []step) {
	b.Helper()
	if err := s.in.Close(); err != nil {
		b.Fatal(err)
	}
	if err := json.NewDecoder(s.out).Decode(&list); err != nil {
		b.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	if u, ok := s.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = u.Maxrss << 10
	}
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime(), peak, list
}

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

// load sends all messages over parallel connections and returns how long that
// took.
func load(b *testing.B, address string, list [][]byte) time.Duration {
	b.Helper()
	var next atomic.Int64
	var wait sync.WaitGroup
	failed := make(chan error, connections)
	start := time.Now()
	for range connections {
		wait.Go(func() {
			if err := send(address, list, &next); err != nil {
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
	list := corpus(b)
	size := 0
	for _, m := range list {
		size += len(m)
	}
	n := float64(len(list))
	var ours, theirs []result
	var table []step
	for range rounds {
		s := startSiegel(b, false)
		took := load(b, s.address, list)
		cpu, peak, steps := s.stop(b)
		ours, table = append(ours, result{n / took.Seconds(), cpu.Seconds() / n * 1000, peak}), steps
		d := startDovecot(b)
		took = load(b, d.address, list)
		theirs = append(theirs, result{rate: n / took.Seconds(), cpu: d.stop(b).Seconds() / n * 1000})
	}
	rate, cpu := func(r result) float64 { return r.rate }, func(r result) float64 { return r.cpu }
	fmt.Printf("\nIntake over LMTP, %d connections, %d messages of %.1f KB on average, median of %d runs\n", connections, len(list), float64(size)/n/1000, rounds)
	fmt.Printf("  %s, %d cores, %s\n", runtime.GOARCH, runtime.NumCPU(), machine())
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
	list := corpus(b)
	n := float64(len(list))
	var ours []result
	var table []step
	for range rounds {
		s := startSiegel(b, true)
		took := load(b, s.address, list)
		cpu, peak, steps := s.stop(b)
		ours, table = append(ours, result{n / took.Seconds(), cpu.Seconds() / n * 1000, peak}), steps
	}
	rate, cpu := func(r result) float64 { return r.rate }, func(r result) float64 { return r.cpu }
	fmt.Printf("\nIntake over LMTP with PostgreSQL and S3 on the same machine, %d connections, %d messages, median of %d runs\n", connections, len(list), rounds)
	fmt.Printf("  %s, %d cores, %s\n", runtime.GOARCH, runtime.NumCPU(), machine())
	fmt.Printf("  %-10s %8.0f messages/s  %6.3f CPU s per 1000, servers and client not counted, peak memory %d MiB\n", "Siegel", median(ours, rate), median(ours, cpu), ours[0].peak>>20)
	printSteps(table)
	b.ReportMetric(median(ours, rate), "messages/s")
}

// machine names the processor.
func machine() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for l := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
