package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
}

func (c *cli) auditCommand() *cobra.Command {
	var limit int
	cmd := c.person(&cobra.Command{
		Use: "audit", Args: c.words(), Short: c.say("who did what, newest first; each event is checked against the ledger"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.credentials()
			if err != nil {
				return err
			}
			var list []event
			if err := c.call(cmd.Context(), "audit", console.Audit{Credentials: cred, Limit: limit}, &list, nil); err != nil {
				return err
			}
			return c.result(list, func() {
				for _, e := range list {
					c.printEvent(e)
				}
			})
		},
	})
	cmd.Flags().IntVar(&limit, "limit", 50, c.say("events to show"))
	return cmd
}

func (c *cli) printEvent(e event) {
	var more []string
	if e.Object != "" {
		more = append(more, e.Object)
	}
	if e.Old != "" || e.New != "" {
		more = append(more, e.Old+" -> "+e.New)
	}
	if e.Note != "" {
		more = append(more, fmt.Sprintf("%q", clip(e.Note, 100)))
	}
	if b, err := json.Marshal(e.Detail); err == nil && len(e.Detail) > 0 {
		more = append(more, string(b))
	}
	_, _ = fmt.Fprintf(c.out, "%6d %s  %-20s %s  %s\n", e.Index, e.Time.Local().Format(time.DateTime), e.What, e.Who, strings.Join(more, "  "))
}
