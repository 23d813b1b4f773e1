// Package victim runs servers in processes of their own that are killed: by
// themselves at a step of the path, or from outside. A test package that uses it
// calls [Main] in its TestMain.
package victim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
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
	"siegel/internal/archive/job"
	"siegel/internal/kit/fault"
	"siegel/test/stand"
)

// Variables that make this program the server that is killed.
const (
	envDir  = "SIEGEL_VICTIM_DIR"
	envStep = "SIEGEL_VICTIM_STEP" // at which step it kills itself; empty for none
	envNth  = "SIEGEL_VICTIM_NTH"  // when the step is entered for the n-th time
)

// Main runs the tests, or the server where this process is one.
func Main(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, "victim:", err)
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
	// Jobs say often how far they are, have parts that are soon made, and last long enough
	// to be killed in the middle.
	small := job.Times{Beat: 20 * time.Millisecond, Part: 20, Pause: 250 * time.Millisecond}
	return stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log(), Watch: k.watch, JobTimes: small}, func(s *app.Server) {
		steps := s.Steps()
		k.steps.Store(&steps)
		named := func(at net.Addr) string {
			if at == nil {
				return "-"
			}
			return at.String()
		}
		fmt.Println("ready", named(s.HealthAddr()), named(s.WebAddr()), strings.Join(steps, " "))
		go sign(ctx, s) // after that line: it may kill the process at once
	})
}

// sign signs checkpoints much more often than the configuration allows, so that
// there is one to be killed in.
func sign(ctx context.Context, s *app.Server) {
	for ctx.Err() == nil {
		err := s.Evidence.Checkpointer.CheckpointNow(ctx)
		// Where several nodes sign all the time one may come too late, and where a
		// database fails over there is none for a while.
		if kind := fault.Of(err); err != nil && ctx.Err() == nil && kind != fault.Conflict && kind != fault.Busy && kind != fault.Exhausted {
			fmt.Fprintln(os.Stderr, "victim: checkpoint:", err)
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
		fmt.Fprintf(os.Stderr, "victim: the path enters %q, which is not among its steps\n", step)
		os.Exit(1)
	}
	if step == k.step && k.times.Add(1) == k.nth {
		_, _ = fmt.Println("kill", step)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing goes on while the signal is on its way
	}
}

// Child is a running server.
type Child struct {
	Steps  []string // of the path, as the server lists them
	Health string   // address of its door for health, "-" for none
	Web    string   // and of that for browsers

	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// Start runs a server on a data directory, which kills itself when it enters a
// step for the nth time; empty for never. It waits until the doors are open.
func Start(dir, step string, nth int) (*Child, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envDir+"="+dir, envStep+"="+step, envNth+"="+strconv.Itoa(nth))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &Child{cmd: cmd, lines: bufio.NewScanner(out)}
	word, rest := c.line()
	if word != "ready" {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("the server did not start: %w", cmd.Wait())
	}
	words := strings.Fields(rest)
	c.Health, c.Web, c.Steps = words[0], words[1], words[2:]
	return c, nil
}

func (c *Child) line() (word, rest string) {
	if !c.lines.Scan() {
		return "", ""
	}
	word, rest, _ = strings.Cut(c.lines.Text(), " ")
	return word, rest
}

// Killed waits until the server has killed itself and returns at which step.
func (c *Child) Killed() (string, error) {
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

// Kill ends the server from outside.
func (c *Child) Kill() error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := c.cmd.Wait(); !errors.As(err, &exit) || !signaled(exit) {
		return fmt.Errorf("the server ended by itself: %w", err)
	}
	return nil
}

// Pause and Resume stop a server's time, as a machine does that hangs.
func (c *Child) Pause() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (c *Child) Resume() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

// Stop asks the server to end, and waits for it.
func (c *Child) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}
