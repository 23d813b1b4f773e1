package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/place"
	"siegel/internal/mail"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

// program builds the program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "siegel-transfer-*")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "siegel")
	out, err := exec.Command("go", "build", "-o", bin, "siegel/cmd/siegel").CombinedOutput() //nolint:noctx // of all tests
	if err != nil {
		err = errors.Join(err, errors.New(string(out)))
	}
	return bin, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// house is a data directory with a founded tenant, and its server.
type house struct {
	*testing.T
	bin, dir string
	password string // file
	server   *exec.Cmd
}

func newHouse(t *testing.T, more ...string) *house {
	t.Helper()
	return houseOf(t, stand.New, os.Getenv(dbtest.Variable) == "postgres", more...)
}

// wideHouse is one on a PostgreSQL server and an S3 store, whatever the tests run on.
func wideHouse(t *testing.T) *house {
	t.Helper()
	store, place := blobtest.S3(t), dbtest.Postgres(t)
	return houseOf(t, func(ctx context.Context, dir string) error {
		if err := errors.Join(stand.Init(dir), stand.ScaleTo(dir, place.Address, store.Endpoint)); err != nil {
			return err
		}
		a, err := stand.Open(ctx, app.Options{Dir: dir})
		if err != nil {
			return err
		}
		return errors.Join(stand.Found(ctx, a), a.Close())
	}, true)
}

// houseOf makes a house whose data directory found makes; wide says that it has a
// configuration of its own.
func houseOf(t *testing.T, found func(context.Context, string) error, wide bool, more ...string) *house {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, bin: bin, dir: filepath.Join(t.TempDir(), "data"), password: filepath.Join(t.TempDir(), "password")}
	h.ok(found(t.Context(), h.dir))
	h.ok(os.WriteFile(h.password, []byte(stand.Password), 0o400))
	config := "lmtp:\n  listen: []\n  sockets: [lmtp.sock]\n"
	config += strings.Join(more, "")
	file := filepath.Join(h.dir, "siegel.yaml")
	if wide {
		b, err := os.ReadFile(file)
		h.ok(err)
		config = string(b) + config
	}
	h.ok(os.WriteFile(file, []byte(config), 0o600))
	t.Cleanup(h.kill)
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// serve starts the server and waits for it.
func (h *house) serve() {
	h.Helper()
	h.server = exec.Command(h.bin, "serve", "--data", h.dir) //nolint:noctx // killed by name of the test
	h.server.Stderr = io.Discard
	h.server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	h.ok(h.server.Start())
	for range 600 {
		if conn, err := net.Dial("unix", app.ConsoleSocket(h.dir)); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.Fatal("the server does not come up")
}

// kill ends the server at once.
func (h *house) kill() {
	if h.server != nil {
		_ = h.server.Process.Kill()
		_ = h.server.Wait()
		h.server = nil
	}
}

// stop ends the server in order.
func (h *house) stop() {
	h.Helper()
	h.ok(h.server.Process.Signal(syscall.SIGTERM))
	h.ok(h.server.Wait())
	h.server = nil
}

// command is the program with a keeper's credentials.
func (h *house) command(args ...string) *exec.Cmd {
	args = append(args, "--data", h.dir, "--as", stand.Keeper, "--password-file", h.password)
	cmd := exec.CommandContext(h.Context(), h.bin, args...)
	cmd.Env = append(os.Environ(), "LANG=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// trial is a command that may be killed, or its server.
type trial struct {
	cmd       *exec.Cmd
	out, diag bytes.Buffer
	done      chan error
}

// try begins a command.
func (h *house) try(args ...string) *trial {
	h.Helper()
	r := &trial{cmd: h.command(args...), done: make(chan error, 1)}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.diag
	// One that outlives its server is told from one that a kill ended by its stacks.
	r.cmd.Env = append(r.cmd.Env, "GOTRACEBACK=all")
	h.ok(r.cmd.Start())
	go func() { r.done <- r.cmd.Wait() }()
	return r
}

// harm kills a command or its server, and sees that the command ends.
func (h *house) harm(r *trial) {
	h.Helper()
	if stand.Random(2) == 0 {
		_ = r.cmd.Process.Kill()
	} else {
		h.kill()
	}
	select {
	case <-r.done: //nolint:errcheck // it was killed
	case <-time.After(time.Minute):
		if h.held() { // it began when there was no server any more, and works by itself
			_ = r.cmd.Process.Kill()
			<-r.done //nolint:errcheck // it was killed
			return
		}
		_ = r.cmd.Process.Signal(syscall.SIGQUIT)
		<-r.done //nolint:errcheck // it was killed
		h.Fatalf("a command outlives its server:\n%s", r.diag.String())
	}
}

// held reports whether a process has the data directory.
func (h *house) held() bool {
	h.Helper()
	f, err := os.Open(filepath.Join(h.dir, place.FileLock))
	h.ok(err)
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	h.ok(f.Close())
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// do runs a command and returns its standard output, standard error and status.
func (h *house) do(args ...string) (out, diag string, status int) {
	h.Helper()
	cmd := h.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return stdout.String(), stderr.String(), exit.ExitCode()
	}
	h.ok(err)
	return stdout.String(), stderr.String(), 0
}

// totals are those of an import.
type totals struct{ Accepted, There, Refused int64 }

// imports runs an import to its end.
func (h *house) imports(args ...string) (t totals, diag string, status int) {
	h.Helper()
	out, diag, status := h.do(append(append([]string{"import"}, args...), "--json")...)
	first, _, _ := strings.Cut(out, "\n")
	h.ok(json.Unmarshal([]byte(first), &t))
	return t, diag, status
}

// kept returns how often each SHA-256 is in the archive, and how often messages were
// counted as there already. No server runs.
func (h *house) kept() (list map[[32]byte]int, references int64) {
	h.Helper()
	ctx := h.Context()
	a, err := stand.Open(ctx, app.Options{Dir: h.dir})
	h.ok(err)
	defer func() { h.ok(a.Close()) }()
	s, err := stand.SignIn(ctx, a)
	h.ok(err)
	defer s.Close()
	rows, err := s.Tenant().Query(ctx, `SELECT id FROM archive_message WHERE tenant = $1`)
	h.ok(err)
	ids, err := db.Collect(rows, func(row db.Scanner) (mail.ID, error) {
		var id []byte
		if err := row.Scan(&id); err != nil {
			return mail.ID{}, err
		}
		return mail.IDFrom(id)
	})
	h.ok(err)
	list = make(map[[32]byte]int)
	for _, id := range ids {
		m, err := a.Archive.Show(ctx, s, id, "test")
		h.ok(err)
		hash := sha256.New()
		_, err = io.Copy(hash, m)
		h.ok(errors.Join(err, m.Close()))
		list[[32]byte(hash.Sum(nil))]++
	}
	h.ok(s.Tenant().QueryRow(ctx, `SELECT COALESCE(SUM(times), 0) FROM ingest_reference WHERE tenant = $1`).Scan(&references))
	var open int64
	h.ok(s.Tenant().QueryRow(ctx, `SELECT COUNT(*) FROM ingest_taken WHERE tenant = $1`).Scan(&open))
	if open != 0 {
		h.Errorf("%d messages are noted as not settled", open)
	}
	return list, references
}
