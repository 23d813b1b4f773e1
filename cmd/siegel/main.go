// Command siegel is the server and the operator's and people's commands, one
// file per command. It has no rules of its own: a command talks to the running
// server over its socket, or opens the data directory itself.
package main

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
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"siegel/cmd/siegel/output"
	"siegel/cmd/siegel/prompt"
	"siegel/cmd/siegel/words"
	"siegel/internal/app"
	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// version is set by the build.
var version = "unknown"

// cli is one run of the program.
type cli struct {
	texts *text.Catalog
	lang  text.Lang
	in    *os.File
	out   *output.Sink
	err   io.Writer
	stop  <-chan struct{} // closed when a signal ends the program
	lines *bufio.Reader   // over in, once a line was asked for

	data         string // data directory
	config       string // configuration file
	tenant       string
	as           string
	passwordFile string
	json         bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	c := &cli{texts: text.New(), lang: text.FromEnv(os.Getenv), in: os.Stdin, out: output.Standard(), err: os.Stderr, stop: ctx.Done()}
	if err := harden(); err != nil {
		fmt.Fprintln(c.err, c.say("core dumps cannot be switched off: %v", err))
	}
	root := c.root()
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.Join(prompt.ErrInterrupted, err)
	}
	stop()
	os.Exit(c.finish(err))
}

// ending are the signals that end the program, which cleans up before: also when
// its terminal goes, unless it was started to survive that, as nohup does.
func ending() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// harden keeps keys out of core dumps (requirement CR-15).
func harden() error {
	return errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}

func (c *cli) say(sentence string, args ...any) string { return c.texts.Say(c.lang, sentence, args...) }

// print writes a sentence to the standard output.
func (c *cli) print(sentence string, args ...any) {
	_, _ = fmt.Fprintln(c.out, c.say(sentence, args...)) // the sink keeps the error
}

// root is the command without a name.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use: "siegel", Version: version, SilenceErrors: true, SilenceUsage: true,
		Short:             c.say("Siegel archives mail: sealed on arrival, found by its owners only, proven to strangers"),
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.checkConfigFile() },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(words.Words{Say: c.say}.Unknown(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&c.data, "data", defaultData(), c.say("data directory"))
	f.StringVar(&c.config, "config", "", c.say("configuration file (default: siegel.yaml in the data directory)"))
	f.BoolVar(&c.json, "json", false, c.say("print JSON for programs"))
	root.AddCommand(c.initCommand(), c.serveCommand(), c.demoCommand(), c.configCommand(), c.doctorCommand(),
		c.tenantCommand(), c.personCommand(), c.accessCommand(), c.searchCommand(), c.showCommand(), c.proofCommand(),
		c.ledgerCommand(), c.auditCommand(), c.versionCommand())
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(c.say("the command line cannot be read: %s; %s --help says what it takes", words.Words{Say: c.say}.Flag(err), cmd.CommandPath()))
	})
	words.Words{Say: c.say}.Translate(root, c.helpCommand())
	return root
}

// defaultData is where the data lies if nobody says otherwise.
func defaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/siegel"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "siegel-data"
	}
	return filepath.Join(home, ".local", "share", "siegel")
}

// usage is a command line that cannot be read.
func usage(sentence string) error { return &console.Error{Kind: "invalid", Text: sentence} }

// words takes as many arguments as it has names.
func (c *cli) words(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return usage(c.say("%s takes %s", cmd.CommandPath(), c.say("no arguments")))
		}
		said := make([]string, len(names))
		for i, n := range names {
			said[i] = c.say(n)
		}
		return usage(c.say("%s takes %s", cmd.CommandPath(), strings.Join(said, " ")))
	}
}

