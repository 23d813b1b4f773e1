package receive

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"siegel/internal/flow/receive/limit"
	"siegel/internal/identity/source"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

// Ways in which a dialogue ends, beside those of the wire.
var (
	errQuit = errors.New("receive: client said goodbye")
	errEnd  = errors.New("receive: connection ended by us") // after the reply that says why
)

// unixPeer is the peer of a Unix socket in [mail.Source].
const unixPeer = "unix"

// session is one connection. It belongs to one goroutine.
type session struct {
	srv  *Server
	cfg  *Config // of srv
	wire *wire
	peer *limit.Peer  // nil on a Unix socket
	log  *slog.Logger // with the connection's id

	safe     bool // plain text is all right here
	implicit bool // TLS from the first octet
	tls      *tls.ConnectionState
	source   mail.Source
	hello    bool // LHLO or EHLO was said
	guest    guest

	tx *transaction // nil before MAIL

	bad     int // commands in error
	refused int // recipients refused in a row
	kept    int // messages with at least one 250, for the log
}

// transaction is one message on its way in.
type transaction struct {
	from  smtp.MailFrom
	to    []recipient
	known map[mail.Domain]mail.TenantID // what the router said
	found source.Found                  // whose the transaction is; zero with LMTP
	in    *intake                       // octets, once they come
	bdat  *smtp.ChunkReader             // while the message comes in chunks
	pace  *pace
}

// recipient is one that was accepted.
type recipient struct {
	address smtp.Address
	tenant  mail.TenantID
}

func newSession(s *Server, conn net.Conn, p *limit.Peer, l listener) *session {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	c := &session{
		srv: s, cfg: &s.cfg, peer: p, safe: l.safe, implicit: l.implicit, wire: newWire(conn, s.cfg.IdleTime),
		log:    s.deps.Log.With("connection", hex.EncodeToString(id[:])),
		source: mail.Source{Door: s.door.door, Peer: unixPeer},
	}
	if _, ip, ok := limit.Key(conn.RemoteAddr()); ok {
		c.source.Peer, c.guest.proof.Peer = ip.String(), ip
	}
	return c
}

// run is the dialogue from greeting to goodbye.
func (c *session) run(ctx context.Context) {
	begun, linger := time.Now(), false
	err := c.guard(func() error { return c.dialogue(ctx) })
	if last, ok := farewell(err); ok {
		c.say(last)
		linger = true
	}
	// A sheet that panicked once may do so again.
	_ = c.guard(func() error { c.reset(); return nil })
	c.wire.close(linger || errors.Is(err, errEnd))
	c.log.Info("connection ended", "outcome", outcome(err), "kept", c.kept, "errors", c.bad,
		"took", time.Since(begun).Round(time.Microsecond))
}

// guard turns a panic of the session itself into an error.
func (c *session) guard(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.bug(v)
		}
	}()
	return do()
}

// errBug means that something of ours panicked.
var errBug = errors.New("receive: bug")

// bug logs a panic. Of a value that is no runtime error only the type is
// logged: the text may quote the message.
func (c *session) bug(v any) error {
	what := fmt.Sprintf("%T", v)
	if e, ok := errors.AsType[runtime.Error](asError(v)); ok {
		what = e.Error()
	}
	c.log.Error("bug", "panic", what, "stack", string(debug.Stack()))
	return errBug
}

func asError(v any) error {
	err, _ := v.(error)
	return err
}

// farewell returns the reply to an error that ends the dialogue, if the client
// is still there to read it.
func farewell(err error) (smtp.Reply, bool) {
	switch {
	case errors.Is(err, errSlow):
		return saySlow, true
	case errors.Is(err, errStopping):
		return sayStopping, true
	case errors.Is(err, errBug):
		return sayBug, true
	default:
		return smtp.Reply{}, false
	}
}

// outcome says for the log how a dialogue ended. Errors of the network hold
// addresses and stay out.
func outcome(err error) string {
	switch {
	case errors.Is(err, errQuit):
		return "quit"
	case errors.Is(err, errEnd):
		return "refused"
	case errors.Is(err, errSlow):
		return "timeout"
	case errors.Is(err, errStopping):
		return "stopping"
	case errors.Is(err, errBug):
		return "bug"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "gone"
	default:
		return "broken"
	}
}

// say puts a reply into the buffer. An error of the connection shows with the
// next read.
func (c *session) say(r smtp.Reply) {
	_, _ = c.wire.bw.Write(r.Append(nil, false))
}

// end is the last reply of a connection.
func (c *session) end(r smtp.Reply) error {
	c.say(r)
	return errEnd
}

// fail answers a command in error. Who makes too many is ended.
func (c *session) fail(r smtp.Reply) error {
	if c.bad++; c.bad >= c.cfg.MaxErrors {
		return c.end(sayErrors)
	}
	c.say(r)
	return nil
}

