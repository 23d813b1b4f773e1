package text_test

import (
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
