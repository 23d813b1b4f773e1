package canary_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"siegel/test/stand"
)

// program is the real binary with a data directory, folders of its own for
// temporary files and logs, and one for what its users keep.
type program struct {
	t      *testing.T
	binary string
	root   string // the test's folder
	data   string
	temp   string // TMPDIR
	logs   string
	users  string // what clients write: it is theirs and may be plain
	cred   *syscall.Credential
	door   string // of journaling mail servers
}

// build builds the binary, once for the package's tests.
func build(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "siegel")
	cmd := exec.Command("go", "build", "-o", binary, "siegel/cmd/siegel")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func newProgram(t *testing.T, binary string) *program {
	t.Helper()
	// Not t.TempDir: that one may be closed to other users, and its name is long.
	root, err := os.MkdirTemp("", "canary-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	p := &program{
		t: t, binary: binary, root: root, data: filepath.Join(root, "data"), temp: filepath.Join(root, "temp"),
		logs: filepath.Join(root, "logs"), users: filepath.Join(root, "users"),
	}
	for _, dir := range []string{p.temp, p.logs, p.users} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// as runs everything as another user from now on, where we may.
func (p *program) as(uid uint32) {
	p.t.Helper()
	p.cred = &syscall.Credential{Uid: uid, Gid: uid}
	for _, dir := range []string{p.root, p.temp, p.logs, p.users} {
		if err := errors.Join(os.Chown(dir, int(uid), int(uid)), os.Chmod(dir, 0o755)); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *program) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.binary, append([]string{"--data", p.data}, args...)...)
	cmd.Dir = p.temp // where a core would be written
	cmd.Env = append(os.Environ(), "TMPDIR="+p.temp, "LC_ALL=C")
	if p.cred != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	}
	return cmd
}

// run runs a command of a user to its end and returns what it printed.
func (p *program) run(args ...string) []byte {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Fatalf("siegel %s: %v", args[0], err)
	}
	return out
}

func (p *program) try(args ...string) ([]byte, error) {
	cmd := p.command(args...)
	var out, bad bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &bad
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, bad.String())
	}
	return out.Bytes(), err
}

// configure writes the configuration: everything is logged, and mail comes
// through a socket.
func (p *program) configure() {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that was free just now
	if err != nil {
		p.t.Fatal(err)
	}
	if p.door = l.Addr().String(); l.Close() != nil {
		p.t.Fatal("the port is not given back")
	}
	text := "lmtp:\n  listen: []\n  sockets: [lmtp.sock]\njournal:\n  listen: [\"" + p.door + "\"]\nlog:\n  level: debug\nledger:\n  checkpoint_every: 1s\n"
	path := filepath.Join(p.data, "siegel.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// serve starts the server with its log in a file and waits for its door.
func (p *program) serve() *exec.Cmd {
	p.t.Helper()
	log, err := os.OpenFile(filepath.Join(p.logs, "siegel.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := p.command("serve")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = cmd.Process.Kill() })
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		client, err := stand.Dial(stand.Socket(p.data))
		if err == nil {
			_ = client.Close()
			return cmd
		}
		if time.Now().After(until) {
			b, _ := os.ReadFile(log.Name())
			p.t.Fatalf("the server does not answer: %v\n%s", err, b)
		}
	}
}

// kill ends a server as a crash would.
func (p *program) kill(cmd *exec.Cmd) {
	p.t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = cmd.Wait() // killed
}
