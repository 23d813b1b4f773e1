package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"siegel/internal/app"
)

func (c *cli) configCommand() *cobra.Command {
	var effective bool
	cmd := &cobra.Command{
		Use: "config", Args: c.words(),
		Short: c.say("print the configuration with every field, its default and what it means"),
		RunE: func(*cobra.Command, []string) error {
			octets := app.DefaultConfig
			if effective {
				var err error
				if octets, err = app.EffectiveConfig(c.data, app.ConfigFile(c.data, c.config)); err != nil {
					return err
				}
			}
			_, err := io.WriteString(c.out, octets)
			return err
		},
	}
	cmd.Flags().BoolVar(&effective, "effective", false, c.say("print what applies: the file over the defaults"))
	cmd.AddCommand(c.configCheck())
	return cmd
}

func (c *cli) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE]", Args: cobra.ArbitraryArgs,
		Short: c.say("name every problem of a configuration, without FILE that of the data directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(c.say("%s takes %s", cmd.CommandPath(), c.say("[FILE]")))
			}
			file := app.ConfigFile(c.data, c.config)
			if len(args) == 1 {
				file = args[0]
				if err := c.fileThere(file); err != nil {
					return err
				}
			}
			if err := app.CheckConfig(c.data, file); err != nil {
				return err
			}
			return c.result(map[string]string{"file": file}, func() { c.print("The configuration %s has no problems.", file) })
		},
	}
}

// checkConfigFile refuses a configuration that was named and is not there.
func (c *cli) checkConfigFile() error {
	if c.config == "" {
		return nil
	}
	return c.fileThere(c.config)
}

func (c *cli) fileThere(file string) error {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return usage(c.say("there is no configuration file %s", file))
	}
	return nil
}
