// Package cli is what every command of siegel works with: the options that all
// have, texts in the user's language, credentials, the way to the server, and how
// results and errors are printed. A family of commands that is large has a package
// of its own beside this one, and is built from a [CLI].
package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"siegel/cmd/siegel/output"
	"siegel/cmd/siegel/prompt"
	"siegel/cmd/siegel/words"
	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// CLI is one run of the program. It belongs to one goroutine.
type CLI struct {
	In   *os.File
	Out  *output.Sink
	Err  io.Writer
	Stop <-chan struct{} // closed when a signal ends the program

	Data         string // data directory
	Config       string // configuration file, empty for that of the data directory
	Tenant       string
	As           string
	PasswordFile string
	JSON         bool // print for programs

	// Extractor is the command that reads documents, which main sets: a test that calls
	// commands is a program that would not know it.
	Extractor []string

	version string
	texts   *text.Catalog
	lang    text.Lang
	lines   *bufio.Reader // over In, once a line was asked for
}

// New returns what commands of a version of the program work with, on the
// standard streams. stop is closed
// when a signal ends the program.
func New(version string, stop <-chan struct{}) *CLI {
	return &CLI{
		version: version,
		In:      os.Stdin, Out: output.Standard(), Err: os.Stderr, Stop: stop,
		texts: text.New(), lang: text.FromEnv(os.Getenv),
	}
}

// Say returns a sentence in the user's language.
func (c *CLI) Say(sentence string, args ...any) string { return c.texts.Say(c.lang, sentence, args...) }

// Print writes a sentence to the standard output.
func (c *CLI) Print(sentence string, args ...any) {
	_, _ = fmt.Fprintln(c.Out, c.Say(sentence, args...)) // the sink keeps the error
}

// DefaultData is where the data lies if nobody says otherwise.
func DefaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/siegel"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "siegel-data"
	}
	return filepath.Join(home, ".local", "share", "siegel")
}

// Usage is a command line that cannot be read.
func Usage(sentence string) error { return &console.Error{Kind: "invalid", Text: sentence} }

// Words takes as many arguments as it has names.
func (c *CLI) Words(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return Usage(c.Say("%s takes %s", cmd.CommandPath(), c.Say("no arguments")))
		}
		said := make([]string, len(names))
		for i, n := range names {
			said[i] = c.Say(n)
		}
		return Usage(c.Say("%s takes %s", cmd.CommandPath(), strings.Join(said, " ")))
	}
}

// Finish prints an error and returns the exit status. What could not be printed
// is an error, too: whoever reads the output must not take a part for the whole. An error
// that is one of an option of the command that ran names it.
func (c *CLI) Finish(ran *cobra.Command, err error) int {
	if c.Out.Err() == nil {
		got := c.explain(ran, err)
		if c.Out.Err() == nil {
			return got
		}
	}
	c.JSON = false // it went where nothing can be written
	lost := errors.Is(err, c.Out.Err())
	fmt.Fprintln(c.Err, "siegel: "+c.Say("the output cannot be written: %v", c.Out.Err()))
	if err == nil || lost {
		return 1
	}
	return c.explain(ran, err)
}

func (c *CLI) explain(ran *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, prompt.ErrInterrupted) {
		fmt.Fprintln(c.Err, c.Say("interrupted"))
		return interruptedStatus
	}
	var e *console.Error
	if !errors.As(err, &e) {
		err = console.Room(err)
		e = console.Explain(c.texts, c.lang, err)
		var f *fault.Error
		if !errors.As(err, &f) {
			e.Text = err.Error() // of the command itself, such as a file that is missing
		} else if f.Cause != nil && (f.Kind == fault.Invalid || f.Kind == fault.Damaged) {
			e.Text += "\n" + c.causes(f.Cause)
		}
	}
	if c.JSON {
		_ = json.NewEncoder(c.Out).Encode(map[string]any{"error": e})
	} else {
		fmt.Fprintln(c.Err, "siegel: "+e.Text+option(ran, e))
	}
	return output.Status(e.Kind)
}

// option names the option of a command that an error is one of, where its text does not.
func option(ran *cobra.Command, e *console.Error) string {
	if e.Field == "" || ran.Flags().Lookup(e.Field) == nil || strings.Contains(e.Text, "--"+e.Field) {
		return ""
	}
	return " (--" + e.Field + ")"
}

// causes prints what a local command found out, one problem a line.
func (c *CLI) causes(err error) string {
	var lines []string
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range j.Unwrap() {
			lines = append(lines, c.causes(one))
		}
		return strings.Join(lines, "\n")
	}
	var p config.Problem
	if errors.As(err, &p) {
		return "  " + p.Field + ": " + c.Say(p.What.Text, p.What.Args...) + "; " + c.Say(p.Remedy.Text, p.Remedy.Args...)
	}
	// An error's own text is for logs, which get no addresses: a user gets the
	// sentence.
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Public != "" {
		text := "  " + console.Explain(c.texts, c.lang, f).Text
		if f.Cause != nil {
			text += "\n" + c.causes(f.Cause)
		}
		return text
	}
	return "  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
}

// Result prints a result as JSON where that was asked for, and otherwise calls
// people.
func (c *CLI) Result(v any, people func()) error {
	if !c.JSON {
		people()
		return nil
	}
	return json.NewEncoder(c.Out).Encode(output.Whole(v))
}

