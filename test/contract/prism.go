package contract

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// headerServer says which server a request is for, between the client and the junction.
const headerServer = "Siegel-Contract-Server"

// prisms are those of the process.
var prisms = &shelf{running: map[kind]func() (*prism, error){}}

// kind is what the servers behind a Prism have in common.
type kind struct {
	document string
	requests bool // they are checked as well as answers
}

// shelf starts each kind of Prism once. Use it from many goroutines.
type shelf struct {
	mu      sync.Mutex
	running map[kind]func() (*prism, error) // guarded by mu; waits for the start
}

// prism is one that runs.
type prism struct {
	address string
	said    *listener
}

// of returns the Prism of a document.
func (s *shelf) of(document []byte, requests bool) (*prism, error) {
	k := kind{string(document), requests}
	s.mu.Lock()
	start, ok := s.running[k]
	if !ok {
		start = sync.OnceValues(func() (*prism, error) { return run(k) })
		s.running[k] = start
	}
	s.mu.Unlock()
	return start()
}

// run starts a Prism and the junction behind it. Both end with the process.
func run(k kind) (_ *prism, err error) {
	name, err := program("prism")
	if err != nil {
		return nil, err
	}
	port, err := free()
	if err != nil {
		return nil, err
	}
	servers := httptest.NewServer(junction(k.document))
	cmd := exec.Command(name, "proxy", servers.URL+"/openapi.json", servers.URL+Root, "--host", "127.0.0.1", "--port", port, "--errors", "--cors=false", fmt.Sprintf("--validate-request=%v", k.requests)) //nolint:noctx // it ends with the process
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &listener{ready: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = said, said
	ended := make(chan error, 1)
	go func() {
		// Pdeathsig means the thread that started it: this one stays until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ended <- cmd.Run()
	}()
	select {
	case <-said.ready:
		return &prism{"http://127.0.0.1:" + port, said}, nil
	case err := <-ended:
		return nil, fmt.Errorf("contract: Prism ended: %w\n%s", err, said.text())
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("contract: Prism does not listen\n%s", said.text())
	}
}

// junction hands each request, as it is, to the server that it names. The document, which
// Prism asks for, is its own.
func junction(document string) http.Handler {
	servers := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.Header = r.In.Header.Clone()
		r.Out.Header.Del(headerServer)
		if to, err := url.Parse(r.In.Header.Get(headerServer)); err == nil {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, to.Host
		}
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(headerServer) != "" {
			servers.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, document)
	})
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
