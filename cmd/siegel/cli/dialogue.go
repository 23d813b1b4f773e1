package cli

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

// Secret reads a secret from the file that an option names, "-" for the standard
// input, or asks for it. The last line break is not part of it.
func (c *CLI) Secret(option, file, question string) (string, error) {
	var b []byte
	var err error
	switch {
	case file == "-":
		b, err = io.ReadAll(io.LimitReader(c.In, maxSecret))
	case file != "":
		c.WarnReadable(option, file)
		b, err = c.Input(option, file)
	case term.IsTerminal(int(c.In.Fd())):
		fmt.Fprint(c.Err, question)
		b, err = prompt.Hidden(c.In, c.Stop)
		fmt.Fprintln(c.Err)
	default:
		return "", c.NoTerminal(option)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// NoTerminal is the error of a question that nobody can answer.
func (c *CLI) NoTerminal(option string) error {
	return Usage(c.Say("there is no terminal to ask at; name a file with %s", option))
}

// Input reads the file that an option names.
func (c *CLI) Input(option, file string) (b []byte, err error) {
	if file == "" {
		return nil, Usage(c.Say("name a file with %s", option))
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
		return nil, Usage(c.Say("%s: there is no file %s", option, file))
	case errors.Is(err, fs.ErrPermission):
		return nil, Usage(c.Say("%s: you may not read the file %s", option, file))
	default:
		return nil, Usage(c.Say("%s: the file %s cannot be read", option, file))
	}
}

// WarnReadable warns of a secret that others can read.
func (c *CLI) WarnReadable(option, file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintln(c.Err, c.Say("warning: %s: others can read %s (mode %04o); run chmod 0400 on it", option, file, info.Mode().Perm()))
	}
}

// Ask reads a line from the terminal.
func (c *CLI) Ask(question string) (string, error) {
	fmt.Fprint(c.Err, question)
	if c.lines == nil {
		c.lines = bufio.NewReader(c.In)
	}
	s, err := prompt.Until(c.Stop, func() (string, error) { return c.lines.ReadString('\n') })
	if errors.Is(err, prompt.ErrInterrupted) {
		fmt.Fprintln(c.Err)
		return "", err
	}
	if err != nil && s == "" {
		return "", Usage(c.Say("there is no answer"))
	}
	return strings.TrimSpace(s), nil
}
