package smtp_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/proto/smtp"
)

// toy is a server with the least that a client needs. It accepts every
// recipient but those of refuse.example.
type toy struct {
	greeting string
	hello    string // reply to LHLO and EHLO, whole
	mail     string // reply to MAIL, empty for success
	data     string // reply to DATA, empty for 354
	lmtp     bool
	got      []string // messages
}

func (s *toy) serve(conn net.Conn) {
	defer conn.Close()
	br, chunks, msg := bufio.NewReader(conn), (*smtp.ChunkReader)(nil), ""
	say := func(lines ...string) { _, _ = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n") }
	say(s.greeting)
	rcpt := 0
	done := func() {
		s.got = append(s.got, msg)
		n := 1
		if s.lmtp {
			n = rcpt
		}
		for i := range n {
			say("250 2.0.0 kept " + string(rune('a'+i)))
		}
		rcpt, msg, chunks = 0, "", nil
	}
	for {
		c, err := smtp.ReadCommand(br)
		if err != nil {
			return
		}
		switch c.Verb {
		case smtp.Lhlo, smtp.Ehlo, smtp.Helo:
			say(s.hello)
		case smtp.Mail:
			if s.mail != "" {
				say(s.mail)
				continue
			}
			say("250 2.1.0 ok")
		case smtp.Rcpt:
			r, err := smtp.ParseRcpt(c.Arg, true)
			if err != nil || r.Recipient.Domain == "refuse.example" || s.mail != "" {
				say("550 5.1.1 no")
				continue
			}
			rcpt++
			say("250 2.1.5 ok")
		case smtp.Data:
			if s.data != "" {
				say(s.data)
				continue
			}
			say("354 go on")
			b, err := io.ReadAll(smtp.NewDataReader(br, unlimited))
			if err != nil {
				return
			}
			msg = string(b)
			done()
		case smtp.Bdat:
			ch, _ := smtp.ParseBdat(c.Arg)
			if chunks == nil {
				chunks = smtp.NewChunkReader(br, unlimited)
			}
			_ = chunks.Next(ch.Size)
			b, err := io.ReadAll(chunks)
			if err != nil {
				return
			}
			if msg += string(b); ch.Last {
				done()
			} else {
				say("250 2.0.0 more")
			}
		case smtp.StartTLS:
			say("220 2.0.0 go\r\n220 injected")
		case smtp.Quit:
			say("221 2.0.0 bye")
			return
		default:
			say("502 5.5.1 no")
		}
	}
}

const (
	helloAll   = "250-toy\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-CHUNKING\r\n250 SMTPUTF8"
	helloPlain = "250 toy"
)

// dial connects a client to the toy; finish says goodbye and waits for it.
func dial(t interface {
	Helper()
	Fatal(...any)
}, s *toy,
) (c *smtp.Client, finish func()) {
	t.Helper()
	here, there := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); s.serve(there) }()
	c = smtp.NewClient(here)
	if err := c.Greeting(); err != nil {
		t.Fatal(err)
	}
	verb := smtp.Ehlo
	if s.lmtp {
		verb = smtp.Lhlo
	}
	if err := c.Hello(verb, "client.example"); err != nil {
		t.Fatal(err)
	}
	return c, func() { here.Close(); <-done }
}

func addresses(t interface{ Fatal(...any) }, list ...string) []smtp.Address {
	all := make([]smtp.Address, len(list))
	for i, s := range list {
		a, err := smtp.ParseAddress(s)
		if err != nil {
			t.Fatal(s, err)
		}
		all[i] = a
	}
	return all
}

