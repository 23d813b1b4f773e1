package smtp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/proto/smtp"
)

func TestReplyAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reply smtp.Reply
		wide  bool
		want  string
	}{
		{smtp.Reply{250, "2.1.0", "Fine"}, false, "250 2.1.0 Fine\r\n"},
		{smtp.Reply{354, "", "Go on"}, false, "354 Go on\r\n"},
		{smtp.Reply{250, "", "a\nb\nc"}, false, "250-a\r\n250-b\r\n250 c\r\n"},
		{smtp.Reply{550, "5.1.1", "a\nb"}, false, "550-5.1.1 a\r\n550 5.1.1 b\r\n"},
		{smtp.Reply{250, "", ""}, false, "250 \r\n"},
		{smtp.Reply{250, "", "a\r250 b\x00\x7f\x1b[2J\t"}, false, "250 a?250 b???[2J?\r\n"},
		{smtp.Reply{550, "5.1.1", "x\r\n250 2.0.0 ok"}, false, "550-5.1.1 x?\r\n550 5.1.1 250 2.0.0 ok\r\n"},
		{smtp.Reply{250, "", "für \u0085\xff"}, false, "250 f?r ??\r\n"},
		{smtp.Reply{250, "", "für \u0085\xff"}, true, "250 für ??\r\n"},
		{smtp.Reply{550, "2.1.0", "class"}, false, "550 class\r\n"},
		{smtp.Reply{550, "5.1", "form"}, false, "550 form\r\n"},
		{smtp.Reply{550, "5.1.1\r\n250 x", "form"}, false, "550 form\r\n"},
		{smtp.Reply{550, "5.1.1234", "form"}, false, "550 form\r\n"},
		{smtp.Reply{}, false, "451 4.3.0 Local error\r\n"},
		{smtp.Reply{Code: 1000, Text: "x"}, false, "451 4.3.0 Local error\r\n"},
	} {
		if got := string(c.reply.Append(nil, c.wide)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.reply, got, c.want)
		}
	}
	long := smtp.Reply{Code: 550, Enhanced: "5.1.1", Text: strings.Repeat("ä", 600)}.Append(nil, true)
	if len(long) > 512 || len(long) < 510 || !bytes.HasSuffix(long, []byte("ä\r\n")) {
		t.Errorf("long line of %d octets", len(long))
	}
	if n := bytes.Count(smtp.Reply{Code: 250, Text: strings.Repeat("\n", 999)}.Append(nil, true), []byte("\r\n")); n != 100 {
		t.Errorf("%d lines", n)
	}
	if s := (smtp.Reply{250, "2.0.0", "a\nb"}).String(); s != "250-2.0.0 a / 250 2.0.0 b" {
		t.Error(s)
	}
}

func TestReadReply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want smtp.Reply
		err  error
		rest string
	}{
		{"250 ok\r\nx", smtp.Reply{250, "", "ok"}, nil, "x"},
		{"250\r\n", smtp.Reply{250, "", ""}, nil, ""},
		{"250-a\r\n250-\r\n250\r\nx", smtp.Reply{250, "", "a\n\n"}, nil, "x"},
		{"250 2.1.5 ok\r\n", smtp.Reply{250, "2.1.5", "ok"}, nil, ""},
		{"250 2.1.5\r\n", smtp.Reply{250, "2.1.5", ""}, nil, ""},
		{"550-5.1.1 a\r\n550 5.1.1 b\r\n", smtp.Reply{550, "5.1.1", "a\nb"}, nil, ""},
		{"550-5.1.1 a\r\n550 b\r\n", smtp.Reply{550, "5.1.1", "a\nb"}, nil, ""},
		{"250 5.1.1 other class\r\n", smtp.Reply{250, "", "5.1.1 other class"}, nil, ""},
		{"220 grüezi\tda\r\n", smtp.Reply{220, "", "grüezi\tda"}, nil, ""},
		{"250 ok\n", smtp.Reply{}, io.ErrUnexpectedEOF, ""},
		{"", smtp.Reply{}, io.EOF, ""},
		{"250-a\r\n", smtp.Reply{}, io.ErrUnexpectedEOF, ""},
		{"250-a\r\n251 b\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250 a\n250 b\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250 a\rb\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250 a\x00b\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250 a\x1bb\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250 \xff\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"150 a\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"600 a\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"260 a\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"25 a\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250a\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"2500 a\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"HTTP/1.1 200 OK\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{"250 " + strings.Repeat("x", 995) + "\r\n", smtp.Reply{}, smtp.ErrReply, ""},
		{strings.Repeat("250-a\r\n", 100) + "250 a\r\n", smtp.Reply{}, smtp.ErrReply, "250 a\r\n"},
	} {
		br := bufio.NewReader(strings.NewReader(c.in))
		got, err := smtp.ReadReply(br)
		rest, _ := io.ReadAll(br)
		if got != c.want || !errors.Is(err, c.err) || string(rest) != c.rest {
			t.Errorf("%.80q: %+v, %v, left %.20q", c.in, got, err, rest)
		}
	}
}

// TestReplyRoundTrip: what Append writes, ReadReply reads.
func TestReplyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		class := rapid.SampledFrom([]string{"2", "4", "5"}).Draw(t, "class")
		want := smtp.Reply{
			Code: int(class[0]-'0')*100 + rapid.IntRange(0, 59).Draw(t, "code"),
			Text: strings.Join(rapid.SliceOfN(rapid.StringMatching(`[ -~äöü]{0,100}`), 1, 20).Draw(t, "text"), "\n"),
		}
		if rapid.Bool().Draw(t, "enhanced") {
			want.Enhanced = class + rapid.StringMatching(`\.[0-9]{1,3}\.[0-9]{1,3}`).Draw(t, "code")
		}
		got, err := smtp.ReadReply(bufio.NewReader(bytes.NewReader(want.Append(nil, true))))
		if err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "550 5.1.1 x\r\n", "220\r\n", "250 a\n250 b\r\n", "354 \xff\r\n"} {
		f.Add([]byte(s), "5.1.1", 550)
	}
	f.Fuzz(func(t *testing.T, in []byte, enhanced string, code int) {
		if r, err := smtp.ReadReply(bufio.NewReader(bytes.NewReader(in))); err == nil {
			if r.Code < 200 || r.Code > 559 || strings.ContainsAny(r.Text, "\r\x00") {
				t.Fatalf("%q became %+v", in, r)
			}
		}
		// Whatever a reply is made of, it is one reply on the wire.
		for _, wide := range []bool{false, true} {
			br := bufio.NewReader(bytes.NewReader(smtp.Reply{Code: code, Enhanced: enhanced, Text: string(in)}.Append(nil, wide)))
			r, err := smtp.ReadReply(br)
			if err != nil && (code < 200 || code%100 < 60) {
				t.Fatalf("%d %q %q: %v", code, enhanced, in, err)
			}
			if err == nil && (br.Buffered() > 0 || 200 <= code && code <= 599 && r.Code != code) {
				t.Fatalf("%d %q %q: %+v", code, enhanced, in, r)
			}
		}
	})
}
