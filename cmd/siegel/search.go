package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/output"
	"siegel/internal/front/console"
)

// found is what a search returns.
type found struct {
	Hits []struct {
		ID      string    `json:"id"`
		Arrived time.Time `json:"arrived"`
		Sent    time.Time `json:"sent"`
		From    string    `json:"from"`
		Subject string    `json:"subject"`
		Size    int64     `json:"size"`
		Opaque  bool      `json:"opaque"`
	} `json:"hits"`
	Total   int           `json:"total"`
	Indexed int64         `json:"indexed"`
	Pending int64         `json:"pending"`
	Damaged int64         `json:"damaged"`
	Former  int64         `json:"former"`
	Took    time.Duration `json:"took"`
}

func (c commands) searchCommand() *cobra.Command {
	var limit, offset int
	cmd := c.Person(&cobra.Command{
		Use: "search WORDS…", Args: cobra.ArbitraryArgs,
		Short: c.Say(`find messages: words, "phrases", prefix*, from: to: subject: body: filename: before: after:`),
		Long:  c.Say("Every word must be there. a OR b takes one of them, -word leaves messages with it out. after: includes its day, before: excludes it; a month or a year means its first day, all in UTC. Put the whole search in single quotation marks, so that the shell leaves it as it is. A search that begins with a hyphen comes last, behind two hyphens that end the options."),
		Example: "  siegel search 'from:anna \"annual report\" -draft after:2026-01 before:2026-07' --as anna@clinic.example\n" +
			"  siegel search --as anna@clinic.example -- '-draft report'",
		RunE: func(cmd *cobra.Command, args []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var f found
			body := console.Search{Credentials: cred, Query: strings.Join(args, " "), Limit: limit, Offset: offset}
			if err := c.Call(cmd.Context(), "search", body, &f, c.Progress(c.Say("Indexing"))); err != nil {
				return err
			}
			return c.Result(f, func() { c.printFound(f) })
		},
	})
	cmd.Flags().IntVar(&limit, "limit", 20, c.Say("hits to show, at most 1000"))
	cmd.Flags().IntVar(&offset, "offset", 0, c.Say("hits to leave out"))
	return cmd
}

func (c commands) printFound(f found) {
	for _, h := range f.Hits {
		mark := ""
		if h.Opaque {
			mark = c.Say(" [not searchable inside]")
		}
		_, _ = fmt.Fprintf(c.Out, "%s  %s  %-32s %s%s\n", h.ID, h.Sent.Local().Format(time.DateOnly), output.Clip(h.From, 32), output.Clip(h.Subject, 70), mark)
	}
	c.Print("%d of %d {hit|hits} in %d {message|messages}, %d ms", len(f.Hits), f.Total, f.Indexed, f.Took.Milliseconds())
	if f.Pending > 0 {
		c.Print("%d {message is|messages are} not in the index yet", f.Pending)
	}
	if f.Former > 0 {
		c.Print("%d {message is|messages are} sealed to a former key of yours; a keeper can re-grant {it|them}", f.Former)
	}
	if f.Damaged > 0 {
		c.Print("%d index {record|records} did not open; run siegel ledger verify", f.Damaged)
	}
}
