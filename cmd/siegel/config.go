package main

import (
	"io"
	"os"

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
			named := c.Config
			if len(args) == 1 {
				named = args[0]
				if err := c.FileThere(named); err != nil {
					return err
				}
			}
			if named == "" { // the one of a data directory, which has to be there
				if _, err := app.ReadInstance(c.Data); err != nil {
					return err
				}
			}
			file := app.ConfigFile(c.Data, named)
			if err := app.CheckConfig(c.Data, file); err != nil {
				return err
			}
			_, err := os.Stat(file)
			there := err == nil
			return c.Result(map[string]any{"file": file, "exists": there}, func() {
				if !there {
					c.Print("There is no file %s: the defaults apply, and they have no problems here.", file)
					return
				}
				c.Print("The configuration %s has no problems.", file)
			})
		},
	}
}
