package postgres

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/db"
)

// The driver with kinds: whatever fails below, also while rows are read, comes
// up as a fault that says what a caller can do.

// connector opens connections without anybody seeing the address.
type connector struct {
	driver.Connector

	server *Server
	config *pgx.ConnConfig
}

func newConnector(s *Server, config *pgx.ConnConfig) connector {
	return connector{stdlib.GetConnector(*config), s, config}
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	var failed error
	for _, one := range c.server.pinned(c.config) {
		opened, err := stdlib.GetConnector(*one).Connect(ctx)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if s, ok := opened.(*stdlib.Conn); ok {
			return conn{s, c.server}, nil
		}
		return nil, fmt.Errorf("postgres: the driver gave a %T", opened)
	}
	return nil, unreached(ctx, failed)
}

// unreached is the error of a connection that did not come about. Where the caller left
// it is his; whatever else it was, the address stays out of it.
func unreached(ctx context.Context, err error) error {
	if left := context.Cause(ctx); left != nil {
		return left
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return byCode(e)
	}
	if _, known := errors.AsType[*fault.Error](err); known || err == nil {
		return err
	}
	return fault.Because(fault.Busy, "the control database cannot be reached", reason(err))
}

type conn struct {
	*stdlib.Conn

	server *Server
}

// Close implements [driver.Conn].
func (c conn) Close() error {
	c.server.forget(c.Conn.Conn().PgConn())
	return c.Conn.Close()
}

// IsValid implements [driver.Validator]: a connection to a primary that does not
// count any more is not used again.
func (c conn) IsValid() bool {
	return c.server.right(c.Conn.Conn().PgConn())
}

// ResetSession implements [driver.SessionResetter].
func (c conn) ResetSession(ctx context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	return c.Conn.ResetSession(ctx)
}

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.Conn.ExecContext(ctx, query, args)
	return r, classifyFor(ctx, err)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := c.Conn.QueryContext(ctx, query, args)
	if err != nil {
		return nil, classifyFor(ctx, err)
	}
	if read, ok := r.(*stdlib.Rows); ok {
		return rows{read}, nil
	}
	return r, nil
}

func (c conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	t, err := c.Conn.BeginTx(ctx, o)
	if err != nil {
		return nil, classifyFor(ctx, err)
	}
	return transaction{t, c.Conn.Conn().PgConn()}, nil
}

// transaction is one whose commit is not believed where the server had doubts.
type transaction struct {
	driver.Tx

	conn *pgconn.PgConn
}

// dataDoubt is where a connection keeps that the server warned.
const dataDoubt = "siegel doubt"

// doubt hears what the server says beside its answers. A commit whose wait for
// the standby was broken off succeeds, with nothing but a warning (PostgreSQL
// manual, section 27.2.8.3).
func doubt(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		c.CustomData()[dataDoubt] = true
	}
}

// Commit implements [driver.Tx]. It fails where the server warned: what was
// committed there may be nowhere else.
func (t transaction) Commit() error {
	delete(t.conn.CustomData(), dataDoubt)
	if err := t.Tx.Commit(); err != nil {
		return classify(err)
	}
	if t.conn.CustomData()[dataDoubt] != nil {
		return errDoubt()
	}
	return nil
}

func errDoubt() error {
	return fault.Because(fault.Busy, "the control database did not say that the standby has what was written", db.ErrAlone)
}

// rows classifies what goes wrong behind the first row.
type rows struct{ *stdlib.Rows }

func (r rows) Next(dest []driver.Value) error {
	err := r.Rows.Next(dest)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return classify(err)
}

// serverError is what is kept of an error of the server.
type serverError struct{ code, text string }

// Error implements error.
func (e serverError) Error() string { return strings.TrimSpace("postgres: " + e.code + " " + e.text) }

// atStart says of an error while a server starts what has to be mended. While it
// runs the same may be a moment's trouble, and mail waits.
func atStart(err error) error {
	if v, ok := errors.AsType[unverified](err); ok {
		return fault.Because(fault.Invalid, "the certificate of the PostgreSQL server is not one to trust: its name must be the host of the address, and its root that of sslrootcert or the system", v)
	}
	e, ok := errors.AsType[serverError](err)
	switch {
	case !ok:
		return err
	case e.code == "3D000": // invalid_catalog_name
		return fault.Because(fault.Invalid, "the PostgreSQL server has no database of the name in the address; make it first", err)
	case strings.HasPrefix(e.code, "28"): // invalid_authorization_specification
		return fault.Because(fault.Invalid, "the PostgreSQL server refuses the user or the password of the address", err)
	default:
		return err
	}
}

// unverified is a certificate that was refused.
type unverified struct{}

// Error implements error.
func (unverified) Error() string { return "postgres: the certificate was refused" }

// reason is what may be said of an error on the way to the server: no host and no
// name.
func reason(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return unverified{}
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("postgres: %w", e)
	}
	return fmt.Errorf("postgres: %T", err)
}

// classify gives an error of the driver a kind. Errors that have one keep it, and
// so do those by which database/sql knows that a connection is used up, and those
// of a caller who left.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return byCode(e)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || dialed(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed") {
		// The text of such an error names hosts and users.
		return fault.Because(fault.Busy, "the control database cannot be reached", reason(err))
	}
	return err
}

// classifyFor is classify, for an error that came up while the caller's ctx was asked:
// a time that ran out without his being over is one of the connection's own.
func classifyFor(ctx context.Context, err error) error {
	if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return unreached(ctx, err)
	}
	return classify(err)
}

// outward gives an error a kind that comes from database/sql, after which nobody
// tries another connection any more: inside a transaction there is none.
func outward(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); !ok && errors.Is(err, driver.ErrBadConn) {
		return fault.Because(fault.Busy, "the control database cannot be reached", driver.ErrBadConn)
	}
	return classify(err)
}

// byCode gives an error of the server a kind (PostgreSQL manual, appendix A).
// Message and detail may quote a row, so only those about our own SQL are kept.
func byCode(e *pgconn.PgError) error {
	cause := serverError{e.Code, e.ConstraintName}
	if strings.HasPrefix(e.Code, "42") { // syntax_error_or_access_rule_violation
		cause.text = e.Message
	}
	is := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(e.Code, p) {
				return true
			}
		}
		return false
	}
	switch {
	case is("53100"): // disk_full
		return fault.Because(fault.Exhausted, "the disk of the control database is full", cause)
	case is("40", "55P03", "53", "57014"): // rollbacks, lock_not_available, resources, query_canceled
		return fault.Because(fault.Busy, "the control database is busy", cause)
	case is("08", "57P", "25006", "25P03", "28", "3D000"): // connections, shutdown, a standby, a transaction that did nothing for long, somebody refused, no such database
		return fault.Because(fault.Busy, "the control database cannot be reached", cause)
	case is("XX001", "XX002"): // data_corrupted, index_corrupted
		return fault.Because(fault.Damaged, "the control database is damaged", cause)
	case is("42501"): // insufficient_privilege
		return fault.Because(fault.Internal, "the user of the address may not make tables in the database; make it the owner", cause)
	case is("58"): // system_error
		return fault.Because(fault.Internal, "the control database cannot be written", cause)
	case is("23"): // integrity constraints
		return fault.Because(fault.Conflict, "this exists already", cause)
	default:
		return cause
	}
}
