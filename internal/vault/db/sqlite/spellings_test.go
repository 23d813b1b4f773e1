package sqlite_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/internal/kit/secret"
	"siegel/internal/proto/textfold"
	"siegel/internal/vault/db/sqlite"
)

// words is a projection with one table of text.
func words(t testing.TB) *sqlite.Projection {
	t.Helper()
	p, err := sqlite.OpenProjection(t.Context(), filepath.Join(t.TempDir(), "words.db"), secret.Random())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := p.Write.ExecContext(t.Context(), `CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, tokenize='spellings');
		CREATE VIRTUAL TABLE words_places USING fts5vocab(words, 'instance')`); err != nil {
		t.Fatal(err)
	}
	return p
}

// listed returns a text's words with their places, as the index has them, in order.
func listed(t testing.TB, p *sqlite.Projection, text string) (list []string) {
	t.Helper()
	if _, err := p.Write.ExecContext(t.Context(), `INSERT OR REPLACE INTO words (rowid, text) VALUES (1, $1)`, text); err != nil {
		t.Fatal(err)
	}
	rows, err := p.Write.QueryContext(t.Context(), `SELECT term, offset FROM words_places ORDER BY offset, term`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var word []byte
		var place int
		if err := rows.Scan(&word, &place); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%d %s", place, word))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Spellings of a word stand at one place, also where separators are missing or too many.
func TestSpellings(t *testing.T) {
	p := words(t)
	s := string(textfold.Spelling)
	for text, want := range map[string]string{
		"":                              "",
		" ":                             "",
		s:                               "",
		"one":                           "0 one",
		"one two one":                   "0 one,1 two,2 one",
		"gruesse" + s + "grusse aus":    "0 gruesse,0 grusse,1 aus",
		"a" + s + "b" + s + "c d":       "0 a,0 b,0 c,1 d",
		s + "a  " + s + s + "b " + s:    "0 a,1 b",
		"a " + s + "b":                  "0 a,1 b",
		"a" + s + " b":                  "0 a,1 b",
		"日 本" + s + "x":                 "0 日,1 x,1 本",
		textfold.Spellings("Grüße, Ü!"): "0 gruesse,0 grusse,1 u,1 ue",
	} {
		if got := strings.Join(listed(t, p, text), ","); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A phrase is found in every mixture of spellings, by readers of the file too.
func TestSpellingsInPhrases(t *testing.T) {
	p := words(t)
	listed(t, p, textfold.Spellings("Schöne Grüße aus Köln"))
	for match, want := range map[string]int{
		`"schone gruesse"`: 1, `"schoene grusse aus koeln"`: 1, `"schoene koeln"`: 0, `"schone grues" *`: 1, `schoene AND schone`: 1, `"schoene schone"`: 0,
	} {
		var n int
		if err := p.Read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM words WHERE words MATCH $1`, match).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d, %v", match, n, err)
		}
	}
}

// Whatever the text is, each word between separators is there, whole, at its place.
func FuzzSpellings(f *testing.F) {
	for _, s := range []string{"", "a b", "a\x1fb c", "\x1f\x1f a", "日本 \x00 x", "\xff\x1f\xfe "} {
		f.Add(s)
	}
	p := words(f)
	f.Fuzz(func(t *testing.T, text string) {
		text, _, _ = strings.Cut(text, "\x00") // where a text of SQL ends
		var want []string
		place := 0
		for group := range strings.SplitSeq(text, " ") {
			var spelled []string
			for _, w := range strings.Split(group, string(textfold.Spelling)) {
				if w != "" && len(w) < 32768 {
					spelled = append(spelled, fmt.Sprintf("%d %s", place, w))
				}
			}
			if want = append(want, spelled...); len(spelled) > 0 {
				place++
			}
		}
		got := listed(t, p, text)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}
