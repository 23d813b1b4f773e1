package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/words"
)

// helpCommand is siegel help COMMAND.
func (c *cli) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND…]", Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true, Short: c.say("say what a command does"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return usage(words.Words{Say: c.say}.Unknown(found, rest[0]))
			}
			return found.Help()
		},
	}
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: c.words(), Short: c.say("print the version"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := cmd.Root().Version
			return c.result(map[string]string{"version": v}, func() { _, _ = fmt.Fprintln(c.out, "siegel "+v) })
		},
	}
}
