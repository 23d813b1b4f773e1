package powercut_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"siegel/internal/app"
	"siegel/internal/index"
	"siegel/test/stand"
)

// Variables that make this program the one that is recorded.
const (
	envRole = "SIEGEL_POWERCUT_ROLE"
	envDir  = "SIEGEL_POWERCUT_DIR"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		if err := play(role, os.Getenv(envDir)); err != nil {
			fmt.Fprintln(os.Stderr, "powercut: child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Marks are lines that a child writes to its standard output. They are in the
// trace too: what they promise must survive a cut that comes after them.
const (
	markInit       = "mark: the data directory is whole"
	markFounded    = "mark: the tenant is founded"
	markCheckpoint = "mark: signed"
	markReady      = "ready"
)

// play is the child.
func play(role, dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch role {
	case "init":
		if err := stand.Init(dir); err != nil {
			return err
		}
		fmt.Println(markInit)
		return nil
	case "found":
		a, err := stand.Open(ctx, app.Options{Dir: dir})
		if err != nil {
			return err
		}
		if err := stand.Found(ctx, a); err != nil {
			return err
		}
		fmt.Println(markFounded)
		return a.Close()
	default:
		return stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log()}, func(s *app.Server) { go control(ctx, s) })
	}
}

// control carries out the parent's wishes, one a line.
func control(ctx context.Context, s *app.Server) {
	fmt.Println(markReady, os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var err error
		switch in.Text() {
		case "checkpoint":
			if err = s.ProofNow(ctx); err == nil {
				err = signed(ctx, s.App)
			}
		case "search":
			if err = search(ctx, s.App); err == nil {
				fmt.Println("searched")
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "powercut: child:", err)
			os.Exit(1)
		}
	}
}

// signed tells what was signed, as whoever reads a checkpoint would remember it.
func signed(ctx context.Context, a *app.App) error {
	t, err := a.Identity.Named(ctx, stand.Tenant)
	if err != nil {
		return err
	}
	tree, err := a.Ledger.Tree(ctx, a.DB.Tenant(t.ID), "message")
	if err != nil {
		return err
	}
	root, err := tree.Root(tree.Size)
	if err == nil {
		fmt.Println(markCheckpoint, tree.Size, root)
	}
	return err
}

// search makes the projections.
func search(ctx context.Context, a *app.App) error {
	s, err := stand.SignIn(ctx, a)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = a.Index.Search(ctx, s, index.Request{Text: "after:1900", Limit: 10})
	return err
}

// recording is what was recorded: one trace for each process, one after the
// other, and the messages that senders know of.
type recording struct {
	base   string // the root of the model
	dir    string // the data directory
	traces []string

	mu   sync.Mutex
	mail map[string]*stand.Mail // by id; guarded by mu
}

// record lets a data directory live: it is made, a tenant is founded, a server
// takes mail and is killed, another takes mail and is stopped, a third takes
// mail, and checkpoints are signed and stamped.
func record(t *testing.T) *recording {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{base: base, dir: filepath.Join(base, "data"), mail: make(map[string]*stand.Mail)}
	for _, role := range []string{"init", "found"} {
		if err := r.start(t, role).wait(); err != nil {
			t.Fatal(role, err)
		}
	}
	first := r.start(t, "serve")
	r.deliver(t, 1, 6, 1000)
	r.deliver(t, 8, 2, 3000)
	first.do(t, "checkpoint", markCheckpoint)
	r.deliver(t, 1, 2, 1500<<10)
	first.kill(t)

	second := r.start(t, "serve")
	r.deliver(t, 4, 3, 2000)
	second.do(t, "search", "searched")
	second.do(t, "checkpoint", markCheckpoint)
	second.stop(t)

	third := r.start(t, "serve")
	r.deliver(t, 1, 3, 2000)
	r.deliver(t, 2, 1, 1200<<10)
	third.do(t, "checkpoint", markCheckpoint)
	third.do(t, "search", "searched")
	r.deliver(t, 3, 2, 500)
	third.stop(t)
	return r
}

// tracedChild is a child under strace.
type tracedChild struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	pid   int
}

func (r *recording) start(t *testing.T, role string) *tracedChild {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	r.traces = append(r.traces, out)
	cmd := exec.Command("strace", "-f", "--seccomp-bpf", "-qq", "-X", "raw", "-xx", "-s", "4194304", "-e", "signal=none",
		"-e", "trace="+traced, "-o", out, os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+role, envDir+"="+r.dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &tracedChild{cmd: cmd, in: in, lines: bufio.NewScanner(pipe)}
	if role == "serve" {
		line := c.next(t, markReady)
		if _, err := fmt.Sscan(strings.TrimPrefix(line, markReady), &c.pid); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// next reads lines until one begins with a word.
func (c *tracedChild) next(t *testing.T, word string) string {
	t.Helper()
	for c.lines.Scan() {
		if strings.HasPrefix(c.lines.Text(), word) {
			return c.lines.Text()
		}
	}
	t.Fatalf("the child ended: %v", c.cmd.Wait())
	return ""
}

func (c *tracedChild) do(t *testing.T, wish, answer string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in, wish); err != nil {
		t.Fatal(err)
	}
	c.next(t, answer)
}

func (c *tracedChild) wait() error {
	for c.lines.Scan() {
		continue // to the end
	}
	return c.cmd.Wait()
}

func (c *tracedChild) kill(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(c.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
}

func (c *tracedChild) stop(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.wait(); err != nil {
		t.Fatal(err)
	}
}

// deliver sends messages of about size octets from several senders at once.
func (r *recording) deliver(t *testing.T, senders, each, size int) {
	t.Helper()
	errs := make([]error, senders)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { errs[i] = r.sender(each, size) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func (r *recording) sender(n, size int) error {
	c, err := stand.Dial(stand.Socket(r.dir))
	if err != nil {
		return err
	}
	defer c.Close()
	for range n {
		m := stand.NewMail(size + stand.Random(500))
		reply, err := c.Send(m)
		if err != nil {
			return err
		}
		if !reply.OK() {
			return fmt.Errorf("a sender was told %s", reply)
		}
		r.mu.Lock()
		r.mail[m.ID.String()] = m
		r.mu.Unlock()
	}
	return nil
}

// permitted skips the test where a process may not be traced.
func permitted(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatalf("strace is missing (make deps-test): %v", err)
	}
	out, err := exec.Command("strace", "-f", "--seccomp-bpf", "-o", os.DevNull, "true").CombinedOutput()
	if err != nil && strings.Contains(string(out), "not permitted") {
		t.Skipf("system calls cannot be recorded here: %s", out)
	}
	if err != nil {
		t.Fatalf("strace: %v: %s", err, out)
	}
}
