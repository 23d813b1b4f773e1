package journal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"siegel/internal/proto/journal"
	"siegel/internal/proto/mime/transfer"
)

const inner = "From: \"Anna\" <anna@clinic.example>\r\nTo: team@clinic.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@clinic.example>\r\n\r\n.hello\r\nw\xf6rld =\t\r\n"

const envelope = "anna@clinic.example > bob@clinic.example to expanded:team@clinic.example, carl@partner.example cc, dora@clinic.example bcc, erik@clinic.example recipient forwarded:old@clinic.example"

func said(r *journal.Report) string {
	var to []string
	for _, one := range r.To {
		to = append(to, one.Address+" "+one.Mark())
	}
	return r.Sender + " > " + strings.Join(to, ", ")
}

func files(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", folder, "*.eml"))
	if err != nil || len(list) == 0 {
		t.Fatal("no files", err)
	}
	out := make(map[string][]byte)
	for _, f := range list {
		if out[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// unwrap returns the message of a report and what was rebuilt from what is kept.
func unwrap(t testing.TB, b []byte, r *journal.Report) (message, again []byte, err error) {
	t.Helper()
	encoded := b[r.Start:r.End]
	message, err = io.ReadAll(iotest.HalfReader(journal.NewReader(r.Encoding, bytes.NewReader(encoded))))
	if err != nil {
		t.Fatal(err)
	}
	how, err := journal.Describe(r.Encoding, iotest.OneByteReader(bytes.NewReader(encoded)), journal.MaxAround)
	if err != nil {
		return message, nil, err
	}
	var out bytes.Buffer
	err = journal.Rebuild(&out, bytes.NewReader(message), how)
	return message, bytes.Join([][]byte{b[:r.Start], out.Bytes(), b[r.End:]}, nil), err
}

// Every form of a report gives the message octet by octet, its envelope, and the
// report again (docs/formats/journal.md).
func TestReports(t *testing.T) {
	senders := map[string]string{
		"null-sender.eml": " > anna@clinic.example recipient", "on-behalf.eml": "anna@clinic.example > bob@clinic.example to",
	}
	all := files(t, "report")
	for name, b := range all {
		r, err := journal.Scan(iotest.HalfReader(bytes.NewReader(b)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := envelope
		if other, ok := senders[name]; ok {
			want = other
		}
		if got := said(r); got != want {
			t.Errorf("%s: %s", name, got)
		}
		message, again, err := unwrap(t, b, r)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: another report, %v\n%s", name, err, again)
		}
		octets := inner
		switch name {
		case "lf.eml":
			octets = strings.ReplaceAll(octets, "\r\n", "\n")
		case "nested.eml": // unwrapped once
			octets = string(all["classic.eml"])
		}
		if string(message) != octets {
			t.Errorf("%s: message %q", name, message)
		}
	}
}

// What claims to be a report and is none is undecodable; without the claim it is
// a message like others.
func TestNoReports(t *testing.T) {
	for name, b := range files(t, "bad") {
		if r, err := journal.Scan(bytes.NewReader(b)); !errors.Is(err, journal.ErrUndecodable) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		b = bytes.Replace(b, []byte("X-MS-Journal-Report"), []byte("X-Other"), 1)
		if r, err := journal.Scan(bytes.NewReader(b)); !errors.Is(err, journal.ErrNone) {
			t.Errorf("%s without the claim: %+v, %v", name, r, err)
		}
	}
	for _, s := range []string{"", "\r\n", "Subject: x\r\n\r\ntext", inner} {
		if r, err := journal.Scan(strings.NewReader(s)); !errors.Is(err, journal.ErrNone) {
			t.Errorf("%q: %+v, %v", s, r, err)
		}
	}
	broken := errors.New("broken")
	if _, err := journal.Scan(io.MultiReader(strings.NewReader("X-MS-Journal-Report:\r\n"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a body that cannot be read: %v", err)
	}
}

// big is a report with that many recipients and octets of a message.
func big(recipients, size int) io.Reader {
	var text strings.Builder
	text.WriteString("Sender: a@clinic.example\r\n")
	for i := range recipients {
		fmt.Fprintf(&text, "To: r%d@clinic.example, Expanded: all@clinic.example\r\n", i)
	}
	head := "X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text.String() +
		"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n"
	return io.MultiReader(strings.NewReader(head), io.LimitReader(endless{}, int64(size)), strings.NewReader("\r\n--b--\r\n"))
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// 10,000 recipients are read, and a large message in memory that does not grow with
// it; more than the bounds is undecodable.
func TestBounds(t *testing.T) {
	r, err := journal.Scan(big(10_000, 1))
	if err != nil || len(r.To) != 10_000 || r.To[9_999].Mark() != "to expanded:all@clinic.example" {
		t.Fatalf("%v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if r, err = journal.Scan(big(1, 150<<20)); err != nil || r.End-r.Start != 150<<20+14 {
		t.Fatalf("%+v, %v", r, err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
		t.Errorf("%d octets for a large message", n)
	}
	if _, err := journal.Scan(big(journal.MaxRecipients+1, 1)); !errors.Is(err, journal.ErrUndecodable) {
		t.Errorf("too many recipients: %v", err)
	}
	if _, err := journal.Scan(big(90_000, 1)); !errors.Is(err, journal.ErrUndecodable) {
		t.Errorf("too much around: %v", err)
	}
}

// A line break that the window of the reader cuts in two belongs to the delimiter.
func TestWindow(t *testing.T) {
	for _, size := range []int{64<<10 - 16, 64<<10 - 15, 64<<10 - 14, 64<<10 - 1, 64 << 10, 128<<10 - 15} {
		for shift := range 300 {
			if shift > 3 && shift < 200 {
				continue
			}
			n := size - shift
			r, err := journal.Scan(big(1, n))
			if err != nil || r.End-r.Start != int64(n)+14 {
				t.Fatalf("%d: %+v, %v", n, r, err)
			}
		}
	}
}

func qp(t *rapid.T, message []byte) []byte {
	var out []byte
	for i, c := range message {
		switch {
		case c == '\n' && i > 0 && message[i-1] == '\r':
			out = append(out, c)
		case c == '\r' && i+1 < len(message) && message[i+1] == '\n' && (i == 0 || message[i-1] != ' ' && message[i-1] != '\t'):
			out = append(out, c)
		case c > ' ' && c < 127 && c != '=' && rapid.IntRange(0, 9).Draw(t, "plain") > 0:
			out = append(out, c)
		case rapid.Bool().Draw(t, "case"):
			out = fmt.Appendf(out, "=%02X", c)
		default:
			out = fmt.Appendf(out, "=%02x", c)
		}
		switch rapid.IntRange(0, 9).Draw(t, "soft") {
		case 0:
			out = append(out, "=\r\n"...)
		case 1:
			out = append(out, "=\n"...)
		}
	}
	return out
}

// A message that a relay encoded comes out octet by octet, and goes in again.
func TestEncodings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		message := []byte(strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "=", "\r\n", "\xff", "word", "é", "."})).Draw(rt, "message"), "") + "x")
		var encoded []byte
		e := transfer.QuotedPrintable
		if rapid.Bool().Draw(rt, "base64") {
			e = transfer.Base64
			n, end := rapid.IntRange(1, 100).Draw(rt, "length"), rapid.SampledFrom([]string{"\r\n", "\n"}).Draw(rt, "end")
			all := base64.StdEncoding.EncodeToString(message)
			for len(all) > n {
				encoded, all = append(append(encoded, all[:n]...), end...), all[n:]
			}
			encoded = append(encoded, all...)
			if rapid.Bool().Draw(rt, "last") {
				encoded = append(encoded, end...)
			}
		} else {
			encoded = qp(rt, message)
		}
		r := &journal.Report{Start: 0, End: int64(len(encoded)), Encoding: e}
		got, again, err := unwrap(t, encoded, r)
		if err != nil || !bytes.Equal(got, message) || !bytes.Equal(again, encoded) {
			rt.Fatalf("%q: %q, %q, %v", encoded, got, again, err)
		}
	})
}

// What cannot be written again is said, before or after it was tried; nothing of
// it is written as something else.
func TestIrregular(t *testing.T) {
	for _, c := range []struct {
		e transfer.Encoding
		s string
	}{
		{transfer.Base64, "QUJD\r\nQQ==\r\nQUJD"},
		{transfer.Base64, "QUJD QUJD"},
		{transfer.Base64, "QR=="},
		{transfer.Base64, ""},
		{transfer.Base64, "QUJD\nQUJD\r\nQUJD"},
		{transfer.QuotedPrintable, "a =  \r\nb"},
		{transfer.QuotedPrintable, "a=aB"},
		{transfer.QuotedPrintable, "a="},
		{transfer.QuotedPrintable, "a=x1"},
		{transfer.QuotedPrintable, "blanks  \r\nb"},
		{transfer.UUEncode, "begin"},
	} {
		r := &journal.Report{End: int64(len(c.s)), Encoding: c.e}
		_, again, err := unwrap(t, []byte(c.s), r)
		if err == nil && string(again) == c.s || err != nil && !errors.Is(err, journal.ErrIrregular) {
			t.Errorf("%q: %q, %v", c.s, again, err)
		}
	}
	if _, err := journal.Describe(transfer.QuotedPrintable, strings.NewReader(strings.Repeat("=20", 100)), 50); !errors.Is(err, journal.ErrIrregular) {
		t.Errorf("a long description: %v", err)
	}
	for _, bad := range []string{"base64", "base64 0 crlf", "base64 76 cr", "base64 76 crlf begin", "base64 x lf", "base64 76 lf\n", "rot13", "qp\n\x05E", "qp\n\x00x", "qp\n\x80", "qp\n\x00"} {
		if err := journal.Rebuild(io.Discard, strings.NewReader("abc"), bad); !errors.Is(err, journal.ErrIrregular) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, folder := range []string{"report", "bad"} {
		for _, b := range files(f, folder) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := journal.Scan(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, journal.ErrNone) && !errors.Is(err, journal.ErrUndecodable) {
				t.Fatal(err)
			}
			return
		}
		if r.Start >= r.End || r.End > int64(len(b)) || len(r.To) == 0 {
			t.Fatalf("%+v of %d octets", r, len(b))
		}
		for _, one := range r.To {
			if strings.ContainsAny(one.Address+one.Mark()+r.Sender, "\r\n\x00") || one.Address == "" {
				t.Fatalf("%+v", one)
			}
		}
		message, again, err := unwrap(t, b, r)
		if err != nil && !errors.Is(err, journal.ErrIrregular) {
			t.Fatal(err)
		}
		if r.Encoding == transfer.Identity && (!bytes.Equal(again, b) || !bytes.Equal(message, b[r.Start:r.End])) {
			t.Fatal("another report")
		}
	})
}

func FuzzRebuild(f *testing.F) {
	f.Add([]byte("abc"), "base64 76 crlf")
	f.Add([]byte("abc"), "qp\n\x01E\x00S")
	f.Add([]byte("abc"), "")
	f.Fuzz(func(t *testing.T, message []byte, how string) {
		var out bytes.Buffer
		if err := journal.Rebuild(&out, bytes.NewReader(message), how); err != nil && !errors.Is(err, journal.ErrIrregular) {
			t.Fatal(err)
		}
		if out.Len() > 10*(len(message)+len(how))+100 {
			t.Fatalf("%d octets of %d", out.Len(), len(message))
		}
	})
}
