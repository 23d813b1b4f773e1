// Package script_test runs dialogues with the real programs: what a person or a
// script types, what comes back, with which exit status. Each dialogue is a file
// in testdata.
package script_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"siegel/internal/proto/smtp"
)

// programs builds both programs into a directory.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, cgo := range map[string]string{"siegel": "1", "siegel-verify": "0"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, name), "siegel/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

func TestScripts(t *testing.T) {
	bin := programs(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("LANG", "C")
			l, err := net.Listen("tcp", "127.0.0.1:0") // a port that was free just now
			if err != nil {
				return err
			}
			e.Setenv("JOURNAL", l.Addr().String())
			return l.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "deliver": deliver, "journal": journal, "configure": configure, "await": await, "capture": capture, "field": field, "damage": damage,
		},
		Condition: func(cond string) (bool, error) { return cond == "root" && os.Geteuid() == 0, nil },
	})
}

// status runs a command and compares its exit status: status 4 siegel …
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if _, err := fmt.Sscanf(err.Error(), "exit status %d", &got); err != nil {
			ts.Fatalf("%v", err)
		}
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// deliver sends a file by LMTP: deliver SOCKET RECIPIENT FILE.
func deliver(ts *testscript.TestScript, neg bool, args []string) {
	conn, err := net.DialTimeout("unix", ts.MkAbs(args[0]), 5*time.Second)
	ts.Check(err)
	defer func() { _ = conn.Close() }()
	c := smtp.NewClient(conn)
	ts.Check(c.Greeting())
	ts.Check(c.Hello(smtp.Lhlo, "script.localhost"))
	to, err := smtp.ParseAddress(args[1])
	ts.Check(err)
	from, err := smtp.ParseAddress("sender@elsewhere.example")
	ts.Check(err)
	body := strings.ReplaceAll(ts.ReadFile(args[2]), "\n", "\r\n")
	replies, err := c.Send(smtp.Envelope{Sender: from, Recipients: []smtp.Address{to}}, strings.NewReader(body))
	ts.Check(err)
	if replies[0].OK() == neg {
		ts.Fatalf("reply %v", replies[0])
	}
	words := strings.Fields(replies[0].Text)
	ts.Setenv("MESSAGE", words[len(words)-1])
	ts.Setenv("REPLY", replies[0].String())
}

// configure writes a file with variables in it: configure FILE TEXT.
func configure(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[1]+"\n"), 0o600))
}

// journal sends a file to the journal door over STARTTLS with SMTP AUTH: journal USER
// SECRET RECIPIENT FILE. REPLY is the last reply.
func journal(ts *testscript.TestScript, neg bool, args []string) {
	var conn net.Conn
	var err error
	for range 200 {
		if conn, err = net.DialTimeout("tcp", ts.Getenv("JOURNAL"), 5*time.Second); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Check(err)
	defer func() { _ = conn.Close() }()
	c := smtp.NewClient(conn)
	ts.Check(c.Greeting())
	ts.Check(c.Hello(smtp.Ehlo, "script.localhost"))
	ts.Check(c.StartTLS())
	c = smtp.NewClient(tls.Client(conn, &tls.Config{InsecureSkipVerify: true})) // the test environment's own certificate
	ts.Check(c.Hello(smtp.Ehlo, "script.localhost"))
	r, err := c.Do("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+args[0]+"\x00"+args[1])))
	ts.Check(err)
	if r.OK() {
		to, err := smtp.ParseAddress(args[2])
		ts.Check(err)
		body := strings.ReplaceAll(ts.ReadFile(args[3]), "\n", "\r\n")
		replies, err := c.Send(smtp.Envelope{Recipients: []smtp.Address{to}}, strings.NewReader(body))
		ts.Check(err)
		r = replies[0]
	}
	if r.OK() == neg {
		ts.Fatalf("reply %v", r)
	}
	words := strings.Fields(r.Text)
	ts.Setenv("MESSAGE", words[len(words)-1])
	ts.Setenv("REPLY", r.String())
}

// await waits for a file or socket.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 200 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			if conn, err := net.Dial("unix", ts.MkAbs(args[0])); err == nil {
				_ = conn.Close()
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s does not come", args[0])
}

// damage flips a bit in every file that a pattern names.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("%s names no file", args[0])
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		ts.Check(err)
		b[200] ^= 4
		ts.Check(os.Remove(name))
		ts.Check(os.WriteFile(name, b, 0o400))
	}
}

// capture puts what a regular expression's group finds in the last output into
// a variable: capture NAME EXPRESSION.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("nothing fits %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// field is capture for a field of JSON.
func field(ts *testscript.TestScript, neg bool, args []string) {
	capture(ts, neg, []string{args[0], `"` + args[1] + `":"([^"]*)"`})
}
