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
	// Blanks at both ends of a sentence count.
	if got := c.Say(text.German, " [not searchable inside]"); got != " [innen nicht durchsuchbar]" {
		t.Errorf("%q", got)
	}
}
