package nodes_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// mood is how a proxy treats what passes.
type mood int

const (
	well    mood = iota
	gone         // connections are cut, new ones refused
	silent       // nothing passes, nothing is refused
	lossy        // requests pass, answers to those that write are cut off
	refuses      // the object store answers 503
	full         // the object store answers 507
)

// proxy stands between a node and a server.
type proxy struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	writes   [][]byte // what a request that writes has in it

	mu      sync.Mutex
	changed *sync.Cond
	mood    mood              // guarded by mu
	open    map[net.Conn]bool // guarded by mu
	lost    int               // answers that were cut off; guarded by mu
	done    map[string]bool   // paths of PUT requests that were answered with success; guarded by mu
}

func newProxy(t *testing.T, listener net.Listener, dial func() (net.Conn, error), writes ...string) *proxy {
	t.Helper()
	p := &proxy{listener: listener, dial: dial, open: make(map[net.Conn]bool), done: make(map[string]bool)}
	for _, w := range writes {
		p.writes = append(p.writes, []byte(w))
	}
	p.changed = sync.NewCond(&p.mu)
	go p.run()
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(gone)
	})
	return p
}

// set changes the mood, for connections that are there too.
func (p *proxy) set(m mood) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mood = m
	if m == gone {
		for c := range p.open {
			_ = c.Close()
		}
	}
	p.changed.Broadcast()
}

func (p *proxy) lostAnswers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// answered reports whether a PUT of a path was answered with success.
func (p *proxy) answered(path string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[path]
}

func (p *proxy) run() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(c)
	}
}

// keep notes a connection, or closes it where nobody is served.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mood == gone {
		_ = c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *proxy) serve(c net.Conn) {
	if !p.keep(c) {
		return
	}
	defer p.forget(c)
	s, err := p.dial()
	if err != nil || !p.keep(s) {
		return
	}
	defer p.forget(s)
	w := &wire{p: p, client: c}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.copy(s, c, w.request)
		_ = s.Close()
	}()
	w.copy(c, s, w.answer)
	_ = c.Close()
	<-done
}

// wire is one connection through the proxy.
type wire struct {
	p      *proxy
	client net.Conn

	mu    sync.Mutex
	wrote bool   // the last request wrote something; guarded by mu
	path  string // of the last PUT request that has no answer; guarded by mu
}

// errCut ends a connection.
var errCut = errors.New("nodes: cut")

// copy passes octets on as the mood is, after look has seen them.
func (w *wire) copy(to io.Writer, from io.Reader, look func([]byte) error) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if look(b[:n]) != nil {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// now waits while the mood is silent and returns it then.
func (p *proxy) now() mood {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mood == silent {
		p.changed.Wait()
	}
	return p.mood
}

// request looks at what a client sends.
func (w *wire) request(b []byte) error {
	m := w.p.now()
	wrote := false
	for _, sign := range w.p.writes {
		wrote = wrote || bytes.Contains(b, sign)
	}
	w.mu.Lock()
	w.wrote = w.wrote && !bytes.Contains(b, []byte("GET /")) || wrote
	if line, ok := bytes.CutPrefix(b, []byte("PUT ")); ok {
		path, _, _ := bytes.Cut(line, []byte(" "))
		w.path = string(path)
	}
	w.mu.Unlock()
	if said := map[mood]string{refuses: "503 Service Unavailable", full: "507 Insufficient Storage"}[m]; said != "" {
		_, _ = io.WriteString(w.client, "HTTP/1.1 "+said+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return errCut
	}
	return nil
}

// answer looks at what a server sends: in a lossy mood an answer to what was
// written is not passed on.
func (w *wire) answer(b []byte) error {
	m := w.p.now()
	w.mu.Lock()
	wrote, path := w.wrote, w.path
	if bytes.HasPrefix(b, []byte("HTTP/1.1 2")) {
		w.path = ""
	} else {
		path = ""
	}
	w.mu.Unlock()
	if path != "" && m == well {
		w.p.mu.Lock()
		w.p.done[path] = true
		w.p.mu.Unlock()
	}
	if m == lossy && wrote {
		w.p.mu.Lock()
		w.p.lost++
		w.p.mu.Unlock()
		return errCut
	}
	return nil
}
