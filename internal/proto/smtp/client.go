package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxBatch is how many octets of commands are sent before their replies are
// read. RFC 2920 section 3.1 asks clients to stay below the window of the
// connection, or both sides may wait to be read.
const maxBatch = 4096

// maxExtensions bounds what a client remembers of a server's greeting.
const maxExtensions = 64

// Client speaks SMTP or LMTP with one server. It is strict: what is not a
// reply ends the conversation with [ErrReply]. It is for one goroutine, and
// after an error that is not a [ReplyError] it must not be used again.
// Deadlines are the caller's, set on the connection.
type Client struct {
	br   *bufio.Reader
	bw   *bufio.Writer
	lmtp bool              // set by Hello
	ext  map[string]string // extension to its arguments; set by Hello
}

// ReplyError is a refusal where the caller needs a success.
type ReplyError struct{ Reply Reply }

// Error gives the reply in one line.
func (e *ReplyError) Error() string { return "smtp: server said " + e.Reply.String() }

// NewClient returns a client on an open connection whose greeting has not been
// read, or on a TLS connection after STARTTLS.
func NewClient(rw io.ReadWriter) *Client {
	return &Client{br: bufio.NewReader(rw), bw: bufio.NewWriterSize(rw, 32<<10)}
}

// Greeting reads the greeting of the server. A refusal is a [ReplyError].
func (c *Client) Greeting() error {
	_, err := c.expect2()
	return err
}

// Hello introduces the client as name with [Lhlo], [Ehlo] or [Helo] and keeps
// the extensions of the server. A refusal is a [ReplyError].
func (c *Client) Hello(verb Verb, name string) error {
	if err := c.write(string(verb) + " " + name); err != nil {
		return err
	}
	r, err := c.expect2()
	if err != nil {
		return err
	}
	c.lmtp = verb == Lhlo
	c.ext = make(map[string]string)
	lines := strings.Split(r.Text, "\n")[1:] // the first is the server's name
	for _, line := range lines[:min(len(lines), maxExtensions)] {
		word, args, _ := strings.Cut(line, " ")
		c.ext[upper(word)] = args
	}
	return nil
}

// Extension returns the arguments with which the server offered an extension,
// named in capitals, and whether it did.
func (c *Client) Extension(name string) (args string, ok bool) {
	args, ok = c.ext[name]
	return args, ok
}

// Do sends one command and returns the reply, whatever it says. A line that
// holds CR, LF or NUL is not sent and gives [ErrBareNewline].
func (c *Client) Do(line string) (Reply, error) {
	if err := c.write(line); err != nil {
		return Reply{}, err
	}
	return c.read()
}

// StartTLS asks for TLS. After nil the caller does the handshake on the
// connection and goes on with a new client and a new Hello. A refusal is a
// [ReplyError]; octets that came after the reply in plain text, which an
// attacker may have put there (RFC 3207 section 6), give [ErrReply].
func (c *Client) StartTLS() error {
	if err := c.write(string(StartTLS)); err != nil {
		return err
	}
	if _, err := c.expect2(); err != nil {
		return err
	}
	if c.br.Buffered() > 0 {
		return fmt.Errorf("%w: text before the handshake", ErrReply)
	}
	return nil
}

// Quit ends the conversation. The connection stays open.
func (c *Client) Quit() error {
	if err := c.write(string(Quit)); err != nil {
		return err
	}
	_, err := c.expect2()
	return err
}

// Envelope is what a client tells about a message before its octets.
type Envelope struct {
	Sender     Address // zero for <>
	Recipients []Address
	Size       int64 // announced if not 0 and the server offers SIZE
	Body8      bool  // BODY=8BITMIME
	UTF8       bool  // SMTPUTF8
}

