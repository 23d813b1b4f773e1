package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"
)

// errInterrupted says that a signal ended the program.
var errInterrupted = errors.New("interrupted")

// interruptedStatus is the exit status of a program that Ctrl-C ended, as
// shells have it.
const interruptedStatus = 130

// maxSecret bounds a file with a secret, in octets.
const maxSecret = 64 << 10

// secret reads a secret from the file that an option names, "-" for the standard
// input, or asks for it. The last line break is not part of it.
func (c *cli) secret(option, file, prompt string) (string, error) {
	var b []byte
	var err error
	switch {
	case file == "-":
		b, err = io.ReadAll(io.LimitReader(c.in, maxSecret))
	case file != "":
		c.warnReadable(option, file)
		b, err = c.input(option, file)
	case term.IsTerminal(int(c.in.Fd())):
		fmt.Fprint(c.err, prompt)
		b, err = c.hidden()
		fmt.Fprintln(c.err)
	default:
		return "", usage(c.say("there is no terminal to ask at; name a file with %s", option))
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// input reads the file that an option names.
func (c *cli) input(option, file string) (b []byte, err error) {
	if file == "" {
		return nil, usage(c.say("name a file with %s", option))
	}
	f, err := os.Open(file)
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(f, maxSecret))
		err = errors.Join(err, f.Close())
	}
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage(c.say("%s: there is no file %s", option, file))
	case errors.Is(err, fs.ErrPermission):
		return nil, usage(c.say("%s: you may not read the file %s", option, file))
	default:
		return nil, usage(c.say("%s: the file %s cannot be read", option, file))
	}
}

// warnReadable warns of a secret that others can read.
func (c *cli) warnReadable(option, file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintln(c.err, c.say("warning: %s: others can read %s (mode %04o); run chmod 0400 on it", option, file, info.Mode().Perm()))
	}
}

// hidden reads a line without echo. A signal ends it and puts the terminal back
// as it was.
func (c *cli) hidden() ([]byte, error) {
	fd := int(c.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	b, err := interruptible(c.stop, func() ([]byte, error) { return term.ReadPassword(fd) })
	if errors.Is(err, errInterrupted) {
		err = errors.Join(err, term.Restore(fd, before))
	}
	return b, err
}

// interruptible reads until a signal ends the program. What still reads then
// ends with the process.
func interruptible[T any](stop <-chan struct{}, read func() (T, error)) (T, error) {
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
		return none, errInterrupted
	}
}

// ask reads a line from the terminal.
func (c *cli) ask(prompt string) (string, error) {
	fmt.Fprint(c.err, prompt)
	if c.lines == nil {
		c.lines = bufio.NewReader(c.in)
	}
	s, err := interruptible(c.stop, func() (string, error) { return c.lines.ReadString('\n') })
	if errors.Is(err, errInterrupted) {
		fmt.Fprintln(c.err)
		return "", err
	}
	if err != nil && s == "" {
		return "", usage(c.say("there is no answer"))
	}
	return strings.TrimSpace(s), nil
}
