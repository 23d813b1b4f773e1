package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/output"
	"siegel/internal/front/console"
)

func (c commands) auditCommand() *cobra.Command {
	var body console.Audit
	var since, until string
	cmd := c.Person(&cobra.Command{
		Use: "audit", Args: c.Words(), Short: c.Say("who did what, newest first; each event is checked against the ledger"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			body.Credentials = cred
			if body.Since, err = c.day(since, 0); err != nil {
				return err
			}
			if body.Until, err = c.day(until, 1); err != nil {
				return err
			}
			var list []output.Event
			err = c.Call(cmd.Context(), "audit", body, &list, nil)
			if err != nil && list == nil {
				return err
			}
			// Beside damaged events the others are listed.
			return errors.Join(c.Result(list, func() {
				for _, e := range list {
					_, _ = fmt.Fprintln(c.Out, e.Line(c.Say))
				}
				if len(list) == 0 && err == nil {
					c.Print("no events")
				}
			}), err)
		},
	})
	l := cmd.Flags()
	l.IntVar(&body.Limit, "limit", 50, c.Say("events to show"))
	l.StringVar(&body.Person, "person", "", c.Say("only what this e-mail address did, or what was done to it"))
	l.StringVar(&body.What, "what", "", c.Say("only events that begin so, such as person. or message.open"))
	l.StringVar(&since, "since", "", c.Say("only from this day on: YYYY-MM-DD"))
	l.StringVar(&until, "until", "", c.Say("only up to this day: YYYY-MM-DD"))
	return cmd
}

// day reads a date and returns when the day begins that is so many days later;
// the zero time for no date.
func (c commands) day(date string, later int) (time.Time, error) {
	if date == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, date, time.Local)
	if err != nil {
		return t, cli.Usage(c.Say("%q is not a day; write it as 2026-11-22", date))
	}
	return t.AddDate(0, 0, later), nil
}
