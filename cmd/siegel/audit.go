package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/output"
	"siegel/internal/front/console"
)

func (c *cli) auditCommand() *cobra.Command {
	var body console.Audit
	var since, until string
	cmd := c.person(&cobra.Command{
		Use: "audit", Args: c.words(), Short: c.say("who did what, newest first; each event is checked against the ledger"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.credentials()
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
			err = c.call(cmd.Context(), "audit", body, &list, nil)
			if err != nil && list == nil {
				return err
			}
			// Beside damaged events the others are listed.
			return errors.Join(c.result(list, func() {
				for _, e := range list {
					_, _ = fmt.Fprintln(c.out, e)
				}
				if len(list) == 0 && err == nil {
					c.print("no events")
				}
			}), err)
		},
	})
	l := cmd.Flags()
	l.IntVar(&body.Limit, "limit", 50, c.say("events to show"))
	l.StringVar(&body.Person, "person", "", c.say("only what this e-mail address did, or what was done to it"))
	l.StringVar(&body.What, "what", "", c.say("only events that begin so, such as person. or message.open"))
	l.StringVar(&since, "since", "", c.say("only from this day on: YYYY-MM-DD"))
	l.StringVar(&until, "until", "", c.say("only up to this day: YYYY-MM-DD"))
	return cmd
}

// day reads a date and returns when the day begins that is so many days later;
// the zero time for no date.
func (c *cli) day(date string, later int) (time.Time, error) {
	if date == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, date, time.Local)
	if err != nil {
		return t, usage(c.say("%q is not a day; write it as 2026-11-22", date))
	}
	return t.AddDate(0, 0, later), nil
}
