package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	for address, ok := range map[string]bool{
		"93.184.216.34:80": true, "[2606:2800:220:1:248:1893:25c8:1946]:443": true,
		"127.0.0.1:80": false, "10.1.2.3:80": false, "172.16.0.1:80": false, "192.168.1.1:80": false, "169.254.169.254:80": false,
		"0.0.0.0:80": false, "100.64.0.1:80": false, "224.0.0.1:80": false, "255.255.255.255:80": false, "198.18.0.1:80": false,
		"[::1]:80": false, "[::]:80": false, "[fe80::1%eth0]:80": false, "[fc00::1]:80": false, "[::ffff:127.0.0.1]:80": false,
		"[64:ff9b::7f00:1]:80": false, "[2002:7f00:1::]:80": false, "nonsense": false,
	} {
		if err := guard(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// The addresses of lists come from certificates: they do not lead inside, but
// to the host that the operator named himself.
func TestFetch(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/to/") {
			http.Redirect(w, r, strings.TrimPrefix(r.URL.Path, "/to/"), http.StatusFound)
			return
		}
		if r.URL.Path == "/large" {
			_, _ = w.Write(make([]byte, maxList+1))
			return
		}
		_, _ = w.Write([]byte("list"))
	}))
	defer inside.Close()
	public, err := New("https://tsa.example/stamp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := public.Fetch(t.Context(), inside.URL); !errors.Is(err, ErrGuard) {
		t.Errorf("inside: %v", err)
	}
	own, err := New(inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := own.Fetch(t.Context(), inside.URL+"/a.crl"); err != nil || string(b) != "list" {
		t.Errorf("own host: %q, %v", b, err)
	}
	for _, bad := range []string{
		inside.URL + "/to/http://[::1]:1/", inside.URL + "/to/file:///etc/passwd", "file:///etc/passwd", "ldap://lists.example/", "http://u:p@lists.example/", inside.URL + "/large", "::",
	} {
		if b, err := own.Fetch(t.Context(), bad); err == nil {
			t.Errorf("%s: %q", bad, b)
		}
	}
}

func TestPost(t *testing.T) {
	hits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		case "/broken":
			w.WriteHeader(http.StatusBadGateway)
		case "/large":
			_, _ = w.Write(make([]byte, 1<<20))
		default:
			if r.Header.Get("Content-Type") == "application/timestamp-query" {
				_, _ = w.Write([]byte("answer"))
			}
		}
	}))
	defer server.Close()
	for path, ok := range map[string]bool{"/": true, "/moved": false, "/broken": false, "/large": false} {
		c, err := New(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := c.Post(t.Context(), []byte("request")); (err == nil) != ok || ok && string(b) != "answer" {
			t.Errorf("%s: %d octets, %v", path, len(b), err)
		}
	}
	for _, bad := range []string{"", "ftp://a.example", "https://", "https://u:p@a.example", "a.example", "://"} {
		if _, err := New(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
