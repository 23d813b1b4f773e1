// Command siegel is the server and the operator's and people's commands, one
// file per command. It has no rules of its own: a command talks to the running
// server over its socket, or opens the data directory itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/prompt"
	"siegel/cmd/siegel/source"
	"siegel/cmd/siegel/transfer"
	"siegel/cmd/siegel/words"
	"siegel/internal/app"
)

// version is set by the build.
var version = "unknown"

// commands are those of this package.
type commands struct{ *cli.CLI }

func main() {
	// The process that reads documents has no part in the rest: it reads no options, no
	// environment and no configuration.
	if len(os.Args) > 1 && os.Args[1] == app.ExtractWord {
		os.Exit(app.Extract(os.Args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	c := commands{cli.New(version, ctx.Done())}
	c.Extractor = app.ExtractCommand()
	if err := harden(); err != nil {
		fmt.Fprintln(c.Err, c.Say("core dumps cannot be switched off: %v", err))
	}
	root := c.root()
	ran, err := root, c.CheckOptions(root, os.Args[1:])
	if err == nil {
		ran, err = root.ExecuteContextC(ctx)
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.Join(prompt.ErrInterrupted, err)
	}
	stop()
	os.Exit(c.Finish(ran, err))
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

// root is the command without a name.
func (c commands) root() *cobra.Command {
	root := &cobra.Command{
		Use: "siegel", Version: version, SilenceErrors: true, SilenceUsage: true,
		Short:             c.Say("Siegel archives mail: sealed on arrival, found by its owners only, proven to strangers"),
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.CheckConfigFile() },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usage(words.Words{Say: c.Say}.Unknown(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&c.Data, "data", cli.DefaultData(), c.Say("data directory"))
	f.StringVar(&c.Config, "config", "", c.Say("configuration file (default: siegel.yaml in the data directory)"))
	f.BoolVar(&c.JSON, "json", false, c.Say("print JSON for programs"))
	root.AddCommand(c.initCommand(), c.serveCommand(), c.demoCommand(), c.configCommand(), c.doctorCommand(),
		c.tenantCommand(), c.personCommand(), c.accessCommand(), c.searchCommand(), c.showCommand(), c.proofCommand(),
		c.ledgerCommand(), c.auditCommand(), source.Command(c.CLI), transfer.Commands{CLI: c.CLI}.Import(), transfer.Commands{CLI: c.CLI}.Export(),
		c.nodeCommand(), c.versionCommand())
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	root.SetFlagErrorFunc(c.WrongOptions)
	words.Words{Say: c.Say}.Translate(root, c.helpCommand())
	return root
}
