package transfer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A disk that is full ends an export with a word about it; with room again, the same
// command goes on.
func TestExportToFullDisk(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("skipped: a small file system takes root and unshare")
	}
	h := newHouse(t)
	h.serve()
	p := newHeap(t)
	p.mbox("a.mbox", some(300)...)
	if got, diag, _ := h.imports(p.dir); got.Accepted != int64(len(p.distinct)) {
		t.Fatalf("%+v: %s", got, diag)
	}
	small, copied := t.TempDir(), filepath.Join(t.TempDir(), "out")
	const script = `mount -t tmpfs -o size=2500k tmpfs "$1" || exit 77
shift_to=$1; copy=$2; shift 2
"$@"; echo "first: $?"
mount -o remount,size=64m "$shift_to"
"$@"; echo "second: $?"
cp -r "$shift_to/out" "$copy"`
	export := h.command("export", "--to", filepath.Join(small, "out"), "--encrypt", "none", "--reason", "a test", "--part", "50")
	cmd := exec.CommandContext(t.Context(), unshare, append([]string{"-m", "sh", "-c", script, "sh", small, copied}, export.Args...)...)
	cmd.Env = export.Env
	out, err := cmd.CombinedOutput()
	if exit := cmd.ProcessState.ExitCode(); exit == 77 {
		t.Skipf("skipped: a small file system cannot be mounted here: %s", out)
	}
	h.ok(err)
	for _, say := range []string{"the disk is full", "goes on behind part", "first: 8", "second: 0"} {
		if !strings.Contains(string(out), say) {
			t.Errorf("%q is not said: %s", say, out)
		}
	}
	h.stop()
	if found := h.listed(copied); len(found) != len(p.distinct) {
		t.Errorf("%d messages, want %d", len(found), len(p.distinct))
	}
	h.parts(copied)
}
