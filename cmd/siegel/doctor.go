package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
)

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Args: c.words(), Short: c.say("say what is wrong and how to mend it"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []console.Check
			if err := c.call(cmd.Context(), "doctor", struct{}{}, &list, nil); err != nil {
				return err
			}
			problems := 0
			for _, k := range list {
				if k.State == "bad" {
					problems++
				}
			}
			err := c.result(list, func() {
				for _, k := range list {
					_, _ = fmt.Fprintf(c.out, "%-5s %-12s %s\n", c.say(k.State), c.say(k.Name), k.What)
					if k.Remedy != "" {
						_, _ = fmt.Fprintf(c.out, "%18s -> %s\n", "", k.Remedy)
					}
				}
			})
			if err == nil && problems > 0 {
				err = fault.Newf(fault.Damaged, "%d problems were found", problems)
			}
			return err
		},
	}
}
