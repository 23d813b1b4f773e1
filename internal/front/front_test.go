package front_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"siegel/internal/front"
	"siegel/internal/kit/fault"
)

// Every kind of fault has a status of its own choosing.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, k := range fault.Kinds() {
		s := front.Status(k)
		if s < 400 || s > 599 || http.StatusText(s) == "" {
			t.Errorf("%v: %d", k, s)
		}
		if (s == http.StatusInternalServerError) != front.Broken(k) {
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
		if got := front.Inside(to); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

// A clock is where a known zone is, and otherwise at UTC.
func TestZone(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"Europe/Zurich": "Europe/Zurich", "Europe%2FZurich": "Europe/Zurich", "": "UTC", "Local": "UTC", "../../etc/passwd": "UTC", "Nowhere/Never": "UTC", "%zz": "UTC",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: "siegel-zone", Value: said})
		if got := (front.Callers{}).Zone(r).String(); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
	}
}

func FuzzInside(f *testing.F) {
	for _, s := range []string{"/", "//a", `/\a`, "/a?b=c", "https://a", "/\t/a", "/%2f/a", "/%2f/\xee\xee%2f/u"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := front.Inside(to)
		if len(got) == 0 || got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("%q leads to %q", to, got)
		}
	})
}
