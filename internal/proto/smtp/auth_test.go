package smtp_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"siegel/internal/proto/smtp"
)

// RFC 4954 section 4: what a client may say within AUTH.
func TestReadResponse(t *testing.T) {
	long := strings.Repeat("AAAA", 3069)
	for in, want := range map[string]error{
		"dXNlcg==\r\n": nil, "\r\n": nil, "*\r\n": smtp.ErrCancelled, "**\r\n": smtp.ErrValue, "dXNlcg\r\n": smtp.ErrValue, "dXNlcg= =\r\n": smtp.ErrValue,
		"dXNl\ncg==\r\n": smtp.ErrBareNewline, "dXNl": io.ErrUnexpectedEOF, "": io.EOF, long + "\r\n": nil, long + "AAAAAAAAAAAA\r\n": smtp.ErrTooLong,
	} {
		if _, err := smtp.ReadResponse(bufio.NewReader(strings.NewReader(in))); !errors.Is(err, want) || (want == nil && err != nil) {
			t.Errorf("%.20q: %v, want %v", in, err, want)
		}
	}
	b, err := smtp.ReadResponse(bufio.NewReader(strings.NewReader("dXNlcg==\r\nrest")))
	if string(b) != "user" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// RFC 4616 section 2.
func TestParsePlain(t *testing.T) {
	for in, want := range map[string]string{
		"\x00user\x00pass": "user pass", "user\x00user\x00pass": "user pass", "\x00u\x00p ass": "u p ass",
		"other\x00user\x00pass": "", "user\x00pass": "", "\x00\x00pass": "", "\x00user\x00": "", "\x00user\x00pa\x00ss": "", "": "", "\x00\x00": "",
	} {
		user, secret, err := smtp.ParsePlain([]byte(in))
		got := user + " " + string(secret)
		if want == "" && !errors.Is(err, smtp.ErrValue) || want != "" && (err != nil || got != want) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func FuzzAuth(f *testing.F) {
	for _, s := range []string{"AHUAcA==\r\n", "*\r\n", "\r\n", "AAAA\r\nAAAA\r\n", "dQB1AHA=\r\n", "\n", "=\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		br := bufio.NewReader(bytes.NewReader(in))
		for {
			b, err := smtp.ReadResponse(br)
			if err != nil {
				if _, known := smtp.ReplyTo(err); known && !errors.Is(err, smtp.ErrEndless) || errors.Is(err, smtp.ErrCancelled) {
					continue
				}
				return
			}
			if base64.StdEncoding.EncodedLen(len(b)) > 12286 {
				t.Fatalf("%d octets", len(b))
			}
			user, secret, err := smtp.ParsePlain(b)
			if err == nil && (user == "" || len(secret) == 0 || !bytes.HasSuffix(b, append([]byte(user+"\x00"), secret...))) {
				t.Fatalf("%q: %q, %q", b, user, secret)
			}
		}
	})
}
