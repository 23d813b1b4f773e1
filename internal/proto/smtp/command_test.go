package smtp_test

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"siegel/internal/proto/smtp"
)

func TestReadCommand(t *testing.T) {
	t.Parallel()
	long := "NOOP " + strings.Repeat("x", smtp.MaxLine-len("NOOP \r\n"))
	for _, c := range []struct {
		name, in string
		verb     smtp.Verb
		arg      string
		err      error
		rest     string
	}{
		{"plain", "NOOP\r\n", smtp.Noop, "", nil, ""},
		{"case", "lhlo  Me \r\nx", smtp.Lhlo, "Me", nil, "x"},
		{"white space at the end", "data \t \r\n", smtp.Data, "", nil, ""},
		{"longest", long + "\r\nx", smtp.Noop, long[5:], nil, "x"},
		{"too long", long + "x\r\nQUIT\r\n", "", "", smtp.ErrTooLong, "QUIT\r\n"},
		{"much too long", strings.Repeat("x", 500_000) + "\r\nQUIT\r\n", "", "", smtp.ErrTooLong, "QUIT\r\n"},
		{"too long with LF", strings.Repeat("x\n", 5000) + "\r\nQUIT\r\n", "", "", smtp.ErrTooLong, "QUIT\r\n"},
		{"endless", strings.Repeat("x", 2<<20), "", "", smtp.ErrEndless, "*"},
		{"bare LF never splits", "NOOP\nQUIT\r\nRSET\r\n", "", "", smtp.ErrBareNewline, "RSET\r\n"},
		{"bare CR never splits", "NOOP\rQUIT\r\nRSET\r\n", "", "", smtp.ErrBareNewline, "RSET\r\n"},
		{"CR CR LF", "NOOP\r\r\nRSET\r\n", "", "", smtp.ErrBareNewline, "RSET\r\n"},
		{"LF first", "\n\r\nRSET\r\n", "", "", smtp.ErrBareNewline, "RSET\r\n"},
		{"NUL", "NO\x00OP\r\nRSET\r\n", "", "", smtp.ErrBareNewline, "RSET\r\n"},
		{"empty", "\r\nRSET\r\n", "", "", smtp.ErrUnknown, "RSET\r\n"},
		{"end", "", "", "", io.EOF, ""},
		{"cut", "NOOP", "", "", io.ErrUnexpectedEOF, ""},
		{"cut after CR", "NOOP\r", "", "", io.ErrUnexpectedEOF, ""},
		{"only LF", "NOOP\n", "", "", io.ErrUnexpectedEOF, ""},
		{"unknown", "XCLIENT a=b\r\n", "XCLIENT", "", smtp.ErrUnknown, ""},
		{"unknown and long", strings.Repeat("y", 99) + "\r\n", smtp.Verb(strings.Repeat("Y", 16)), "", smtp.ErrUnknown, ""},
		{"not ASCII", "RſET\r\n", "RſET", "", smtp.ErrUnknown, ""},
		{"argument not wanted", "DATA x\r\n", smtp.Data, "x", smtp.ErrSyntax, ""},
		{"argument missing", "MAIL\r\n", smtp.Mail, "", smtp.ErrSyntax, ""},
		{"tab is no space", "NOOP\tx\r\n", "NOOP\tX", "", smtp.ErrUnknown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{16, 4096} {
				br := bufio.NewReaderSize(iotest.HalfReader(strings.NewReader(c.in)), size)
				got, err := smtp.ReadCommand(br)
				if got.Verb != c.verb || got.Arg != c.arg || !errors.Is(err, c.err) {
					t.Errorf("got %q, %v", got, err)
				}
				if rest, _ := io.ReadAll(br); string(rest) != c.rest && c.rest != "*" {
					t.Errorf("left %.80q", rest)
				}
			}
		})
	}
}

