package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"siegel/internal/kit/plain"
)

// EX-05: what turns or hides text is seen; what people write stays.
func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                           "",
		"Größe 1️⃣ (neu)":            "Größe 1️⃣ (neu)",
		"a\tb":                       "a b",
		"\u202Egnp.exe":              "\uFFFDgnp.exe",
		"Bank \u202E<moc.knab@ofni>": "Bank \uFFFD<moc.knab@ofni>",
		"\u2066a\u2069\u061C":        "\uFFFDa\uFFFD\uFFFD",
		"a\u200Bb\u200Cc\u200Dd":     "a\uFFFDb\uFFFDc\uFFFDd",
		"a\u200D":                    "a\uFFFD",
		"a\r\nb\x1b[2J\x00":          "a\uFFFD\uFFFDb\uFFFD[2J\uFFFD",
		"a\u2028b\u00ADc\u3164":      "a\uFFFDb\uFFFDc\uFFFD",
		"می\u200Cخواهم":              "می\u200Cخواهم",
		"👩\u200D💻 क्\u200Dष":         "👩\u200D💻 क्\u200Dष",
		"👩\u200D\u202E💻":             "👩\uFFFD\uFFFD💻",
		"שלום עולם":                  "שלום עולם",
	} {
		got, odd := plain.Text(in)
		if got != want || odd != (want != in && in != "a\tb") || plain.Shown(in) != want {
			t.Errorf("%q is shown as %q, %v; want %q", in, got, odd, want)
		}
	}
}

// FuzzText holds that nothing hidden comes out, and as many characters as went in.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a.pdf", "\u202Egpj.exe", "👩\u200D💻", "\xff\xfe\u200D", "\u200C\u200C"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, odd := plain.Text(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) != utf8.RuneCountInString(s) {
			t.Errorf("%q is shown as %q", s, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return r != '\u200C' && r != '\u200D' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Bidi_Control, unicode.Zl, unicode.Zp))
		}) {
			t.Errorf("%q hides something still: %q", s, got)
		}
		if again, more := plain.Text(got); again != got || more {
			t.Errorf("%q again is %q", got, again)
		}
		if !odd && utf8.ValidString(s) && got != strings.ReplaceAll(s, "\t", " ") {
			t.Errorf("%q is shown as %q, and nothing was odd", s, got)
		}
	})
}