// Client returns a client of the running server, or of the data directory
// opened by this process.
func (c *CLI) Client(ctx context.Context) (*client.Client, func() error, error) {
	socket := app.ConsoleSocket(c.Data)
	until := time.Now().Add(startWait)
	for {
		if _, err := os.Stat(socket); err == nil {
			there, err := client.Dial(ctx, socket, c.lang)
			if err == nil {
				return there, there.Close, nil
			}
			if errors.Is(err, fs.ErrPermission) {
				return nil, nil, &console.Error{Kind: "denied", Text: c.Say("the server of %s runs for another account; give the command as that one", c.Data)}
			}
		}
		a, err := app.Open(ctx, c.options())
		switch {
		case err == nil:
			here := client.Local(a.Console(), c.lang)
			return here, func() error { return errors.Join(here.Close(), a.Close()) }, nil
		case fault.Of(err) != fault.Busy || time.Now().After(until):
			return nil, nil, err
		}
		// A server that starts or ends has the directory and no socket.
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// options are how this process opens the data directory.
func (c *CLI) options() app.Options {
	return app.Options{Dir: c.Data, ConfigFile: c.Config, Log: c.Log(slog.LevelError, "text"), Now: time.Now, Version: c.version, Extractor: c.Extractor}
}

// Doctor returns what the doctor finds: of the running server, of the data directory opened
// by this process, or, where its configuration has problems, what can be looked at without it.
func (c *CLI) Doctor(ctx context.Context) (list []console.Check, err error) {
	if err = c.Call(ctx, "doctor", struct{}{}, &list, nil); err == nil {
		return list, nil
	}
	shut := app.DoctorShut(ctx, c.options(), err)
	if shut == nil {
		return nil, err
	}
	for _, f := range shut {
		list = append(list, console.Check{Name: f.Name, State: f.State, What: c.Say(f.What.Text, f.What.Args...), Remedy: c.Say(f.Remedy.Text, f.Remedy.Args...)})
	}
	return list, nil
}

// Serving returns a client of the running server. It fails where none runs.
func (c *CLI) Serving(ctx context.Context) (*client.Client, error) {
	until := time.Now().Add(startWait)
	for {
		there, err := client.Dial(ctx, app.ConsoleSocket(c.Data), c.lang)
		switch {
		case err == nil:
			return there, nil
		case errors.Is(err, fs.ErrPermission):
			return nil, &console.Error{Kind: "denied", Text: c.Say("the server of %s runs for another account; give the command as that one", c.Data)}
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case time.Now().After(until):
			return nil, &console.Error{Kind: "busy", Text: c.Say("no server runs on %s, and this needs one: start siegel serve%s", c.Data, c.Where())}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Where is the option that names the data directory, with a space before it; empty
// where it is the one that is taken if nobody says otherwise.
func (c *CLI) Where() string {
	if c.Data == DefaultData() {
		return ""
	}
	return " --data " + c.Data
}

// startWait is how long a command waits for a server that starts, ends, or for
// another command.
const startWait = 5 * time.Second

// Call gives a command and closes the client.
func (c *CLI) Call(ctx context.Context, command string, body, result any, progress func(console.Progress)) (err error) {
	client, stop, err := c.Client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return client.Call(ctx, command, body, result, progress)
}

// Log returns a logger on the standard error.
func (c *CLI) Log(level slog.Level, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(c.Err, o))
	}
	return slog.New(slog.NewTextHandler(c.Err, o))
}

// Person adds the flags with which a person gives a command.
func (c *CLI) Person(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&c.As, "as", "", c.Say("e-mail address to sign in with"))
	return c.Account(cmd, c.Say("file with the password (default: ask)"))
}

// Account adds the flags with a password and the tenant of whose it is.
func (c *CLI) Account(cmd *cobra.Command, file string) *cobra.Command {
	cmd.Flags().StringVar(&c.Tenant, "tenant", "", c.Say("tenant, where the address belongs to several"))
	cmd.Flags().StringVar(&c.PasswordFile, "password-file", "", file)
	return cmd
}

// Credentials returns who gives the command.
func (c *CLI) Credentials() (console.Credentials, error) {
	if c.As == "" {
		return console.Credentials{}, Usage(c.Say("say who you are: --as ADDRESS"))
	}
	p, err := c.Secret("--password-file", c.PasswordFile, c.Say("Password of %s: ", c.As))
	return console.Credentials{As: c.As, Tenant: c.Tenant, Password: p}, err
}

// Group is a command that only has others below it.
func (c *CLI) Group(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usage(words.Words{Say: c.Say}.Unknown(cmd, args[0]))
	}
	return cmd.Help()
}

// TenantFlag adds the flag that names a tenant, to a command of the operator.
func (c *CLI) TenantFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&c.Tenant, "tenant", "", c.Say("tenant, where there are several"))
	return cmd
}

// Progress prints how far a command is, on a terminal.
func (c *CLI) Progress(what string) func(console.Progress) {
	if c.JSON || !term.IsTerminal(int(c.Out.Fd())) {
		return nil
	}
	return func(p console.Progress) {
		_, _ = fmt.Fprintf(c.Out, "\r%s %d/%d", what, p.Done, p.Total)
		if p.Done >= p.Total {
			_, _ = fmt.Fprintln(c.Out)
		}
	}
}

// CheckConfigFile refuses a configuration that was named and is not there.
func (c *CLI) CheckConfigFile() error {
	if c.Config == "" {
		return nil
	}
	return c.FileThere(c.Config)
}

// FileThere refuses a configuration file that is not there.
func (c *CLI) FileThere(file string) error {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return Usage(c.Say("there is no configuration file %s", file))
	}
	return nil
}
