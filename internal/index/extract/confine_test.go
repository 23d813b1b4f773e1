package extract_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"siegel/internal/index/extract"
	"siegel/internal/proto/document"
	"siegel/test/paper"
)

// victims are files, each for one attempt.
func victims() []string {
	return []string{"truncate", "chmod", "unlink", "rename", "open", "cut", "read", "touch", "link"}
}

// attempts does what a process might that an attachment has taken over, to the victims
// in dir and to the process other, and returns the names of what was not refused.
func attempts(dir string, other int) string {
	var out []string
	try := func(name string, do func(path string) error) {
		if err := do(filepath.Join(dir, name)); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			out = append(out, name)
		}
	}
	open := func(flags int) func(string) error {
		return func(path string) error {
			fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		}
	}
	try("truncate", func(p string) error { return unix.Truncate(p, 0) })
	try("chmod", func(p string) error { return unix.Chmod(p, 0o644) })
	try("unlink", unix.Unlink)
	try("rename", func(p string) error { return unix.Rename(p, p+".new") })
	try("open", open(unix.O_WRONLY))
	try("cut", open(unix.O_RDONLY|unix.O_TRUNC))
	try("read", open(unix.O_RDONLY))
	try("touch", func(p string) error { return unix.UtimesNanoAt(unix.AT_FDCWD, p, make([]unix.Timespec, 2), 0) })
	try("link", func(p string) error { return unix.Link(p, p+".new") })
	try("create", open(unix.O_RDWR|unix.O_CREAT))
	try("mkdir", func(p string) error { return unix.Mkdir(p, 0o700) })
	try("kill", func(string) error { return unix.Kill(other, 0) })
	try("tgkill", func(string) error { return unix.Tgkill(other, other, 0) })
	try("pidfd", func(string) error {
		fd, err := unix.PidfdOpen(other, 0)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	})
	try("limits", func(string) error { return unix.Prlimit(other, unix.RLIMIT_CORE, nil, new(unix.Rlimit)) })
	try("owner", func(string) error {
		_, err := unix.FcntlInt(0, unix.F_SETOWN, other)
		return err
	})
	try("shared", func(string) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		if err == nil {
			_ = unix.Munmap(b)
		}
		return err
	})
	return strings.Join(out, " ")
}

// below is a program that the child starts, as pdftotext is: what it inherits.
func below(dir, other string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(exe, "below", dir, other) //nolint:noctx // it ends by itself
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stdout   // the null device cannot be written
	b, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	text := make([]byte, 1000)
	n, _ := b.Read(text) // nothing is an answer too
	return string(text[:n]), cmd.Wait()
}

// obeyAttempts is what the child does for a document of that name: see attempts.
func obeyAttempts(words []string) (string, error) {
	other, err := strconv.Atoi(words[3])
	if err != nil {
		return "", err
	}
	deep, err := below(words[2], words[3])
	return fmt.Sprintf("child: %s; below: %s; %v", attempts(words[2], other), deep, err), nil
}

// CR-15: neither the child nor what it starts changes a file, reads one that is none of a
// program, or reaches the server's process; unconfined, the same process can.
func TestHarmless(t *testing.T) {
	fresh := func() string {
		dir := t.TempDir()
		for _, name := range victims() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("kept"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	const all = "truncate chmod unlink rename open cut read touch link create mkdir kill tgkill pidfd limits owner shared"
	if got := attempts(fresh(), os.Getpid()); got != all {
		t.Fatalf("unconfined: %s", got)
	}
	dir := fresh()
	r := reader(t, 0)
	able, err := r.Able(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !able.Offline {
		t.Skip("this kernel has no filters of calls")
	}
	want := "child: ; below: ; <nil>"
	if !able.Blind {
		want = "child: read; below: read; <nil>"
	}
	if got := read(t, r, "a.pdf", fmt.Appendf(nil, "%%PDF- attempt %s %d ", dir, os.Getpid())); got.Text != want {
		t.Errorf("%+v, want %q", got, want)
	}
	for _, name := range victims() {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		s, serr := os.Stat(path)
		if err != nil || serr != nil || string(b) != "kept" || s.Mode() != 0o600 {
			t.Errorf("%s: %q, %v, %v", name, b, err, s)
		}
	}
}

// A helper that has said enough and does not go is killed by the child itself.
func TestHelperFull(t *testing.T) {
	script := filepath.Join(t.TempDir(), "pdftotext")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho 0123456789abcdef\nexec sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := reader(t, 10*time.Second, script).Document(t.Context(), "x.pdf", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.Write(paper.Pdf("x"))
	if err := d.Close(); err != nil || d.Result() != (document.Result{Text: "0123456789", Cut: true}) {
		t.Errorf("%v, %+v", err, d.Result())
	}
}

// Blind is not said of a kernel whose Landlock lets files be cut.
func TestRights(t *testing.T) {
	for version, want := range map[int]bool{1: false, 2: false, 3: true, 6: true, 99: true} {
		attr, whole := extract.Rights(version)
		if cut := attr.Handled_access_fs&unix.LANDLOCK_ACCESS_FS_TRUNCATE != 0; whole != want || cut != want {
			t.Errorf("version %d: whole %v, cut %v", version, whole, cut)
		}
	}
}
