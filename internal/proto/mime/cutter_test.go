package mime_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/proto/mime"
	"siegel/test/corpus"
)

// cut cuts a message that is written in the given pieces.
func cut(l mime.Limits, pieces ...[]byte) []mime.Range {
	var ranges []mime.Range
	c := mime.NewCutter(l, nil, func(r mime.Range) { ranges = append(ranges, r) })
	for _, p := range pieces {
		_, _ = c.Write(p)
	}
	_ = c.Close()
	return ranges
}

// covers checks that ranges cover a message exactly.
func covers(t interface{ Fatalf(string, ...any) }, ranges []mime.Range, size int) {
	var pos int64
	for _, r := range ranges {
		if r.Start != pos || r.End <= r.Start || r.Kind == 0 || r.Kind > mime.Rest {
			t.Fatalf("range %+v does not follow %d", r, pos)
		}
		pos = r.End
	}
	if pos != int64(size) {
		t.Fatalf("ranges end at %d of %d", pos, size)
	}
}

// show prints ranges with their bytes, one a line.
func show(message string, ranges []mime.Range) string {
	var b strings.Builder
	for _, r := range ranges {
		fmt.Fprintf(&b, "%s %q\n", r.Kind, message[r.Start:r.End])
	}
	return b.String()
}

// cutCase is a message and how it is cut.
type cutCase struct{ name, message, want string }