// finish prints an error and returns the exit status. What could not be printed
// is an error, too: whoever reads the output must not take a part for the whole.
func (c *cli) finish(err error) int {
	if c.out.Err() == nil {
		got := c.explain(err)
		if c.out.Err() == nil {
			return got
		}
	}
	c.json = false // it went where nothing can be written
	lost := errors.Is(err, c.out.Err())
	fmt.Fprintln(c.err, "siegel: "+c.say("the output cannot be written: %v", c.out.Err()))
	if err == nil || lost {
		return 1
	}
	return c.explain(err)
}

func (c *cli) explain(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, prompt.ErrInterrupted) {
		fmt.Fprintln(c.err, c.say("interrupted"))
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
	if c.json {
		_ = json.NewEncoder(c.out).Encode(map[string]any{"error": e})
	} else {
		fmt.Fprintln(c.err, "siegel: "+e.Text)
	}
	return output.Status(e.Kind)
}

// causes prints what a local command found out, one problem a line.
func (c *cli) causes(err error) string {
	var lines []string
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range j.Unwrap() {
			lines = append(lines, c.causes(one))
		}
		return strings.Join(lines, "\n")
	}
	var p app.Problem
	if errors.As(err, &p) {
		return "  " + p.Field + ": " + c.say(p.What.Text, p.What.Args...) + "; " + c.say(p.Remedy.Text, p.Remedy.Args...)
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

// result prints a result as JSON where that was asked for, and otherwise calls
// people.
func (c *cli) result(v any, people func()) error {
	if !c.json {
		people()
		return nil
	}
	return json.NewEncoder(c.out).Encode(output.Whole(v))
}

// client returns a client of the running server, or of the data directory
// opened by this process.
func (c *cli) client(ctx context.Context) (*console.Client, func() error, error) {
	socket := app.ConsoleSocket(c.data)
	until := time.Now().Add(startWait)
	for {
		if _, err := os.Stat(socket); err == nil {
			client, err := console.Dial(ctx, socket, c.lang)
			if err == nil {
				return client, client.Close, nil
			}
			if errors.Is(err, fs.ErrPermission) {
				return nil, nil, &console.Error{Kind: "denied", Text: c.say("the server of %s runs for another account; give the command as that one", c.data)}
			}
		}
		a, err := app.Open(ctx, app.Options{Dir: c.data, ConfigFile: c.config, Log: c.log(slog.LevelError, "text"), Now: time.Now})
		switch {
		case err == nil:
			client := console.Local(a.Console(), c.lang)
			return client, func() error { return errors.Join(client.Close(), a.Close()) }, nil
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

// startWait is how long a command waits for a server that starts, ends, or for
// another command.
const startWait = 5 * time.Second

// call gives a command and closes the client.
func (c *cli) call(ctx context.Context, command string, body, result any, progress func(console.Progress)) (err error) {
	client, stop, err := c.client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return client.Call(ctx, command, body, result, progress)
}

// log returns a logger on the standard error.
func (c *cli) log(level slog.Level, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(c.err, o))
	}
	return slog.New(slog.NewTextHandler(c.err, o))
}

// person adds the flags with which a person gives a command.
func (c *cli) person(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&c.as, "as", "", c.say("e-mail address to sign in with"))
	return c.account(cmd, c.say("file with the password (default: ask)"))
}

// account adds the flags with a password and the tenant of whose it is.
func (c *cli) account(cmd *cobra.Command, file string) *cobra.Command {
	cmd.Flags().StringVar(&c.tenant, "tenant", "", c.say("tenant, where the address belongs to several"))
	cmd.Flags().StringVar(&c.passwordFile, "password-file", "", file)
	return cmd
}

// credentials returns who gives the command.
func (c *cli) credentials() (console.Credentials, error) {
	if c.as == "" {
		return console.Credentials{}, usage(c.say("say who you are: --as ADDRESS"))
	}
	p, err := c.secret("--password-file", c.passwordFile, c.say("Password of %s: ", c.as))
	return console.Credentials{As: c.as, Tenant: c.tenant, Password: p}, err
}
