// Package output is what a command prints to: it loses nothing without a word,
// and its JSON has one form. It is part of the command siegel.
package output

import "os"

// Sink is the standard output. It keeps the first error, so that no command
// ends well whose output was lost.
type Sink struct {
	File   *os.File
	closed error // why nothing can be written at all
	err    error // the first one
}

// Err returns the first error of writing.
func (s *Sink) Err() error { return s.err }

// Write implements [io.Writer].
func (s *Sink) Write(b []byte) (int, error) {
	n, err := 0, s.closed
	if err == nil {
		n, err = s.File.Write(b)
	}
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

// Fd is the file's number, to ask whether it is a terminal.
func (s *Sink) Fd() uintptr { return s.File.Fd() }

// Stat says what kind of file it is.
func (s *Sink) Stat() (os.FileInfo, error) { return s.File.Stat() }
