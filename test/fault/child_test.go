package fault

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"siegel/internal/app"
	"siegel/internal/kit/secret"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/sqlite"
	"siegel/internal/vault/seal/master"
	"siegel/test/stand"
)

// Variables that make this program another one.
const (
	envRole = "SIEGEL_FAULT_ROLE" // serve, lock
	envDir  = "SIEGEL_FAULT_DIR"
	envDisk = "SIEGEL_FAULT_DISK" // where the small disk is mounted: this is the test inside its name space
)

func TestMain(m *testing.M) {
	role, dir := os.Getenv(envRole), os.Getenv(envDir)
	var err error
	switch role {
	case "":
		os.Exit(m.Run())
	case "serve":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err = stand.Serve(ctx, app.Options{Dir: dir, Log: stand.Log()}, func(*app.Server) { fmt.Println("ready") })
		stop()
	case "lock":
		err = lock(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault: child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// lock holds the control database's write lock until the standard input ends.
func lock(dir string) error {
	held, err := master.Open(filepath.Join(dir, "master.key"), secret.NewArena(1))
	if err != nil {
		return err
	}
	ctx := context.Background()
	d, err := sqlite.Open(ctx, filepath.Join(dir, "control.db"), held.ControlKey())
	if err != nil {
		return err
	}
	err = d.Update(ctx, func(*db.Batch) error {
		fmt.Println("ready")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
	if err != nil {
		return err
	}
	return d.Close()
}

// child is this program in another role.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// start runs a child and waits until it is ready.
func start(t *testing.T, role, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+role, envDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		t.Fatalf("the child %q did not start: %q, %v", role, line, err)
	}
	return &child{cmd, in}
}

// stop ends a server.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
