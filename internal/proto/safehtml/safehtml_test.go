package safehtml_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"siegel/internal/proto/safehtml"
)

// inert fails where what came out has anything that runs, loads, sends or covers: it reads
// the output as a browser does, and lists what is allowed once more, on its own.
func inert(t testing.TB, what, out string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	scheme := regexp.MustCompile(`^(https?://[a-z0-9._-]+(:[0-9]+)?([/?#].*)?|mailto:.+|tel:.+)$`)
	picture := regexp.MustCompile(`^(/part/[a-z0-9]+|data:image/(png|gif|jpeg|jpg|webp);base64,[A-Za-z0-9+/= \r\n\t]*)$`)
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			if n.Type != html.TextNode {
				t.Errorf("%s: a node of type %d in %s", what, n.Type, out)
			}
			continue
		}
		if n.Namespace != "" || strings.Contains(" script style iframe frame object embed form input button select textarea svg math meta link base template video audio noscript canvas dialog ", " "+n.Data+" ") {
			t.Errorf("%s: <%s> in %s", what, n.Data, out)
		}
		for _, a := range n.Attr {
			lower := strings.ToLower(a.Val)
			switch {
			case a.Namespace != "", strings.HasPrefix(a.Key, "on"), strings.Contains(" id name class srcset formaction action background poster ping xlink:href srcdoc ", " "+a.Key+" "):
				t.Errorf("%s: %s=%q in %s", what, a.Key, a.Val, out)
			case a.Key == "href" && !scheme.MatchString(a.Val), a.Key == "src" && !picture.MatchString(a.Val):
				t.Errorf("%s: %s=%q in %s", what, a.Key, a.Val, out)
			case a.Key == "style" && regexp.MustCompile(`url|expression|import|javascript|behavior|binding|position|z-index|\\\\|/\*|@|[<>{}]`).MatchString(lower):
				t.Errorf("%s: style=%q", what, a.Val)
			}
		}
	}
}

func parts(id string) (string, bool) { return "/part/1", id == "a@b" }

// The vectors of DOMPurify: nothing of them survives that runs or loads.
func TestVectors(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SIEGEL_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	b, err := os.ReadFile(filepath.Join(dir, "vectors", "dompurify", "expect.json"))
	if err != nil {
		t.Skip("the folder with vectors is not here")
	}
	var list []struct{ Title, Payload string }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d vectors", len(list))
	}
	for _, v := range list {
		out, _ := safehtml.Clean(v.Payload, safehtml.Options{Image: parts})
		inert(t, v.Title+": "+v.Payload, out)
	}
}

