package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"siegel/test/tied"

	"github.com/jackc/pgx/v5"
)

// server returns the PostgreSQL server of this process, nil where the machine has
// none.
var server = sync.OnceValues(start)

// OnDisk names the environment variable that puts the server on the disk of
// temporary files, for benchmarks, which want syncs at their price.
const OnDisk = "SIEGEL_TEST_ON_DISK"

// postgresServer listens on a Unix socket in a directory in memory, so that its
// syncs, which stay on, cost nothing.
type postgresServer struct {
	dir  string
	made atomic.Int64 // databases
}

// start makes and starts a server that ends with this process.
func start() (*postgresServer, error) {
	bin, err := binaries()
	if bin == "" {
		return nil, err
	}
	base := "/dev/shm"
	if info, err := os.Stat(base); err != nil || !info.IsDir() || os.Getenv(OnDisk) != "" {
		base = ""
	}
	dir, err := os.MkdirTemp(base, "siegel-pg")
	if err != nil {
		return nil, err
	}
	who, err := account(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	data := filepath.Join(dir, "data")
	init := exec.Command(filepath.Join(bin, "initdb"), "--no-sync", "--auth=trust", "--username=siegel", //nolint:noctx // of the tests
		"--encoding=UTF8", "--locale=C", "-D", data)
	init.SysProcAttr, init.Dir = who, dir
	if out, err := init.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	hold, err := tied.Start(tied.Server{
		Dir: dir, Signal: "QUIT", Args: []string{bin}, Account: who.Credential,
		Command: `"$2"/postgres -D "$1"/data -k "$1" -c listen_addresses= -c max_connections=400 -c shared_buffers=32MB`,
	})
	if err != nil {
		return nil, err
	}
	s := &postgresServer{dir: dir}
	if err := s.wait(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, errors.Join(err, fmt.Errorf("postgres said: %s", bytes.TrimSpace(log)), hold.Close())
	}
	return s, nil
}

// binaries returns the folder of the newest server of the machine, "" for none.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// account gives a directory to whom the server runs as: PostgreSQL refuses root.
func account(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, int(uid), int(gid))
}

func (s *postgresServer) address(database string) string {
	return "host=" + s.dir + " user=siegel dbname=" + database
}

// wait waits until the server answers.
func (s *postgresServer) wait() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if err = s.do(ctx, "SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// do runs one statement as the server's owner.
func (s *postgresServer) do(ctx context.Context, statement string) error {
	c, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

// create makes a database, empty or as another one, and returns its name.
func (s *postgresServer) create(like string) (string, error) {
	name := fmt.Sprintf("test%d", s.made.Add(1))
	statement := "CREATE DATABASE " + name + " STRATEGY wal_log"
	if like != "" {
		statement += " TEMPLATE " + like
	}
	return name, s.do(context.Background(), statement)
}

// database makes a database for a test, as create does, and returns its address.
func (s *postgresServer) database(t testing.TB, like string) string {
	t.Helper()
	name, err := s.create(like)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := s.do(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		if err != nil && !strings.Contains(err.Error(), "does not exist") {
			t.Error(err)
		}
	})
	return s.address(name)
}
