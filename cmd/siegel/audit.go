package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/output"
	"siegel/internal/front/console"
)

// event is an audit event as the console lists it.
type event struct {
	Index  int64          `json:"index"`
	Time   time.Time      `json:"time"`
	What   string         `json:"what"`
	Who    string         `json:"who"`
	Object string         `json:"object,omitempty"`
	Old    string         `json:"old,omitempty"`
	New    string         `json:"new,omitempty"`
	Detail map[string]any `json:"detail,omitempty"`
	Note   string         `json:"note,omitempty"`

	ID          string `json:"id"`
	WhoEmail    string `json:"who_email,omitempty"`
	ObjectEmail string `json:"object_email,omitempty"`
}

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
			var list []event
			if err := c.call(cmd.Context(), "audit", body, &list, nil); err != nil {
				return err
			}
			return c.result(list, func() {
				for _, e := range list {
					c.printEvent(e)
				}
			})
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

func (c *cli) printEvent(e event) {
	who := cmp.Or(e.WhoEmail, e.Who)
	line := fmt.Sprintf("%6d %s  %-22s %s", e.Index, e.Time.Local().Format(time.DateTime), e.What, who)
	if e.Object != "" && e.Object != e.Who {
		line += " > " + cmp.Or(e.ObjectEmail, e.Object)
	}
	_, _ = fmt.Fprintln(c.out, line)
	var more []string
	if e.Old != "" || e.New != "" {
		more = append(more, strings.TrimSpace(e.Old+" -> "+e.New))
	}
	if e.Note != "" {
		more = append(more, fmt.Sprintf("%q", output.Clip(e.Note, 100)))
	}
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		// What the program needs and nobody reads stays in --json.
		if !slices.Contains([]string{"note", "note-to", "holder", "requester", "assignment"}, k) {
			more = append(more, fmt.Sprintf("%s=%v", k, e.Detail[k]))
		}
	}
	if len(more) > 0 {
		_, _ = fmt.Fprintf(c.out, "       %s\n", strings.Join(more, "  "))
	}
}
