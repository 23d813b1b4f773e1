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
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := app.Init(app.InitOptions{Dir: c.data, Name: name, Environment: app.Environment(environment), Now: time.Now})
			if err != nil {
				return err
			}
			return c.result(map[string]string{"data": c.data, "name": name, "environment": environment}, func() {
				c.print("The data directory %s is ready.", c.data)
				c.print("Keep a copy of master.key, but not beside the data: without this key the archive never opens again. Whoever has both the key and the data sees what the server itself knows, such as people and addresses; reading mail takes a person's password as well.")
				where := ""
				if cmd.Flags().Changed("data") {
					where = " --data " + c.data
				}
				c.print("Next: siegel serve%s, then siegel tenant create NAME%s; both say more with --help.", where, where)
			})
		},
	}
	cmd.Flags().StringVar(&environment, "environment", "", c.say("test or production; fixed for ever"))
	cmd.Flags().StringVar(&name, "name", "", c.say("name of the instance, like a host name; part of every proof, fixed for ever"))
	return cmd
}
