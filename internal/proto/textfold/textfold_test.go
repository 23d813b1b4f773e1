package textfold_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"siegel/internal/proto/textfold"
)

func TestWords(t *testing.T) {
	for _, c := range []struct{ name, text, main, alt string }{
		{"empty", "", "", ""},
		{"nothing but punctuation", " \t.,-!?\r\n", "", ""},
		{"case", "Hello WORLD", "hello world", ""},
		{"umlauts", "Müller", "mueller", "muller"},
		{"capital umlauts", "ÄRGER ÖL ÜBEL", "aerger oel uebel", "arger ol ubel"},
		{"decomposed umlaut", "Mu\u0308ller", "mueller", "muller"},
		{"decomposed with another mark below", "u\u0323\u0308b", "ueb", "ub"},
		{"umlaut with macron", "\u01d5", "ue", "u"},
		{"sharp s", "Straße", "strasse", ""},
		{"capital sharp s", "STRAẞE", "strasse", ""},
		{"ring", "Ångström", "aangstroem", "angstrom"},
		{"angstrom sign", "\u212b", "aa", "a"},
		{"nordic", "Ærø Øre cœur", "aeroe oere coeur", "aero ore coeur"},
		{"diaeresis that is no umlaut", "naïve Citroën", "naive citroen", ""},
		{"accents", "déjà-vu Český Łódź", "deja vu cesky lodz", ""},
		{"stroke letters", "Đorđe Þór ħ ŋ ı", "dorde thor h n i", ""},
		{"turkish dotted I", "İstanbul", "istanbul", ""},
		{"greek final sigma", "ΟΔΟΣ οδός", "οδοσ οδοσ", ""},
		{"cyrillic", "Привет Ёлка", "привет елка", ""},
		{"compatibility forms", "ﬁne Ⅷ ｆｕｌｌ ①", "fine viii full 1", ""},
		{"digits", "IBAN DE89 3704", "iban de89 3704", ""},
		{"mail address", "anna.berg@Example.ORG", "anna berg example org", ""},
		{"host and port", "mail.example.org:993", "mail example org 993", ""},
		{"underscore separates", "a_b", "a b", ""},
		{"apostrophe separates", "don't", "don t", ""},
		{"soft hyphen joins", "Donau\u00addampf", "donaudampf", ""},
		{"zero width joins", "a\u200bb\u200dc\ufeffd", "abcd", ""},
		{"NUL and bell are dropped", "a\x00b\x07c\x7fd", "abcd", ""},
		{"line breaks separate", "a\r\nb\u0085c\u2028d", "a b c d", ""},
		{"invalid UTF-8 separates", "a\xffb", "a b", ""},
		{"chinese", "日本語 text", "日 本 語 text", ""},
		{"beside latin", "ab中cd", "ab 中 cd", ""},
		{"kana keep their voice", "がカ゛ﾊﾟーティー", "が カ パ ー テ ィ ー", ""},
		{"thai", "ไทย", "ไ ท ย", ""},
		{"arabic without vowels", "كِتَاب", "كتاب", ""},
		{"emoji separates", "a😀b", "a b", ""},
		{"combining mark at the beginning", "\u0308a", "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			main, alt := textfold.Words(c.text)
			if main != c.main || alt != c.alt {
				t.Errorf("Words(%q) = %q, %q; want %q, %q", c.text, main, alt, c.main, c.alt)
			}
		})
	}
}

func TestWordLength(t *testing.T) {
	long := strings.Repeat("x", 100)
	main, alt := textfold.Words("a " + long + " b")
	if want := "a " + long[:textfold.MaxWord] + " b"; main != want || alt != "" {
		t.Errorf("got %q, %q", main, alt)
	}
	main, alt = textfold.Words(strings.Repeat("ü", 100) + " b")
	if main != strings.Repeat("ue", 32)+" b" || alt != strings.Repeat("u", 64)+" b" {
		t.Errorf("got %q, %q", main, alt)
	}
}

// finds is the rule of the package's comment, as naive as can be.
func finds(text, query string, prefix bool) bool {
	folded, _ := textfold.Query(query)
	list, wanted := strings.Fields(textfold.Spellings(text)), strings.Fields(folded)
	for i := range list {
		if len(wanted) > 0 && i+len(wanted) <= len(list) && follow(list[i:], wanted, prefix) {
			return true
		}
	}
	return false
}

