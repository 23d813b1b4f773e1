package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/target"
	"siegel/internal/front/console"
)

func (c commands) showCommand() *cobra.Command {
	var reason string
	var report bool
	var to target.Target
	cmd := c.Person(&cobra.Command{
		Use: "show MESSAGE", Args: c.Words("MESSAGE"),
		Short: c.Say("open a message: its octets as received (the opening is audited)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, "show", console.Proof{Show: console.Show{ID: args[0], Reason: reason, Report: report}}, to)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", c.Say("why you open what is not yours; kept in the audit log"))
	cmd.Flags().BoolVar(&report, "report", false, c.Say("the journal report that it came in (who holds the archive)"))
	cmd.Flags().StringVar(&to.File, "output", "", c.Say("file to write to; - is the standard output (default: the standard output)"))
	cmd.Flags().BoolVar(&to.Force, "force", false, c.Say("write over what is there"))
	return cmd
}

// open gives a command whose answer is octets and writes them to a file, which
// appears only when it is whole, or to the standard output.
func (c commands) open(cmd *cobra.Command, command string, body console.Proof, to target.Target) (err error) {
	if c.JSON && to.Standard() {
		return cli.Usage(c.Say("what is opened is octets and not JSON; with --json name a file with --output"))
	}
	if err := c.files().Check(to); err != nil {
		return err
	}
	if body.Credentials, err = c.Credentials(); err != nil {
		return err
	}
	var ask any = body
	if command == "show" {
		ask = body.Show
	}
	client, stop, err := c.Client(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var shown console.Shown
	if to.Standard() {
		if err := client.Octets(cmd.Context(), command, ask, &shown, c.Out); err != nil {
			return err
		}
		c.cameIn(shown)
		return nil
	}
	err = c.files().Place(to, func(w io.Writer) error { return client.Octets(cmd.Context(), command, ask, &shown, w) })
	if err != nil {
		return err
	}
	return c.Result(shown, func() {
		if shown.SHA256 == "" {
			c.Print("Written: %s", to.File)
			return
		}
		_, _ = fmt.Fprintf(c.Err, "%s  %d  sha256:%s\n", to.File, shown.Size, shown.SHA256)
		c.cameIn(shown)
	})
}

// cameIn says where a message came from, to who holds the archive.
func (c commands) cameIn(m console.Shown) {
	switch {
	case m.Called != "":
		fmt.Fprintln(c.Err, c.Say("came in by: %s (the source %s)", m.Source, m.Called))
	case m.Source != "":
		fmt.Fprintln(c.Err, c.Say("came in by: %s", m.Source))
	}
}
