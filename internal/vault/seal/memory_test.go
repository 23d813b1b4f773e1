package seal_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"siegel/internal/mail"
	"siegel/internal/vault/db/dbtest"
)

const childEnv = "SIEGEL_TEST_SEAL_CHILD"

// CR-15: after Close and a collection the seeds of a session are nowhere in the
// memory of the process; while it is open they are, so the search can find
// them. A child process holds the session, this one reads its memory.
func TestSeedsLeaveMemory(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(t, dir)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc/<pid>/mem")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeedsLeaveMemory$")
	cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
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
	lines := bufio.NewScanner(out)
	said := func(prefix string) string {
		t.Helper()
		for lines.Scan() {
			if s, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return s
			}
			t.Log(lines.Text())
		}
		t.Fatalf("the child never said %q", prefix)
		return ""
	}
	var seeds [][]byte
	for s := range strings.FieldsSeq(said("seeds ")) {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 32 {
			t.Fatalf("%q: %v", s, err)
		}
		for i := range b {
			b[i] = ^b[i]
		}
		seeds = append(seeds, b)
	}
	if len(seeds) != 3 {
		t.Fatalf("%d seeds", len(seeds))
	}
	for i, n := range count(t, cmd.Process.Pid, seeds) {
		if n == 0 {
			t.Errorf("seed %d is not found while the session is open: the search is no good", i)
		}
	}
	if _, err := io.WriteString(in, "close\n"); err != nil {
		t.Fatal(err)
	}
	said("closed")
	for i, n := range count(t, cmd.Process.Pid, seeds) {
		if n != 0 {
			t.Errorf("seed %d is in the memory %d times after Close and a collection", i, n)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
		t.Log(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// child unlocks a keeper, who reaches three seeds, reads mail, and closes.
func child(t *testing.T, dir string) {
	place, err := dbtest.In(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := houseIn(t, place)
	keeper := h.person()
	archive := h.archive(keeper)
	h.newTerm(archive, keeper)
	m := h.seal(3, archive, keeper)[0]
	s := h.unlock(keeper)
	h.reads("keeper", s, m, archive)
	h.reads("keeper", s, m, mail.HolderID{})
	note, err := h.vault.SealNote(t.Context(), h.tenant, archive, "k", m.id, []byte("x"))
	h.ok(err)
	if _, err := s.OpenNote(note, "k", m.id); err != nil {
		t.Error(err)
	}
	runtime.GC()
	fmt.Printf("seeds %x %x %x\n", s.Inverted(keeper.holder, 1), s.Inverted(archive, 1), s.Inverted(archive, 2))
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan()
	s.Close()
	for range 3 {
		runtime.GC()
	}
	fmt.Println("closed")
	lines.Scan()
	runtime.KeepAlive(h)
}

// count returns how often each needle stands in the writable memory of a
// process.
func count(t *testing.T, pid int, needles [][]byte) []int {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Skipf("this machine does not show the memory of a child: %v", err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Skipf("this machine does not show the memory of a child: %v", err)
	}
	defer mem.Close()
	found := make([]int, len(needles))
	buf := make([]byte, 1<<20)
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var perms string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &perms); err != nil || !strings.HasPrefix(perms, "rw") {
			continue
		}
		for at := from; at < to; {
			n, err := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
			if n <= 0 {
				if err != nil {
					at += 4096 // a page that is not there
				}
				continue
			}
			for i, needle := range needles {
				found[i] += bytes.Count(buf[:n], needle)
			}
			if at += int64(n); n == len(buf) && at < to {
				at -= 64 // what stands across the border
			}
		}
	}
	return found
}