func TestParseMail(t *testing.T) {
	t.Parallel()
	ab := smtp.Address{Local: "a", Domain: "b"}
	for _, c := range []struct {
		arg  string
		want smtp.MailFrom
		err  error
	}{
		{"FROM:<>", smtp.MailFrom{}, nil},
		{"from:<a@b>", smtp.MailFrom{Sender: ab}, nil},
		{"FROM: <a@b>", smtp.MailFrom{Sender: ab}, nil},
		{"FROM:<@x,@y.z:a@b>", smtp.MailFrom{Sender: ab}, nil},
		{"FROM:<a@b> SIZE=123 BODY=8bitmime", smtp.MailFrom{Sender: ab, Size: 123, Body8: true}, nil},
		{"FROM:<a@b> body=7BIT", smtp.MailFrom{Sender: ab}, nil},
		{"FROM:<a@b> SIZE=99999999999999999999", smtp.MailFrom{Sender: ab, Size: 1<<63 - 1}, nil},
		{"FROM:<a@b> AUTH=<>  RET=hdrs ENVID=x+3Dy", smtp.MailFrom{Sender: ab, Ret: "HDRS", EnvID: "x+3Dy"}, nil},
		{"FROM:<ä@b> SMTPUTF8", smtp.MailFrom{Sender: smtp.Address{Local: "ä", Domain: "b"}, UTF8: true}, nil},
		{"FROM:<a@bücher.example> SMTPUTF8", smtp.MailFrom{Sender: smtp.Address{Local: "a", Domain: "bücher.example"}, UTF8: true}, nil},
		{"FROM:<a b@c>", smtp.MailFrom{}, smtp.ErrSender},
		{"FROM:a@b", smtp.MailFrom{}, smtp.ErrSender},
		{"FROM:<Postmaster>", smtp.MailFrom{}, smtp.ErrSender},
		{"FROM:<a@b", smtp.MailFrom{}, smtp.ErrSender},
		{"FROM:<@x:>", smtp.MailFrom{}, smtp.ErrSender},
		{"FROM:<@x,:a@b>", smtp.MailFrom{}, smtp.ErrSender},
		{"FROM:<ä@b>", smtp.MailFrom{}, smtp.ErrNeedUTF8},
		{"FROM:<a@bücher.example>", smtp.MailFrom{}, smtp.ErrNeedUTF8},
		{"FROM:<a@b> ENVID=ü", smtp.MailFrom{}, smtp.ErrNeedUTF8},
		{"FROM:<a@b>SIZE=1", smtp.MailFrom{}, smtp.ErrSyntax},
		{"TO:<a@b>", smtp.MailFrom{}, smtp.ErrSyntax},
		{"FROM:<a@b> =1", smtp.MailFrom{}, smtp.ErrSyntax},
		{"FROM:<a@b> SIZE=", smtp.MailFrom{}, smtp.ErrSyntax},
		{"FROM:<a@b> -X=1", smtp.MailFrom{}, smtp.ErrSyntax},
		{"FROM:<a@b> SIZE=1\t", smtp.MailFrom{}, smtp.ErrSyntax},
		{"FROM:<a@b> SIZE", smtp.MailFrom{}, smtp.ErrValue},
		{"FROM:<a@b> SIZE=-1", smtp.MailFrom{}, smtp.ErrValue},
		{"FROM:<a@b> SIZE=1 SIZE=1", smtp.MailFrom{}, smtp.ErrValue},
		{"FROM:<a@b> BODY=9BIT", smtp.MailFrom{}, smtp.ErrValue},
		{"FROM:<a@b> SMTPUTF8=x", smtp.MailFrom{}, smtp.ErrValue},
		{"FROM:<a@b> AUTH", smtp.MailFrom{}, smtp.ErrValue},
		{"FROM:<a@b> BODY=BINARYMIME", smtp.MailFrom{}, smtp.ErrParam},
		{"FROM:<a@b> XNEW=1", smtp.MailFrom{}, smtp.ErrParam},
		{"FROM:<a@b> NOTIFY=NEVER", smtp.MailFrom{}, smtp.ErrParam},
	} {
		got, err := smtp.ParseMail(c.arg)
		if !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("%s: %+v, %v", c.arg, got, err)
		}
	}
}

