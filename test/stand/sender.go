package stand

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

// Mail is one message as its sender knows it.
type Mail struct {
	From, To string
	Octets   []byte
	SHA256   [32]byte
	ID       mail.ID // zero until the server has said 250
}

// NewMail makes a message that nobody has sent before, of about size octets.
func NewMail(size int) *Mail {
	id := random(12)
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: <%s@elsewhere.example>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@elsewhere.example>\r\n\r\n", id, Reader, id, id)
	for b.Len() < size {
		b.WriteString(random(48) + "\r\n")
	}
	return Of(b.Bytes(), id+"@elsewhere.example", Reader)
}

// Of is a message with the given octets.
func Of(octets []byte, from, to string) *Mail {
	return &Mail{From: from, To: to, Octets: octets, SHA256: sha256.Sum256(octets)}
}

// random returns n random octets as text.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return strings.ToLower(base64.RawURLEncoding.EncodeToString(b))
}

// Random returns a number from 0 to below n.
func Random(n int) int {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return int(binary.LittleEndian.Uint64(b[:]) % uint64(n))
}

// Client is a connection of a sender.
type Client struct {
	conn net.Conn
	smtp *smtp.Client
}

// patience is how long a sender waits for anything.
const patience = 60 * time.Second

// Dial connects to a server's socket.
func Dial(socket string) (*Client, error) {
	conn, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, smtp: smtp.NewClient(conn)}
	err = conn.SetDeadline(time.Now().Add(patience))
	if err := errors.Join(err, c.smtp.Greeting()); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := c.smtp.Hello(smtp.Lhlo, "sender.example"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// Close ends the connection without a word, as senders may.
func (c *Client) Close() error { return c.conn.Close() }

// Send delivers a message. With a 250 it notes the id; other replies are
// returned as they are. After an error nothing is known about the message.
func (c *Client) Send(m *Mail) (smtp.Reply, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return smtp.Reply{}, err
	}
	from, err := address(m.From)
	if err != nil {
		return smtp.Reply{}, err
	}
	to, err := address(m.To)
	if err != nil {
		return smtp.Reply{}, err
	}
	e := smtp.Envelope{Sender: from, Recipients: []smtp.Address{to}, Size: int64(len(m.Octets)), Body8: true}
	replies, err := c.smtp.SendChunks(e, bytes.NewReader(m.Octets), 256<<10)
	if err != nil {
		return smtp.Reply{}, err
	}
	if len(replies) != 1 {
		return smtp.Reply{}, fmt.Errorf("stand: %d replies for one recipient", len(replies))
	}
	if !replies[0].OK() {
		return replies[0], nil
	}
	words := strings.Fields(replies[0].Text)
	m.ID, err = mail.ParseID(words[len(words)-1])
	return replies[0], err
}

// Started says whether a server took on a transaction.
type Started bool

// Step delivers a message command by command, as the last one of the connection,
// and says whether the server took the transaction on: who is told 421 before that
// has lost nothing and goes to another server.
func (c *Client) Step(m *Mail) (Started, smtp.Reply, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return false, smtp.Reply{}, err
	}
	reply, err := c.smtp.Do("MAIL FROM:<" + m.From + ">")
	if err != nil || !reply.OK() {
		return false, reply, err
	}
	if reply, err = c.smtp.Do("RCPT TO:<" + m.To + ">"); err != nil || !reply.OK() {
		return true, reply, err
	}
	if _, err := fmt.Fprintf(c.conn, "BDAT %d LAST\r\n%s", len(m.Octets), m.Octets); err != nil {
		return true, smtp.Reply{}, err
	}
	reply, err = c.smtp.Do("NOOP") // two replies are on their way
	if err == nil && reply.OK() {
		words := strings.Fields(reply.Text)
		m.ID, err = mail.ParseID(words[len(words)-1])
	}
	return true, reply, err
}

func address(s string) (smtp.Address, error) {
	if s == "" {
		return smtp.Address{}, nil
	}
	return smtp.ParseAddress(s)
}

// Begin sends a message without its end: all octets go in chunks of which none
// is the last. The server has read them when Begin returns.
func (c *Client) Begin(m *Mail) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for _, line := range []string{"MAIL FROM:<" + m.From + ">", "RCPT TO:<" + m.To + ">"} {
		if reply, err := c.smtp.Do(line); err != nil || !reply.OK() {
			return errors.Join(err, fmt.Errorf("stand: %v", reply))
		}
	}
	// The line and its octets leave together; the reply comes when they were read.
	if _, err := fmt.Fprintf(c.conn, "BDAT %d\r\n", len(m.Octets)); err != nil {
		return err
	}
	if _, err := c.conn.Write(m.Octets); err != nil {
		return err
	}
	reply, err := c.smtp.Do("NOOP") // two replies are on their way
	if err != nil || !reply.OK() {
		return errors.Join(err, fmt.Errorf("stand: %v", reply))
	}
	return nil
}
