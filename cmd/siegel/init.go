package main

import (
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/app"
)

func (c *cli) initCommand() *cobra.Command {
	var environment, name string
	cmd := &cobra.Command{
		Use: "init", Args: c.words(),
		Short: c.say("make a data directory: keys, configuration, instance name"),
		RunE: func(*cobra.Command, []string) error {
			err := app.Init(app.InitOptions{Dir: c.data, Name: name, Environment: app.Environment(environment), Now: time.Now})
			if err != nil {
				return err
			}
			return c.result(map[string]string{"data": c.data, "name": name, "environment": environment}, func() {
				c.print("The data directory %s is ready.", c.data)
				c.print("Keep a copy of master.key apart from the data: without it nothing can be read again, with it and the data the server's own part can.")
				c.print("Next: siegel serve, and siegel tenant create.")
			})
		},
	}
	cmd.Flags().StringVar(&environment, "environment", "", c.say("test or production; fixed for ever"))
	cmd.Flags().StringVar(&name, "name", "", c.say("name of the instance, like a host name; part of every proof, fixed for ever"))
	return cmd
}
