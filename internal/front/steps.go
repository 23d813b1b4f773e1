package front

import (
	"net/http"
	"time"
)

// What a client that gets a file may cost: a file may take longer than a page, but not for
// ever, since its message stays open meanwhile.
const (
	stepsBegin = time.Minute
	leastRate  = 16 << 10 // octets a second
)

// Steps writes a file to a client that may be slow. What is bounded is the rate: a minute,
// and a second more for each 16 KiB that went.
type Steps struct {
	w     http.ResponseWriter
	until time.Time
}

// NewSteps begins a file.
func NewSteps(w http.ResponseWriter) *Steps { return &Steps{w, time.Now().Add(stepsBegin)} }

// Write implements [io.Writer].
func (s *Steps) Write(b []byte) (int, error) {
	s.until = s.until.Add(time.Duration(len(b)) * time.Second / leastRate)
	_ = http.NewResponseController(s.w).SetWriteDeadline(s.until) // a writer of a test has none
	return s.w.Write(b)
}
