package transfer_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"siegel/test/stand"
)

const fromLine = "From a@example.com Thu Nov 26 09:30:00 2026\n"

// Bad mboxes: what can be told apart is, and every octet of it is kept.
func TestBadMbox(t *testing.T) {
	h := newHouse(t, "limits:\n  message_bytes: 2000000\n")
	h.serve()
	p := newHeap(t)
	want := []string{
		"A: 1\n\nno line end at the end", // of the file
		"A: 2\r\n\nmixed\r\nline\nends\r\n", "A: 3\n\nx\n\nFrom here on unquoted\nFrom the middle\n", "A: 4\n\nFrom quoted\n>From twice\n",
		"A: 5\nContent-Length: 50\n\n" + fromLine + "12345\n", "A: 6\n\nbehind it\n", "A: 7\n\x00\xff\n\n\rbare\rCR\n",
	}
	for _, m := range want {
		p.has([]byte(m))
	}
	p.write("1.mbox", []byte(fromLine+want[1]+"\r\n"+fromLine+want[0]))
	p.write("3.mbox", []byte(fromLine+want[2]+"\n"))
	p.write("4.mbox", []byte(fromLine+"A: 4\n\n>From quoted\n>>From twice\n\n"+fromLine+want[6]+"\n"))
	p.write("5.mbox", []byte(fromLine+want[4]+"\n"+fromLine+want[5]+"\n"))
	p.write("empty", nil)
	p.write("none.mbox", []byte("no mbox\n"))
	p.write("large.eml", make([]byte, 3<<20)) // more than a message may have
	got, diag, status := h.imports(p.dir)
	if got != (totals{7, 0, 2}) || status != 1 {
		t.Errorf("%+v, status %d: %s", got, status, diag)
	}
	for _, say := range []string{"none.mbox: its first line is no From_ line", "large.eml: the message has more than the 2000000 octets"} {
		if !strings.Contains(diag, say) {
			t.Errorf("%q is not said: %s", say, diag)
		}
	}
	h.stop()
	list, _ := h.kept()
	for i, m := range want {
		if list[sha256.Sum256([]byte(m))] != 1 {
			t.Errorf("message %d is not there as it was: %q", i+1, m)
		}
	}
}

// What may not be read is said, the rest goes on.
func TestNoPermission(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil && os.Geteuid() == 0 {
		t.Skip("skipped: root reads everything, and setpriv is not there to take that away")
	}
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	p.write("a/1.eml", p.has([]byte("A: 1\n\n")))
	p.write("a/2.eml", p.has([]byte("A: 2\n\n")))
	p.write("a/3.eml", []byte("A: 3\n\n"))
	p.write("b/4.eml", []byte("A: 4\n\n"))
	h.ok(os.Chmod(filepath.Join(p.dir, "a/3.eml"), 0))
	h.ok(os.Chmod(filepath.Join(p.dir, "b"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(p.dir, "b"), 0o700) })
	cmd := h.command("import", p.dir, "--json")
	if os.Geteuid() == 0 {
		cmd.Args = append([]string{setpriv, "--bounding-set=-dac_override,-dac_read_search", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = setpriv
	}
	var out, diag strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &diag
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Run()); !ok || exit.ExitCode() != 1 {
		t.Errorf("%v: %s", exit, diag.String())
	}
	if !strings.Contains(out.String(), `"accepted":2,"there":0,"refused":2`) || strings.Count(diag.String(), "you may not read it") != 2 {
		t.Errorf("%s%s", out.String(), diag.String())
	}
}

// A Maildir that is used while it is imported: flags change, messages move from new to
// cur and between folders, others come. What was there at the beginning is kept, once.
func TestMaildirInUse(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	for _, dir := range []string{"new", "cur", ".Sent/new", ".Sent/cur", ".Archive/new", ".Archive/cur"} {
		h.ok(os.MkdirAll(filepath.Join(p.dir, dir), 0o700))
	}
	for i, m := range some(1200) {
		dir := []string{"new/%d.host", "cur/%d.host:2,", ".Sent/cur/%d.host:2,S"}[i%3]
		p.write(fmt.Sprintf(dir, i), p.has(m))
	}
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	moves := 0
	busy.Go(func() { moves = p.use(ctx) })
	got, diag, _ := h.imports(p.dir)
	stop()
	busy.Wait()
	t.Logf("%+v, %d moves", got, moves)
	if moves < 100 {
		t.Errorf("only %d moves: the test proves little", moves)
	}
	h.stop()
	list, _ := h.kept()
	missing := 0
	for sum := range p.distinct {
		if list[sum] != 1 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d messages are missing or there twice: %s", missing, len(p.distinct), diag)
	}
}

// use moves messages about until ctx is done, and returns how many.
func (p *heap) use(ctx context.Context) (moves int) {
	for ctx.Err() == nil {
		from := []string{"new", "cur", ".Sent/cur", ".Archive/cur"}[stand.Random(4)]
		entries, err := os.ReadDir(filepath.Join(p.dir, from))
		if err != nil || len(entries) == 0 {
			continue
		}
		name := entries[stand.Random(len(entries))].Name()
		base, _, _ := strings.Cut(name, ":")
		to := filepath.Join([]string{"cur", from, ".Archive/cur"}[stand.Random(3)], base+":2,"+[]string{"", "S", "RS", "FS"}[stand.Random(4)])
		if strings.HasSuffix(filepath.Dir(to), "new") {
			continue
		}
		err = os.Rename(filepath.Join(p.dir, from, name), filepath.Join(p.dir, to))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.Error(err)
		}
		moves++
		if stand.Random(10) == 0 {
			// Not through write: this is another goroutine.
			name := filepath.Join(p.dir, "new", fmt.Sprintf("late%d.host", moves))
			if err := os.WriteFile(name, stand.NewMail(500).Octets, 0o600); err != nil {
				p.Error(err)
			}
		}
		time.Sleep(500 * time.Microsecond)
	}
	return moves
}

