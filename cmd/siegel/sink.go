package main

import "os"

// sink is the standard output. It keeps the first error, so that no command
// ends well whose output was lost.
type sink struct {
	file *os.File
	err  error
}

// Write implements [io.Writer].
func (s *sink) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

// Fd is the file's number, to ask whether it is a terminal.
func (s *sink) Fd() uintptr { return s.file.Fd() }

// Stat says what kind of file it is.
func (s *sink) Stat() (os.FileInfo, error) { return s.file.Stat() }