// What mail looks like stays, what does more goes.
func TestClean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"text":               {"a <b>b</b> &lt;c&gt; &amp;", "a <b>b</b> &lt;c&gt; &amp;"},
		"document":           {`<html><head><title>t</title><style>b{}</style></head><body bgcolor=#fff><p align=center>a`, `<div bgcolor="#fff"><p align="center">a</p></div>`},
		"table":              {`<table border=1 onclick=x()><tr><td colspan=2 style="color:red;position:fixed">a`, `<table border="1"><tbody><tr><td colspan="2" style="color: red">a</td></tr></tbody></table>`},
		"script":             {`a<script>alert(1)</script><img src=x onerror=alert(1)>b`, "ab"},
		"form":               {`<form action=//evil><p>a</p><input name=password><button>go</button></form>`, "<p>a</p>"},
		"link":               {`<a href="https://a.example/x?y=1&z">a</a>`, `<a href="https://a.example/x?y=1&amp;z" rel="noopener noreferrer nofollow" target="_blank">a</a>`},
		"script in a link":   {"<a href=\"java\tscript:alert(1)\">a</a>", "<a>a</a>"},
		"data in a link":     {`<a href="data:text/html,x">a</a>`, "<a>a</a>"},
		"password in one":    {`<a href="https://bank.example@evil.example/">a</a>`, "<a>a</a> [https://bank.example@evil.example/]"},
		"an underscore":      {`<a href="https://my_host.example.com/x">a</a>`, `<a href="https://my_host.example.com/x" rel="noopener noreferrer nofollow" target="_blank">a</a>`},
		"many hyphens":       {`<a href="https://r3---a.example/">a</a>`, `<a href="https://r3---a.example/" rel="noopener noreferrer nofollow" target="_blank">a</a>`},
		"a percent sign":     {`<a href="https://ok.example/100%?a=%zz%20">a</a>`, `<a href="https://ok.example/100%25?a=%25zz%20" rel="noopener noreferrer nofollow" target="_blank">a</a>`},
		"no host":            {"<a href=\"https://a\u202Eb c.example/x\">a</a>", "<a>a</a> [https://a\uFFFDb c.example/x]"},
		"shown already":      {`<a href="http://[x">http://[x</a>`, `<a>http://[x</a>`},
		"of another program": {`<a href="ftp://a.example/x">a</a>`, "<a>a</a> [ftp://a.example/x]"},
		"a place in it":      {`<a href="#top">a</a>`, "<a>a</a>"},
		"a long one":         {`<a href="https://a.example/` + strings.Repeat("x", 5000) + `">a</a>`, `<a href="https://a.example/` + strings.Repeat("x", 5000) + `" rel="noopener noreferrer nofollow" target="_blank">a</a>`},
		"picture of its own": {`<img src="cid:a@b" alt=x width=10>`, `<img alt="x" width="10" src="/part/1">`},
		"of another":         {`<img src="cid:c@d">`, ""},
		"picture elsewhere":  {`a<img src="https://t.example/x.gif" alt="logo">`, "a[logo]"},
		"picture in itself":  {`<img src="data:image/png;base64,iVBO">`, `<img src="data:image/png;base64,iVBO">`},
		"drawing in itself":  {`<img src="data:image/svg+xml;base64,PHN2Zz4=">`, ""},
		"hidden":             {`<p style="display:none;font-size:0;color:#0000;opacity:0;text-indent:-99em;margin:-4px;font-weight:bold">a</p>`, `<p style="font-weight: bold">a</p>`},
		"hidden otherwise":   {`<p style="font:1px serif;max-width:0;line-height:0.1px;color:transparent">a</p>`, "<p>a</p>"},
		"escapes":            {`<p style="colo\r:red;background-color:u\72l(x);width:calc(1px);color:/**/red">a</p>`, "<p>a</p>"},
		"nested":             {`<svg><style><img src=x onerror=alert(1)></style></svg><math><mtext><b>x`, ""},
		"comment":            {"a<!-- <script> -->b<!--[if mso]>c<![endif]-->", "ab"},
		"first line of pre":  {"<pre>\n\na</pre>", "<pre>\n\na</pre>"},
	} {
		out, _ := safehtml.Clean(c.in, safehtml.Options{Image: parts})
		want := c.want
		if out != want && out != "<div>"+want+"</div>" {
			t.Errorf("%s: %s, want %s", name, out, want)
		}
		inert(t, name, out)
	}
}

// Pictures from elsewhere are counted, and loaded when they are asked for; hosts that are
// not what they seem are odd.
func TestFound(t *testing.T) {
	t.Parallel()
	const in = `<img src="http://t.example/1"><img src="//t.example/2"><img src="https://u:p@t.example/3">
		<a href="https://a.example/">a</a><a href="https://xn--pple-43d.example/">apple</a><a href="https://аpple.example/">a</a><a href="https://evil.example/">https://bank.example/login</a><a href="https://www.a.example">www.a.example</a>`
	out, f := safehtml.Clean(in, safehtml.Options{})
	if f.Remote != 3 || strings.Contains(out, "t.example") {
		t.Errorf("%d from elsewhere: %s", f.Remote, out)
	}
	out, _ = safehtml.Clean(in, safehtml.Options{Remote: true})
	if strings.Count(out, "<img") != 2 || !strings.Contains(out, `src="https://t.example/2"`) {
		t.Errorf("asked for: %s", out)
	}
	var odd []string
	for _, l := range f.Links {
		if l.Odd {
			odd = append(odd, l.Host)
		}
	}
	if len(f.Links) != 5 || strings.Join(odd, " ") != "xn--pple-43d.example xn--pple-43d.example evil.example" {
		t.Errorf("%+v", f.Links)
	}
}

