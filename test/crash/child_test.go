package crash_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/stand"
)

// Variables that make this program the server that is killed.
const (
	envDir  = "SIEGEL_CRASH_DIR"
	envStep = "SIEGEL_CRASH_STEP" // at which step it kills itself; empty for none
	envNth  = "SIEGEL_CRASH_NTH"  // when the step is entered for the n-th time
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, "crash: child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve is the child: a server on a data directory that kills itself.
func serve(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	nth, err := strconv.ParseInt(os.Getenv(envNth), 10, 64)
	if err != nil {
		return err
	}
	k := &killer{step: os.Getenv(envStep), nth: nth}
	return stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log(), Watch: k.watch}, func(s *app.Server) {
		steps := s.Steps()
		k.steps.Store(&steps)
		fmt.Println("ready", strings.Join(steps, " "))
		go sign(ctx, s) // after that line: it may kill the process at once
	})
}

// sign signs checkpoints much more often than the configuration allows, so that
// there is one to be killed in.
func sign(ctx context.Context, s *app.Server) {
	for ctx.Err() == nil {
		if err := s.Evidence.Checkpointer.CheckpointNow(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "crash: checkpoint:", err)
			os.Exit(1)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// killer ends its own process when a step is entered for the n-th time.
type killer struct {
	step  string
	nth   int64
	steps atomic.Pointer[[]string]
	times atomic.Int64
}

func (k *killer) watch(step string, done bool, _ time.Duration) {
	if done {
		return
	}
	if !slices.Contains(*k.steps.Load(), step) {
		fmt.Fprintf(os.Stderr, "crash: the path enters %q, which is not among its steps\n", step)
		os.Exit(1)
	}
	if step == k.step && k.times.Add(1) == k.nth {
		_, _ = fmt.Println("kill", step)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing goes on while the signal is on its way
	}
}

// child is a running server.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	steps []string
}

// start runs a server and waits until its doors are open.
func start(t *testing.T, dir, step string, nth int) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envDir+"="+dir, envStep+"="+step, envNth+"="+strconv.Itoa(nth))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, lines: bufio.NewScanner(out)}
	word, rest := c.line()
	if word != "ready" {
		_ = cmd.Process.Kill()
		t.Fatalf("the server did not start again after a kill: %v", cmd.Wait())
	}
	c.steps = strings.Fields(rest)
	return c
}

func (c *child) line() (word, rest string) {
	if !c.lines.Scan() {
		return "", ""
	}
	word, rest, _ = strings.Cut(c.lines.Text(), " ")
	return word, rest
}

// killed waits until the server has killed itself and returns at which step.
func (c *child) killed() (string, error) {
	// Whoever never comes to the step is killed from outside, and that is an error.
	late := time.AfterFunc(time.Minute, func() { _ = c.cmd.Process.Kill() })
	word, step := c.line()
	err := c.cmd.Wait()
	if !late.Stop() {
		return "", errors.New("the step was not entered within a minute")
	}
	var exit *exec.ExitError
	if word != "kill" || !errors.As(err, &exit) || !signaled(exit) {
		return "", fmt.Errorf("the server ended by itself: %w", err)
	}
	return step, nil
}

func signaled(e *exec.ExitError) bool {
	status, ok := e.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// kill ends the server from outside.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := c.cmd.Wait(); !errors.As(err, &exit) || !signaled(exit) {
		return fmt.Errorf("the server ended by itself: %w", err)
	}
	return nil
}

// stop asks the server to end.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}
