package charset_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"siegel/internal/proto/mime/charset"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ label, in, want string }{
		{"", "plain", "plain"},
		{"", "Grüße", "Grüße"},
		{"", "Gr\xfc\xdfe \x80", "Grüße €"},
		{"utf-8", "\xfc ü", "ü ü"},
		{"US-ASCII", "\xfc", "ü"},
		{" \"ISO-8859-1\" ", "\xfc\x80", "ü€"}, // as the WHATWG reads it
		{"iso-8859-15", "\xa4", "€"},
		{"koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"},
		{"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本"},
		{"gb2312", "\xc4\xe3", "你"},
		{"ks_c_5601-1987", "\xc7\xd1", "한"},
		{"big5", "\xa4\xa4", "中"},
		{"utf-16le", "H\x00i\x00", "Hi"},
		{"cp850", "\x81", "ü"},
		{"cp-850", "\x81", "ü"},
		{"cp1252", "\x80", "€"},
		{"x-klingon", "\xfc", "ü"},
		{strings.Repeat("x", 1000), "a", "a"},
		{"utf-16le", "\x00\xd8", "\uFFFD"},
	} {
		if got := charset.Decode(c.label, []byte(c.in)); got != c.want {
			t.Errorf("%q %q: got %q, want %q", c.label, c.in, got, c.want)
		}
	}
	if !charset.Known("UTF-8") || !charset.Known("latin1") || charset.Known("x-klingon") || charset.Known("") {
		t.Error("Known")
	}
}

func TestProperties(t *testing.T) {
	labels := []string{"", "utf-8", "iso-8859-1", "iso-2022-jp", "gbk", "gb18030", "big5", "euc-kr", "utf-16", "hz-gb-2312", "utf-7", "x"}
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SampledFrom(labels).Draw(t, "label")
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		got := charset.Decode(label, b)
		if !utf8.ValidString(got) || len(got) > 3*len(b)+3 {
			t.Fatalf("%d bytes become %d: %q", len(b), len(got), got)
		}
		r := charset.NewReader(label, iotest.HalfReader(iotest.OneByteReader(strings.NewReader(string(b)))))
		stream, err := io.ReadAll(r)
		if err != nil || string(stream) != got {
			t.Fatalf("%s: stream gives %q, %v; at once %q", label, stream, err, got)
		}
	})
}