func (c cutCase) run(t *testing.T) {
	t.Helper()
	got := show(c.message, cut(mime.Limits{}, []byte(c.message)))
	if want := strings.TrimPrefix(c.want+"\n", "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCutHeader(t *testing.T) {
	for _, c := range []cutCase{
		{"empty", "", ""},
		{"fields and body", "A: 1\r\nB: 2\r\n 3\r\n\r\nbody\r\n\r\n", `
field "A: 1\r\n"
field "B: 2\r\n 3\r\n"
header-end "\r\n"
body "body\r\n\r\n"`},
		{"bare LF", "A: 1\nB: 2\n\nbody\n", `
field "A: 1\n"
field "B: 2\n"
header-end "\n"
body "body\n"`},
		{"bare CR ends no line", "A: 1\rB: 2\r\rbody", `
field "A: 1\rB: 2\r\rbody"`},
		{"CR CR LF", "A: 1\r\r\n\r\r\nbody", `
field "A: 1\r\r\n"
header-end "\r\r\n"
body "body"`},
		{"no header", "just text here\nA: 1\n\nb", `
body "just text here\nA: 1\n\nb"`},
		{"empty line first", "\nA: 1\n\nb", `
header-end "\n"
body "A: 1\n\nb"`},
		{"mbox line", "From a@b Mon\nA: 1\n\nb", `
field "From a@b Mon\n"
field "A: 1\n"
header-end "\n"
body "b"`},
		{"line that is no field", "A: 1\nno field\nB: 2\n\nb", `
field "A: 1\n"
field "no field\n"
field "B: 2\n"
header-end "\n"
body "b"`},
		{"parameter without folding", "Content-Type: multipart/mixed;\nboundary=\"b:c\"\n\n--b:c\n\nx\n--b:c--\n", `
field "Content-Type: multipart/mixed;\nboundary=\"b:c\"\n"
header-end "\n"
delimiter "--b:c\n"
part-header "\n"
part-body "x"
delimiter "\n--b:c--\n"`},
		{"first of two types counts", "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\n", `
field "Content-Type: text/plain\n"
field "Content-Type: multipart/mixed; boundary=b\n"
header-end "\n"
body "--b\n"`},
		{"empty line with a blank", "A: 1\n \nno field\nB: 2\n", `
field "A: 1\n \n"
body "no field\nB: 2\n"`},
	} {
		t.Run(c.name, c.run)
	}
}

func TestCutParts(t *testing.T) {
	for _, c := range []cutCase{
		{"multipart", "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\nC: 1\r\nD: 2\r\n\r\none\r\n\r\n--b  \r\n\r\ntwo\r\n--b--\r\nepi\r\n--b\r\nepi\r\n", `
field "Content-Type: multipart/mixed; boundary=b\r\n"
header-end "\r\n"
preamble "pre"
delimiter "\r\n--b\r\n"
part-header "C: 1\r\nD: 2\r\n\r\n"
part-body "one\r\n"
delimiter "\r\n--b  \r\n"
part-header "\r\n"
part-body "two"
delimiter "\r\n--b--\r\n"
epilogue "epi\r\n--b\r\nepi\r\n"`},
		{"similar boundaries", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bb\n--b-\n --b\n-b\n--b--x\n--b\n\ny", `
field "Content-Type: multipart/mixed; boundary=b\n"
header-end "\n"
delimiter "--b\n"
part-header "\n"
part-body "--bb\n--b-\n --b\n-b\n--b--x"
delimiter "\n--b\n"
part-header "\n"
part-body "y"`},
		{"nested, the inner one not closed", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=oo\n\n--oo\n\nx\n--o\n\ny\n--o--", `
field "Content-Type: multipart/mixed; boundary=o\n"
header-end "\n"
delimiter "--o\n"
part-header "Content-Type: multipart/alternative; boundary=oo\n\n"
delimiter "--oo\n"
part-header "\n"
part-body "x"
delimiter "\n--o\n"
part-header "\n"
part-body "y"
delimiter "\n--o--"`},
		{"embedded message", "Content-Type: multipart/digest; boundary=o\n\n--o\n\nSubject: in\n\nhi\n--o\nContent-Type: message/rfc822\n\nA: 1\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nz\n--i--\ne\n--o--\n", `
field "Content-Type: multipart/digest; boundary=o\n"
header-end "\n"
delimiter "--o\n"
part-header "\n"
part-header "Subject: in\n\n"
part-body "hi"
delimiter "\n--o\n"
part-header "Content-Type: message/rfc822\n\n"
part-header "A: 1\nContent-Type: multipart/mixed; boundary=i\n\n"
delimiter "--i\n"
part-header "\n"
part-body "z"
delimiter "\n--i--\n"
epilogue "e"
delimiter "\n--o--\n"`},
		{"encoded message is a leaf", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogMQo=\n", `
field "Content-Type: message/rfc822\n"
field "Content-Transfer-Encoding: base64\n"
header-end "\n"
body "QTogMQo=\n"`},
		{"header ends at a delimiter", "Content-Type: multipart/mixed; boundary=b\n--b\nC: 1\n--b\n\nx", `
field "Content-Type: multipart/mixed; boundary=b\n"
delimiter "--b\n"
part-header "C: 1\n"
delimiter "--b\n"
part-header "\n"
part-body "x"`},
		{"no boundary", "Content-Type: multipart/mixed\n\n--b\n\nx", `
field "Content-Type: multipart/mixed\n"
header-end "\n"
body "--b\n\nx"`},
		{"part without a header", "Content-Type: multipart/mixed; boundary=b\n\n--b\nsome text\n\nmore\n--b--", `
field "Content-Type: multipart/mixed; boundary=b\n"
header-end "\n"
delimiter "--b\n"
part-body "some text\n\nmore"
delimiter "\n--b--"`},
	} {
		t.Run(c.name, c.run)
	}
}

func TestCutLimits(t *testing.T) {
	message := "A: 1\nB: 2\nC: 3\n\nbody"
	got := show(message, cut(mime.Limits{Ranges: 3}, []byte(message)))
	if want := "field \"A: 1\\n\"\nfield \"B: 2\\n\"\nrest \"C: 3\\n\\nbody\"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := cut(mime.Limits{Ranges: 5}, []byte(message)); len(got) != 5 || got[4].Kind != mime.Body {
		t.Errorf("a message of exactly five ranges: %v", got)
	}
	if got := cut(mime.Limits{Ranges: 1}, []byte(message)); len(got) != 1 || got[0].Kind != mime.Rest {
		t.Errorf("one range: %v", got)
	}

	deep := "Content-Type: multipart/mixed; boundary=b0\n\n"
	for i := range 40 {
		deep += fmt.Sprintf("--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
	}
	ranges := cut(mime.Limits{}, []byte(deep))
	covers(t, ranges, len(deep))
	if n := count(ranges, mime.Delimiter); n != 32 {
		t.Errorf("%d levels deep, want 32", n)
	}
	if n := count(cut(mime.Limits{Depth: 2}, []byte(deep)), mime.Delimiter); n != 2 {
		t.Errorf("%d levels deep, want 2", n)
	}
}

func count(ranges []mime.Range, k mime.Kind) (n int) {
	for _, r := range ranges {
		if r.Kind == k {
			n++
		}
	}
	return n
}

func TestCutterClosed(t *testing.T) {
	c := mime.NewCutter(mime.Limits{}, nil, func(mime.Range) {})
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write behind close: %v", err)
	}
}

func TestCutterData(t *testing.T) {
	message := "A: 1\r\n\r\nbody"
	var log []string
	c := mime.NewCutter(mime.Limits{},
		func(p []byte) { log = append(log, string(p)) },
		func(r mime.Range) { log = append(log, r.Kind.String()) })
	_, _ = io.WriteString(c, message)
	_ = c.Close()
	if want := []string{"A: 1\r\n", "field", "\r\n", "header-end", "body", "body"}; !slices.Equal(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
}

func TestCutCorpus(t *testing.T) {
	for name, b := range corpus.Messages(t) {
		whole := cut(mime.Limits{}, b)
		covers(t, whole, len(b))
		for _, size := range []int{1, 7, 100} {
			if got := cut(mime.Limits{}, slices.Collect(slices.Chunk(b, size))...); !slices.Equal(got, whole) {
				t.Errorf("%s: pieces of %d bytes are cut otherwise", name, size)
			}
		}
	}
}

// messages draws bytes that have much of a message's structure and all its damage.
func messages() *rapid.Generator[[]byte] {
	tokens := []string{
		"\r\n", "\n", "\r", "\r\n\r\n", "\n\n", " ", "\t", ":", ";", "-", "--", "\x00", "\xff", "a", "text",
		"--b", "--b--", "--bb", "--bb--", "\r\n--b\r\n", "\r\n--bb\r\n", "\n--b\n", "\r\n--b--\r\n", "\r\n--bb--\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: multipart/digest; boundary=\"bb\"\n",
		"Content-Type: multipart/encrypted; boundary=b\n\n", "Content-Type: multipart/mixed;\n", "boundary=b",
		"Content-Type: message/rfc822\r\n\r\n", "Content-Transfer-Encoding: base64\r\n", "Content-Type: text/html\n",
		"Content-Transfer-Encoding: quoted-printable\n", "Content-Transfer-Encoding: x-uuencode\n", "=3D=\r\n", "QUJD",
		"Content-Disposition: attachment; filename*=utf-8''%E4\n", "begin 644 x\n#0V%T\nend\n", "<p>x</p><script>",
		"From: =?utf-8?q?=FC?= <a@b>\r\n", "From x y\n", "Subject: s\r\n", "-----BEGIN PGP MESSAGE-----",
	}
	piece := rapid.OneOf(rapid.SampledFrom(tokens), rapid.SampledFrom(tokens), rapid.String())
	return rapid.Map(rapid.SliceOfN(piece, 0, 60), func(s []string) []byte { return []byte(strings.Join(s, "")) })
}

// split draws a way to write b in pieces.
func split(t *rapid.T, b []byte) [][]byte {
	var pieces [][]byte
	for len(b) > 0 {
		n := rapid.IntRange(1, min(len(b), 40)).Draw(t, "piece")
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return pieces
}

func TestCutProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := messages().Draw(t, "message")
		l := mime.Limits{Depth: rapid.IntRange(0, 5).Draw(t, "depth"), Ranges: rapid.IntRange(0, 20).Draw(t, "ranges")}
		whole := cut(l, b)
		covers(t, whole, len(b))
		if l.Ranges > 0 && len(whole) > l.Ranges {
			t.Fatalf("%d ranges, at most %d allowed", len(whole), l.Ranges)
		}
		if got := cut(l, split(t, b)...); !slices.Equal(got, whole) {
			t.Fatalf("cut depends on pieces:\n%s\n%s", show(string(b), got), show(string(b), whole))
		}
		var ranges []mime.Range
		if err := mime.Cut(bytes.NewReader(b), l, func(r mime.Range) { ranges = append(ranges, r) }); err != nil || !slices.Equal(ranges, whole) {
			t.Fatalf("Cut: %v, %v", ranges, err)
		}
	})
}