// follow reports whether words, each in one of its spellings, are those that are wanted.
func follow(list, wanted []string, prefix bool) bool {
	for i, w := range wanted {
		begins := prefix && i == len(wanted)-1
		if !slices.ContainsFunc(strings.Split(list[i], string(textfold.Spelling)), func(s string) bool {
			return s == w || begins && strings.HasPrefix(s, w)
		}) {
			return false
		}
	}
	return true
}

func TestPromise(t *testing.T) {
	for _, c := range []struct {
		text   string
		query  string
		prefix bool
		want   bool
	}{
		{"Grüße aus München", "grüße", false, true},
		{"Grüße aus München", "gruesse", false, true},
		{"Grüße aus München", "grusse", false, true},
		{"Grüße aus München", "GRÜSSE", false, true},
		{"Grüße aus München", "munchen", false, true},
		{"Grüße aus München", "muenchen", false, true},
		{"Grüße aus München", "grusse aus munchen", false, true},
		{"Grüße aus München", "gruesse aus muenchen", false, true},
		{"Grüße aus München", "gruesse aus munchen", false, true},
		{"Grüße aus München", "grusse aus mue", true, true},
		{"Grüße aus München", "grusse munchen", false, false},
		{"Grüße aus München", "mün", true, true},
		{"Grüße aus München", "mun", true, true},
		{"Grüße aus München", "muen", true, true},
		{"Grüße aus München", "mun", false, false},
		{"Gruesse aus Muenchen", "grüße", false, true},
		{"Gruesse aus Muenchen", "münchen", false, true},
		{"Gruesse aus Muenchen", "munchen", false, false},
		{"schon gut", "schön", false, false},
		{"schon gut, Jürgen", "schön", false, false},
		{"schön", "schon", false, true},
		{"Straße", "strasse", false, true},
		{"Strasse", "straße", false, true},
		{"STRASSE", "Straße", false, true},
		{"Malmö", "malmo", false, true},
		{"København", "kobenhavn", false, true},
		{"København", "koebenhavn", false, true},
		{"Write to anna.berg@example.org!", "anna.berg@example.org", false, true},
		{"Write to anna.berg@example.org!", "berg@example", false, true},
		{"Write to anna.berg@example.org!", "example.org", false, true},
		{"Write to anna.berg@example.org!", "anna@example.org", false, false},
		{"東京都庁", "京都", false, true}, // letters, not words: known to find too much
		{"東京都庁", "都庁", false, true},
		{"東京都庁", "庁都", false, false},
		{"text", "...", false, false},
	} {
		if got := finds(c.text, c.query, c.prefix); got != c.want {
			t.Errorf("text %q, query %q (prefix %v): found %v, want %v", c.text, c.query, c.prefix, got, c.want)
		}
	}
}

func TestSpans(t *testing.T) {
	text := "Die Stra\u00dfe, na\u0308chste Gro\u00adß\u200bstadt 日本 ①½ é\u0301!"
	main, alt, spans := textfold.Spans(text)
	var got []string
	for _, s := range spans {
		got = append(got, text[s.Start:s.End])
	}
	want := []string{"Die", "Straße", "na\u0308chste", "Gro\u00adß\u200bstadt", "日", "本", "①½", "½", "é\u0301"}
	if !slices.Equal(got, want) || main != "die strasse naechste grossstadt 日 本 11 2 e" || alt != "die strasse nachste grossstadt 日 本 11 2 e" {
		t.Errorf("%q, %q, %q", got, main, alt)
	}
}