// A text, or what stands for a picture, that names the host of somebody else is told; what
// only looks like a host is not.
func TestNamesAnother(t *testing.T) {
	t.Parallel()
	for text, odd := range map[string]bool{
		"paypal.com": true, "PayPal.Com/login": true, "Visit https://www.bank.example now": true, "info@bank.example": true, "bank.example": true,
		`<img src="cid:a@b" alt="https://www.bank.example">`: true, `<img src="https://t.example/x" alt="bank.de">`: true, "<b>pay</b>pal.com": true,
		"pay\u200Bpal.com": true, "(www.bank.de)": true, "https://bank.de@evil.com": true, "click„bank.de“": true, strings.Repeat("a ", 500) + "bank.de": true,
		"http://10.0.0.1/x": true, "p\u0430ypal.com": true, "https://bank.de:8443": true, "see bank.co.uk.": true, "bank。de": true, "\U0001F512bank.de": true,
		"a": false, "v1.2": false, "Node.js": false, "report.pdf": false, "photos.zip": false, "evil.com": false, "https://WWW.evil.com/x": false, "me@evil.com": false,
		"z.B. heute": false, "e.g. this...": false, "10.0.0.1": false, "3.5.2026": false, "Dr.Huber": false, "first.last@evil.com": false, "evil.com<br>More": false,
		"<style>a.de</style>here": false, "12.30 Uhr": false, "1.234,56 €": false, ".com": false, "http://": false, "@": false, "co.uk": false,
	} {
		out, f := safehtml.Clean(`<a href="https://click.evil.com/x">`+text+"</a>", safehtml.Options{Image: parts})
		if len(f.Links) != 1 || f.Links[0].Odd != odd {
			t.Errorf("%q: %+v, want %v: %s", text, f.Links, odd, out)
		}
	}
	for to, want := range map[string]int{"mailto:evil@x.com": 1, "mailto:info@bank.de?subject=a": 0, "mailto:?subject=a": 0, "tel:+41": 0} {
		if _, f := safehtml.Clean(`<a href="`+to+`">info@bank.de</a>`, safehtml.Options{}); len(f.Links) != want {
			t.Errorf("%s: %+v", to, f.Links)
		}
	}
}

// A link whose address cannot be opened safely is counted, unless it is a program.
func TestLost(t *testing.T) {
	t.Parallel()
	out, f := safehtml.Clean(`<a href="https://u:p@a.example/">a</a><a href="javascript:x">b</a><a href="https://[::1]/">c</a><a href="https:///x">d</a><a href="https://a.example/`+strings.Repeat("x", 100<<10)+`">e</a>`, safehtml.Options{})
	if f.Lost != 4 || len(f.Links) != 0 || len(out) > 1000 || !strings.Contains(out, "x…]") {
		t.Errorf("%d lost, %d links, %d octets", f.Lost, len(f.Links), len(out))
	}
}

// Bounds: what is too long or too deep is cut, and said.
func TestBounds(t *testing.T) {
	t.Parallel()
	out, f := safehtml.Clean(strings.Repeat("<p>ä", safehtml.MaxInput/4), safehtml.Options{})
	if !f.Cut || len(out) == 0 {
		t.Error("it is not cut")
	}
	_, f = safehtml.Clean(strings.Repeat("<div>", 100_000), safehtml.Options{})
	if !f.Cut {
		t.Error("deep nesting is not said")
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"<p>a", `<a href="https://a.example">`, `<img src="cid:a@b">`, `<p style="color:red">`, "<svg><p>", "<table><a><td>", "<pre>\n\n", "<select><b>", "<!--x--><plaintext>y", `<a href="https://a_b.example/100%">bank.de</a>`, `<a href="http://[x%">y</a>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out, _ := safehtml.Clean(s, safehtml.Options{Image: parts})
		inert(t, s, out)
	})
}
