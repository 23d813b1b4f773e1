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

// stepTime is how long a client may take for some octets of a file.
const stepTime = time.Minute

// Steps writes a file to a client that may be slow: what is bounded is the time for each
// step, not for all of it.
func Steps(w http.ResponseWriter) io.Writer { return steps{w} }

type steps struct{ http.ResponseWriter }

// Write implements [io.Writer].
func (s steps) Write(b []byte) (int, error) {
	_ = http.NewResponseController(s.ResponseWriter).SetWriteDeadline(time.Now().Add(stepTime)) // a writer of a test has none
	return s.ResponseWriter.Write(b)
}

// Late sends a file whose head is written with its first octet, so that what goes wrong
// before it can be answered in another way. It is for one goroutine.
type Late struct {
	W    http.ResponseWriter
	Name string // under which the client saves it
	Kind string // media type

	sent bool
}

// Sent reports whether the head was written: what goes wrong then can only break off.
func (l *Late) Sent() bool { return l.sent }

// Write implements [io.Writer].
func (l *Late) Write(b []byte) (int, error) {
	if !l.sent {
		l.sent = true
		h := l.W.Header()
		h.Set("Content-Type", l.Kind)
		h.Set("Content-Disposition", stdmime.FormatMediaType("attachment", map[string]string{"filename": l.Name}))
		h.Set("Content-Security-Policy", "sandbox")
	}
	return Steps(l.W).Write(b)
}

// Close implements [io.Closer]. It closes nothing: another file may follow elsewhere.
func (l *Late) Close() error { return nil }

var _ io.WriteCloser = (*Late)(nil)
