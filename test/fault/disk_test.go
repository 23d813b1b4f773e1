package fault

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/stand"
)

// EX-01: a full disk, on a small real file system. Senders are told to come
// again, nothing acknowledged is lost, and it goes on without a hand when there
// is room; who was refused comes again and is kept once. The file system is
// mounted in a name space of its own, so that nothing is left of it.
func TestFullDisk(t *testing.T) {
	if small := os.Getenv(envDisk); small != "" {
		err := errors.Join(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", small, "tmpfs", 0, "size=32m"))
		if err != nil {
			t.Skipf("a small file system cannot be mounted here: %v", err)
		}
		fullDisk(t, small)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), envDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("a name space with a small file system cannot be made here: %v", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skip(string(out))
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func fullDisk(t *testing.T, small string) {
	dir := filepath.Join(small, "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	_, stop := stand.Start(t, app.Options{Dir: dir, Log: stand.Log()})
	defer stop()
	d := &disk{t: t, small: small, socket: stand.Socket(dir)}
	for _, c := range []struct {
		room int64 // octets that are left free
		size int   // of the messages
	}{{2 << 20, 100_000}, {64 << 10, 2000}, {0, 2000}, {1 << 20, 1500 << 10}, {16 << 10, 500}, {300 << 10, 30_000}} {
		d.fill(c.room)
		d.until(c.size)
		d.free()
	}
	d.client.Close()
	stop()
	t.Logf("%d messages kept, %d refusals", len(d.kept), d.refusals)
	checkAll(t, dir, d.kept)
}

// disk is a small file system that is filled and freed.
type disk struct {
	t        *testing.T
	small    string
	socket   string
	client   *stand.Client
	kept     []*stand.Mail
	refused  []*stand.Mail // they come again
	refusals int
}

func (d *disk) ballast() string { return filepath.Join(d.small, "ballast") }

// fill leaves room octets.
func (d *disk) fill(room int64) {
	d.t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.small, &s); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	left := int64(s.Bavail)*s.Bsize - room
	if left < 0 {
		d.t.Fatalf("there are only %d octets left", int64(s.Bavail)*s.Bsize)
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, left); err != nil {
		d.t.Fatal(err)
	}
}

// until delivers until four messages were refused.
func (d *disk) until(size int) {
	d.t.Helper()
	for refused := 0; refused < 4; {
		m := stand.NewMail(size)
		if d.send(m) {
			continue
		}
		refused++
		d.refused = append(d.refused, m)
	}
}

// send delivers a message, over a new connection where the old one ended.
func (d *disk) send(m *stand.Mail) bool {
	d.t.Helper()
	for try := 0; ; try++ {
		var err error
		if d.client == nil {
			if d.client, err = stand.Dial(d.socket); err != nil {
				d.t.Fatal(err)
			}
		}
		r, err := d.client.Send(m)
		switch {
		case err != nil && try < 3:
			_ = d.client.Close()
			d.client = nil
			continue
		case err != nil:
			d.t.Fatal(err)
		case r.OK():
			d.kept = append(d.kept, m)
			return true
		case r.Code/100 != 4:
			d.t.Fatalf("a full disk is answered by %v", r)
		}
		d.refusals++
		return false
	}
}

// free makes room, and lets those who were refused come again.
func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
	for until := time.Now().Add(10 * time.Second); len(d.refused) > 0; {
		if d.send(d.refused[0]) {
			d.refused = d.refused[1:]
			continue
		}
		if time.Now().After(until) {
			d.t.Fatal("there is room again, and the server does not take it")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
