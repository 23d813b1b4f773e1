package htmltext_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"siegel/internal/proto/mime/htmltext"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain  text\n here", "plain text here"},
		{"<p>one</p><p>two<br>three</p>", "one\ntwo\nthree"},
		{"in<b>si</b>de", "inside"},
		{"<td>a</td><td>b</td></tr><tr><td>c", "a b\nc"},
		{"a&nbsp;b &lt;c&gt; &uuml; &#8364;", "a\u00a0b <c> ü €"},
		{"<head><title>t</title><style>p{}</style></head>x<script>y</script>z<!-- c -->", "xz"},
		{"<script>", ""},
		{"<svg><text>no</text></svg>yes", "yes"},
		{"x<img alt='a &amp; b' src=x>y<img>z", "x a & b yz"},
		{"<pre>a\n b</pre>", "a\nb"},
		{"<div style='display:none'>hidden</div>", "hidden"},
		{"a<unclosed", "a"},
		{"<a href='javascript:x'>link</a>", "link"},
		{"\xff", "\uFFFD"},
	} {
		if got, whole := htmltext.Text(c.in, 1000); got != c.want || !whole {
			t.Errorf("%q: got %q (%v), want %q", c.in, got, whole, c.want)
		}
	}
}

func TestLimit(t *testing.T) {
	for limit := range 12 {
		got, whole := htmltext.Text("<p>größe ü", limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.Contains(got, "\uFFFD") {
			t.Errorf("limit %d: %q", limit, got)
		}
		if whole != (got == "größe ü") {
			t.Errorf("limit %d: whole %v, %q", limit, whole, got)
		}
	}
}

func TestDeclaredCharset(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<meta charset=iso-8859-2>", "iso-8859-2"},
		{"<meta http-equiv=content-type content='text/html; charset=koi8-r'>", "koi8-r"},
		{"\xef\xbb\xbfx", "utf-8"},
		{"x\xfc", ""},
	} {
		if got := htmltext.DeclaredCharset([]byte(c.in)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// TestLinear reads documents that would take hours if the work were quadratic.
func TestLinear(t *testing.T) {
	for _, unit := range []string{"<", "<a ", "<!--", "<p>", "&", "&#", "<script>", "</", "<pre>\n", "<a b='", "<![CDATA[", "<title>", "x ", "<img alt=x>", "<svg>", "\x00"} {
		start := time.Now()
		text, _ := htmltext.Text(strings.Repeat(unit, 2_000_000/len(unit)), 1<<20)
		if d := time.Since(start); d > 5*time.Second || !utf8.ValidString(text) {
			t.Errorf("%q repeated takes %v", unit, d)
		}
	}
}