// Send sends one message with DATA and returns one reply per recipient, in
// their order: the reply that settled his case, which may be that to MAIL, RCPT,
// DATA or, for each recipient who was accepted, the one after the message (LMTP
// has one for each, SMTP one for all). With PIPELINING commands go together.
//
// A refusal is no error. Errors are those of the connection, [ErrReply],
// [ErrBareNewline] for an address with a line break in it, and that of msg;
// after any of them nothing is known about the message.
func (c *Client) Send(e Envelope, msg io.Reader) ([]Reply, error) {
	replies, open, err := c.envelope(e, true)
	if err != nil || open == nil {
		return replies, err
	}
	w := NewDotWriter(c.bw)
	if len(open) > 0 {
		if _, err := io.Copy(w, msg); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return replies, c.settle(replies, open)
}

// SendChunks is Send with BDAT: octets go unchanged, in chunks of chunk octets
// (the last one is shorter or empty).
func (c *Client) SendChunks(e Envelope, msg io.Reader, chunk int) ([]Reply, error) {
	replies, open, err := c.envelope(e, false)
	if err != nil || len(open) == 0 {
		return replies, err
	}
	buf := make([]byte, chunk)
	for last := false; !last; {
		n, err := io.ReadFull(msg, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		last = err != nil
		line := string(Bdat) + " " + strconv.Itoa(n)
		if last {
			line += " LAST"
		}
		if err := c.write(line); err != nil {
			return nil, err
		}
		if _, err := c.bw.Write(buf[:n]); err != nil {
			return nil, err
		}
		if last {
			break // LMTP gives several replies
		}
		if r, err := c.read(); err != nil || !r.OK() {
			for _, i := range open {
				replies[i] = r
			}
			return replies, err
		}
	}
	return replies, c.settle(replies, open)
}

// envelope sends MAIL, RCPT and, if data is set, DATA, and returns the replies
// so far and the numbers of the recipients who still wait for theirs: nil
// where no message may be sent, empty where one must be sent for nobody.
func (c *Client) envelope(e Envelope, data bool) (replies []Reply, open []int, err error) {
	lines := make([]string, 0, len(e.Recipients)+2)
	lines = append(lines, c.mail(e))
	for _, to := range e.Recipients {
		lines = append(lines, string(Rcpt)+" TO:<"+to.String()+">")
	}
	if data {
		lines = append(lines, string(Data))
	}
	all, err := c.batch(lines)
	if err != nil {
		return nil, nil, err
	}
	mail, replies := all[0], all[1:len(e.Recipients)+1]
	for i, r := range replies {
		switch {
		case !mail.OK():
			replies[i] = mail
		case r.OK():
			open = append(open, i)
		}
	}
	if !data {
		return replies, open, nil
	}
	if r := all[len(all)-1]; r.Code != 354 {
		if r.OK() {
			return nil, nil, fmt.Errorf("%w: %d to DATA", ErrReply, r.Code)
		}
		for _, i := range open {
			replies[i] = r
		}
		return replies, nil, nil
	}
	if open == nil {
		open = []int{}
	}
	return replies, open, nil
}

// mail writes the MAIL command of an envelope.
func (c *Client) mail(e Envelope) string {
	line := string(Mail) + " FROM:<" + e.Sender.String() + ">"
	if _, ok := c.ext["SIZE"]; ok && e.Size > 0 {
		line += " SIZE=" + strconv.FormatInt(e.Size, 10)
	}
	if e.Body8 {
		line += " BODY=8BITMIME"
	}
	if e.UTF8 {
		line += " SMTPUTF8"
	}
	return line
}

// batch sends lines and returns one reply for each, together where the server
// allows it.
func (c *Client) batch(lines []string) ([]Reply, error) {
	_, pipelining := c.ext["PIPELINING"]
	replies := make([]Reply, 0, len(lines))
	size := 0 // octets since replies were read
	for i, line := range lines {
		if err := c.write(line); err != nil {
			return nil, err
		}
		size += len(line) + len("\r\n")
		if pipelining && i+1 < len(lines) && size+len(lines[i+1])+len("\r\n") <= maxBatch {
			continue
		}
		for size = 0; len(replies) <= i; {
			r, err := c.read()
			if err != nil {
				return nil, err
			}
			replies = append(replies, r)
		}
	}
	return replies, nil
}

// settle reads the replies after a message.
func (c *Client) settle(replies []Reply, open []int) error {
	if c.lmtp {
		// RFC 2033 section 4.2: one reply for each accepted recipient, in order.
		for _, i := range open {
			r, err := c.read()
			if err != nil {
				return err
			}
			replies[i] = r
		}
		return c.bw.Flush()
	}
	r, err := c.read()
	if err != nil {
		return err
	}
	for _, i := range open {
		replies[i] = r
	}
	return nil
}

// write puts one command line into the buffer.
func (c *Client) write(line string) error {
	if strings.ContainsAny(line, "\r\n\x00") {
		return ErrBareNewline
	}
	_, err := c.bw.WriteString(line + "\r\n")
	return err
}

// read sends what is in the buffer and reads one reply.
func (c *Client) read() (Reply, error) {
	if err := c.bw.Flush(); err != nil {
		return Reply{}, err
	}
	return ReadReply(c.br)
}

// expect2 reads a reply that must be a success.
func (c *Client) expect2() (Reply, error) {
	r, err := c.read()
	if err == nil && !r.OK() {
		err = &ReplyError{Reply: r}
	}
	return r, err
}
