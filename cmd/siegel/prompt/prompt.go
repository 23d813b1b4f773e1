// Package prompt reads what a person types, until a signal ends the program. It
// is part of the command siegel.
package prompt

import (
	"errors"
	"os"

	"golang.org/x/term"
)

// ErrInterrupted says that a signal ended the program.
var ErrInterrupted = errors.New("interrupted")

// Hidden reads a line from a terminal without echo, without its line break. When
// stop is closed it puts the terminal back as it was and returns an error that Is
// [ErrInterrupted].
func Hidden(in *os.File, stop <-chan struct{}) ([]byte, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	b, err := Until(stop, func() ([]byte, error) { return term.ReadPassword(fd) })
	if errors.Is(err, ErrInterrupted) {
		err = errors.Join(err, term.Restore(fd, before))
	}
	return b, err
}

// Until calls read and returns what it returns, or an error that Is
// [ErrInterrupted] when stop is closed first. What still reads then ends with the
// process.
func Until[T any](stop <-chan struct{}, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		v, err := read()
		got <- answer{v, err}
	}()
	select {
	case a := <-got:
		return a.value, a.err
	case <-stop:
		var none T
		return none, ErrInterrupted
	}
}
