// Package contract holds the traffic of tests against the OpenAPI document that the API
// serves (requirement EX-18): Prism stands between client and server as a proxy and
// refuses every request and every answer that the document does not describe.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Root is where the API lies at a server.
const Root = "/api/v1"

// Proxy is a Prism between a client and a server.
type Proxy struct {
	prism  *prism
	server string       // its address
	wrong  func(string) // hears of what Prism found
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
	b, err := fetch(t.Context(), server+Root+"/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(document, b, 0o600); err != nil {
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
//
// Servers with the same document share a Prism, which takes seconds to start and goes with
// the process.
func Start(t *testing.T, server string, requests bool) *Proxy {
	t.Helper()
	if _, err := program("prism"); err != nil {
		t.Skip(err)
	}
	document, err := fetch(t.Context(), server+Root+"/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	prism, err := prisms.of(document, requests)
	if err != nil {
		t.Fatal(err)
	}
	return &Proxy{prism: prism, server: server, wrong: func(s string) { t.Error(s) }}
}

// Watch says who hears what Prism found, instead of the test failing.
func (p *Proxy) Watch(f func(string)) { p.wrong = f }

// RoundTrip implements [http.RoundTripper]: a request to the API goes through Prism, and
// what Prism has to say against it, or against its answer, is told.
func (p *Proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	through, err := http.NewRequestWithContext(r.Context(), r.Method, p.prism.address+strings.TrimPrefix(r.URL.RequestURI(), Root), r.Body)
	if err != nil {
		return nil, err
	}
	through.Header, through.ContentLength = r.Header.Clone(), r.ContentLength
	through.Header.Set(headerServer, p.server)
	res, err := http.DefaultTransport.RoundTrip(through)
	if err != nil {
		said := p.prism.said.text()
		return nil, fmt.Errorf("%w; Prism said last: %s", err, said[max(0, len(said)-1000):])
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

// fetch returns the document of a server.
func fetch(ctx context.Context, from string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	if err != nil || res.StatusCode != http.StatusOK || !json.Valid(b) {
		return nil, fmt.Errorf("there is no document: %d, %w", res.StatusCode, err)
	}
	return b, nil
}
