package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/app"
	"siegel/internal/front/console"
)

func (c commands) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: c.Say("servers that work on one PostgreSQL database"), Args: cobra.ArbitraryArgs, RunE: c.Group}
	cmd.AddCommand(c.nodeList(), c.nodeReady(), c.nodeAdopt())
	return cmd
}

func (c commands) nodeReady() *cobra.Command {
	return &cobra.Command{
		Use: "ready", Args: c.Words(), Short: c.Say("say, also by the exit status, whether this server takes mail: for health checks"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			server, err := c.Serving(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, server.Close()) }()
			if err := server.Call(cmd.Context(), "node/ready", struct{}{}, nil, nil); err != nil {
				return err
			}
			return c.Result(map[string]bool{"ready": true}, func() { c.Print("This server takes mail.") })
		},
	}
}

func (c commands) nodeList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: c.Words(), Short: c.Say("list the servers, which of them leads, and when each was last seen"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []console.Node
			if err := c.Call(cmd.Context(), "node/list", struct{}{}, &list, nil); err != nil {
				return err
			}
			return c.Result(list, func() {
				if len(list) == 0 {
					c.Print("no server runs on this data directory")
				}
				for _, n := range list {
					notes := ""
					if n.Leads {
						notes += "  " + c.Say("leads")
					}
					if n.Here {
						notes += "  " + c.Say("this one")
					}
					_, _ = fmt.Fprintf(c.Out, "%s  %-24s %-9s %-16s %s%s\n", n.ID.String()[:8], n.Name, c.Say(n.State), n.Version,
						c.Say("since %s, seen %s", n.Started.Local().Format(time.DateTime), n.Seen.Local().Format(time.TimeOnly)), notes)
				}
			})
		},
	}
}

func (c commands) nodeAdopt() *cobra.Command {
	return &cobra.Command{
		Use: "adopt", Args: c.Words(), Short: c.Say("make the configured PostgreSQL database the one that counts, with all servers stopped"),
		Long: c.Say("After a move to another PostgreSQL cluster, an upgrade of PostgreSQL or a promotion that was undone, servers refuse the database, because they cannot know whether it has everything that was acknowledged. Stop all servers, make sure that this database is the newest, and give this command once. What the ledger signed is compared at the next start all the same."),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if conn, err := net.Dial("unix", app.ConsoleSocket(c.Data)); err == nil {
				return errors.Join(&console.Error{Kind: "busy", Text: c.Say("stop all servers first: the one of %s runs", c.Data)}, conn.Close())
			}
			a, err := app.Open(cmd.Context(), app.Options{Dir: c.Data, ConfigFile: c.Config, Log: c.Log(slog.LevelError, "text"), Now: time.Now, Version: version, Adopt: true})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			return c.Result(struct{}{}, func() { c.Print("The database that is configured is the one that counts.") })
		},
	}
}