// dialogue reads commands and answers them until the connection ends, always
// with an error.
func (c *session) dialogue(ctx context.Context) error {
	if c.implicit {
		if err := c.secure(ctx); err != nil {
			return err
		}
	}
	c.say(smtp.Reply{Code: 220, Text: c.cfg.Hostname + " " + c.srv.door.name})
	for {
		if err := c.wire.await(); err != nil {
			return err
		}
		cmd, err := smtp.ReadCommand(c.wire.br)
		c.wire.busy()
		if err == nil || isSyntax(err) {
			if !c.srv.peers.Command(c.peer) {
				return c.end(sayCommands)
			}
		}
		switch {
		case err == nil:
			err = c.do(ctx, cmd)
		case isSyntax(err):
			err = c.broken(cmd, err)
		}
		if err != nil {
			return err
		}
	}
}

// isSyntax says whether err is one of a command rather than of the connection.
func isSyntax(err error) bool {
	_, ok := smtp.ReplyTo(err)
	return ok
}

// broken answers a line that is no command.
func (c *session) broken(cmd smtp.Command, err error) error {
	r, _ := smtp.ReplyTo(err)
	switch cmd.Verb {
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT":
		// A browser was made to talk to us: what follows is a stranger's text.
		return c.end(r)
	case smtp.Bdat:
		return c.end(r) // octets may follow that are no commands
	}
	if errors.Is(err, smtp.ErrEndless) {
		return c.end(r)
	}
	return c.fail(r)
}

// do does one command.
func (c *session) do(ctx context.Context, cmd smtp.Command) error {
	switch cmd.Verb {
	case smtp.Lhlo, smtp.Ehlo, smtp.Helo:
		return c.greet(cmd)
	case smtp.Mail:
		return c.mail(cmd.Arg)
	case smtp.Rcpt:
		return c.rcpt(ctx, cmd.Arg)
	case smtp.Data:
		return c.data(ctx)
	case smtp.Bdat:
		return c.chunk(ctx, cmd.Arg)
	case smtp.Rset:
		c.reset()
		c.say(sayOK)
	case smtp.Noop:
		c.say(sayOK)
	case smtp.Vrfy:
		c.say(sayVrfy) // RFC 5321 section 7.3: no name is confirmed
	case smtp.Help:
		c.say(sayHelp)
	case smtp.StartTLS:
		return c.startTLS(ctx)
	case smtp.Auth:
		return c.auth(ctx, cmd.Arg)
	case smtp.Quit:
		c.say(sayBye)
		return errQuit
	default:
		return c.fail(sayNoSuch)
	}
	return nil
}

// offersTLS says whether STARTTLS would be taken now.
func (c *session) offersTLS() bool {
	return c.cfg.TLS != nil && c.tls == nil && c.source.Peer != unixPeer
}

// greet answers LHLO, or EHLO and HELO.
func (c *session) greet(cmd smtp.Command) error {
	if !slices.Contains(c.srv.door.hello, cmd.Verb) {
		return c.fail(sayUnknown)
	}
	if _, err := smtp.ParseHello(cmd.Arg); err != nil {
		r, _ := smtp.ReplyTo(err)
		return c.fail(r)
	}
	c.reset() // RFC 5321 section 4.1.4: as RSET
	c.hello = true
	if cmd.Verb == smtp.Helo {
		c.say(smtp.Reply{Code: 250, Text: c.cfg.Hostname}) // RFC 5321 section 4.1.1.1: no extensions
		return nil
	}
	lines := []string{
		c.cfg.Hostname, "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES",
		"SIZE " + strconv.FormatInt(c.cfg.MaxSize, 10),
	}
	if c.offersTLS() {
		lines = append(lines, "STARTTLS")
	}
	if c.offersAuth() {
		lines = append(lines, "AUTH PLAIN LOGIN")
	}
	c.say(smtp.Reply{Code: 250, Text: strings.Join(lines, "\n")})
	return nil
}

// startTLS answers STARTTLS and forgets all that was said in plain text (RFC
// 3207 section 4.2).
func (c *session) startTLS(ctx context.Context) error {
	switch {
	case c.tls != nil:
		return c.fail(sayOrder)
	case !c.offersTLS():
		return c.fail(sayNoSuch)
	}
	c.reset()
	c.hello = false
	c.say(sayTLS)
	return c.secure(ctx)
}

// secure does the handshake.
func (c *session) secure(ctx context.Context) error {
	state, err := c.wire.startTLS(ctx, c.cfg.TLS)
	if err != nil {
		return err
	}
	c.tls = state
	c.source.TLS = strings.ReplaceAll(tls.VersionName(state.Version), " ", "v")
	c.guest.certified(state)
	return nil
}

// reset forgets the transaction.
func (c *session) reset() {
	if c.tx != nil && c.tx.in != nil {
		c.tx.in.close()
	}
	c.tx = nil
	c.wire.pace = nil
	c.wire.transaction(false)
}