// wellFormed checks what is promised of every result.
func wellFormed(t interface{ Fatalf(string, ...any) }, text string) {
	main, alt := textfold.Words(text)
	for _, s := range []string{main, alt} {
		if !utf8.ValidString(s) {
			t.Fatalf("%q folds to invalid UTF-8: %q", text, s)
		}
		for i, w := range strings.Split(s, " ") {
			if w == "" && (s != "" || i > 0) {
				t.Fatalf("%q folds to an empty word: %q", text, s)
			}
			if utf8.RuneCountInString(w) > textfold.MaxWord {
				t.Fatalf("%q folds to a long word: %q", text, w)
			}
			if i := strings.IndexFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }); i >= 0 {
				t.Fatalf("%q folds to %q, which has no letter at %d", text, w, i)
			}
		}
		if again, alt := textfold.Words(s); again != s || alt != "" {
			t.Fatalf("%q is folded again to %q, %q", s, again, alt)
		}
	}
	again, _, spans := textfold.Spans(text)
	if n := len(strings.Fields(main)); again != main || len(spans) != n {
		t.Fatalf("%q: %d words have %d places", text, n, len(spans))
	}
	for i, s := range spans {
		if s.Start >= s.End || s.End > len(text) || i > 0 && s.Start < spans[i-1].Start {
			t.Fatalf("%q: place %d is %+v", text, i, s)
		}
	}
	if alt == main && main != "" {
		t.Fatalf("%q: alt equals main", text)
	}
	if alt != "" && strings.Count(main, " ") != strings.Count(alt, " ") {
		t.Fatalf("%q: %q and %q differ in words", text, main, alt)
	}
	one, other := apart(textfold.Spellings(text))
	if one != main || alt != "" && other != alt || alt == "" && other != main {
		t.Fatalf("%q: %q are %q and %q", text, textfold.Spellings(text), main, alt)
	}
}

// apart returns the words of an index in their one and in their other spelling.
func apart(spellings string) (one, other string) {
	var ones, others []string
	for _, w := range strings.Fields(spellings) {
		m, a, differ := strings.Cut(w, string(textfold.Spelling))
		if ones = append(ones, m); !differ {
			a = m
		}
		others = append(others, a)
	}
	return strings.Join(ones, " "), strings.Join(others, " ")
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.StringOfN(rapid.SampledFrom([]rune("aAuÜü\u0308\u030a\u0323ßøÅ .中がカ\u3099ﾞ\u00ad\u0000กเ한")), 0, 300, -1),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		).Draw(t, "text")
		wellFormed(t, text)
		// Case never matters.
		main, alt := textfold.Words(strings.ToValidUTF8(text, " "))
		folded, foldedAlt := textfold.Words(cases.Fold().String(strings.ToValidUTF8(text, " ")))
		if !longWord(main) && (main != folded || alt != foldedAlt) {
			t.Fatalf("%q folds to %q, %q, after case folding to %q, %q", text, main, alt, folded, foldedAlt)
		}
	})
}

func longWord(s string) bool {
	return slices.ContainsFunc(strings.Fields(s), func(w string) bool { return utf8.RuneCountInString(w) >= textfold.MaxWord })
}

func TestEveryLetter(t *testing.T) {
	fold := cases.Fold()
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		wellFormed(t, s)
		main, alt := textfold.Words(s)
		if m, a := textfold.Words(fold.String(s)); m != main || a != alt {
			t.Errorf("%U %q: %q, %q, case-folded %q, %q", r, s, main, alt, m, a)
		}
		if unicode.IsLetter(r) && main == "" && strings.ContainsFunc(norm.NFKD.String(s), unicode.IsLetter) {
			t.Errorf("%U %q is lost", r, s)
		}
	}
}

func TestLongRunsOfMarks(t *testing.T) {
	for _, unit := range []string{"\u0308", "中", "ü", "u\u0308", "\u0308\u0323", "\xff", "\xe4\xb8"} {
		wellFormed(t, "a"+strings.Repeat(unit, 20_000)+"b")
	}
	wellFormed(t, strings.Repeat("x", 62)+"øe")
	main, _ := textfold.Words(strings.Repeat("中", 20_000))
	if len(main) != 20_000*4-1 {
		t.Errorf("length %d", len(main))
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"", "Müller", "Mu\u0308ller Straße", "anna@example.org", "日本語", "a\x00\xff", "\u0308\u0308", "ﷺ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { wellFormed(t, text) })
}

func BenchmarkWords(b *testing.B) {
	for name, text := range map[string]string{
		"ascii":    strings.Repeat("The quick brown fox jumps over the lazy dog. ", 1000),
		"german":   strings.Repeat("Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ", 1000),
		"cyrillic": strings.Repeat("Съешь же ещё этих мягких французских булок. ", 1000),
		"chinese":  strings.Repeat("視野無限廣窗外有藍天", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				textfold.Words(text)
			}
		})
	}
}
