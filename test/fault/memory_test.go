package fault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"siegel/test/stand"
)

// EX-03: ten messages of 40 MB at once, in a process whose memory is measured.
func TestManyLargeMessages(t *testing.T) {
	const (
		messages = 10
		size     = 40 << 20
		most     = 400 << 20 // of the process, less than it was sent
	)
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	server := start(t, "serve", dir)
	before := peak(t, server.cmd.Process.Pid)
	mails, errs := make([]*stand.Mail, messages), make([]error, messages)
	text := stand.NewMail(size)
	var wait sync.WaitGroup
	for i := range messages {
		wait.Go(func() {
			b := append([]byte(fmt.Sprintf("X-Number: %d\r\n", i)), text.Octets...)
			mails[i] = stand.Of(b, text.From, text.To)
			client, err := stand.Dial(stand.Socket(dir))
			if err != nil {
				errs[i] = err
				return
			}
			defer client.Close()
			if r, err := client.Send(mails[i]); err != nil || !r.OK() {
				errs[i] = errors.Join(err, fmt.Errorf("%v", r))
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	after := peak(t, server.cmd.Process.Pid)
	t.Logf("%d messages of %d MiB at once: peak %d MiB, %d MiB before", messages, size>>20, after>>20, before>>20)
	if after > most {
		t.Errorf("the server took %d MiB, at most %d are well", after>>20, most>>20)
	}
	server.stop(t)
	checkAll(t, dir, mails)
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak returns the most memory that a process has had, in octets.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := highWater.FindSubmatch(b)
	if m == nil {
		t.Fatal("the system does not say how much memory a process has")
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
