package front_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
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

// AU-15: a network is counted by where somebody comes from: what a named proxy says, and
// nobody else's word.
func TestPeer(t *testing.T) {
	t.Parallel()
	c := front.Callers{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}}
	for _, one := range []struct{ from, said, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "198.51.100.1", "192.0.2.7"},
		{"127.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"127.0.0.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		{"127.0.0.1:1", "203.0.113.9, 198.51.100.1, 10.1.2.3", "198.51.100.1"},
		{"127.0.0.1:1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"127.0.0.1:1", "2001:db8::1%eth0", "2001:db8::1"},
		{"127.0.0.1:1", "", "invalid IP"},
		{"127.0.0.1:1", "unknown", "invalid IP"},
		{"10.0.0.5:1", "garbage, 10.0.0.6", "10.0.0.6"},
		{"no address", "198.51.100.1", "invalid IP"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = one.from
		if one.said != "" {
			r.Header.Set("X-Forwarded-For", one.said)
		}
		if got := c.Visitor(r).Peer.String(); got != one.want {
			t.Errorf("from %s, who says %q: %s, want %s", one.from, one.said, got, one.want)
		}
	}
}

func FuzzPeer(f *testing.F) {
	f.Add("198.51.100.1, 10.1.2.3")
	f.Add(",,::1,")
	c := front.Callers{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, said string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["X-Forwarded-For"] = []string{said}
		r.RemoteAddr = "192.0.2.7:1"
		if got := c.Visitor(r).Peer.String(); got != "192.0.2.7" {
			t.Errorf("%q is believed: %s", said, got)
		}
		r.RemoteAddr = "10.0.0.1:1"
		if a := c.Visitor(r).Peer; a.IsValid() && (a.IsLoopback() || a.Zone() != "" || a.Is4In6()) {
			t.Errorf("%q leads to %s", said, a)
		}
	})
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

// AU-07: what a page asks by itself is told from what somebody does.
func TestPoll(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		method, said string
		want         bool
	}{{http.MethodGet, "1", true}, {http.MethodGet, "", false}, {http.MethodPost, "1", false}} {
		r := httptest.NewRequestWithContext(t.Context(), one.method, "/", nil)
		r.Header.Set(front.HeaderPoll, one.said)
		if got := (front.Callers{}).Visitor(r).Poll; got != one.want {
			t.Errorf("%s %q: %v", one.method, one.said, got)
		}
	}
}
