package bench_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// dovecot is Debian's Dovecot as an LMTP server: sdbox, every message synced,
// which is the nearest to what we promise with a 250.
type dovecot struct {
	cmd     *exec.Cmd
	address string
}

// startDovecot starts it in the foreground on a free port of loopback. It must
// run as root, since its master switches accounts.
func startDovecot(b *testing.B) *dovecot {
	b.Helper()
	path, err := exec.LookPath("dovecot")
	if err != nil {
		path = "/usr/sbin/dovecot"
	}
	if _, err := os.Stat(path); err != nil {
		b.Skip("Dovecot is not installed: run make deps-bench")
	}
	if os.Geteuid() != 0 {
		b.Skip("Dovecot's master process needs root")
	}
	owner, err := user.Lookup("dovenull")
	if err != nil {
		b.Skip("Dovecot's account is missing")
	}
	dir, err := os.MkdirTemp("", "dovecot") //nolint:usetesting // Dovecot's account must get through to it
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	mailDir := filepath.Join(dir, "mail")
	for _, d := range []string{dir, mailDir, filepath.Join(dir, "run"), filepath.Join(dir, "state")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.Chown(mailDir, uid, gid); err != nil {
		b.Fatal(err)
	}
	port := freePort(b)
	conf := filepath.Join(dir, "dovecot.conf")
	text := fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = lmtp
ssl = no
mail_location = sdbox:%[2]s/%%u
mail_fsync = always
first_valid_uid = 1
default_client_limit = 1000
default_process_limit = 100
lmtp_save_to_detail_mailbox = no
service lmtp {
  process_limit = 100
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[3]d
  }
}
service anvil {
  client_limit = 1000
}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=%[4]s gid=%[5]s home=%[2]s/%%u allow_all_users=yes
}
`, dir, mailDir, port, owner.Uid, owner.Gid)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	d := &dovecot{cmd: exec.CommandContext(context.Background(), path, "-F", "-c", conf), address: fmt.Sprintf("127.0.0.1:%d", port)}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if d.cmd.ProcessState == nil { // the run failed before stop
			_ = d.cmd.Process.Signal(syscall.SIGTERM)
			_ = d.cmd.Wait()
		}
		if b.Failed() {
			if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil {
				b.Logf("Dovecot: %s", log[max(0, len(log)-2000):])
			}
		}
	})
	waitFor(b, d.address)
	return d
}

// stop ends Dovecot and returns the CPU time of it and its children.
func (d *dovecot) stop(b *testing.B) time.Duration {
	b.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	_ = d.cmd.Wait() // its status says nothing about the run
	return d.cmd.ProcessState.UserTime() + d.cmd.ProcessState.SystemTime()
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener has a TCP address
}

func waitFor(b *testing.B, address string) {
	b.Helper()
	for range 200 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatal("nobody listens at " + address)
}
