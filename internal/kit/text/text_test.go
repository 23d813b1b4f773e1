package text_test

import (
	"strings"
	"testing"

	"siegel/internal/kit/text"
)

func TestFromEnv(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want text.Lang
	}{
		{map[string]string{}, text.English},
		{map[string]string{"LANG": "de_CH.UTF-8"}, text.German},
		{map[string]string{"LANG": "de_DE", "LC_ALL": "C"}, text.English},
		{map[string]string{"LANG": "C", "LC_MESSAGES": "de"}, text.German},
		{map[string]string{"LANG": "fr_FR.UTF-8"}, text.English},
		{map[string]string{"LANGUAGE": "de"}, text.German},
		{map[string]string{"LANGUAGE": "fr:de:en", "LANG": "en_US.UTF-8"}, text.German},
		{map[string]string{"LANGUAGE": "en", "LANG": "de_DE.UTF-8"}, text.English},
		{map[string]string{"LANGUAGE": "fr", "LANG": "de_DE.UTF-8"}, text.German},
		{map[string]string{"LANGUAGE": "de", "LC_ALL": "C"}, text.English},
	} {
		if got := text.FromEnv(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
}

func TestSay(t *testing.T) {
	c := text.New()
	if got := c.Say(text.German, "there is no person %s", "a@b"); got != "es gibt keine Person a@b" {
		t.Error(got)
	}
	// Without arguments a per cent sign is one, and what has no translation stays.
	if got := c.Say(text.German, "100% of nothing"); got != "100% of nothing" {
		t.Error(got)
	}
	// German has decimal commas, and English points.
	for l, want := range map[text.Lang]string{text.German: "  1,50 GiB, 2,5 MB, 0.1.2", text.English: "  1.50 GiB, 2.5 MB, 0.1.2"} {
		if got := c.Say(l, "%6.2f GiB, %s, %s", 1.5, text.Decimal("2.5 MB"), "0.1.2"); got != want {
			t.Errorf("%v: %q, want %q", l, got, want)
		}
	}
	// Blanks at both ends of a sentence count.
	if got := c.Say(text.German, " [not searchable inside]"); got != " [innen nicht durchsuchbar]" {
		t.Errorf("%q", got)
	}
}

// role is a word of ours that a sentence takes as an argument.
type role string

func (r role) Spoken() string { return string(r) }

// EX-17: a word of ours in a sentence is said in the language of the sentence.
func TestWordsInSentences(t *testing.T) {
	c := text.New()
	const sentence = "this needs the role %s or %s; you have the role %s"
	if got, want := c.Say(text.German, sentence, role("auditor"), role("compliance"), role("reader")), "dies braucht die Rolle Prüfer oder Compliance; Sie haben die Rolle Leser"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := c.Say(text.English, sentence, role("auditor"), role("compliance"), role("reader")), "this needs the role auditor or compliance; you have the role reader"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_960: "1.0 MB", 1_500_000: "1.5 MB", 2_000_000_000_000: "2.0 TB"} {
		if got := text.Size(n).In(text.English); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	if got := text.Size(1_500_000).In(text.German); got != "1,5 MB" {
		t.Errorf("in German %q", got)
	}
}

// sentence is one that stands in another.
type sentence struct{ text string }

func (s sentence) Sentence() (string, []any) { return s.text, []any{1.5} }

// A sentence in a sentence is said in the same language.
func TestSentencesInSentences(t *testing.T) {
	if got, want := text.New().Say(text.German, "%s: %s", "disk", sentence{"%.1f GiB are free"}), "disk: 1,5 GiB sind frei"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// EX-17: no line ends between a number and what hangs on it by a hyphen.
func TestHyphens(t *testing.T) {
	text.New().All(func(_, german string) {
		if strings.Contains(german, "%d-") {
			t.Errorf("%q: write a hyphen that does not break", german)
		}
	})
}
