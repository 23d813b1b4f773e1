package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/target"
	"siegel/internal/front/console"
)

func (c commands) proofCommand() *cobra.Command {
	var reason string
	var to target.Target
	var wait time.Duration
	var without bool
	cmd := c.Person(&cobra.Command{
		Use: "proof MESSAGE", Args: c.Words("MESSAGE"),
		Short: c.Say("write a proof bundle that a stranger can check (the opening is audited)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to.File == "" {
				to.File = strings.ReplaceAll(args[0], "/", "_") + ".zip"
			}
			return c.open(cmd, "proof", console.Proof{
				Show: console.Show{ID: args[0], Reason: reason}, WaitSeconds: int(wait.Seconds()), WithoutMessage: without,
			}, to)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", c.Say("why you open what is not yours; kept in the audit log"))
	cmd.Flags().StringVar(&to.File, "output", "", c.Say("file to write to; - is the standard output (default: the id of the message and .zip)"))
	cmd.Flags().BoolVar(&to.Force, "force", false, c.Say("write over what is there"))
	cmd.Flags().DurationVar(&wait, "wait", 0, c.Say("wait so long for the timestamp, such as 15m (default: say that it is not there yet)"))
	cmd.Flags().BoolVar(&without, "without-message", false, c.Say("leave the message out: only what was committed to, for whoever has it already"))
	return cmd
}
