package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
)

func (c *cli) showCommand() *cobra.Command {
	var reason string
	var to target
	cmd := c.person(&cobra.Command{
		Use: "show MESSAGE", Args: c.words("MESSAGE"),
		Short: c.say("open a message: its octets as received (the opening is audited)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.json && to.file == "" {
				return usage(c.say("a message is octets and not JSON; with --json name a file with --output"))
			}
			return c.open(cmd, "show", console.Proof{Show: console.Show{ID: args[0], Reason: reason}}, to)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", c.say("why you open what is not yours; kept in the audit log"))
	cmd.Flags().StringVar(&to.file, "output", "", c.say("file to write to (default: the standard output)"))
	cmd.Flags().BoolVar(&to.force, "force", false, c.say("write over what is there"))
	return cmd
}

// target is where octets are written to.
type target struct {
	file  string // empty: the standard output
	force bool   // write over what is there
}

// open gives a command whose answer is octets and writes them to a file, which
// appears only when it is whole, or to the standard output.
func (c *cli) open(cmd *cobra.Command, command string, body console.Proof, to target) (err error) {
	if to.file != "" && !to.force {
		if err := c.free(to.file); err != nil {
			return err
		}
	}
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
	if to.file == "" {
		return client.Octets(cmd.Context(), command, ask, &shown, c.out)
	}
	err = c.place(to, func(w io.Writer) error { return client.Octets(cmd.Context(), command, ask, &shown, w) })
	if err != nil {
		return err
	}
	return c.result(shown, func() {
		if shown.SHA256 == "" {
			c.print("Written: %s", to.file)
			return
		}
		_, _ = fmt.Fprintf(c.err, "%s  %d  sha256:%s\n", to.file, shown.Size, shown.SHA256)
	})
}

// free fails where a file that would be written is there already.
func (c *cli) free(file string) error {
	if _, err := os.Lstat(file); err == nil {
		return &console.Error{Kind: "conflict", Text: c.say("%s exists already; name another, or write over it with --force", file)}
	}
	return c.absent(file)
}

// place writes a file that appears only when it is whole.
func (c *cli) place(to target, fill func(io.Writer) error) error {
	part := to.file + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return c.exists(part)
	case err != nil:
		return usage(c.say("the file %s cannot be written; check the folder and its mode", part))
	}
	err = errors.Join(fill(f), f.Close())
	if err == nil && to.force {
		err = os.Rename(part, to.file)
	} else if err == nil {
		// link fails where the name was taken meanwhile; rename would replace it.
		err = os.Link(part, to.file)
		if errors.Is(err, fs.ErrExist) {
			err = c.exists(to.file)
		}
	}
	if err == nil && to.force {
		return nil
	}
	return errors.Join(err, os.Remove(part))
}
