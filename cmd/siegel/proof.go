package main

import (
	"github.com/spf13/cobra"

	"siegel/internal/front/console"
)

func (c *cli) proofCommand() *cobra.Command {
	var reason, file string
	cmd := c.person(&cobra.Command{
		Use: "proof MESSAGE", Args: c.words("MESSAGE"),
		Short: c.say("write a proof bundle that a stranger can check (the opening is audited)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				file = args[0] + ".zip"
			}
			return c.open(cmd, "proof", console.Show{ID: args[0], Reason: reason}, file)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", c.say("why you open what is not yours; kept in the audit log"))
	cmd.Flags().StringVar(&file, "output", "", c.say("file to write to (default: the id and .zip)"))
	return cmd
}
