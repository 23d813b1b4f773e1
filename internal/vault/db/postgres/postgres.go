package postgres

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"golang.org/x/sys/unix"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/db"
)

// Bounds of connections.
const (
	// Writers is the number of transactions of this node that change rows at a
	// time, and of the connections that they read through.
	Writers = 8
	// lockTime is how long a transaction waits for another, as with SQLite.
	lockTime = 10 * time.Second
	// idleTime is how long the server keeps a transaction of a node that says
	// nothing more: its locks must not outlive it.
	idleTime    = 20 * time.Second
	connectTime = 5 * time.Second
	oldest      = 150000 // server_version_num
)

// Readers is the number of connections of this node that only read.
func Readers() int { return max(16, 2*runtime.GOMAXPROCS(0)) }

// Open opens the control database at an address such as
// postgres://siegel@db.example/siegel?sslmode=verify-full or
// "host=/run/postgresql dbname=siegel". The address may hold a password and is never
// part of an error. It fails with kind Invalid where the address or the server is
// not what this package asks for, with a sentence that names the remedy, and with
// kind Busy where the server cannot be reached.
func Open(ctx context.Context, address string) (*db.DB, error) {
	s, err := At(address)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx)
}

// Server is a PostgreSQL server, or several of which one takes writes, at an
// address. Use it from many goroutines.
type Server struct {
	config *pgx.ConnConfig
	lines  lines
}

// At returns the server at an address. It asks nobody, and fails as
// [CheckAddress] does.
func At(address string) (_ *Server, err error) {
	defer fault.Wrap(&err, "control database")
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	return &Server{config: config, lines: lines{open: make(map[*pgconn.PgConn]*Primary)}}, nil
}

// Open opens the control database; see the package's function of that name.
func (s *Server) Open(ctx context.Context) (_ *db.DB, err error) {
	defer fault.Wrap(&err, "control database")
	write := s.pool(Writers, "off")
	read := s.pool(Readers(), "on")
	inside := s.pool(Writers, "on")
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	d := db.New(db.Driver{
		Dialect: goose.DialectPostgres, Write: write, Read: read, Inside: inside, Classify: outward,
		Turn:    `SELECT pg_advisory_xact_lock($1)`,
		Alone:   `SELECT pg_advisory_xact_lock($1::int, $2::int)`,
		Barrier: `SELECT pg_logical_emit_message(true, 'siegel', '')`,    // it is read by nobody
		Options: []goose.ProviderOption{goose.WithSessionLocker(locker)}, // nodes that start together migrate once
	})
	if err := check(ctx, write); err != nil {
		return nil, errors.Join(atStart(outward(err)), d.Close())
	}
	return d, nil
}

// CheckAddress fails with kind Invalid where an address cannot be one that Open
// takes. It asks nobody.
func CheckAddress(address string) error {
	_, err := parse(address)
	return err
}

// parse reads an address.
func parse(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(strings.TrimSpace(address))
	if err != nil {
		// The parser's text quotes the address.
		return nil, fault.New(fault.Invalid, "the address of the control database cannot be read; it looks like postgres://user:password@host/database?sslmode=verify-full")
	}
	if err := private(config.Host, config.TLSConfig); err != nil {
		return nil, err
	}
	for _, f := range config.Fallbacks {
		if err := private(f.Host, f.TLSConfig); err != nil {
			return nil, err
		}
	}
	config.ConnectTimeout = connectTime
	config.OnNotice = doubt
	config.DialFunc = dial
	for name, value := range map[string]string{
		"application_name": "siegel", "default_transaction_isolation": "read committed", "timezone": "UTC",
		"lock_timeout": fmt.Sprint(lockTime.Milliseconds()), "idle_in_transaction_session_timeout": fmt.Sprint(idleTime.Milliseconds()),
		"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2", // a node that is gone holds no lock for long
	} {
		config.RuntimeParams[name] = value
	}
	return config, nil
}

// private fails with kind Invalid where somebody between us and the server could
// read along or answer in its place. (CR-01)
func private(host string, config *tls.Config) error {
	if filepath.IsAbs(host) || host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return nil
	}
	if config == nil || (config.InsecureSkipVerify && config.VerifyPeerCertificate == nil && config.VerifyConnection == nil) {
		return fault.New(fault.Invalid, "the control database is on another machine: its address needs sslmode=verify-full, and sslrootcert where its certificate is your own")
	}
	return nil
}

// pool returns at most size connections, which may only read or write too.
func (s *Server) pool(size int, readOnly string) *sql.DB {
	own := s.config.Copy()
	own.RuntimeParams["default_transaction_read_only"] = readOnly
	c := sql.OpenDB(newConnector(s, own))
	c.SetMaxOpenConns(size)
	c.SetMaxIdleConns(size)
	c.SetConnMaxIdleTime(5 * time.Minute)
	return c
}

// check asks the server whether it is what we promise.
func check(ctx context.Context, c *sql.DB) error {
	var version int
	if err := c.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return err
	}
	if version < oldest {
		return fault.New(fault.Invalid, "this PostgreSQL is too old; version 15 or newer is needed")
	}
	var may bool
	if err := c.QueryRowContext(ctx, `SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)`).Scan(&may); err != nil {
		return err
	}
	if !may {
		return fault.New(fault.Invalid, "the user of the address may not make tables in the database; make it the owner")
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		if err := c.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			return err
		}
		if value == "off" {
			return fault.Newf(fault.Invalid, "this PostgreSQL runs with %s = off: a power cut would lose acknowledged mail; turn it on", fault.Word(name))
		}
	}
	var commit, standbys string
	if err := c.QueryRowContext(ctx, `SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names')`).Scan(&commit, &standbys); err != nil {
		return err
	}
	if standbys != "" && !waits(commit) {
		return fault.Newf(fault.Invalid, "this PostgreSQL names synchronous standbys and does not wait for what they have (synchronous_commit = %s): set it to on", fault.Word(commit))
	}
	var name, encoding, collate, provider string
	// no tenant: the server's own table
	err := c.QueryRowContext(ctx, `SELECT datname, pg_encoding_to_char(encoding), datcollate, datlocprovider::text FROM pg_database
		WHERE datname = current_database()`).Scan(&name, &encoding, &collate, &provider)
	if err != nil {
		return err
	}
	if name == "postgres" || name == "template1" {
		return fault.New(fault.Invalid, "this is PostgreSQL's own database; make one for Siegel alone: CREATE DATABASE siegel ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
	}
	// Other orders change with the system's libraries and then break indexes
	// without a word.
	if encoding != "UTF8" || provider == "i" || !slices.Contains([]string{"C", "POSIX", "C.UTF-8", "C.utf8"}, collate) {
		return fault.New(fault.Invalid, "the database needs the encoding UTF8 and the locale C: CREATE DATABASE siegel ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
	}
	return nil
}

// dial connects so that a server that is gone without a word is noticed: what it
// does not confirm within some seconds is an error, and so is its silence.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 2},
		Control: func(network, _ string, c syscall.RawConn) (err error) {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			return errors.Join(err, c.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(goneTime.Milliseconds()))
			}))
		},
	}
	return d.DialContext(ctx, network, address)
}

// goneTime is how long octets may wait for the other side to confirm them.
const goneTime = 15 * time.Second

// dialed reports whether an error is one of the network.
func dialed(err error) bool {
	var n net.Error
	var op *net.OpError
	return errors.As(err, &op) || errors.As(err, &n)
}
