package main

import (
	"github.com/spf13/cobra"

	"siegel/internal/app"
)

func (c *cli) configCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config", Args: c.words(),
		Short: c.say("print the configuration with every field, its default and what it means"),
		RunE: func(*cobra.Command, []string) error {
			_, err := c.out.WriteString(app.DefaultConfig)
			return err
		},
	}
}
