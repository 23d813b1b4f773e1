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

	"siegel/cmd/siegel/prompt"
)

// interruptedStatus is the exit status of a program that Ctrl-C ended, as
// shells have it.
const interruptedStatus = 130

// maxSecret bounds a file with a secret, in octets.
const maxSecret = 64 << 10

// secret reads a secret from the file that an option names, "-" for the standard
// input, or asks for it. The last line break is not part of it.
func (c *cli) secret(option, file, question string) (string, error) {
	var b []byte
	var err error
	switch {
	case file == "-":
		b, err = io.ReadAll(io.LimitReader(c.in, maxSecret))
	case file != "":
		c.warnReadable(option, file)
		b, err = c.input(option, file)
	case term.IsTerminal(int(c.in.Fd())):
		fmt.Fprint(c.err, question)
		b, err = prompt.Hidden(c.in, c.stop)
		fmt.Fprintln(c.err)
	default:
		return "", c.noTerminal(option)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// noTerminal is the error of a question that nobody can answer.
func (c *cli) noTerminal(option string) error {
	return usage(c.say("there is no terminal to ask at; name a file with %s", option))
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

// ask reads a line from the terminal.
func (c *cli) ask(question string) (string, error) {
	fmt.Fprint(c.err, question)
	if c.lines == nil {
		c.lines = bufio.NewReader(c.in)
	}
	s, err := prompt.Until(c.stop, func() (string, error) { return c.lines.ReadString('\n') })
	if errors.Is(err, prompt.ErrInterrupted) {
		fmt.Fprintln(c.err)
		return "", err
	}
	if err != nil && s == "" {
		return "", usage(c.say("there is no answer"))
	}
	return strings.TrimSpace(s), nil
}
