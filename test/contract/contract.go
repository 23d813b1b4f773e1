// Package contract holds the traffic of tests against the OpenAPI document that the API
// serves (requirement EX-18): Prism stands between client and server as a proxy and
// refuses every request and every answer that the document does not describe.
package contract

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Root is where the API lies at a server.
const Root = "/api/v1"

// Proxy is a Prism between a client and a server.
type Proxy struct {
	address string
	wrong   func(string) // hears of what Prism found
}

// program is where npm put a program.
func program(name string) (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if p := filepath.Join(dir, "node_modules", ".bin", name); exists(p) {
			return p, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("%s is not here: make deps installs it (%w)", name, os.ErrNotExist)
}

// Validate holds the document of a server against the schema of OpenAPI 3.1. The test is
// skipped where the program that does is not installed.
func Validate(t *testing.T, server string) {
	t.Helper()
	validator, err := program("validate-api")
	if err != nil {
		t.Skip(err)
	}
	document := filepath.Join(t.TempDir(), "openapi.json")
	if err := fetch(t.Context(), server+Root+"/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), validator, document).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(`"valid": true`)) {
		t.Errorf("the document is no OpenAPI: %v\n%s", err, out)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Start puts a Prism before the server at an address such as http://127.0.0.1:8080. Where
// requests is false, only answers have to be as the document says: for requests that are
// wrong on purpose. The test is skipped where Prism is not installed.
func Start(t *testing.T, server string, requests bool) *Proxy {
	t.Helper()
	prism, err := program("prism")
	if err != nil {
		t.Skip(err)
	}
	document := filepath.Join(t.TempDir(), "openapi.json")
	if err := fetch(t.Context(), server+Root+"/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	port, err := free()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, prism, "proxy", document, server+Root, "--host", "127.0.0.1", "--port", port, "--errors", "--cors=false", fmt.Sprintf("--validate-request=%v", requests))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &listener{ready: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err == nil {
			t.Error("Prism ended by itself")
		}
	})
	select {
	case <-said.ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("Prism ended: %v\n%s", err, said.text())
	case <-time.After(time.Minute):
		t.Fatalf("Prism does not listen\n%s", said.text())
	}
	return &Proxy{address: "http://127.0.0.1:" + port, wrong: func(s string) { t.Error(s) }}
}

// Watch says who hears what Prism found, instead of the test failing.
func (p *Proxy) Watch(f func(string)) { p.wrong = f }

// RoundTrip implements [http.RoundTripper]: a request to the API goes through Prism, and
// what Prism has to say against it, or against its answer, is told.
func (p *Proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	through, err := http.NewRequestWithContext(r.Context(), r.Method, p.address+strings.TrimPrefix(r.URL.RequestURI(), Root), r.Body)
	if err != nil {
		return nil, err
	}
	through.Header, through.ContentLength = r.Header.Clone(), r.ContentLength
	res, err := http.DefaultTransport.RoundTrip(through)
	if err != nil {
		return nil, err
	}
	res.Request = r
	b, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	if bytes.Contains(b, []byte("stoplight.io/prism/errors#")) || res.Header.Get("Sl-Violations") != "" {
		p.wrong(fmt.Sprintf("%s %s: %d is not as the document says: %s %.3000s", r.Method, r.URL.Path, res.StatusCode, res.Header.Get("Sl-Violations"), b))
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res, err
}

// fetch writes the document of a server into a file.
func fetch(ctx context.Context, from, to string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		return err
	}
	if err != nil || res.StatusCode != http.StatusOK || !json.Valid(b) {
		return fmt.Errorf("there is no document: %d, %w", res.StatusCode, err)
	}
	return os.WriteFile(to, b, 0o600)
}

// free returns a port of loopback that nobody listens at.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		return "", err
	}
	return port, err
}

// listener keeps what Prism says and notes when it listens.
type listener struct {
	ready chan struct{} // closed when it listens

	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
	once sync.Once
}

// Write implements [io.Writer].
func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said.Write(b)
	lines := bufio.NewScanner(bytes.NewReader(l.said.Bytes()))
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Prism is listening") {
			l.once.Do(func() { close(l.ready) })
		}
	}
	if l.said.Len() > 1<<20 { // of a long test only the end is worth keeping
		l.said.Reset()
	}
	return len(b), nil
}

func (l *listener) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}
