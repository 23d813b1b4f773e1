package main

import (
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/internal/app"
	"siegel/internal/app/config"
)

func (c commands) initCommand() *cobra.Command {
	var environment, name string
	cmd := &cobra.Command{
		Use: "init", Args: c.Words(),
		Short: c.Say("make a data directory: keys, configuration, instance name"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch config.Environment(environment) {
			case config.Test, config.Production, "":
			default:
				return cli.Usage(c.Say("there is no environment %q; choose test or production", environment))
			}
			err := app.Init(app.InitOptions{Dir: c.Data, Name: name, Environment: config.Environment(environment), Now: time.Now})
			if err != nil {
				return err
			}
			return c.Result(map[string]string{"data": c.Data, "name": name, "environment": environment}, func() {
				c.Print("The data directory %s is ready.", c.Data)
				c.Print("Keep a copy of master.key, but not beside the data: without this key the archive never opens again. Whoever has both the key and the data sees what the server itself knows, such as people and addresses; reading mail takes a person's password as well.")
				where := ""
				if cmd.Flags().Changed("data") {
					where = " --data " + c.Data
				}
				c.Print("Next: siegel serve%s, then siegel tenant create NAME%s; both say more with --help.", where, where)
			})
		},
	}
	cmd.Flags().StringVar(&environment, "environment", "", c.Say("test or production; fixed for ever"))
	cmd.Flags().StringVar(&name, "name", "", c.Say("name of the instance, like a host name; part of every proof, fixed for ever"))
	return cmd
}
