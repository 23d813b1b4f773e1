package transfer_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/test/stand"
)

// twin is another node, whose server runs.
func (h *house) twin() *house {
	h.Helper()
	base, err := os.MkdirTemp("", "twin") // a socket's path is short
	h.ok(err)
	h.Cleanup(func() { _ = os.RemoveAll(base) })
	other := &house{T: h.T, bin: h.bin, dir: filepath.Join(base, "b"), password: h.password}
	h.ok(stand.Twin(h.dir, other.dir))
	h.Cleanup(other.kill)
	other.serve()
	return other
}

// EX-01: what one node imports no other one does at the same time, whatever the command
// waits for; where the node fails, another one goes on half a minute later, and every
// message is there once and counted once.
func TestTwoNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("it brings its own servers, so once is enough")
	}
	t.Parallel() // it waits most of the time
	one := wideHouse(t)
	one.serve()
	two := one.twin()
	p := newHeap(t)
	p.mbox("a.mbox", append(many(6000), []byte("Subject: the last\n\nx\n"))...)
	for i := range 5 {
		p.write("note"+string(rune('0'+i))+".txt", []byte("no message"))
	}
	first := one.try("import", p.dir, "--json")
	far := func() bool {
		out, _, _ := one.do("import", "list")
		return strings.Contains(out, "running") && !strings.Contains(out, " 0 accepted")
	}
	for deadline := time.Now().Add(time.Minute); !far(); {
		if time.Now().After(deadline) {
			t.Fatal("the import does not begin")
		}
	}
	one.ok(first.cmd.Process.Signal(syscall.SIGSTOP))
	for _, wait := range []time.Duration{0, 35 * time.Second} { // longer than a node may be silent
		time.Sleep(wait)
		out, _, _ := two.do("import", "list")
		if !strings.Contains(out, "running") {
			t.Errorf("the other node lists it as %s", out)
		}
		if _, diag, status := two.do("import", p.dir); status != 7 || !strings.Contains(diag, "running at another server") {
			t.Errorf("the other node's import ends with status %d: %s", status, diag)
		}
	}
	one.kill()
	_ = first.cmd.Process.Kill()
	<-first.done //nolint:errcheck // it was killed
	failed := time.Now()
	for {
		r := two.try("import", p.dir, "--json")
		<-r.done //nolint:errcheck // what it printed says how it ended
		if strings.Contains(r.out.String(), `"accepted"`) {
			two.settled(p, r.out.String())
			break
		}
		if !strings.Contains(r.out.String()+r.diag.String(), "running at another server") || time.Since(failed) > time.Minute {
			t.Fatalf("%v after the node failed: %s", time.Since(failed), r.out.String()+r.diag.String())
		}
		time.Sleep(time.Second)
	}
}
