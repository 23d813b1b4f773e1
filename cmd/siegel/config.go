package main

import (
	"io"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/internal/app"
	"siegel/internal/app/config"
)

func (c commands) configCommand() *cobra.Command {
	var effective bool
	cmd := &cobra.Command{
		Use: "config", Args: c.Words(),
		Short: c.Say("print the configuration with every field, its default and what it means"),
		RunE: func(*cobra.Command, []string) error {
			octets := config.Default
			if effective {
				var err error
				if octets, err = app.EffectiveConfig(c.Data, app.ConfigFile(c.Data, c.Config)); err != nil {
					return err
				}
			}
			_, err := io.WriteString(c.Out, octets)
			return err
		},
	}
	cmd.Flags().BoolVar(&effective, "effective", false, c.Say("print what applies: the file over the defaults"))
	cmd.AddCommand(c.configCheck())
	return cmd
}

func (c commands) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE]", Args: cobra.ArbitraryArgs,
		Short: c.Say("name every problem of a configuration, without FILE that of the data directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Usage(c.Say("%s takes %s", cmd.CommandPath(), c.Say("[FILE]")))
			}
			file := app.ConfigFile(c.Data, c.Config)
			if len(args) == 1 {
				file = args[0]
				if err := c.FileThere(file); err != nil {
					return err
				}
			}
			if err := app.CheckConfig(c.Data, file); err != nil {
				return err
			}
			return c.Result(map[string]string{"file": file}, func() { c.Print("The configuration %s has no problems.", file) })
		},
	}
}
