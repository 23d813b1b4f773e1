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
		ID         string    `json:"id"`
		Arrived    time.Time `json:"arrived"`
		Sent       time.Time `json:"sent"`
		From       string    `json:"from"`
		Subject    string    `json:"subject"`
		Size       int64     `json:"size"`
		Opaque     bool      `json:"opaque"`
		Attachment bool      `json:"attachment"`
		Waiting    bool      `json:"waiting"`
		Unread     bool      `json:"unread"`
		Excerpt    *excerpt  `json:"excerpt,omitempty"`
	} `json:"hits"`
	Total   int64         `json:"total"`
	Indexed int64         `json:"indexed"`
	Pending int64         `json:"pending"`
	Damaged int64         `json:"damaged"`
	Former  int64         `json:"former"`
	Waiting int64         `json:"waiting"`
	Unread  int64         `json:"unread"`
	Next    string        `json:"next"`
	Took    time.Duration `json:"took"`
}

// excerpt is the words around what was found; marks are places in characters.
type excerpt struct {
	Subject  marked `json:"subject"`
	Text     marked `json:"text"`
	Attached bool   `json:"attached"`
}

type marked struct {
	Text  string `json:"text"`
	Marks []struct {
		At     int `json:"at"`
		Length int `json:"length"`
	} `json:"marks"`
}

func (c commands) searchCommand() *cobra.Command {
	var search console.Search
	cmd := c.Person(&cobra.Command{
		Use: "search WORDS…", Args: cobra.ArbitraryArgs,
		Short: c.Say(`find messages: words, "phrases", prefix*, from: to: subject: before: and more`),
		Long:  c.Say("Every word must be there. a OR b takes one of them, also as (a OR b), -word leaves messages with it out. from: to: cc: subject: body: filename: and attachment: (text and names of attachments) look in one place. after: includes its day, before: excludes it, on: is the day; a month or a year means its first day, with on: all of it, in UTC. larger:10M and smaller:500k compare the size, has:attachment asks for one, has:unreadable for one that could not be read, has:waiting for one that waits to be read. Put the whole search in single quotation marks, so that the shell leaves it as it is. A search that begins with a hyphen comes last, behind two hyphens that end the options."),
		Example: "  siegel search 'from:anna \"annual report\" -draft after:2026-01 before:2026-07' --as anna@clinic.example\n" +
			"  siegel search --as anna@clinic.example -- '-draft report'",
		RunE: func(cmd *cobra.Command, args []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var f found
			search.Credentials, search.Query = cred, strings.Join(args, " ")
			if err := c.Call(cmd.Context(), "search", search, &f, c.Progress(c.Say("Indexing"))); err != nil {
				return err
			}
			return c.Result(f, func() { c.printFound(f) })
		},
	})
	cmd.Flags().IntVar(&search.Limit, "limit", 20, c.Say("hits to show, at most 1000"))
	cmd.Flags().StringVar(&search.Order, "order", "newest", c.Say("which come first: newest, oldest, or by relevance"))
	cmd.Flags().StringVar(&search.Cursor, "cursor", "", c.Say("go on behind a page, with what it printed"))
	cmd.Flags().BoolVar(&search.Excerpts, "excerpts", false, c.Say("show the words around what was found"))
	cmd.Flags().BoolVar(&search.Attachments, "attachments", false, c.Say("first read all attachments that wait, however long that takes"))
	return cmd
}

func (c commands) printFound(f found) {
	for _, h := range f.Hits {
		mark := ""
		if h.Opaque {
			mark = c.Say(" [not searchable inside]")
		}
		_, _ = fmt.Fprintf(c.Out, "%s  %s  %-32s %s%s\n", h.ID, h.Sent.Local().Format(time.DateOnly), output.Clip(h.From, 32), output.Clip(h.Subject, 70), mark)
		if h.Excerpt != nil && h.Excerpt.Text.Text != "" {
			_, _ = fmt.Fprintf(c.Out, "    %s\n", output.Clip(h.Excerpt.Text.Text, 220))
		}
	}
	c.Print("%d of %d {hit|hits} in %d {message|messages}, %d ms", len(f.Hits), f.Total, f.Indexed, f.Took.Milliseconds())
	if f.Next != "" {
		c.Print("the next page: --cursor %s", f.Next)
	}
	if f.Pending > 0 {
		c.Print("%d {message is|messages are} not in the index yet", f.Pending)
	}
	if f.Waiting > 0 {
		c.Print("%d {message has|messages have} attachments that are not read yet: --attachments waits for that, siegel doctor says whether a program is missing", f.Waiting)
	}
	if f.Unread > 0 {
		c.Print("%d {message has|messages have} attachments that cannot be read", f.Unread)
	}
	if f.Former > 0 {
		c.Print("%d {message is|messages are} sealed to a former key of yours; a keeper can re-grant {it|them}", f.Former)
	}
	if f.Damaged > 0 {
		c.Print("%d index {record|records} did not open; run siegel ledger verify", f.Damaged)
	}
}
