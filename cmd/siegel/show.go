package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
)

func (c *cli) showCommand() *cobra.Command {
	var reason, file string
	cmd := c.person(&cobra.Command{
		Use: "show MESSAGE", Args: c.words("MESSAGE"),
		Short: c.say("open a message: its octets as received (the opening is audited)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, "show", console.Proof{Show: console.Show{ID: args[0], Reason: reason}}, file)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", c.say("why you open what is not yours; kept in the audit log"))
	cmd.Flags().StringVar(&file, "output", "", c.say("file to write to (default: the standard output)"))
	return cmd
}

// open gives a command whose answer is octets and writes them to a file, which
// appears only when it is whole, or to the standard output.
func (c *cli) open(cmd *cobra.Command, command string, body console.Proof, file string) (err error) {
	if body.Credentials, err = c.credentials(); err != nil {
		return err
	}
	var ask any = body
	if command == "show" {
		ask = body.Show
	}
	client, stop, err := c.client(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var shown console.Shown
	if file == "" {
		return client.Octets(cmd.Context(), command, ask, &shown, c.out)
	}
	part := file + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = client.Octets(cmd.Context(), command, ask, &shown, io.Writer(f))
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	return c.result(shown, func() {
		if shown.SHA256 == "" {
			c.print("Written: %s", file)
			return
		}
		_, _ = fmt.Fprintf(c.err, "%s  %d  sha256:%s\n", file, shown.Size, shown.SHA256)
	})
}
