package main

import (
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"siegel/internal/kit/fault"
)

func (c commands) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Args: c.Words(), Short: c.Say("say what is wrong and how to mend it"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := c.Doctor(cmd.Context())
			if err != nil {
				return err
			}
			problems, space, reach, conf := 0, 0, 0, 0
			for _, k := range list {
				if k.State == "bad" {
					problems++
					switch k.Name {
					case "disk":
						space++
					case "database", "objects":
						reach++
					case "configuration":
						conf++
					}
				}
			}
			err = c.Result(list, func() {
				state, name := 0, 0 // widths, which differ between languages
				for _, k := range list {
					state, name = max(state, utf8.RuneCountInString(c.Say(k.State))), max(name, utf8.RuneCountInString(c.Say(k.Name)))
				}
				for _, k := range list {
					_, _ = fmt.Fprintf(c.Out, "%-*s  %-*s  %s\n", state, c.Say(k.State), name, c.Say(k.Name), k.What)
					if k.Remedy != "" {
						_, _ = fmt.Fprintf(c.Out, "%*s-> %s\n", state+name+4, "", k.Remedy)
					}
				}
			})
			switch {
			case err != nil || problems == 0:
				return err
			case space == problems:
				return fault.New(fault.Exhausted, "only space is wrong: free some")
			case reach == problems:
				return fault.New(fault.Busy, "the database or the object store does not answer; what depends on them is not known")
			case conf == problems:
				return fault.New(fault.Invalid, "only the configuration is wrong: mend it before the next start")
			default:
				return problemsFound(problems)
			}
		},
	}
}
