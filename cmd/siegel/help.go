package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/words"
)

// helpCommand is siegel help COMMAND.
func (c commands) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND…]", Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true, Short: c.Say("say what a command does"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return cli.Usage(words.Words{Say: c.Say}.Unknown(found, rest[0]))
			}
			return found.Help()
		},
	}
}

func (c commands) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: c.Words(), Short: c.Say("print the version"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := cmd.Root().Version
			return c.Result(map[string]string{"version": v}, func() { _, _ = fmt.Fprintln(c.Out, "siegel "+v) })
		},
	}
}