func TestClientSend(t *testing.T) {
	t.Parallel()
	const msg = "Subject: x\r\n\r\n.\r\n..\r\nbare\n.\r\rend\r\n"
	rcpts := []string{"a@one.example", "b@refuse.example", `"c d"@two.example`, "ü@three.example"}
	for _, c := range []struct {
		name string
		toy  toy
		want string // replies, shortened to their texts
		got  int
	}{
		{"lmtp", toy{hello: helloAll, lmtp: true}, "kept a,no,kept b,kept c", 1},
		{"lmtp one by one", toy{hello: helloPlain, lmtp: true}, "kept a,no,kept b,kept c", 1},
		{"smtp", toy{hello: helloAll}, "kept a,no,kept a,kept a", 1},
		{"mail refused", toy{hello: helloAll, mail: "452 4.3.1 full", data: "503 5.5.1 no"}, "full,full,full,full", 0},
		{"data refused", toy{hello: helloAll, data: "451 4.3.0 later"}, "later,no,later,later", 0},
	} {
		for _, chunk := range []int{0, 1, 7, len(msg), 1000} {
			toy := c.toy
			toy.greeting = "220 toy"
			if chunk > 0 && toy.data != "" {
				continue
			}
			cl, finish := dial(t, &toy)
			e := smtp.Envelope{Recipients: addresses(t, rcpts...), Size: int64(len(msg)), Body8: true, UTF8: true}
			var replies []smtp.Reply
			var err error
			if chunk == 0 {
				replies, err = cl.Send(e, strings.NewReader(msg))
			} else {
				replies, err = cl.SendChunks(e, strings.NewReader(msg), chunk)
			}
			var texts []string
			for _, r := range replies {
				texts = append(texts, r.Text)
			}
			if got := strings.Join(texts, ","); err != nil || got != c.want {
				t.Errorf("%s, chunk %d: %s, %v", c.name, chunk, got, err)
			}
			if err := cl.Quit(); err != nil { // the connection is in step
				t.Errorf("%s, chunk %d: %v", c.name, chunk, err)
			}
			finish()
			if len(toy.got) != c.got || c.got > 0 && toy.got[0] != msg {
				t.Errorf("%s, chunk %d: got %q", c.name, chunk, toy.got)
			}
		}
	}
}

// TestClientMany sends more recipients than fit one batch, over a pipe that
// holds nothing: neither side may wait for the other for ever.
func TestClientMany(t *testing.T) {
	t.Parallel()
	toy := &toy{greeting: "220 toy", hello: helloAll}
	c, finish := dial(t, toy)
	e := smtp.Envelope{Recipients: addresses(t, strings.Split(strings.Repeat("somebody@somewhere.example,", 999)+"a@b", ",")...)}
	replies, err := c.Send(e, strings.NewReader("x\r\n"))
	if err != nil || len(replies) != 1000 || !replies[999].OK() {
		t.Errorf("%d replies, %v", len(replies), err)
	}
	finish()
}

func TestClientRefusals(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	go (&toy{greeting: "421 4.3.2 not now"}).serve(there)
	var refused *smtp.ReplyError
	if err := smtp.NewClient(here).Greeting(); !errors.As(err, &refused) || !refused.Reply.Temporary() {
		t.Errorf("got %v", err)
	}
	here.Close()

	c, finish := dial(t, &toy{greeting: "220 toy", hello: helloAll})
	if v, ok := c.Extension("SIZE"); !ok || v != "1000000" {
		t.Errorf("SIZE %q, %v", v, ok)
	}
	if _, err := c.Do("NOOP\r\nQUIT"); !errors.Is(err, smtp.ErrBareNewline) {
		t.Errorf("injected command: %v", err)
	}
	e := smtp.Envelope{Recipients: []smtp.Address{{Local: "a", Domain: "b>\r\nQUIT\r\n"}}}
	if _, err := c.Send(e, strings.NewReader("")); !errors.Is(err, smtp.ErrBareNewline) {
		t.Errorf("injected address: %v", err)
	}
	finish()

	c, finish = dial(t, &toy{greeting: "220 toy", hello: helloAll})
	if err := c.StartTLS(); !errors.Is(err, smtp.ErrReply) {
		t.Errorf("text before the handshake: %v", err)
	}
	finish()
}

// TestClientBytes: what the client sends is what a server reads, by DATA and by
// BDAT.
func TestClientBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		toy := &toy{greeting: "220 toy", hello: helloAll, lmtp: true}
		c, finish := dial(t, toy)
		msg := append(octets().Draw(t, "message"), "\r\n"...)
		e := smtp.Envelope{Recipients: addresses(t, "a@b")}
		if _, err := c.Send(e, strings.NewReader(string(msg))); err != nil {
			t.Fatal(err)
		}
		if _, err := c.SendChunks(e, strings.NewReader(string(msg)), rapid.IntRange(1, 50).Draw(t, "chunk")); err != nil {
			t.Fatal(err)
		}
		finish()
		if len(toy.got) != 2 || toy.got[0] != string(msg) || toy.got[1] != string(msg) {
			t.Fatalf("got %q, want %q", toy.got, msg)
		}
	})
}
