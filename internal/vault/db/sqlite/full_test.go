package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// fill writes rows until that fails, and returns how many are acknowledged.
func fill(h db.Tenant) (int, error) {
	ctx := context.Background()
	for i := range 10_000 {
		err := h.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, insertRow, i, strings.Repeat("value ", 2000))
			return err
		})
		if err != nil {
			return i, err
		}
	}
	return 0, errors.New("it never gets full")
}

// check says what is wrong with a database after it was full and has room
// again.
func recovered(h db.Tenant, acknowledged int) error {
	ctx := context.Background()
	var n int
	if err := h.QueryRow(ctx, `SELECT COUNT(*) FROM thing_row WHERE tenant = $1`).Scan(&n); err != nil {
		return err
	}
	if n < acknowledged || n > acknowledged+1 {
		return fmt.Errorf("%d rows are there, %d were acknowledged", n, acknowledged)
	}
	err := h.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, insertRow, 20_000, "after"); return err })
	if err != nil {
		return fmt.Errorf("it does not write again: %w", err)
	}
	return nil
}

// full runs the test on a database whose disk gets full and then has room.
func full(d *db.DB, makeRoom func() error) error {
	h := d.Tenant(mail.NewID())
	n, err := fill(h)
	if fault.Of(err) != fault.Exhausted {
		return fmt.Errorf("after %d rows kind %v: %w", n, fault.Of(err), err)
	}
	// It stays full, and says so.
	if again := h.Update(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), insertRow, 30_000, strings.Repeat("value ", 20_000))
		return err
	}); fault.Of(again) != fault.Exhausted {
		return fmt.Errorf("the second time kind %v: %w", fault.Of(again), again)
	}
	if err := makeRoom(); err != nil {
		return err
	}
	return recovered(h, n)
}

// A full disk is Exhausted, so that senders come back later; when there is room
// again nothing has to be done by hand. Here a real file system of 4 MiB.
func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system; TestFileTooLarge runs for everybody")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("this machine lets nobody mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := open(t, filepath.Join(dir, "control.db"), secret.Random())
	defer d.Close()
	err := full(d, func() error { return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=64m") })
	if err != nil {
		t.Error(err)
	}
}

const childEnv = "SIEGEL_TEST_DB_CHILD"

// The same where the file reaches the limit of the process, in a child.
func TestFileTooLarge(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(t, dir)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFileTooLarge$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func child(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	d := open(t, filepath.Join(dir, "control.db"), secret.Random())
	defer d.Close()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	small := was
	small.Cur = 1 << 20
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	if err := full(d, func() error { return unix.Setrlimit(unix.RLIMIT_FSIZE, &was) }); err != nil {
		t.Error(err)
	}
}
