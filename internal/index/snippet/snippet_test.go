package snippet_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"siegel/internal/index/query"
	"siegel/internal/index/snippet"
)

func terms(t interface{ Fatalf(string, ...any) }, text string) []query.Term {
	q, err := query.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return q.Terms
}

// marked writes the marks into the text.
func marked(s snippet.Snippet) string {
	var b strings.Builder
	for _, p := range s.Pieces() {
		if p.Marked {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// A snippet has what was searched for, in whatever spelling, and nothing else is
// marked.
func TestCut(t *testing.T) {
	long := strings.Repeat("eins zwei drei ", 40)
	for _, c := range []struct {
		query, text, want string
		found             bool
	}{
		{"strasse", "In der\r\n Straße  nach Köln", "In der [Straße] nach Köln", true},
		{`"koeln grusst"`, "Köln grüßt: Köln gruesst", "[Köln grüßt]: Köln gruesst", true},
		{"koln OR koeln", "nach Ko\u0308ln, Köln", "nach [Ko\u0308ln], [Köln]", true},
		{`"b c"`, "b a b c c b", "b a [b c] c b", true},
		{"au*", "das Auto <b>auch</b>", "das [Auto] <b>[auch]</b>", true},
		{"a b", "b, a", "[b], [a]", true},
		{"-b subject:c from:d", "b c d", "b c d", false},
		{"body:b", "a b", "a [b]", true},
		{"x", "kurz", "kurz", false},
		{"x", "", "", false},
		{"ziel", long + "das Ziel ist " + long, "… eins zwei drei eins zwei drei eins zwei drei das [Ziel] ist " + strings.Repeat("eins zwei drei ", 9) + "eins …", true},
	} {
		s, found := snippet.Cut(c.text, terms(t, c.query), "body")
		if got := marked(s); got != c.want || found != c.found {
			t.Errorf("%s in %.40q:\n got %q, %v\nwant %q", c.query, c.text, got, found, c.want)
		}
	}
	far := strings.Repeat("wort ", 100_000) + "nadel " + strings.Repeat("wort ", 1000)
	if s, found := snippet.Cut(far, terms(t, "nadel"), "body"); !found || !strings.Contains(marked(s), "[nadel]") {
		t.Errorf("far behind: %q", marked(s))
	}
	if got := marked(snippet.Whole("Re: Straße", terms(t, "subject:strasse from:re"), "subject")); got != "Re: [Straße]" {
		t.Errorf("a subject: %q", got)
	}
}

// Whatever the text, a snippet is short, on one line, valid, and its marks lie in it,
// apart from each other.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringOfN(rapid.SampledFrom([]rune("ab üß\u0308\n\t.中\u00ad\u200b")), 0, 2000, -1),
			rapid.String(),
		).Draw(t, "text")
		q := rapid.SampledFrom([]string{"a", "a*", `"a b"`, "u OR b", "ss", "中", "bü*"}).Draw(t, "query")
		s, found := snippet.Cut(text, terms(t, q), "body")
		n := utf8.RuneCountInString(s.Text)
		if n > snippet.Width+4 || !utf8.ValidString(s.Text) || strings.ContainsAny(s.Text, "\n\t") {
			t.Fatalf("%q: %q", text, s.Text)
		}
		if found != (len(s.Marks) > 0) {
			t.Fatalf("%q: found %v, marks %v", text, found, s.Marks)
		}
		at := 0
		for _, m := range s.Marks {
			if m.At < at || m.Length < 1 || m.At+m.Length > n {
				t.Fatalf("%q: marks %v in %q", text, s.Marks, s.Text)
			}
			at = m.At + m.Length
		}
	})
}
