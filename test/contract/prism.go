package contract

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// headerServer says which server a request is for, between the client and the junction.
const headerServer = "Siegel-Contract-Server"

// prisms are those of the process.
var prisms = &shelf{running: map[kind]func() (string, error){}}

// kind is what the servers behind a Prism have in common.
type kind struct {
	document string
	requests bool // they are checked as well as answers
}

// shelf starts each kind of Prism once. Use it from many goroutines.
type shelf struct {
	mu      sync.Mutex
	running map[kind]func() (string, error) // guarded by mu; waits for the start and returns the address
}

// of returns the address of the Prism of a document.
func (s *shelf) of(document []byte, requests bool) (string, error) {
	k := kind{string(document), requests}
	s.mu.Lock()
	start, ok := s.running[k]
	if !ok {
		start = sync.OnceValues(func() (string, error) { return run(k) })
		s.running[k] = start
	}
	s.mu.Unlock()
	return start()
}

// run starts a Prism and the junction behind it. Both end with the process.
func run(k kind) (address string, err error) {
	prism, err := program("prism")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "siegel-contract-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // Prism has read it when it listens
	document := dir + "/openapi.json"
	if err := os.WriteFile(document, []byte(k.document), 0o600); err != nil {
		return "", err
	}
	port, err := free()
	if err != nil {
		return "", err
	}
	servers := httptest.NewServer(junction())
	cmd := exec.Command(prism, "proxy", document, servers.URL+Root, "--host", "127.0.0.1", "--port", port, "--errors", "--cors=false", fmt.Sprintf("--validate-request=%v", k.requests)) //nolint:noctx // it ends with the process
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &listener{ready: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-said.ready:
		return "http://127.0.0.1:" + port, nil
	case err := <-ended:
		return "", fmt.Errorf("contract: Prism ended: %w\n%s", err, said.text())
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill() // the error below says what matters
		return "", fmt.Errorf("contract: Prism does not listen\n%s", said.text())
	}
}

// junction hands each request, as it is, to the server that it names.
func junction() http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.Header = r.In.Header.Clone()
		r.Out.Header.Del(headerServer)
		if to, err := url.Parse(r.In.Header.Get(headerServer)); err == nil {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, to.Host
		}
	}}
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
