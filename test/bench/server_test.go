package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/test/stand"
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

// report is what the server under test says when it ends.
type report struct {
	Peak  int64 // of its resident memory, in octets
	Steps []step
}

// child serves until its input is closed and then prints its report.
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
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report{peak, s.list})
}

// peakMemory returns the greatest resident memory that this process had, in octets.
// (What the kernel tells a parent of a child that has ended is that of the parent
// before the child's program began, where that was more.)
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("bench: the kernel does not tell the peak of the memory")
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
	return startAt(b, dir)
}

// startAt starts a server on a data directory.
func startAt(b *testing.B, dir string) *siegel {
	b.Helper()
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

// found makes a data directory with the stand's tenant, or one that works with
// PostgreSQL and S3.
func found(b *testing.B, dir string, scaled bool) {
	b.Helper()
	if err := stand.Init(dir); err != nil {
		b.Fatal(err)
	}
	if scaled {
		if err := stand.Scale(dir); err != nil {
			b.Fatal(err)
		}
	}
	a, err := stand.Open(b.Context(), app.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(stand.Found(b.Context(), a), a.Close()); err != nil {
		b.Fatal(err)
	}
}

// stop ends the server and returns its CPU time and its report.
func (s *siegel) stop(b *testing.B) (cpu time.Duration, r report) {
	b.Helper()
	if err := s.in.Close(); err != nil {
		b.Fatal(err)
	}
	if err := json.NewDecoder(s.out).Decode(&r); err != nil {
		b.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime(), r
}

// machine says on what a run is measured and how busy that is before it begins.
func machine() string {
	name := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown ")
	}
	average, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%s, %d cores, %s, load before %s", runtime.GOARCH, runtime.NumCPU(), name, average)
}
