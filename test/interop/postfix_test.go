package interop_test

import (
	"context"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/index"
	"siegel/test/stand"
)

// postfix is Debian's Postfix with a configuration and a queue of its own, on one
// free port of loopback.
type postfix struct {
	dir     string
	cmd     *exec.Cmd
	address string
}

// master has the services that the test needs: none listens but the one door, and
// none runs in a chroot, as docs/operations.md says of lmtp.
const master = `%[1]s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

const mainCF = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/mail.log
maillog_file_prefixes = %[1]s
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.test.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtpd_recipient_restrictions = permit_mynetworks, reject
always_bcc = %[2]s
transport_maps = inline:{ { %[2]s = %[3]s }, { away.example = discard: } }
`

// program returns the path of one of Postfix's programs, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("Postfix is not installed: run make deps-test")
	}
	return path
}

// startPostfix starts it in the foreground, so that it ends with the test.
// Messages for away.example are delivered to nowhere; a copy of each goes to bcc
// by that transport. More are further lines of main.cf.
func startPostfix(t *testing.T, bcc, transport string, more ...string) *postfix {
	t.Helper()
	path := program(t, "postfix")
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Skip("Postfix's account is missing")
	}
	dir := folder(t, "postfix")
	port := freePort(t)
	p := &postfix{dir: dir, address: "127.0.0.1:" + port}
	for name, text := range map[string]string{
		"main.cf": fmt.Sprintf(mainCF, dir, bcc, transport) + strings.Join(append(more, ""), "\n"), "master.cf": fmt.Sprintf(master, p.address),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"queue", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.CommandContext(context.Background(), path, "-c", dir, "start-fg")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t) })
	wait(t, "Postfix's door", func() bool {
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return p
}

// stop ends master, which is a session of its own and ends what it started.
func (p *postfix) stop(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Logf("Postfix:\n%s", p.log())
	}
	b, err := os.ReadFile(filepath.Join(p.dir, "queue", "pid", "master.pid"))
	if err != nil {
		t.Error(err)
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		t.Errorf("master is process %q", b)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = p.cmd.Wait() // it says that master was ended
}

func (p *postfix) log() string {
	b, err := os.ReadFile(filepath.Join(p.dir, "mail.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// send hands a message in.
func (p *postfix) send(t *testing.T, subject string) {
	t.Helper()
	text := "From: sender@away.example\r\nTo: " + stand.Reader + "\r\nSubject: " + subject + "\r\n\r\nhello\r\n"
	if err := smtp.SendMail(p.address, nil, "sender@away.example", []string{"bob@away.example"}, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// folder is one that other accounts get through, with a short name.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", name) //nolint:usetesting // Postfix's account must get through to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// wait waits half a minute for something.
func wait(t *testing.T, what string, there func() bool) {
	t.Helper()
	for range 600 {
		if there() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not come", what)
}

// runs runs a server until the test ends.
func runs(t *testing.T, a *app.App, s *app.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}

// serve runs a server with a door for Postfix, a socket and a port, until the test
// ends, and returns both as Postfix writes them.
func serve(t *testing.T, host string) (socket, port string, a *app.App) {
	t.Helper()
	dir, door := filepath.Join(t.TempDir(), "data"), folder(t, "siegel")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	socket, port = filepath.Join(door, "lmtp.sock"), freePort(t)
	a, err := stand.Open(t.Context(), app.Options{Dir: dir, Log: stand.Log(), Change: func(c *config.Config) {
		c.LMTP.Sockets, c.LMTP.Listen = []string{socket}, []string{host + ":" + port}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.NewServer(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	// The socket is open to its group, and Postfix's account is made a member: here
	// it is given to its group instead.
	group, err := user.LookupGroup("postfix")
	if err != nil {
		t.Skip("Postfix's account is missing")
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(socket, -1, gid); err != nil {
		t.Fatal(err)
	}
	runs(t, a, s)
	return "unix:" + socket, "inet:127.0.0.1:" + port, a
}

// found returns how many messages with a subject the keeper finds.
func found(t *testing.T, a *app.App, subject string) int {
	t.Helper()
	s, err := stand.SignIn(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := a.Index.Search(t.Context(), s, index.Request{Text: "subject:" + subject})
	if err != nil {
		t.Fatal(err)
	}
	return r.Total
}

// EV-10: Postfix hands copies of its mail in by LMTP, over a socket and a port, as
// docs/operations.md says; a domain of nobody is refused for good.
func TestPostfix(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("Postfix's master process needs root")
	}
	program(t, "postfix")
	socket, port, a := serve(t, "127.0.0.1")
	for name, transport := range map[string]string{"socket": "lmtp:" + socket, "port": "lmtp:" + port} {
		t.Run(name, func(t *testing.T) {
			kept := regexp.MustCompile(`to=<journal@stand\.example>.*status=sent \(250 2\.0\.0 Kept as [0-9a-f]{32}\)`)
			p := startPostfix(t, "journal@"+stand.Domain, transport)
			p.send(t, "by-"+name)
			wait(t, "the copy", func() bool { return kept.MatchString(p.log()) })
			if n := found(t, a, "by-"+name); n != 1 {
				t.Errorf("%d messages are found", n)
			}
			if strings.Contains(p.log(), "status=bounced") || strings.Contains(p.log(), "status=deferred") {
				t.Error("something else was refused")
			}
		})
	}
	t.Run("recipient_bcc_maps", func(t *testing.T) {
		file := filepath.Join(folder(t, "maps"), "journal.regexp")
		if err := os.WriteFile(file, []byte("/^(.+)@away\\.example$/ $1@stand.example\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		p := startPostfix(t, "nobody@away.example", "discard:", "always_bcc =", "recipient_bcc_maps = regexp:"+file,
			"transport_maps = inline:{ { stand.example = lmtp:"+socket+" }, { away.example = discard: } }")
		text := "From: sender@away.example\r\nTo: list@away.example\r\nSubject: by-recipient\r\n\r\nhello\r\n"
		if err := smtp.SendMail(p.address, nil, "sender@away.example", []string{"reader@away.example"}, []byte(text)); err != nil {
			t.Fatal(err)
		}
		wait(t, "the copy", func() bool {
			return regexp.MustCompile(`to=<reader@stand\.example>.*status=sent \(250 2\.0\.0 Kept as`).MatchString(p.log())
		})
		if n := hers(t, a, "by-recipient"); n != 1 {
			t.Errorf("who got it by a blind copy finds %d", n)
		}
	})
	t.Run("unknown domain", func(t *testing.T) {
		refused := regexp.MustCompile(`to=<journal@unknown\.example>.*dsn=5\.1\.2, status=bounced .*said: 550 5\.1\.2`)
		p := startPostfix(t, "journal@unknown.example", "lmtp:"+socket)
		p.send(t, "nobody")
		wait(t, "the refusal", func() bool { return refused.MatchString(p.log()) })
		if n := found(t, a, "nobody"); n != 0 {
			t.Errorf("%d messages are found", n)
		}
	})
}

// The LMTP door of a container listens on an address that is not loopback and takes mail after STARTTLS only. Postfix
// delivers there with the policy of deploy/README.md, keeps the mail where the certificate is for another name, and bounces it without
// TLS.
func TestPostfixContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("Postfix's master process needs root")
	}
	program(t, "postfix")
	_, next, a := serve(t, "0.0.0.0")
	b, err := os.ReadFile(a.Config.TLS.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, "tls")
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		match, want string
		found       int
	}{
		"right": {"localhost", `Verified TLS connection established[\s\S]*status=sent \(250 2\.0\.0 Kept as`, 1},
		"wrong": {"archive.example.org", `status=deferred \(Server certificate not verified`, 0},
		"none":  {"", `status=bounced .*said: 530 5\.7\.0 Must issue a STARTTLS`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			more := []string{"lmtp_tls_CAfile = " + ca, "lmtp_tls_loglevel = 1"}
			if c.match != "" {
				policy := filepath.Join(dir, name)
				if err := os.WriteFile(policy, []byte(strings.TrimPrefix(next, "inet:")+"  secure match="+c.match+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				more = append(more, "lmtp_tls_policy_maps = texthash:"+policy)
			}
			p := startPostfix(t, "journal@"+stand.Domain, "lmtp:"+next, more...)
			p.send(t, "container-"+name)
			wait(t, "the answer", func() bool { return regexp.MustCompile(c.want).MatchString(p.log()) })
			if n := found(t, a, "container-"+name); n != c.found {
				t.Errorf("%d messages are found", n)
			}
		})
	}
}
