package transfer_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/proto/mime/transfer"
)

// decode decodes all pieces.
func decode(e transfer.Encoding, pieces ...[]byte) []byte {
	d := transfer.NewDecoder(e)
	var out []byte
	for _, p := range pieces {
		out = d.Decode(out, p)
	}
	return d.End(out)
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		e        transfer.Encoding
		in, want string
	}{
		{transfer.Base64, "", ""},
		{transfer.Base64, "QUJD\r\nREVG", "ABCDEF"},
		{transfer.Base64, "QQ==", "A"},
		{transfer.Base64, "QQ", "A"},
		{transfer.Base64, "QUI", "AB"},
		{transfer.Base64, "QQ==QQ==", "AA"},
		{transfer.Base64, "Q!U\x00J*D", "ABC"},
		{transfer.Base64, "-_-_", "\xfb\xff\xbf"},
		{transfer.Base64, "=", ""},
		{transfer.Base64, "Q", ""},
		{transfer.QuotedPrintable, "a=3Db=3db", "a=b=b"},
		{transfer.QuotedPrintable, "a=\r\nb=\nc=  \r\nd", "abcd"},
		{transfer.QuotedPrintable, "a \t\r\nb \nc ", "a\r\nb\nc"},
		{transfer.QuotedPrintable, "a=zz=3z=", "a=zz=3z"},
		{transfer.QuotedPrintable, "a= b", "a= b"},
		{transfer.QuotedPrintable, "==3D=4", "===4"},
		{transfer.QuotedPrintable, "=\r=3D", "=\r="},
		{transfer.QuotedPrintable, "\xfc\x00", "\xfc\x00"},
		{transfer.UUEncode, "junk\r\nbegin 644 x\r\n%2&5L;&\\\r\n`\r\nend\r\njunk\r\n", "Hello"},
		{transfer.UUEncode, "begin 644 x\n%2&5L;&\\", "Hello"},
		{transfer.UUEncode, "no begin\n%2&5L;&\\\n", ""},
	} {
		if got := string(decode(c.e, []byte(c.in))); got != c.want {
			t.Errorf("%v %q: got %q, want %q", c.e, c.in, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]transfer.Encoding{
		"": transfer.Identity, "7bit": transfer.Identity, "BASE64": transfer.Base64, "base64;": transfer.Base64,
		"Quoted-Printable (x)": transfer.QuotedPrintable, "quoted- printable": transfer.QuotedPrintable,
		"X-UUEncode": transfer.UUEncode, "zip": transfer.Identity,
	} {
		if got := transfer.Parse(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestProperties(t *testing.T) {
	encodings := []transfer.Encoding{transfer.Base64, transfer.QuotedPrintable, transfer.UUEncode}
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(encodings).Draw(t, "encoding")
		b := rapid.OneOf(rapid.SliceOf(rapid.Byte()),
			rapid.SliceOf(rapid.SampledFrom([]byte("=3Dd \t\r\nAQ+/-_\x00begin 64#`")))).Draw(t, "bytes")
		whole := decode(e, b)
		if len(whole) > len(b) {
			t.Fatalf("%d bytes become %d", len(b), len(whole))
		}
		k := rapid.IntRange(0, len(b)).Draw(t, "cut")
		if got := decode(e, b[:k], b[k:]); !bytes.Equal(got, whole) {
			t.Fatalf("in two pieces %q, at once %q", got, whole)
		}
		if got, err := io.ReadAll(transfer.NewReader(e, bytes.NewReader(b))); err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("read %q, %v; at once %q", got, err, whole)
		}
		// What others encode we decode.
		if got := decode(transfer.Base64, []byte(base64.StdEncoding.EncodeToString(b))); !bytes.Equal(got, b) {
			t.Fatalf("base64: %q, want %q", got, b)
		}
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		_, _ = w.Write(b)
		_ = w.Close()
		if got := decode(transfer.QuotedPrintable, qp.Bytes()); !bytes.Equal(got, b) {
			t.Fatalf("quoted-printable: %q, want %q", got, b)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := bytes.Repeat([]byte("Etwas Text mit Umlauten: äöü, und noch etwas mehr davon.\r\n"), 1000)
	var lines, qp bytes.Buffer
	for s := base64.StdEncoding.EncodeToString(raw); len(s) > 0; {
		n := min(76, len(s))
		lines.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	w := quotedprintable.NewWriter(&qp)
	_, _ = w.Write(raw)
	_ = w.Close()
	for e, in := range map[transfer.Encoding][]byte{
		transfer.Base64: lines.Bytes(), transfer.QuotedPrintable: qp.Bytes(),
		transfer.UUEncode: []byte("begin 644 x\n" + strings.Repeat("M"+strings.Repeat("5", 60)+"\n", 1000)),
	} {
		b.Run(e.String(), func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			var out []byte
			for b.Loop() {
				d := transfer.NewDecoder(e)
				out = d.End(d.Decode(out[:0], in))
			}
		})
	}
}
