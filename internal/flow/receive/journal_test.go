package receive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"siegel/internal/flow/receive"
	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// The sources of the tests, by their journal addresses; their ids are their
// letters.
func id(letter byte) mail.ID { return mail.ID{letter} }

// clientKey is the hash of the key that the clients of the tests have.
var clientKey = sync.OnceValue(func() (c struct {
	tls.Certificate
	hash []byte
},
) {
	server, _ := certificate(&testing.T{})
	c.Certificate = server.Certificates[0]
	cert, err := x509.ParseCertificate(c.Certificate.Certificate[0])
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	c.hash = sum[:]
	return c
})

type sources struct{}

func (sources) Match(_ context.Context, to mail.Address, p source.Proof) (source.Found, error) {
	f := source.Found{Tenant: tenant('a'), Form: mail.Reports}
	has := func(ok bool, letter byte) (source.Found, error) {
		if f.ID = id(letter); ok {
			return f, nil
		}
		return source.Found{Tenant: f.Tenant}, source.ErrNone
	}
	switch to {
	case "net@a.example":
		return has(true, 'n')
	case "net2@a.example":
		return has(true, 'm')
	case "auth@a.example":
		return has(p.Source == id('s'), 's')
	case "cert@a.example":
		return has(bytes.Equal(p.Certificate, clientKey().hash), 'c')
	case "net@b.example":
		f.Tenant = tenant('b')
		return has(true, 'o')
	case "policy@d.example":
		f.Tenant = tenant('d')
		return has(true, 'p')
	case "both@a.example":
		if f.ID = id('u'); p.Source != id('s') {
			return f, source.ErrSignIn
		}
		return f, nil
	case "busy@a.example":
		return f, fault.New(fault.Busy, "later")
	case "damaged@a.example":
		return f, fault.New(fault.Damaged, "secret-canary")
	case "panic@a.example":
		panic("sources: secret-canary")
	case "other@a.example":
		return f, source.ErrNone
	}
	return source.Found{}, source.ErrNone
}

func (sources) SignIn(_ context.Context, user string, secret []byte) (source.Found, error) {
	switch {
	case user == "auth@a.example" && string(secret) == "secret-canary":
		return source.Found{Tenant: tenant('a'), ID: id('s')}, nil
	case user == "auth@a.example":
		return source.Found{Tenant: tenant('a'), ID: id('s')}, source.ErrNone
	case user == "busy@a.example":
		return source.Found{}, fault.New(fault.Busy, "later")
	case user == "panic@a.example":
		panic("sources: secret-canary")
	}
	return source.Found{}, source.ErrNone
}

// counter counts what is refused.
type counter struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

func (c *counter) Refused(t mail.TenantID, key string, why mail.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one, err := mail.ParseID(key); err == nil {
		key = string(one[:1])
	}
	letter := "-"
	if !t.IsZero() {
		letter = string(t[:1])
	}
	c.list = append(c.list, letter+" "+key+" "+string(why))
}

func (c *counter) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.list)
	return strings.Join(c.list, ", ")
}

// onJournal returns a running journal door: its address, and the one with TLS from
// the first octet.
func onJournal(t testing.TB, c receive.Config) (h *house, plain, implicit string) {
	t.Helper()
	server, client := certificate(t)
	c.TCP, c.Implicit, c.TLS = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}, server
	h = openHouse(t, c, receive.NewJournal)
	client.Certificates = []tls.Certificate{clientKey().Certificate}
	h.client = client
	h.run(t)
	return h, h.Addrs()[0].String(), h.Addrs()[1].String()
}

// TestJournalDialogue talks every file of testdata/journal: to the port where a
// client begins in plain text, those named tls-… to the other.
func TestJournalDialogue(t *testing.T) {
	t.Parallel()
	for name, script := range dialogues(t, "testdata/journal") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leaks(t)
			c := small()
			c.MaxErrors, c.MaxRefused = 20, 20
			h, plain, implicit := onJournal(t, c)
			if strings.HasPrefix(name, "tls-") {
				plain = implicit
			}
			talk(t, h, dial(t, "tcp", plain), script)
			if strings.Contains(h.log.String(), "c2VjcmV0") {
				t.Error("a secret is in the log")
			}
		})
	}
}

