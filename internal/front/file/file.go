// Package file sends files to clients of HTTP: what is attached to a message, by what it
// is and under a name that hides nothing (requirement EX-05), and whatever else is made
// while it is sent.
package file

import (
	"io"
	stdmime "mime"
	"net/http"
	"time"
)

// What a client that gets a file may cost: a file may take longer than a page, but not for
// ever, since its message stays open meanwhile.
const (
	begin     = time.Minute
	leastRate = 16 << 10 // octets a second
)

// Steps writes a file to a client that may be slow. What is bounded is the rate: a minute
// for all of it, and a second more for each 16 KiB that went. It is for one file.
func Steps(w http.ResponseWriter) io.Writer { return &steps{w, time.Now().Add(begin)} }

type steps struct {
	w     http.ResponseWriter
	until time.Time
}

// Write implements [io.Writer].
func (s *steps) Write(b []byte) (int, error) {
	s.until = s.until.Add(time.Duration(len(b)) * time.Second / leastRate)
	_ = http.NewResponseController(s.w).SetWriteDeadline(s.until) // a writer of a test has none
	return s.w.Write(b)
}

// Late sends a file whose head is written with its first octet, so that what goes wrong
// before it can be answered in another way. It is for one goroutine.
type Late struct {
	W    http.ResponseWriter
	Name string // under which the client saves it
	Kind string // media type

	to io.Writer // once the head was written
}

// Sent reports whether the head was written: what goes wrong then can only break off.
func (l *Late) Sent() bool { return l.to != nil }

// Write implements [io.Writer].
func (l *Late) Write(b []byte) (int, error) {
	if l.to == nil {
		l.to = Steps(l.W)
		h := l.W.Header()
		h.Set("Content-Type", l.Kind)
		h.Set("Content-Disposition", stdmime.FormatMediaType("attachment", map[string]string{"filename": l.Name}))
		h.Set("Content-Security-Policy", "sandbox")
	}
	return l.to.Write(b)
}

// Close implements [io.Closer]. It closes nothing: another file may follow elsewhere.
func (l *Late) Close() error { return nil }

var _ io.WriteCloser = (*Late)(nil)