// A server that is stopped in order ends an import at once, with a word what to do.
func TestStopped(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	p.mbox("a.mbox", many(6000)...)
	cmd := h.command("import", p.dir)
	var diag strings.Builder
	cmd.Stderr = &diag
	h.ok(cmd.Start())
	for range 100 {
		if out, _, _ := h.do("import", "list"); strings.Contains(out, "running") {
			break
		}
	}
	begun := time.Now()
	h.stop()
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the server took %v to stop", took)
	}
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || exit.ExitCode() != 7 || !strings.Contains(diag.String(), "the server is stopping") || !strings.Contains(diag.String(), "goes on from here") {
		t.Errorf("%v: %s", exit, diag.String())
	}
	h.serve()
	if got, diag, _ := h.imports(p.dir); got.Accepted != int64(len(p.distinct)) || got.There != 0 {
		t.Errorf("%+v: %s", got, diag)
	}
}

// Two who import the same at once, and one that has been interrupted by the person.
func TestTwoAtOnce(t *testing.T) {
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	p.mbox("a.mbox", many(6000)...)
	first := h.command("import", p.dir)
	h.ok(first.Start())
	running := false
	for range 100 {
		if out, _, _ := h.do("import", "list"); strings.Contains(out, "running") {
			running = true
			break
		}
	}
	h.ok(first.Process.Signal(syscall.SIGSTOP)) // it stays where it is
	if _, diag, status := h.do("import", p.dir); !running || status != 7 || !strings.Contains(diag, "an import of these files is running") {
		t.Errorf("running: %v; the second ends with status %d: %s", running, status, diag)
	}
	h.ok(first.Process.Signal(os.Interrupt))
	h.ok(first.Process.Signal(syscall.SIGCONT))
	if exit, ok := errors.AsType[*exec.ExitError](first.Wait()); !ok || exit.ExitCode() != 130 {
		t.Errorf("Ctrl-C: %v", exit)
	}
	out, _, _ := h.do("import", "list")
	if !strings.Contains(out, "interrupted") {
		t.Errorf("%s", out)
	}
	got, diag, status := h.imports(p.dir)
	if got != (totals{int64(len(p.distinct)), 0, 0}) || status != 0 || !strings.Contains(out, "interrupted") {
		t.Errorf("%+v: %s", got, diag)
	}
	// The same in other words: another import, where everything is there already.
	got, diag, _ = h.imports(filepath.Join(p.dir, "a.mbox"))
	if got != (totals{0, int64(len(p.distinct)), 0}) {
		t.Errorf("%+v: %s", got, diag)
	}
}
