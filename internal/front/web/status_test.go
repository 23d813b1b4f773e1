package web

import (
	"net/http"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// Every kind of fault has a status of its own choosing.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, k := range fault.Kinds() {
		s := statusOf(k)
		if s < 400 || s > 599 || http.StatusText(s) == "" {
			t.Errorf("%v: %d", k, s)
		}
		if (s == http.StatusInternalServerError) != (k == fault.Internal || k == fault.Damaged) {
			t.Errorf("%v is answered with %d", k, s)
		}
	}
}

// A redirect stays on this site, whatever is asked for.
func TestInside(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"": "/", "/": "/", "/search?q=a%20b": "/search?q=a%20b", "search": "/", "//evil.example/x": "/", "https://evil.example": "/",
		`/\evil.example`: "/", `\\evil.example`: "/", "/a\nb": "/", "javascript:alert(1)": "/", "/%5c%5cevil": "/%5c%5cevil", "/x#y": "/x", "http:/x": "/", "///evil": "/",
	} {
		if got := inside(to); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

// Counts are written as people of a language write them.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got, want string
	}{
		{count(text.English, "1234567"), "1,234,567"},
		{count(text.German, "1234"), "1.234"},
		{count(text.German, "999"), "999"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// AU-09: sessions are told apart by names that people know.
func TestDevice(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":                                 "Chrome · Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0":         "Edge · Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604": "Safari · iPhone",
		"Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0":                                                                  "Firefox · Android",
		"curl/8": "curl/8", "": "",
	} {
		if got := deviceOf(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func FuzzInside(f *testing.F) {
	for _, s := range []string{"/", "//a", `/\a`, "/a?b=c", "https://a", "/\t/a", "/%2f/a", "/%2f/\xee\xee%2f/u"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := inside(to)
		if len(got) == 0 || got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("%q leads to %q", to, got)
		}
	})
}
