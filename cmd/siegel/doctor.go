package main

import (
	"fmt"
	"unicode/utf8"

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
			problems, space := 0, 0
			for _, k := range list {
				if k.State == "bad" {
					problems++
					if k.Name == "disk" {
						space++
					}
				}
			}
			err := c.result(list, func() {
				state, name := 0, 0 // widths, which differ between languages
				for _, k := range list {
					state, name = max(state, utf8.RuneCountInString(c.say(k.State))), max(name, utf8.RuneCountInString(c.say(k.Name)))
				}
				for _, k := range list {
					_, _ = fmt.Fprintf(c.out, "%-*s  %-*s  %s\n", state, c.say(k.State), name, c.say(k.Name), k.What)
					if k.Remedy != "" {
						_, _ = fmt.Fprintf(c.out, "%*s-> %s\n", state+name+4, "", k.Remedy)
					}
				}
			})
			switch {
			case err != nil || problems == 0:
				return err
			case space == problems:
				return fault.New(fault.Exhausted, "only space is wrong: free some")
			default:
				return problemsFound(problems)
			}
		},
	}
}
