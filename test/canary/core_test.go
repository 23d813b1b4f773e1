package canary_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// nobody is the user that root becomes for a test.
const nobody = 65534

// CR-15: the server leaves no core dump: the limit is 0 for good, and the
// process is one that the kernel does not dump.
func TestNoCore(t *testing.T) {
	p := newProgram(t, "")
	p.binary = build(t, p.root)
	if os.Getuid() == 0 {
		p.as(nobody) // the kernel shows whether a process can be dumped by who owns it in /proc
	}
	p.run("init", "--environment", "test", "--name", "siegel.stand.example")
	p.configure()
	if p.cred != nil {
		if err := os.Chown(filepath.Join(p.data, "siegel.yaml"), nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	server := p.serve()
	proc := fmt.Sprintf("/proc/%d", server.Process.Pid)
	limits, err := os.ReadFile(proc + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("the limit of core files is not 0:\n%s", limits)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(proc+"/environ", &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != 0 {
		t.Errorf("the memory of the process belongs to user %d in /proc: it can be dumped and looked into", st.Uid)
	}
	if err := server.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait() // SIGQUIT ends it with a trace
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		for _, dir := range []string{p.temp, p.data, p.root} {
			if cores, _ := filepath.Glob(filepath.Join(dir, "core*")); len(cores) > 0 {
				t.Fatalf("a core dump: %v", cores)
			}
		}
	}
}
