package header_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"siegel/internal/proto/mime/header"
)

func TestNew(t *testing.T) {
	for _, c := range []struct{ in, name, raw, value string }{
		{"Subject: Hello\r\n", "Subject", " Hello", "Hello"},
		{"Subject : a\r\n\tb  c\r\n", "Subject", " a\r\n\tb  c", "a b  c"},
		{" From: x\n", "From", " x", "x"},
		{"From a@b Mon\n", "", "From a@b Mon", "From a@b Mon"},
		{"a=b: c\n", "", "a=b: c", "a=b: c"},
		{"X:\n", "X", "", ""},
		{"X: a\x00b\x7f\x1bc\xc2\x85d\n", "X", " a\x00b\x7f\x1bc\xc2\x85d", "abcd"},
		{"X: Gr\xfc\xdfe Grüße\n", "X", " Gr\xfc\xdfe Grüße", "Grüße Grüße"},
	} {
		f := header.New([]byte(c.in))
		if f.Name != c.name || string(f.Raw) != c.raw || f.Value != c.value {
			t.Errorf("%q: got %q %q %q", c.in, f.Name, f.Raw, f.Value)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"=?utf-8?q?caf=C3=A9?=", "café"},
		{"=?UTF-8?B?w7w=?= =?utf-8?b?w58=?=", "üß"},
		{"=?utf-8?b?w?= =?utf-8?b?7w=?=", "ï"}, // half a byte, and one that is no UTF-8
		{"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"},
		{"=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "aü"},
		{"a =?utf-8?q?b?= c", "a b c"},
		{"=?utf-8*de?q?b?=", "b"},
		{"=?x-klingon?q?=FC?=", "ü"},
		{"=?utf-8?x?b?=", "=?utf-8?x?b?="},
		{"=?utf-8?q?unterminated", "=?utf-8?q?unterminated"},
		{"=?utf-8?q?two=0D=0AX-Evil:_1?=", "two  X-Evil: 1"},
		{"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"},
		{"=?gb2312?b?xOO6ww==?=", "你好"},
		{"=?utf-8?q?=zz?=", "=zz"},
	} {
		if got := header.Text([]byte(c.in)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestParseMedia(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"text/plain; charset=utf-8", "text/plain charset=utf-8"},
		{"Text/HTML ; Charset=\"UTF-8\"; format=flowed", "text/html charset=UTF-8 format=flowed"},
		{"attachment; filename=my file (1).pdf; size=3", "attachment filename=my file (1).pdf size=3"},
		{`attachment; filename="C:\dir\x.txt"`, `attachment filename=C:\dir\x.txt`},
		{`attachment; filename="a\"b.txt"`, `attachment filename=a"b.txt`},
		{"attachment; filename=\"open", "attachment filename=open"},
		{"filename=x.pdf", " filename=x.pdf"},
		{"a/b; x=1; x=2", "a/b x=1"},
		{"a/b; n=plain; n*=utf-8''%C3%BC", "a/b n=ü"},
		{"a/b; n*1=b; n*0=a; n*3=d", "a/b n=ab"},
		{"a/b; n*0*=utf-8'en'%C3; n*1*=%BC; n*2=%41", "a/b n=ü%41"},
		{"a/b; n*=iso-8859-1''%FC%zz", "a/b n=ü%zz"},
		{"a/b; n=\"=?iso-8859-1?q?=FC?=\"", "a/b n=ü"},
		{"a/b; n=\xfc", "a/b n=ü"},
		{"", ""},
	} {
		m := header.ParseMedia([]byte(c.in))
		got := m.Type
		for _, p := range m.Params {
			got += " " + p.Name + "=" + p.Value
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	m := header.ParseMedia([]byte("a/b; boundary=\"\xff\x80\""))
	if string(m.Raw("boundary")) != "\xff\x80" {
		t.Errorf("raw boundary %q", m.Raw("boundary"))
	}
}

func TestFileName(t *testing.T) {
	for _, c := range []struct{ disposition, contentType, want string }{
		{"attachment; filename=a", "x/y; name=b", "a"},
		{"attachment", "x/y; name=b", "b"},
		{"attachment; filename=\"../../etc/passwd\"", "", "passwd"},
		{`attachment; filename="C:\x\y.exe"`, "", "y.exe"},
		{"attachment; filename=" + strings.Repeat("ü", 600), "", strings.Repeat("ü", 512)},
		{"", "", ""},
	} {
		got := header.FileName(header.ParseMedia([]byte(c.disposition)), header.ParseMedia([]byte(c.contentType)))
		if got != c.want {
			t.Errorf("%q %q: got %q, want %q", c.disposition, c.contentType, got, c.want)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a@b", "<a@b>"},
		{"A B <a@b>, c@d (C D)", "A B<a@b> C D<c@d>"},
		{"a@b; c@d", "<a@b> <c@d>"},
		{"a@b c@d", "<a@b> <c@d>"},
		{"A <a@b> B <c@d>", "A<a@b> B<c@d>"},
		{"<a@b> c@d, e@f <g@h>", "c@d<a@b> <c@d> e@f<g@h>"},
		{"John Doe john@x.test", "John Doe<john@x.test>"},
		{"\"Doe, John\" <j@x>", "Doe, John<j@x>"},
		{"=?utf-8?q?Doe,_John?= <j@x>", "Doe, John<j@x>"},
		{"=?utf-8?q?evil=40x=2C?= <j@x>", "evil@x,<j@x>"},
		{"\"john doe\"@x.test", "<\"john doe\"@x.test>"},
		{"<\"a>b\"@x.test>", "<\"a>b\"@x.test>"},
		{"<@r,@s:a@b>", "<a@b>"},
		{"<a@b, c@d", "<a@b> <c@d>"},
		{"<a@b <c@d>", "<a@b> <c@d>"},
		{"G: a@b, C <c@d>;, e@f", "[G]<a@b> [G]C<c@d> <e@f>"},
		{"undisclosed-recipients:;", ""},
		{"a@[IPv6:::1]", "<a@[IPv6:::1]>"},
		{"MAILER-DAEMON", "MAILER-DAEMON<>"},
		{"a @ b . c", "<a@b.c>"},
		{"((((((", "(((((<>"},
		{"\"\\", "\\<>"},
	} {
		var got []string
		for _, a := range header.ParseAddresses([]byte(c.in)) {
			s := a.Name + "<" + a.Addr + ">"
			if a.Group != "" {
				s = "[" + a.Group + "]" + s
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, want %q", c.in, strings.Join(got, " "), c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	fields := []header.Field{
		header.New([]byte("To: A@B.test, \"c\"@d.test., a@b.TEST")),
		header.New([]byte("CC: x@Müller.example, y@xn--mller-kva.example, nobody")),
		header.New([]byte("Subject: s@t.test")),
		header.New([]byte("to: e@f.test")),
	}
	got := header.Addresses(fields, "To", "Cc")
	want := []string{"a@b.test", "c@d.test", "x@xn--mller-kva.example", "y@xn--mller-kva.example", "e@f.test"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var many strings.Builder
	many.WriteString("To: ")
	for i := range 12_000 {
		fmt.Fprintf(&many, "a%d@b.test, ", i)
	}
	if got := header.Addresses([]header.Field{header.New([]byte(many.String()))}, "To"); len(got) != header.MaxAddresses {
		t.Errorf("%d addresses", len(got))
	}
}

func TestDate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T10:52:37+02:00"},
		{"Tue Jul  1 10:52:37 2003", "2003-07-01T10:52:37Z"},
		{"2003-07-01T10:52:37+02:00", "2003-07-01T10:52:37+02:00"},
		{"2003-07-01 10:52:37", "2003-07-01T10:52:37Z"},
		{"1-Jul-03 10:52:37 EST", "2003-07-01T10:52:37-05:00"},
		{"Di, 1 Okt 2003 10:52 MEZ", "2003-10-01T10:52:00+01:00"},
		{"1 Jul 2003 10:52:37 PM", "2003-07-01T22:52:37Z"},
		{"1 Jul 2003 10:52:60 +0000", "2003-07-01T10:52:59Z"},
		{"1 Jul 2003 10:52:37 -600", "2003-07-01T10:52:37-06:00"},
		{"31 Feb 2003 10:52:37", ""},
		{"1 Jul 2003", ""},
		{"yesterday", ""},
		{"", ""},
		{"1 Jul 0001 10:00:00", ""},
	} {
		got := ""
		if d, ok := header.Date([]byte(c.in)); ok {
			got = d.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// sound checks what is promised for any value.
func sound(t interface{ Fatalf(string, ...any) }, raw []byte) {
	ok := func(what, s string) {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%s of %q: %q", what, raw, s)
		}
	}
	f := header.New(slices.Clone(raw))
	ok("name", f.Name)
	ok("value", f.Value)
	m := header.ParseMedia(raw)
	ok("type", m.Type)
	for _, p := range m.Params {
		ok("parameter", p.Name)
		ok("parameter", p.Value)
	}
	ok("file name", header.FileName(m, m))
	for _, a := range header.ParseAddresses(raw) {
		ok("address", a.Name)
		ok("address", a.Addr)
		ok("address", a.Group)
		n := header.NormalAddress(a.Addr)
		ok("address", n)
		if header.NormalAddress(n) != n {
			t.Fatalf("%q is normalised to %q, then to %q", a.Addr, n, header.NormalAddress(n))
		}
	}
	for _, id := range header.IDs(raw) {
		ok("identifier", id)
	}
	_, _ = header.Date(raw)
}

func TestProperties(t *testing.T) {
	tokens := []string{
		"=?utf-8?q?", "?=", "=?", "?b?", "=FC", " ", "\r\n ", "<", ">", "@", ",", ";", ":", "\"", "\\", "(", ")", ".",
		"name*0*=", "name*1=", "filename=", "utf-8''", "%FC", "a", "b.c", "\xff", "\x00", "Jul", "2003", "10:52", "ü", "[", "]",
	}
	piece := rapid.OneOf(rapid.SampledFrom(tokens), rapid.SampledFrom(tokens), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		sound(t, []byte(strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces"), "")))
	})
}

// TestLinear reads values of a million bytes that would take hours if the
// work were quadratic.
func TestLinear(t *testing.T) {
	for _, unit := range []string{
		"=?", "=?a?q?", "=?a?q?x?=", "=?a?x?", "<", "(", "\"", "a@b ", "a@b,", "<a@b", ":", "a:", "@", "a=b;", "a=b ", "a ", ";", "%", "\\",
		"x*0*=a;", "\r\n ", "\xff", "<>", "1 ", "a@\"", "=?utf-8?b?", "[",
	} {
		raw := []byte(strings.Repeat(unit, 1_000_000/len(unit)))
		start := time.Now()
		sound(t, raw)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q repeated takes %v", unit, d)
		}
	}
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		"a@b", "A B <a@b>, \"x, y\" <c@d> (e)", "G: a@b;", "<@r:a@b>", "=?utf-8?q?a=2C?= <b@c>", "\"a\"@[1.2.3.4]",
		"a/b; n*0*=utf-8''%C3; n*1=x; m=\"y", "Tue, 1 Jul 2003 10:52:37 +0200", "<a@b> <c@d>", "x@ü.example", "0@\xc3.p.\xad",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { sound(t, raw) })
}
