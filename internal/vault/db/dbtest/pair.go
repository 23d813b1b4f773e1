package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"siegel/test/tied"
)

// Pair is two PostgreSQL servers, of which the second follows the first by
// streaming replication; [Pair.Follow] adds further ones. They end with the test.
type Pair struct {
	// Address names both, the first before the second.
	Address string

	bin  string
	dirs []string
	who  *syscall.SysProcAttr
	hold []io.Closer
}

// NewPair starts a pair with an empty database. With synchronous the first
// server's commits wait for the second to have them durably.
func NewPair(t testing.TB, synchronous bool) *Pair {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	if bin == "" {
		t.Skip("this machine has no PostgreSQL server: make deps-test installs one")
	}
	p := &Pair{bin: bin}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.room())
	must(p.run(0, "initdb", "--no-sync", "--auth=trust", "--username=siegel", "--encoding=UTF8", "--locale=C", "-D", p.data(0)))
	must(p.start(0, ""))
	must(p.do(0, "CREATE DATABASE pair"))
	t.Cleanup(func() {
		for i := range p.dirs {
			p.Kill(i)
		}
	})
	p.Follow(t)
	if synchronous {
		must(p.do(0, "ALTER SYSTEM SET synchronous_standby_names = 'second'"))
		must(p.do(0, "SELECT pg_reload_conf()"))
		// no tenant: the server itself is asked
		p.await(t, 0, "SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')")
	}
	p.Address = p.Of(0, 1)
	return p
}

// room makes a place for a further server.
func (p *Pair) room() error {
	dir, err := os.MkdirTemp("/dev/shm", "siegel-pair")
	if err != nil {
		return err
	}
	p.dirs, p.hold = append(p.dirs, dir), append(p.hold, nil)
	p.who, err = account(dir)
	return err
}

// Follow starts a further server that follows the first, and returns which it is.
func (p *Pair) Follow(t testing.TB) (i int) {
	t.Helper()
	i = len(p.dirs)
	name := map[int]string{1: "second"}[i]
	err := p.room()
	if err == nil {
		err = p.run(i, "pg_basebackup", "-h", p.dirs[0], "-U", "siegel", "-D", p.data(i), "-R", "--no-sync", "-c", "fast", "-d", "application_name="+name)
	}
	if err == nil {
		err = p.start(i, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Of returns an address that names some of the servers, in that order.
func (p *Pair) Of(list ...int) string {
	var names []string
	for _, i := range list {
		names = append(names, p.dirs[i])
	}
	return "host=" + strings.Join(names, ",") + " user=siegel dbname=pair"
}

func (p *Pair) data(i int) string { return filepath.Join(p.dirs[i], "data") }

// run runs one of PostgreSQL's programs as its account.
func (p *Pair) run(i int, program string, args ...string) error {
	c := exec.Command(filepath.Join(p.bin, program), args...) //nolint:noctx // of the tests
	c.SysProcAttr, c.Dir = p.who, p.dirs[i]
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

func (p *Pair) start(i int, options string) (err error) {
	p.hold[i], err = tied.Start(tied.Server{
		Dir: p.dirs[i], Signal: "QUIT", Args: []string{p.bin, options}, Account: p.who.Credential,
		Command: `"$2"/postgres -D "$1"/data -k "$1" -c listen_addresses= -c max_connections=200 -c shared_buffers=32MB ` +
			`-c hot_standby=on -c wal_level=replica $3`,
	})
	for deadline := time.Now().Add(30 * time.Second); err == nil; time.Sleep(50 * time.Millisecond) {
		if refused := p.do(i, "SELECT 1"); refused == nil {
			return nil
		} else if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(p.dirs[i], "log"))
			return fmt.Errorf("%w: %s", refused, log)
		}
	}
	return err
}

// connect connects to one of the servers.
func (p *Pair) connect(ctx context.Context, i int, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, "host="+p.dirs[i]+" user=siegel dbname="+database)
}

// do runs one statement on one of the servers.
func (p *Pair) do(i int, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := p.connect(ctx, i, "postgres")
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

// await waits until a question is answered with true.
func (p *Pair) await(t testing.TB, i int, question string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := p.connect(ctx, i, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	for {
		var yes bool
		if err := c.QueryRow(ctx, question).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Ask returns what one of the servers answers to a question with one value.
func (p *Pair) Ask(t testing.TB, i int, question string, args ...any) (answer string) {
	t.Helper()
	c, err := p.connect(t.Context(), i, "pair")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if err := c.QueryRow(t.Context(), question, args...).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// Do changes the settings or the state of one of the servers.
func (p *Pair) Do(t testing.TB, i int, statement string) {
	t.Helper()
	if err := p.do(i, statement); err != nil {
		t.Fatal(err)
	}
}

// Promote makes the second server one that takes writes. The first goes on.
func (p *Pair) Promote(t testing.TB) {
	t.Helper()
	p.PromoteAt(t, 1)
}

// PromoteAt promotes one of the servers that follow.
func (p *Pair) PromoteAt(t testing.TB, i int) {
	t.Helper()
	p.Do(t, i, "SELECT pg_promote(true, 30)")
	p.await(t, i, "SELECT NOT pg_is_in_recovery()")
}

// Kill ends one of the servers at once, as if its machine had failed.
func (p *Pair) Kill(i int) {
	if p.hold[i] == nil {
		return
	}
	_ = p.hold[i].Close()
	p.hold[i] = nil
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(p.dirs[i]); err != nil {
			return
		}
	}
}

// Stop stops a server's time, so that it confirms nothing, as a machine does that
// is cut off; Go lets it go on.
func (p *Pair) Stop(t testing.TB, i int) { p.signal(t, i, syscall.SIGSTOP) }

// Go lets a stopped server go on.
func (p *Pair) Go(t testing.TB, i int) { p.signal(t, i, syscall.SIGCONT) }

// signal sends a signal to all processes of a server.
func (p *Pair) signal(t testing.TB, i int, s syscall.Signal) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.data(i), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	master, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	// Its processes are children of the postmaster, each in a group of its own.
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range append(strings.Fields(string(list)), first) {
		if pid, err := strconv.Atoi(word); err == nil {
			_ = syscall.Kill(pid, s) // it may have ended
		}
	}
}

// Only returns the address of one of the servers.
func (p *Pair) Only(i int) string { return p.Of(i) }

// Swapped returns the address with the second server named first.
func (p *Pair) Swapped() string { return p.Of(1, 0) }
