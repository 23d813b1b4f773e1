package main

import (
	"errors"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
	"siegel/internal/mail"
)

// tenantDomain is about the domains that a tenant takes mail for.
func (c commands) tenantDomain() *cobra.Command {
	cmd := &cobra.Command{Use: "domain", Short: c.Say("further domains of a tenant"), Args: cobra.ArbitraryArgs, RunE: c.Group}
	cmd.AddCommand(c.domainAdd())
	return cmd
}

func (c commands) domainAdd() *cobra.Command {
	var confirm string
	cmd := c.Person(&cobra.Command{
		Use: "add DOMAIN", Args: c.Words("DOMAIN"), Short: c.Say("ask that the tenant takes the mail of a further domain (an administrator or a keeper)"),
		Long: c.Say("A keeper who is somebody else approves it: siegel access approve REQUEST. From then on mail for the domain is taken and archived, at all nodes. A domain stays for good; siegel tenant list shows which there are."),
		RunE: func(cmd *cobra.Command, args []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var r struct {
				request
				console.Unheld
			}
			err = c.Call(cmd.Context(), "domain/request", console.Domain{Credentials: cred, Domain: args[0], Confirm: confirm}, &r, nil)
			if e, ok := errors.AsType[*console.Error](err); ok && e.Field == "confirm-domain" {
				e.Text += "\n" + c.Say("where it is meant, add %s", "--confirm-domain "+mail.NewDomain(args[0]).Readable())
			}
			if err != nil {
				return err
			}
			return c.requested(requested{Request: &r.request, Unheld: r.Unheld}, "")
		},
	})
	cmd.Flags().StringVar(&confirm, "confirm-domain", "", c.Say("the domain again, where it is meant although it looks like one of the tenant's"))
	return cmd
}
