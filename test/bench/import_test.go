package bench_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/proto/mbox"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

// importSize, when set in the environment, is how many messages BenchmarkImport brings
// in; without it, a million.
const importSize = "SIEGEL_BENCH_IMPORT"

// BenchmarkImport brings small messages of an mbox and, every tenth, of an EML folder
// into the archive by the real program, and prints the peak memory of the command and of
// the server; then it takes everything out again (requirement EX-03).
func BenchmarkImport(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv(importSize); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		importOnce(b, n)
	}
}

func importOnce(b *testing.B, n int) {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	top := b.TempDir()
	bin, dir, files := filepath.Join(top, "siegel"), filepath.Join(top, "data"), filepath.Join(top, "files")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", bin, "siegel/cmd/siegel").CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	check(stand.New(b.Context(), dir))
	check(quietly(dir))
	check(os.WriteFile(filepath.Join(top, "password"), []byte(stand.Password), 0o400))
	octets, err := mountain(files, n)
	check(err)
	server := exec.CommandContext(b.Context(), bin, "serve", "--data", dir)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(server.Start())
	check(up(app.ConsoleSocket(dir)))
	command := exec.CommandContext(b.Context(), bin, "import", files, "--data", dir, "--as", stand.Keeper, "--password-file", filepath.Join(top, "password"), "--json")
	var said strings.Builder
	command.Stdout = &said
	b.StartTimer()
	start := time.Now()
	check(command.Start())
	memory := watch(command.Process.Pid)
	check(command.Wait())
	took := time.Since(start)
	b.StopTimer()
	var got struct{ Accepted, There, Refused int }
	check(json.Unmarshal([]byte(said.String()), &got))
	if got.Accepted != n || got.There+got.Refused > 0 {
		b.Fatalf("%+v of %d", got, n)
	}
	held, err := peak(server.Process.Pid)
	check(err)
	// And out again: an export of everything.
	export := exec.CommandContext(b.Context(), bin, "export", "--to", filepath.Join(top, "out"), "--format", "mbox", "--secret-file", filepath.Join(top, "secret"),
		"--reason", "a benchmark", "--data", dir, "--as", stand.Keeper, "--password-file", filepath.Join(top, "password"))
	export.Stderr = os.Stderr
	start = time.Now()
	check(export.Start())
	exported := watch(export.Process.Pid)
	check(export.Wait())
	left := time.Since(start)
	after, err := peak(server.Process.Pid)
	check(err)
	check(server.Process.Signal(syscall.SIGTERM))
	check(server.Wait())
	b.ReportMetric(float64(n)/took.Seconds(), "messages/s")
	b.ReportMetric(float64(octets)/took.Seconds()/1e6, "MB/s")
	b.ReportMetric(<-memory, "command-MiB")
	b.ReportMetric(held, "server-MiB")
	b.ReportMetric(float64(n)/left.Seconds(), "exported/s")
	b.ReportMetric(<-exported, "export-MiB")
	b.ReportMetric(after, "server-after-export-MiB")
	b.StartTimer()
}

// peak is the most memory that a running program had so far, in MiB. What the system
// says of one that has ended includes the memory of who started it.
func peak(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kib float64
	_, err = fmt.Sscan(rest, &kib)
	return kib / 1024, err
}

// watch returns, when a program has ended, the most memory that it had.
func watch(pid int) <-chan float64 {
	most := make(chan float64, 1)
	go func() {
		last := 0.0
		for {
			now, err := peak(pid)
			if err != nil {
				most <- last
				return
			}
			last = now
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return most
}

// quietly keeps the server of a data directory from ports that others use.
func quietly(dir string) error {
	config := "lmtp:\n  listen: []\n  sockets: [lmtp.sock]\nlog:\n  level: error\n"
	file := filepath.Join(dir, "siegel.yaml")
	if os.Getenv(dbtest.Variable) == "postgres" {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		config = string(b) + config
	}
	return os.WriteFile(file, []byte(config), 0o600)
}

func up(socket string) error {
	for range 600 {
		if conn, err := net.Dial("unix", socket); err == nil {
			return conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the server does not come up")
}

// mountain writes n messages and returns their octets.
func mountain(dir string, n int) (octets int64, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "eml"), 0o700); err != nil {
		return 0, err
	}
	f, err := os.Create(filepath.Join(dir, "mail.mbox"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffer := bufio.NewWriterSize(f, 1<<20)
	w := mbox.NewWriter(buffer)
	body := strings.Repeat("All work and no play makes mail a dull boy.\n", 12)
	for i := range n {
		m := fmt.Sprintf("From: <a%d@elsewhere.example>\nTo: <%s>\nSubject: message number %d\nMessage-ID: <%d@elsewhere.example>\n\n%s", i%1000, stand.Reader, i, i, body)
		octets += int64(len(m))
		if i%10 == 0 {
			if err := os.WriteFile(filepath.Join(dir, "eml", fmt.Sprintf("%07d.eml", i)), []byte(m), 0o600); err != nil {
				return 0, err
			}
			continue
		}
		if err := w.Begin(time.Unix(1_700_000_000, 0)); err != nil {
			return 0, err
		}
		if _, err := w.Write([]byte(m)); err != nil {
			return 0, err
		}
		if _, err := w.End(); err != nil {
			return 0, err
		}
	}
	return octets, errors.Join(w.Flush(), buffer.Flush())
}