func TestParseRcpt(t *testing.T) {
	t.Parallel()
	ab := smtp.Address{Local: "a", Domain: "b"}
	for _, c := range []struct {
		arg  string
		wide bool
		want smtp.RcptTo
		err  error
	}{
		{"TO:<a@b>", false, smtp.RcptTo{Recipient: ab}, nil},
		{"To:<a@b> notify=success,failure ORCPT=rfc822;a+40b", false, smtp.RcptTo{ab, "SUCCESS,FAILURE", "rfc822;a+40b"}, nil},
		{"TO:<postMaster>", false, smtp.RcptTo{Recipient: smtp.Address{Local: "postMaster"}}, nil},
		{"TO:<@x:Postmaster>", false, smtp.RcptTo{Recipient: smtp.Address{Local: "Postmaster"}}, nil},
		{"TO:<ü@b>", true, smtp.RcptTo{Recipient: smtp.Address{Local: "ü", Domain: "b"}}, nil},
		{"TO:<ü@b>", false, smtp.RcptTo{}, smtp.ErrNeedUTF8},
		{"TO:<\xff@b>", true, smtp.RcptTo{}, smtp.ErrRecipient},
		{"TO:<a@\xff.b>", true, smtp.RcptTo{}, smtp.ErrRecipient},
		{"TO:<>", false, smtp.RcptTo{}, smtp.ErrRecipient},
		{"TO:<a>", false, smtp.RcptTo{}, smtp.ErrRecipient},
		{"TO:<" + strings.Repeat("@x.example,", 91)[:1000] + ":a@b>", false, smtp.RcptTo{}, smtp.ErrRecipient},
		{"TO:<a@b> SIZE=1", false, smtp.RcptTo{}, smtp.ErrParam},
		{"FROM:<a@b>", false, smtp.RcptTo{}, smtp.ErrSyntax},
	} {
		got, err := smtp.ParseRcpt(c.arg, c.wide)
		if !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("%.80s: %+v, %v", c.arg, got, err)
		}
	}
}

