package receive_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"siegel/internal/proto/smtp"
)

// certificate makes a server's configuration and that of a client who trusts it.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mx.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "mx.test"}
}

// onNetwork returns a running server that listens on every address, and an
// address to reach it by.
func onNetwork(t testing.TB, server *tls.Config) (*house, string) {
	t.Helper()
	c := small()
	c.TCP, c.TLS = []string{"0.0.0.0:0"}, server
	h := newHouse(t, c)
	h.run(t)
	_, port, err := net.SplitHostPort(h.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	return h, net.JoinHostPort("127.0.0.1", port)
}

// TestStartTLS: outside loopback mail is taken only under TLS 1.2 or 1.3.
// (CR-01)
func TestStartTLS(t *testing.T) {
	t.Parallel()
	leaks(t)
	server, client := certificate(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		h, address := onNetwork(t, server)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := smtp.NewClient(conn)
		if err := c.Greeting(); err != nil {
			t.Fatal(err)
		}
		if err := c.Hello(smtp.Lhlo, "client.example"); err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Extension("STARTTLS"); !ok {
			t.Error("STARTTLS is not offered")
		}
		if r, err := c.Do("MAIL FROM:<a@b>"); err != nil || r.Code != 530 || r.Enhanced != "5.7.0" {
			t.Errorf("in plain text: %v, %v", r, err)
		}
		if err := c.StartTLS(); err != nil {
			t.Fatal(err)
		}
		config := client.Clone()
		config.MinVersion, config.MaxVersion = version, version
		secure := tls.Client(conn, config)
		c = smtp.NewClient(secure)
		if r, err := c.Do("MAIL FROM:<a@b>"); err != nil || r.Code != 503 {
			t.Errorf("without a new LHLO: %v, %v", r, err) // RFC 3207 section 4.2
		}
		if err := c.Hello(smtp.Lhlo, "client.example"); err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Extension("STARTTLS"); ok {
			t.Error("STARTTLS is offered again")
		}
		if r, err := c.Do("STARTTLS"); err != nil || r.Code != 503 {
			t.Errorf("STARTTLS again: %v, %v", r, err)
		}
		e := smtp.Envelope{Recipients: []smtp.Address{{Local: "1", Domain: "a.example"}}}
		if r, err := c.Send(e, strings.NewReader("x\r\n")); err != nil || !r[0].OK() {
			t.Fatalf("%v, %v", r, err)
		}
		if err := c.Quit(); err != nil {
			t.Error(err)
		}
		want := map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}[version]
		if s := h.way.all()[0].Source; s.Door != "lmtp" || s.Peer != "127.0.0.1" || s.TLS != want {
			t.Errorf("source %q", s)
		}
	}
}

// TestOldTLS: versions before 1.2 are refused, whatever the configuration says.
func TestOldTLS(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	server.MinVersion = tls.VersionTLS10
	_, address := onNetwork(t, server)
	p := dial(t, "tcp", address)
	p.want("220 *")
	p.send("STARTTLS\r\n")
	p.want("220 *")
	client.MinVersion, client.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if err := tls.Client(p.Conn, client).Handshake(); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

// TestStartTLSInjection: what a stranger put after STARTTLS into the same
// segment is not done, neither before nor after the handshake.
func TestStartTLSInjection(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	h, address := onNetwork(t, server)
	p := dial(t, "tcp", address)
	p.want("220 *")
	p.send("STARTTLS\r\nLHLO evil\r\nMAIL FROM:<evil@evil>\r\nRCPT TO:<1@a.example>\r\nDATA\r\nevil\r\n.\r\n")
	p.want("220 2.0.0 *")
	secure := newPeer(t, tls.Client(p.Conn, client))
	secure.send("NOOP\r\n")
	secure.want("250 2.0.0 OK")
	secure.send("RCPT TO:<1@a.example>\r\n")
	secure.want("503 5.5.1 *")
	secure.send("LHLO good\r\nMAIL FROM:<>\r\nRCPT TO:<2@a.example>\r\nDATA\r\ngood\r\n.\r\nQUIT\r\n")
	for range 7 {
		secure.want("250*")
	}
	secure.want("250 *", "250 *", "354 *", "250 2.0.0 Kept *", "221 *", "")
	if k := h.way.all(); len(k) != 1 || k[0].octets != "good\r\n" {
		t.Errorf("%+v", k)
	}
}

// TestStartTLSBroken: a handshake that is none, or that never comes to its end,
// ends the connection.
func TestStartTLSBroken(t *testing.T) {
	t.Parallel()
	leaks(t)
	server, _ := certificate(t)
	h, address := onNetwork(t, server)
	p := dial(t, "tcp", address)
	p.want("220 *")
	p.send("STARTTLS\r\n")
	p.want("220 *")
	p.send("LHLO x\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")
	eventually(t, func() bool { _, open := h.Peers(); return open == 0 })

	c := small()
	c.TLS = server
	inTime(t, c, func(h *house, p *peer) {
		p.send("STARTTLS\r\n")
		p.want("220 *")
		start := time.Now()
		h.Wait()
		if d := time.Since(start); d != time.Minute {
			t.Errorf("after %v", d)
		}
	})
}

// TestNoTLSNeeded: on loopback STARTTLS is offered and not asked for, on a Unix
// socket it is not even offered.
func TestNoTLSNeeded(t *testing.T) {
	t.Parallel()
	server, _ := certificate(t)
	c := small()
	c.TLS = server
	_, address := onTCP(t, c)
	p := dial(t, "tcp", address)
	p.want("220 *")
	p.send("LHLO x\r\nMAIL FROM:<>\r\n")
	p.want("250-*", "250-*", "250-*", "250-*", "250-*", "250-*", "250-*", "250 STARTTLS", "250 2.1.0 *")
	_, path := onUnix(t, c)
	p = dial(t, "unix", path)
	p.want("220 *")
	p.send("LHLO x\r\nSTARTTLS\r\n")
	p.want("250-*", "250-*", "250-*", "250-*", "250-*", "250-*", "250 SIZE *", "502 *")
}