// TestJournalOutside: where plain text would cross a network nothing is taken
// before STARTTLS, and without a certificate the door does not open. (CR-01)
func TestJournalOutside(t *testing.T) {
	t.Parallel()
	server, _ := certificate(t)
	c := small()
	c.TCP, c.TLS = []string{"0.0.0.0:0"}, server
	h := openHouse(t, c, receive.NewJournal)
	h.run(t)
	_, port, err := net.SplitHostPort(h.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	p := dial(t, "tcp", net.JoinHostPort("127.0.0.1", port))
	p.want("220 *")
	p.send("EHLO x\r\nMAIL FROM:<>\r\n")
	p.want("250-*", "250-*", "250-*", "250-*", "250-*", "250-*", "250-*", "250 STARTTLS", "530 5.7.0 *")
	for _, bad := range []receive.Config{{TCP: []string{"0.0.0.0:0"}}, {Implicit: []string{"127.0.0.1:0"}}, {Implicit: []string{"x"}, TLS: server}} {
		if _, err := receive.NewJournal(bad, receive.Deps{Path: h.way, Sources: sources{}, Spool: h.spool}); err == nil {
			t.Errorf("%v opens", bad)
		}
	}
}

// TestGuessing: a peer has ten wrong secrets a minute over all its connections, and
// three on one; loopback is no exception, and a right one costs nothing.
func TestGuessing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := certificate(t)
		c := small()
		c.TLS = server
		h := openHouse(t, c, receive.NewJournal)
		wrong, right := "AHdob0BhLmV4YW1wbGUAbm8=", "AGF1dGhAYS5leGFtcGxlAHNlY3JldC1jYW5hcnk="
		secure := func(from string) *peer {
			p := h.pipe(t.Context(), t, from)
			p.want("220 *")
			p.send("STARTTLS\r\n")
			p.want("220 *")
			s := newPeer(t, tls.Client(p.Conn, client))
			s.send("EHLO x\r\n")
			for !strings.HasPrefix(s.line(), "250 ") {
			}
			return s
		}
		for range 5 {
			p := secure("127.0.0.1:1")
			p.send("AUTH PLAIN " + right + "\r\n")
			p.want("235 2.7.0 *")
			p.Close()
		}
		for range 3 {
			p := secure("127.0.0.1:1")
			p.send(fmt.Sprintf("AUTH PLAIN %[1]s\r\nAUTH PLAIN %[1]s\r\nAUTH PLAIN %[1]s\r\nNOOP\r\n", wrong))
			p.want("535 5.7.8 *", "535 5.7.8 *", "535 5.7.8 *", "421 4.7.0 *", "")
		}
		p := secure("127.0.0.1:1")
		p.send("AUTH PLAIN " + wrong + "\r\nAUTH PLAIN " + right + "\r\n")
		p.want("535 5.7.8 *", "421 4.7.0 *", "")
		// Each is counted, also the one that was not looked at.
		if got, want := h.count.all(), strings.Repeat("- journal auth, ", 10)+"a journal auth"; got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
		p = secure("192.0.2.1:1") // another peer has tries of its own
		p.send("AUTH PLAIN " + right + "\r\n")
		p.want("235 2.7.0 *")
		p.Close()
		time.Sleep(time.Minute)
		p = secure("127.0.0.1:1")
		p.send("AUTH PLAIN " + right + "\r\n")
		p.want("235 2.7.0 *")
		p.Close()
		synctest.Wait()
		h.check(t)
	})
}

// TestGuessingAddresses: a peer is told sixty times a minute, over all its connections,
// that an address is none (ML-07); a source is not hindered.
func TestGuessingAddresses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := small()
		c.MaxRefused, c.MaxErrors = 25, 1000
		h := openHouse(t, c, receive.NewJournal)
		told := 0
		for range 5 {
			p := h.pipe(t.Context(), t, "127.0.0.1:1")
			p.want("220 *")
			p.send("HELO x\r\nMAIL FROM:<>\r\n")
			p.want("250 *", "250 *")
			for {
				p.send("RCPT TO:<other@a.example>\r\n")
				line := p.line()
				if !strings.HasPrefix(line, "550 5.7.1 ") {
					if line != "421 4.7.0 Too many recipients refused" {
						t.Fatal(line)
					}
					break
				}
				if told++; told%25 == 0 { // the connection's own limit
					p.want("421 4.7.0 *")
					break
				}
			}
			p.Close()
		}
		if told != 60 {
			t.Errorf("told %d times", told)
		}
		p := h.pipe(t.Context(), t, "127.0.0.1:1")
		p.want("220 *")
		p.send("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<net@a.example>\r\n")
		p.want("250 *", "250 *", "250 2.1.5 *")
		p.Close()
		synctest.Wait()
		h.check(t)
	})
}

// FuzzJournal: whatever a client of the journal door says, replies are well formed,
// no message comes in without a source, and none without its end.
func FuzzJournal(f *testing.F) {
	const begin = "EHLO x\r\nMAIL FROM:<s@x.example>\r\nRCPT TO:<net@a.example>\r\n"
	const auth = "EHLO x\r\nAUTH PLAIN AGF1dGhAYS5leGFtcGxlAHNlY3JldC1jYW5hcnk=\r\n"
	for _, s := range []string{
		begin + "DATA\r\nx\r\n.\r\nQUIT\r\n", begin + "RCPT TO:<net@b.example>\r\nBDAT 3 LAST\r\nabc", auth + begin[8:] + "DATA\r\n.\r\n",
		auth + "MAIL FROM:<>\r\nRCPT TO:<auth@a.example>\r\nDATA\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<net@b.example>\r\n",
		"EHLO x\r\nAUTH LOGIN\r\nYXV0aEBhLmV4YW1wbGU=\r\nc2VjcmV0LWNhbmFyeQ==\r\nAUTH LOGIN\r\n", "EHLO x\r\nAUTH PLAIN\r\n*\r\nAUTH PLAIN =\r\n",
		"EHLO x\r\nAUTH PLAIN AAAA\r\nAUTH LOGIN AA==\r\n\r\nAUTH X\r\n", "HELO x\r\nLHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<cert@a.example>\r\nDATA\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h := openHouse(t, small(), receive.NewJournal)
		s := &script{in: bytes.NewReader(in)}
		h.ServeSecured(t.Context(), s)
		if err := wellFormed(&s.out); err != nil {
			t.Fatalf("%v in %q", err, s.out.String())
		}
		ends := bytes.Count(in, []byte("\n.\r\n")) + bytes.Count(bytes.ToUpper(in), []byte("LAST"))
		if n := len(h.way.all()); n > ends || n > bytes.Count(s.out.Bytes(), []byte("Kept as")) {
			t.Fatalf("%d messages, %d ends in %q", n, ends, in)
		}
		for _, k := range h.way.all() {
			if k.Source.ID.IsZero() || len(k.Envelope.To) == 0 || k.Source.Door != mail.DoorJournal {
				t.Fatalf("passage %+v", k)
			}
		}
	})
}
