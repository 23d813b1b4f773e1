package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/flow/tally"
	"siegel/internal/identity"
	"siegel/internal/identity/source"
	"siegel/internal/index"
	"siegel/internal/mail"
	"siegel/test/stand"
)

// serveJournal runs a server with the journal door open until the test ends. It
// returns the door's two addresses and the certificate that clients check.
func serveJournal(t *testing.T) (a *app.App, plain, implicit, socket, cert string) {
	t.Helper()
	dir, door := filepath.Join(t.TempDir(), "data"), folder(t, "siegel")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(door, "lmtp.sock")
	a, err := stand.Open(t.Context(), app.Options{Dir: dir, Log: stand.Log(), Change: func(c *config.Config) {
		c.LMTP.Sockets = []string{socket}
		c.Journal.Listen, c.Journal.ListenTLS = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.NewServer(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	runs(t, a, s)
	// Other accounts do not get through to the data directory.
	cert = filepath.Join(door, "ca.pem")
	b, err := os.ReadFile(a.Config.TLS.Certificate)
	if err == nil {
		err = os.WriteFile(cert, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	addrs := s.JournalAddrs()
	return a, addrs[0].String(), addrs[1].String(), socket, cert
}

// as runs f in the session of a person.
func as(t *testing.T, a *app.App, who string, f func(*identity.Session)) {
	t.Helper()
	s, err := a.Identity.SignIn(t.Context(), stand.Tenant, mail.NewAddress(who), []byte(stand.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f(s)
}

// register registers a source as the administrator.
func register(t *testing.T, a *app.App, r source.Registration) (out source.Added) {
	t.Helper()
	as(t, a, "admin@"+stand.Domain, func(s *identity.Session) {
		var err error
		if out, err = a.Identity.AddSource(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
	})
	return out
}

// hers is how many messages with a subject the reader finds, who reads what bears
// her address.
func hers(t *testing.T, a *app.App, subject string) (n int) {
	t.Helper()
	as(t, a, stand.Reader, func(s *identity.Session) {
		r, err := a.Index.Search(t.Context(), s, index.Request{Text: "subject:" + subject})
		if err != nil {
			t.Fatal(err)
		}
		n = r.Total
	})
	return n
}

// counts returns what is counted of a source.
func counts(t *testing.T, a *app.App, id mail.ID) tally.Count {
	t.Helper()
	if err := a.Tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	tenant, err := a.Identity.Named(t.Context(), stand.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	list, err := a.Tally.Of(t.Context(), tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Source == id.String() {
			return s.All
		}
	}
	return tally.Count{}
}

// client makes a certificate of a client with its key, as PEM files.
func client(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// Postfix as a journaling neighbour by SMTP, as docs/journal.md says: over STARTTLS with a checked certificate,
// by SMTP AUTH and by a client certificate. Its copies are found by those to whom they were sent; with a wrong
// secret they wait in its queue.
func TestPostfixJournal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("Postfix's master process needs root")
	}
	program(t, "postfix")
	a, plain, _, _, ca := serveJournal(t)
	_, port, err := net.SplitHostPort(plain)
	if err != nil {
		t.Fatal(err)
	}
	next := "[127.0.0.1]:" + port
	tls := []string{
		"smtp_tls_security_level = verify", "smtp_tls_verify_cert_match = localhost", "smtp_tls_CAfile = " + ca, "smtp_tls_loglevel = 1",
	}
	sasl := func(user, secret string) []string {
		file := filepath.Join(folder(t, "sasl"), "passwd")
		if err := os.WriteFile(file, []byte(next+" "+user+":"+secret+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return append(tls, "smtp_sasl_auth_enable = yes", "smtp_sasl_password_maps = texthash:"+file, "smtp_sasl_security_options = noanonymous")
	}
	bcc := "journal@" + stand.Domain
	kept := regexp.MustCompile(`to=<journal@stand\.example>.*status=sent \(250 2\.0\.0 Kept as [0-9a-f]{32}\)`)
	auth := register(t, a, source.Registration{Name: "postfix", Address: mail.Address(bcc), Networks: []string{"127.0.0.0/8"}, SignIn: true, Form: mail.Copies})
	t.Run("auth", func(t *testing.T) {
		p := startPostfix(t, bcc, "smtp:"+next, sasl(auth.User, auth.Secret)...)
		p.send(t, "by-auth")
		wait(t, "the copy", func() bool { return kept.MatchString(p.log()) })
		if !strings.Contains(p.log(), "Verified TLS connection established") {
			t.Error("the certificate was not checked")
		}
		if n := hers(t, a, "by-auth"); n != 1 {
			t.Errorf("%d messages are found", n)
		}
		if c := counts(t, a, auth.ID); c.Accepted != 1 {
			t.Errorf("%+v is counted", c)
		}
	})
	t.Run("wrong secret", func(t *testing.T) {
		p := startPostfix(t, bcc, "smtp:"+next, sasl(auth.User, "wrong")...)
		p.send(t, "by-guess")
		wait(t, "the refusal", func() bool {
			return regexp.MustCompile(`dsn=4\.7\.8, status=deferred .*535 5\.7\.8`).MatchString(p.log())
		})
		if n := hers(t, a, "by-guess"); n != 0 {
			t.Errorf("%d messages are found", n)
		}
		if n, by := counts(t, a, auth.ID).Refused(); n == 0 || by[mail.RefusedAuth] != n {
			t.Errorf("%v is counted", by)
		}
	})
	t.Run("certificate", func(t *testing.T) {
		dir := folder(t, "client")
		cert, key := client(t, dir)
		b, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		to := "certified@" + stand.Domain
		s := register(t, a, source.Registration{Name: "certified", Address: mail.Address(to), Certificate: b, Form: mail.Copies})
		p := startPostfix(t, to, "smtp:"+next, append(tls, "smtp_tls_cert_file = "+cert, "smtp_tls_key_file = "+key)...)
		p.send(t, "by-certificate")
		kept := regexp.MustCompile(`to=<certified@stand\.example>.*status=sent \(250 2\.0\.0 Kept as [0-9a-f]{32}\)`)
		wait(t, "the copy", func() bool { return kept.MatchString(p.log()) })
		if n := hers(t, a, "by-certificate"); n != 1 {
			t.Errorf("%d messages are found", n)
		}
		if c := counts(t, a, s.ID); c.Accepted != 1 {
			t.Errorf("%+v is counted", c)
		}
	})
}

// swaks runs Debian's swaks and returns what it says.
func swaks(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("swaks"); err != nil {
		t.Skip("swaks is not installed: run make deps-test")
	}
	b, err := exec.CommandContext(t.Context(), "swaks", append([]string{"--timeout", "15", "--ehlo", "client.example", "--from", "exchange@" + stand.Domain}, args...)...).CombinedOutput()
	t.Logf("swaks %v: %v\n%s", args, err, b)
	return string(b)
}

// journalReport is a journal report in which the reader is a blind copy.
func journalReport(t *testing.T, subject string) (file, message string) {
	t.Helper()
	message = fmt.Sprintf("From: boss@away.example\r\nTo: team@away.example\r\nSubject: %s\r\n\r\nhello\r\n", subject)
	report := "From: Exchange\r\nX-MS-Journal-Report:\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=\"utf-8\"\r\n\r\nSender: boss@away.example\r\nSubject: " + subject + "\r\nMessage-Id: <1@away.example>\r\n" +
		"To: someone@away.example, Expanded: team@away.example\r\nBcc: " + stand.Reader + "\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + message + "\r\n--b--\r\n"
	file = filepath.Join(t.TempDir(), "report.eml")
	if err := os.WriteFile(file, []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, message
}

// EX-02, EV-10: swaks hands mail in by both doors; by SMTP with TLS and AUTH, where a
// journal report is found by whom only the report names.
func TestSwaks(t *testing.T) {
	a, plain, implicit, socket, _ := serveJournal(t)
	to := "journal@" + stand.Domain
	s := register(t, a, source.Registration{Name: "exchange", Address: mail.Address(to), SignIn: true, Form: mail.Reports})
	auth := []string{"--to", to, "--auth-user", s.User, "--auth-password", s.Secret}
	for name, how := range map[string][]string{
		"starttls-plain": {"--server", plain, "--tls", "--auth", "PLAIN"},
		"starttls-login": {"--server", plain, "--tls", "--auth", "LOGIN"},
		"tls-login":      {"--server", implicit, "--tls-on-connect", "--auth", "LOGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			file, _ := journalReport(t, name)
			out := swaks(t, append(append(how, auth...), "--data", "@"+file)...)
			if !strings.Contains(out, "250 2.0.0 Kept as") {
				t.Error("it was not kept")
			}
			if n := hers(t, a, name); n != 1 {
				t.Errorf("who got a blind copy finds %d", n)
			}
		})
	}
	t.Run("lmtp", func(t *testing.T) {
		out := swaks(t, "--protocol", "LMTP", "--socket", socket, "--to", stand.Reader, "--data", "Subject: by-lmtp\\n\\nhello\\n")
		if !strings.Contains(out, "250 2.0.0 Kept as") || hers(t, a, "by-lmtp") != 1 {
			t.Error("it was not kept")
		}
	})
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no auth":       {[]string{"--server", plain, "--tls", "--to", to}, "550 5.7.1"},
		"wrong secret":  {[]string{"--server", plain, "--tls", "--to", to, "--auth", "PLAIN", "--auth-user", s.User, "--auth-password", "wrong"}, "535 5.7.8"},
		"plain text":    {append([]string{"--server", plain, "--auth", "PLAIN"}, auth...), "Host did not advertise authentication"},
		"wrong address": {[]string{"--server", plain, "--tls", "--to", "other@" + stand.Domain, "--auth", "PLAIN", "--auth-user", s.User, "--auth-password", s.Secret}, "550 5.7.1"},
	} {
		t.Run(name, func(t *testing.T) {
			if out := swaks(t, append(c.args, "--data", "Subject: x\\n\\nx\\n")...); !strings.Contains(out, c.want) {
				t.Errorf("not %q", c.want)
			}
		})
	}
	t.Run("undecodable", func(t *testing.T) {
		file, _ := journalReport(t, "undecodable")
		b, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, b[:len(b)-8], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out := swaks(t, append(append([]string{"--server", plain, "--tls", "--auth", "PLAIN"}, auth...), "--data", "@"+file)...); !strings.Contains(out, "250 2.0.0 Kept as") {
			t.Error("it was not kept")
		}
	})
	c := counts(t, a, s.ID)
	if n, by := c.Refused(); c.Accepted != 4 || c.Reports != 3 || c.Undecodable != 1 || n != 1 || by[mail.RefusedAuth] != 1 {
		t.Errorf("%+v, %v is counted", c, by)
	}
}
