// Package source has the commands about who hands in mail by the journal door. It
// is part of the command siegel.
package source

import (
	"fmt"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/internal/front/console"
	"siegel/internal/mail"
)

// commands are those of this package.
type commands struct{ *cli.CLI }

// Command returns `siegel source` with what is below it.
func Command(c *cli.CLI) *cobra.Command {
	s := commands{c}
	cmd := &cobra.Command{Use: "source", Short: c.Say("who hands in mail: register, count, end"), Args: cobra.ArbitraryArgs, RunE: c.Group}
	cmd.AddCommand(s.add(), s.secret(), s.remove(), s.list())
	return cmd
}

// added is a source that was registered, or given a secret.
type added struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	User   string `json:"user,omitempty"`
	Secret string `json:"secret,omitempty"`

	Address     string   `json:"address"`
	Networks    []string `json:"networks"`
	Certificate string   `json:"certificate,omitempty"`
	Form        string   `json:"form"`

	Beside *struct { // the new source and one of the same address, of which one is asked for less
		Weaker   string `json:"weaker"`
		Stronger string `json:"stronger"`
	} `json:"beside,omitempty"`
}

func (c commands) add() *cobra.Command {
	var r console.AddSource
	var certificate, secret string
	cmd := c.Person(&cobra.Command{
		Use: "add NAME", Args: c.Words("NAME"), Short: c.Say("register a source of journaled mail (an administrator)"),
		Example: "  siegel source add exchange --address journal@clinic.example --network 192.0.2.0/28 --auth --as it@clinic.example",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Name = args[0]
			if certificate != "" {
				if r.Certificate, err = c.Input("--certificate", certificate); err != nil {
					return err
				}
			}
			if secret != "" {
				r.SignIn = true
				if r.Secret, err = c.Secret("--secret-file", secret, ""); err != nil {
					return err
				}
			}
			if r.Credentials, err = c.Credentials(); err != nil {
				return err
			}
			var out added
			if err := c.Call(cmd.Context(), "source/add", r, &out, nil); err != nil {
				return err
			}
			return c.Result(out, func() {
				c.Print("The source %s is registered: what it delivers to %s is archived.", out.Name, mail.Address(out.Address).Readable())
				c.show(out)
				if p := out.Beside; p != nil {
					_, _ = fmt.Fprintln(c.Err, c.Say("Note: %[1]s and %[2]s deliver to the same address, and %[1]s proves itself by less: who is %[1]s needs nothing of %[2]s.", p.Weaker, p.Stronger))
				}
			})
		},
	})
	f := cmd.Flags()
	f.StringVar(&r.Address, "address", "", c.Say("journal address, in a domain of the tenant; nobody needs a mailbox there"))
	f.StringSliceVar(&r.Networks, "network", nil, c.Say("where it connects from, as 192.0.2.0/28 or one address"))
	f.StringVar(&certificate, "certificate", "", c.Say("PEM file with its client certificate"))
	f.BoolVar(&r.SignIn, "auth", false, c.Say("it signs in by SMTP AUTH, with a secret that is made and shown once"))
	f.StringVar(&secret, "secret-file", "", c.Say("file with a secret for SMTP AUTH that you chose, of 32 characters at least"))
	f.StringVar(&r.Form, "form", "reports", c.Say("what it hands in: reports (Exchange, Microsoft 365), copies (Postfix), or copies+fields (Google: trust its delivery fields)"))
	return cmd
}

// show prints with what a source signs in.
func (c commands) show(a added) {
	if a.User == "" {
		return
	}
	c.Print("It signs in as %s", a.User)
	if a.Secret != "" {
		c.Print("with the secret %s", a.Secret)
		c.Print("The secret is shown this once: put it into the configuration of the mail server now.")
	}
}

func (c commands) secret() *cobra.Command {
	var file string
	cmd := c.Person(&cobra.Command{
		Use: "secret NAME", Args: c.Words("NAME"), Short: c.Say("give a source a new secret for SMTP AUTH; the old one ends at once (an administrator)"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r := console.Source{Name: args[0]}
			if file != "" {
				if r.Secret, err = c.Secret("--secret-file", file, ""); err != nil {
					return err
				}
			}
			if r.Credentials, err = c.Credentials(); err != nil {
				return err
			}
			var out added
			if err := c.Call(cmd.Context(), "source/secret", r, &out, nil); err != nil {
				return err
			}
			return c.Result(out, func() { c.show(out) })
		},
	})
	cmd.Flags().StringVar(&file, "secret-file", "", c.Say("file with a secret for SMTP AUTH that you chose, of 32 characters at least"))
	return cmd
}

func (c commands) remove() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "remove NAME", Args: c.Words("NAME"), Short: c.Say("end a source: what it delivers is refused from then on (an administrator)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			if err := c.Call(cmd.Context(), "source/remove", console.Source{Credentials: cred, Name: args[0]}, nil, nil); err != nil {
				return err
			}
			return c.Result(map[string]string{"name": args[0]}, func() {
				c.Print("The source %s has ended. Its mail is refused from now on: make the mail server stop sending it.", args[0])
			})
		},
	})
}
