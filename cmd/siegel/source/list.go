package source

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
)

// state is a way in as the console lists it.
type state struct {
	added
	BuiltIn bool `json:"built_in,omitempty"`
	Damaged bool `json:"damaged,omitempty"`
}

func (c commands) list() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "list", Args: c.Words(), Short: c.Say("list the ways in"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var out struct {
				Sources []state `json:"sources"`
			}
			if err := c.Call(cmd.Context(), "source/list", console.Signed{Credentials: cred}, &out, nil); err != nil {
				return err
			}
			return c.Result(out, func() {
				for _, s := range out.Sources {
					c.print(s)
				}
			})
		},
	})
}

func (c commands) print(s state) {
	if s.BuiltIn {
		_, _ = fmt.Fprintf(c.Out, "%-20s %s\n", s.Name, c.Say("always there"))
		return
	}
	_, _ = fmt.Fprintf(c.Out, "%-20s %s  %s\n", s.Name, s.Address, s.Form)
	if s.Damaged {
		c.Print("    its row is not as it was entered in the ledger; it gives nothing: run siegel ledger verify")
	}
	if len(s.Networks) > 0 {
		c.Print("    from %s", strings.Join(s.Networks, " "))
	}
	if s.Certificate != "" {
		c.Print("    with the certificate whose key has the SHA-256 %s", s.Certificate)
	}
	if s.User != "" {
		c.Print("    signs in as %s", s.User)
	}
}