func TestParseOthers(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]smtp.Chunk{
		"0": {}, "12": {Size: 12}, "0 LAST": {Last: true}, "7  last": {Size: 7, Last: true},
		"9223372036854775807": {Size: 1<<63 - 1},
	} {
		if got, err := smtp.ParseBdat(arg); err != nil || got != want {
			t.Errorf("BDAT %s: %+v, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"", "x", "-1", "+1", "1.5", "9223372036854775808", "1 LAST x", "1 FIRST", "LAST", "0x10"} {
		if got, err := smtp.ParseBdat(arg); !errors.Is(err, smtp.ErrSyntax) {
			t.Errorf("BDAT %s: %+v, %v", arg, got, err)
		}
	}
	for arg, want := range map[string]smtp.AuthStart{
		"plain": {Mechanism: "PLAIN"}, "PLAIN =": {Mechanism: "PLAIN", Given: true},
		"SCRAM-SHA-256 YWI=": {Mechanism: "SCRAM-SHA-256", Given: true, Initial: []byte("ab")},
	} {
		if got, err := smtp.ParseAuth(arg); err != nil || got.Mechanism != want.Mechanism || got.Given != want.Given ||
			string(got.Initial) != string(want.Initial) {
			t.Errorf("AUTH: %v, %v", got.Mechanism, err)
		}
	}
	for _, arg := range []string{"", "A B", "PLAIN ", "PLAIN YWI", "PLA!N", strings.Repeat("A", 21), "PLAIN YWJ= x"} {
		if _, err := smtp.ParseAuth(arg); err == nil {
			t.Errorf("AUTH %s: no error", arg)
		}
	}
	for _, arg := range []string{"a", "[192.0.2.1]", "my_host", strings.Repeat("a", 255)} {
		if got, err := smtp.ParseHello(arg); err != nil || got != arg {
			t.Errorf("LHLO %s: %q, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"", "a b", "ä", "a\x7f", strings.Repeat("a", 256)} {
		if _, err := smtp.ParseHello(arg); !errors.Is(err, smtp.ErrSyntax) {
			t.Errorf("LHLO %s: %v", arg, err)
		}
	}
}

// TestReplyTo: every error of a command has a reply, and the reply is well
// formed.
func TestReplyTo(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		smtp.ErrTooLong, smtp.ErrEndless, smtp.ErrBareNewline, smtp.ErrUnknown, smtp.ErrSyntax, smtp.ErrParam,
		smtp.ErrValue, smtp.ErrSender, smtp.ErrRecipient, smtp.ErrNeedUTF8, smtp.ErrTooLarge,
	} {
		r, ok := smtp.ReplyTo(err)
		if !ok || r.Code < 500 || r.Enhanced == "" || !strings.Contains(r.String(), r.Enhanced) {
			t.Errorf("%v: %v, %v", err, r, ok)
		}
	}
	if _, ok := smtp.ReplyTo(io.EOF); ok {
		t.Error("io.EOF has a reply")
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"LHLO a\r\n", "MAIL FROM:<a@b> SIZE=1 BODY=8BITMIME SMTPUTF8\r\n", "RCPT TO:<\"a b\"@[IPv6:::1]> NOTIFY=NEVER\r\n",
		"BDAT 5 LAST\r\n", "AUTH PLAIN AGEAYg==\r\n", "NOOP\nQUIT\r\n", "DATA\r\r\n", "RCPT TO:<@a,@b:c@d>\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		br := bufio.NewReaderSize(strings.NewReader(string(in)), 16)
		for read := 0; read <= len(in); {
			c, err := smtp.ReadCommand(br)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, smtp.ErrEndless) {
				return
			}
			read += len("\r\n") // each round has taken a line at least
			if err != nil {
				if _, ok := smtp.ReplyTo(err); !ok {
					t.Fatalf("no reply to %v", err)
				}
				continue
			}
			if strings.ContainsAny(c.Arg, "\r\n\x00") || len(c.Arg) > smtp.MaxLine {
				t.Fatalf("argument %q", c.Arg)
			}
			parseAny(t, c)
		}
		t.Fatal("more commands than lines")
	})
}

// parseAny gives the argument to the parser of its verb and checks what must
// hold of the result.
func parseAny(t *testing.T, c smtp.Command) {
	var a smtp.Address
	var wide bool
	var err error
	switch c.Verb {
	case smtp.Mail:
		var m smtp.MailFrom
		m, err = smtp.ParseMail(c.Arg)
		a, wide = m.Sender, m.UTF8
		if err == nil && m.Size < 0 {
			t.Fatalf("size %d", m.Size)
		}
	case smtp.Rcpt:
		var r smtp.RcptTo
		r, err = smtp.ParseRcpt(c.Arg, false)
		a = r.Recipient
	case smtp.Bdat:
		var ch smtp.Chunk
		if ch, err = smtp.ParseBdat(c.Arg); err == nil && ch.Size < 0 {
			t.Fatalf("chunk of %d", ch.Size)
		}
	case smtp.Auth:
		_, err = smtp.ParseAuth(c.Arg)
	case smtp.Lhlo:
		_, err = smtp.ParseHello(c.Arg)
	}
	if err != nil {
		if _, ok := smtp.ReplyTo(err); !ok {
			t.Fatalf("no reply to %v", err)
		}
		return
	}
	if !wide && !a.IsASCII() {
		t.Fatalf("address %q without SMTPUTF8", a)
	}
	if a.Domain != "" {
		if b, err := smtp.ParseAddress(a.String()); err != nil || a != b {
			t.Fatalf("%q came back as %q, %v", a, b, err)
		}
	}
}
