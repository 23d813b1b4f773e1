package mime_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/transfer"
	"siegel/test/corpus"
)

// read parses a message that cannot fail.
func read(t interface{ Fatalf(string, ...any) }, message []byte, l mime.Limits) *mime.Message {
	m, err := mime.Read(bytes.NewReader(message), l, nil)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return m
}

// tree prints the parts of a message, one a line.
func tree(m *mime.Message) string {
	var b strings.Builder
	for i := range m.Parts {
		p := &m.Parts[i]
		fmt.Fprintf(&b, "%s %s", p.Path, p.Type)
		if p.Disposition != "" {
			b.WriteString(" " + p.Disposition)
		}
		if p.FileName != "" {
			fmt.Fprintf(&b, " file=%q", p.FileName)
		}
		if p.ContentID != "" {
			fmt.Fprintf(&b, " id=%q", p.ContentID)
		}
		if p.Protection != mime.Unprotected {
			fmt.Fprintf(&b, " protection=%d", p.Protection)
		}
		if p.IsAttachment() {
			b.WriteString(" attached")
		}
		if p.Content == mime.Leaf {
			fmt.Fprintf(&b, " size=%d", p.Size)
		}
		if p.Text != "" {
			fmt.Fprintf(&b, " %q", p.Text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, message, want string }{
		{"empty", "", `1 text/plain size=0`},
		{"plain", "Subject: x\r\n\r\nHi\r\nthere\x00\r\n", `1 text/plain size=12 "Hi\nthere\n"`},
		{"latin-1, undeclared", "\n\nGr\xfc\xdfe", `1 text/plain size=6 "\nGrüße"`},
		{"latin-1 that claims to be UTF-8", "Content-Type: text/plain; charset=utf-8\n\nGr\xfc\xdfe", `1 text/plain size=5 "Grüße"`},
		{"unknown charset", "Content-Type: text/plain; charset=x-klingon\n\nGr\xfc\xdfe", `1 text/plain size=5 "Grüße"`},
		{"quoted-printable", "Content-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: Quoted-Printable\n\n=A4 =\r\nx=\n=zz \n=3d", `1 text/plain size=8 "€ x=zz\n="`},
		{"base64 with garbage and without padding", "Content-Transfer-Encoding: base64\n\nSGVs!bG8s\r\n IHdv\ncmxk*\nIQ", `1 text/plain size=13 "Hello, world!"`},
		{"shift_jis", "Content-Type: text/plain; charset=Shift_JIS\n\n\x93\xfa\x96\x7b", `1 text/plain size=4 "日本"`},
		{"utf-16", "Content-Type: text/plain; charset=utf-16\n\n\xff\xfeH\x00i\x00", `1 text/plain size=6 "Hi"`},
		{"html", "Content-Type: text/html\n\n<style>p{}</style><p>A&amp;B<br>c<script>x()</script></p><img alt=pic>", `1 text/html size=70 "A&B\nc\npic"`},
		{"html with its charset inside", "Content-Type: text/html\n\n<meta charset=iso-8859-2><p>\xb1", `1 text/html size=29 "ą"`},
		{"uuencode", "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 f\n%2&5L;&\\\n`\nend\n", `1 text/plain size=5 "Hello"`},
		{"structure", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nplain\n--c\nContent-Type: text/html\n\n<b>html</b>\n--c--\n--b\nContent-Type: image/png; name=\"a/b.png\"\nContent-ID: <i@x>\nContent-Transfer-Encoding: base64\n\nAAAA\n--b\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/mixed; boundary=d\n\n--d\n\ndeep\n--d--\n--b\nContent-Type: message/rfc822\n\nSubject: in2\n\nflat\n--b--\n", `
TEXT multipart/mixed
1 multipart/alternative
1.1 text/plain size=5 "plain"
1.2 text/html size=11 "html"
2 image/png file="b.png" id="i@x" size=3
3 message/rfc822 attached
3.TEXT multipart/mixed
3.1 text/plain size=4 "deep"
4 message/rfc822 attached
4.1 text/plain size=4 "flat"`},
		{"attachments", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment; filename*0*=utf-8''%c3%9c; filename*1=ber.txt\n\nx\n--b\nContent-Type: application/pdf\nContent-Disposition: inline; filename=\"=?utf-8?q?=C3=9C?=.pdf\"\n\nx\n--b\nContent-Type: application/pgp-signature\n\nx\n--b\nContent-Disposition: odd\n\nx\n--b--", `
TEXT multipart/mixed
1 text/plain attachment file="Über.txt" attached size=1 "x"
2 application/pdf inline file="Ü.pdf" attached size=1
3 application/pgp-signature size=1
4 text/plain odd attached size=1 "x"`},
		{"PGP", "Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\nx\n--b--\n", `
TEXT multipart/encrypted protection=3
1 application/pgp-encrypted protection=3 size=10
2 application/octet-stream protection=3 attached size=1`},
		{"PGP inline", "\nHi\n-----BEGIN PGP MESSAGE-----\n", `1 text/plain protection=4 size=31 "Hi\n-----BEGIN PGP MESSAGE-----\n"`},
		{"S/MIME by parameter", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx", `1 application/pkcs7-mime file="smime.p7m" protection=1 attached size=1`},
		{"S/MIME by content", "Content-Type: application/octet-stream; name=smime.p7m\n\n0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", `1 application/octet-stream file="smime.p7m" protection=1 attached size=14`},
		{"S/MIME opaque", "Content-Type: application/pkcs7-mime\n\n0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", `1 application/pkcs7-mime protection=2 attached size=14`},
		{"multipart without boundary is text", "Content-Type: multipart/mixed\n\nx", `1 multipart/mixed size=1 "x"`},
		{"encoded message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKYw==", `1 message/rfc822 attached size=7 "A: b\n\nc"`},
		{"wrong type is text", "Content-Type: text\n\nx", `1 text/plain size=1 "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := read(t, []byte(c.message), mime.Limits{})
			if got, want := tree(m), strings.TrimPrefix(c.want, "\n")+"\n"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if m.Truncated || m.Size != int64(len(c.message)) {
				t.Errorf("truncated %v, size %d of %d", m.Truncated, m.Size, len(c.message))
			}
		})
	}
}

func TestMessage(t *testing.T) {
	m := read(t, []byte("From: =?utf-8?q?J=C3=BCrgen?= <J@X.test>\nDate: Tue, 1 Jul 2003 10:52:37 +0200\nMessage-ID: <a@b>\nlost line\n"+
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ndeep\n--b\n"+
		"Content-Disposition: attachment\n\nfile\n--b--"), mime.Limits{})
	if got := header.Get(m.Fields, "FROM"); got != "Jürgen <J@X.test>" {
		t.Errorf("From: %q", got)
	}
	if got := header.MessageID(m.Fields); got != "a@b" {
		t.Errorf("Message-ID: %q", got)
	}
	if d, ok := m.Date(); !ok || d.UTC() != time.Date(2003, 7, 1, 8, 52, 37, 0, time.UTC) {
		t.Errorf("Date: %v %v", d, ok)
	}
	if got, want := m.Text(), "lost line\n\nbody"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if got, want := m.AttachedText(), "inner\n\ndeep\n\nfile"; got != want {
		t.Errorf("attached text %q, want %q", got, want)
	}
	if m.Opaque() {
		t.Error("opaque")
	}
}

func TestLimits(t *testing.T) {
	many := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nwords\n", 20)
	if m := read(t, []byte(many), mime.Limits{Parts: 5}); len(m.Parts) != 5 || !m.Truncated {
		t.Errorf("%d parts, truncated %v", len(m.Parts), m.Truncated)
	}
	m := read(t, []byte(many), mime.Limits{Text: 12})
	if got := m.Text(); got != "words\n\nwords\n\nwo" || !m.Truncated || !m.Parts[3].Cut {
		t.Errorf("text %q, truncated %v", got, m.Truncated)
	}
	// A giant field must not hide those behind it.
	giant := "To: " + strings.Repeat("a@b.test, ", 100_000) + "\nSubject: here\n\nx"
	m = read(t, []byte(giant), mime.Limits{})
	if header.Get(m.Fields, "Subject") != "here" || !m.Truncated {
		t.Errorf("subject %q, truncated %v", header.Get(m.Fields, "Subject"), m.Truncated)
	}
	if m := read(t, []byte("\n\n"+strings.Repeat("ü", 10)), mime.Limits{Text: 4}); m.Parts[0].Text != "\nü" {
		t.Errorf("text %q", m.Parts[0].Text)
	}
}

// keeper is a visitor's writer that keeps what it gets.
type keeper struct {
	bytes.Buffer
	closed int
	fail   error
}

func (k *keeper) Write(p []byte) (int, error) {
	if k.fail != nil {
		return 0, k.fail
	}
	return k.Buffer.Write(p)
}

func (k *keeper) Close() error { k.closed++; return nil }

func TestVisit(t *testing.T) {
	message := []byte("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\nQUJD\n--b\nContent-Type: x/y\n\nz\n--b--")
	var kept []*keeper
	m, err := mime.Read(bytes.NewReader(message), mime.Limits{}, func(p *mime.Part) io.WriteCloser {
		if p.Type == "x/y" {
			return nil
		}
		kept = append(kept, new(keeper))
		return kept[len(kept)-1]
	})
	if err != nil || len(kept) != 1 || kept[0].String() != "ABC" || kept[0].closed != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	for i := range m.Parts {
		b, err := io.ReadAll(mime.Open(bytes.NewReader(message), &m.Parts[i]))
		if err != nil || int64(len(b)) != m.Parts[i].Size {
			t.Errorf("part %s: %q, %v", m.Parts[i].Path, b, err)
		}
	}
	full := errors.New("full")
	_, err = mime.Read(bytes.NewReader(message), mime.Limits{}, func(*mime.Part) io.WriteCloser { return &keeper{fail: full} })
	if !errors.Is(err, full) {
		t.Errorf("error of the visitor: %v", err)
	}
}

// sound checks what is promised of every message read.
func sound(t interface{ Fatalf(string, ...any) }, b []byte, m *mime.Message) {
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			if !utf8.ValidString(v.String()) {
				t.Fatalf("%s is invalid UTF-8: %q", path, v.String())
			}
			if !strings.HasSuffix(path, ".Text") && strings.ContainsFunc(v.String(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("%s has control characters: %q", path, v.String())
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				return // Raw
			}
			for i := range v.Len() {
				walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		}
	}
	walk("m", reflect.ValueOf(*m))
	if len(m.Parts) == 0 || m.Size != int64(len(b)) {
		t.Fatalf("%d parts, size %d of %d", len(m.Parts), m.Size, len(b))
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.HeaderStart < 0 || p.HeaderStart > p.Start || p.Start > p.End || p.End > m.Size || p.Parent >= i {
			t.Fatalf("part %+v", p)
		}
		n, err := io.Copy(io.Discard, mime.Open(bytes.NewReader(b), p))
		if err != nil || n != p.Size {
			t.Fatalf("part %s has size %d, open gives %d: %v", p.Path, p.Size, n, err)
		}
	}
	_, _ = m.Text(), m.AttachedText()
	for _, a := range header.Addresses(m.Fields, header.AddressFields()...) {
		if !utf8.ValidString(a) || !strings.Contains(a, "@") {
			t.Fatalf("address %q", a)
		}
	}
}

func TestReadCorpus(t *testing.T) {
	for name, b := range corpus.Messages(t) {
		m := read(t, b, mime.Limits{})
		sound(t, b, m)
		// Reader and cutter have one notion of structure.
		starts := make(map[int64]bool)
		for _, r := range cut(mime.Limits{}, b) {
			starts[r.Start] = true
		}
		for i := range m.Parts {
			if p := &m.Parts[i]; p.End > p.Start && !starts[p.Start] && p.Start != m.Size {
				t.Errorf("%s: no range begins where part %s does (%d)", name, p.Path, p.Start)
			}
		}
	}
}

func TestReadProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := messages().Draw(t, "message")
		l := mime.Limits{
			Depth: rapid.IntRange(0, 5).Draw(t, "depth"), Header: rapid.IntRange(0, 300).Draw(t, "header"),
			Parts: rapid.IntRange(0, 5).Draw(t, "parts"), Text: rapid.IntRange(0, 100).Draw(t, "text"),
		}
		m := read(t, b, l)
		if !m.Truncated || l.Parts == 0 {
			sound(t, b, m)
		}
		total := 0
		for i := range m.Parts {
			total += len(m.Parts[i].Text)
		}
		if l.Text > 0 && total > l.Text || l.Parts > 0 && len(m.Parts) > l.Parts {
			t.Fatalf("%d bytes of text, %d parts", total, len(m.Parts))
		}
		p := mime.NewParser(l, nil)
		for _, piece := range split(t, b) {
			if _, err := p.Write(piece); err != nil {
				t.Fatalf("write: %v", err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		if !reflect.DeepEqual(m, p.Message()) {
			t.Fatalf("reading depends on pieces:\n%+v\n%+v", m, p.Message())
		}
	})
}

// TestWellFormed compares messages of the corpus with what other parsers make of them.
func TestWellFormed(t *testing.T) {
	all := corpus.Messages(t)
	for _, c := range []struct{ file, want string }{
		{"vectors/mail-parser-rfc/eml/007.eml", `
TEXT multipart/mixed
1 text/plain inline size=1 "A"
2 multipart/mixed
2.1 multipart/alternative
2.1.1 multipart/mixed
2.1.1.1 text/plain inline size=1 "B"
2.1.1.2 image/jpeg inline attached size=1
2.1.1.3 text/plain inline size=1 "D"
2.1.2 multipart/related
2.1.2.1 text/html size=14 "E"
2.1.2.2 image/jpeg attached size=1
2.2 image/jpeg attachment attached size=1
2.3 application/x-excel attached size=1
2.4 message/rfc822 attached
2.4.1 text/plain size=1 "J"
3 text/plain inline size=1 "K"`},
		{"mime4j/00062-intermediate-boundaries.msg", `
TEXT multipart/mixed
1 text/plain size=12 "first part\n"
2 text/plain size=620 "from the rfc:`},
		{"mime4j/00006-attachment-filename-encoding-UTF8.msg", `file="attachment.äöü"`},
		{"mime4j/00005-attachment-filename-encoding-Latin1.msg", `file="attachment.äöü"`},
		{"torture-enmime/00002-bad-header-start.raw", `1 text/plain size=14 "A text section"`},
		{"torture-enmime/00003-bad-header-wrap.raw", `2 application/x-zip-compressed attachment file="7DDA4_foo_9E5D72.zip" attached size=7`},
	} {
		m := read(t, corpus.One(t, all, c.file), mime.Limits{})
		if got := tree(m); !strings.Contains(got, strings.TrimSpace(c.want)) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.file, got, c.want)
		}
	}
}

func TestOpenEncodings(t *testing.T) {
	want := strings.Repeat("Grüße = \t.\r\n", 10_000)
	for _, c := range []struct {
		e   transfer.Encoding
		raw string
	}{
		{transfer.Identity, want},
		{transfer.QuotedPrintable, strings.ReplaceAll(want, "=", "=3D")},
	} {
		p := &mime.Part{Encoding: c.e, Start: 3, End: 3 + int64(len(c.raw))}
		got, err := io.ReadAll(mime.Open(strings.NewReader("xyz"+c.raw+"tail"), p))
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, want %d, %v", c.e, len(got), len(want), err)
		}
	}
}
