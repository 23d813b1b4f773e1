package canary_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"siegel/internal/proto/smtp"
	"siegel/test/stand"
)

// journaled is what must not be found of a journaling mail server: its secret, one
// that is wrong, the addresses that a report tells, and what surrounds the message.
func journaled() []string {
	return []string{
		"secret of the source", "wrong secret of the source", "sender in the report", "blind copy in the report", "list in the report",
		"field of the report", "message in the report", "report that is none",
	}
}

// journal registers a source and hands in, over TLS with SMTP AUTH, a report and one
// that is none; before that it guesses.
func (p *program) journal(words map[string]string) {
	p.t.Helper()
	file := filepath.Join(p.users, "source.secret")
	secret := "Source-1-" + words["secret of the source"]
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o644); err != nil {
		p.t.Fatal(err)
	}
	p.run("source", "add", "exchange", "--address", "journal@"+stand.Domain, "--secret-file", file, "--as", "admin@"+stand.Domain, "--password-file", p.password("admin"))
	conn, err := net.Dial("tcp", p.door)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	c := smtp.NewClient(conn)
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
	}
	must(c.Greeting())
	must(c.Hello(smtp.Ehlo, "mail.example"))
	must(c.StartTLS())
	c = smtp.NewClient(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}))
	must(c.Hello(smtp.Ehlo, "mail.example"))
	if r, err := c.Do(plain(words["wrong secret of the source"])); err != nil || r.Code != 535 {
		p.t.Fatalf("%v, %v", r, err)
	}
	if r, err := c.Do(plain(secret)); err != nil || r.Code != 235 {
		p.t.Fatalf("%v, %v", r, err)
	}
	report := fmt.Sprintf("X-MS-Journal-Report:\r\nX-Field: %s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"+
		"Sender: %s@foreign.example\r\nSubject: x\r\nMessage-Id: <1@foreign.example>\r\nTo: reader@stand.example, Expanded: %s@foreign.example\r\n"+
		"Bcc: %s@foreign.example\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: %s\r\n\r\nhello\r\n\r\n--b--\r\n",
		words["field of the report"], words["sender in the report"], words["list in the report"], words["blind copy in the report"], words["message in the report"])
	broken := "X-MS-Journal-Report:\r\nSubject: " + words["report that is none"] + "\r\n\r\nhello\r\n"
	for _, one := range []string{report, broken} {
		e := smtp.Envelope{Recipients: []smtp.Address{{Local: "journal", Domain: stand.Domain}}}
		if r, err := c.Send(e, strings.NewReader(one)); err != nil || !r[0].OK() {
			p.t.Fatalf("%v, %v", r, err)
		}
	}
	must(c.Quit())
	keeper := []string{"--as", "keeper@" + stand.Domain, "--password-file", p.password("keeper")}
	if out := p.run(append([]string{"source", "list"}, keeper...)...); !bytes.Contains(out, []byte("1 journal report unwrapped, 1 kept as they came")) {
		p.t.Errorf("%s", out)
	}
}

// plain is AUTH PLAIN as the source.
func plain(secret string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00exchange@"+stand.Domain+"\x00"+secret))
}
