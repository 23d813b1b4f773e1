package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/internal/front/console"
)

// request is a request as the console lists it.
type request struct {
	ID        string    `json:"id"`
	Person    string    `json:"person"`
	Requester string    `json:"requester"`
	Kind      string    `json:"kind"`
	Value     string    `json:"value"`
	State     string    `json:"state"`
	Created   time.Time `json:"created"`

	Email          string     `json:"email"`
	RequesterEmail string     `json:"requester_email"`
	DeciderEmail   string     `json:"decider_email,omitempty"`
	Decided        *time.Time `json:"decided,omitempty"`
	NotBefore      *time.Time `json:"not_before,omitempty"`
	Keepers        *int       `json:"keepers,omitempty"`
}

func (c commands) accessCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "access", Short: c.Say("access to the archive and other requests: request, approve, recover"), Args: cobra.ArbitraryArgs, RunE: c.Group}
	cmd.AddCommand(c.accessRequest(), c.accessApprove(), c.accessReject(), c.accessWithdraw(), c.accessList(), c.accessRecover(), c.accessRepair())
	return cmd
}

func (c commands) accessRequest() *cobra.Command {
	var role string
	cmd := c.Person(&cobra.Command{
		Use: "request ADDRESS", Args: c.Words("ADDRESS"), Short: c.Say("ask the keepers to give a person the archive (an administrator)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r struct {
				request
				console.Unheld
			}
			if err := c.about(cmd, "access/request", console.Person{Email: args[0], Role: role}, &r, nil); err != nil {
				return err
			}
			return c.requested(requested{Request: &r.request, Unheld: r.Unheld}, "")
		},
	})
	cmd.Long = c.recoverHelp()
	cmd.Flags().StringVar(&role, "role", "auditor", c.Say("compliance or auditor"))
	return cmd
}

func (c commands) accessApprove() *cobra.Command {
	return c.decision(&cobra.Command{Use: "approve REQUEST", Short: c.Say("carry out a request (a keeper)")}, func(r request) {
		switch r.Kind {
		case "role":
			c.Print("Approved and carried out: %s has the role %s now, as %s asked.", r.Email, c.Say(r.Value), r.RequesterEmail)
			c.fewKeepers(r.Keepers)
		case "domain":
			c.Print("Approved and carried out: mail for %s is taken from now on, as %s asked.", r.Value, r.RequesterEmail)
		default:
			c.Print("Approved and carried out: mail with %s is sealed to %s from now on, as %s asked.", r.Value, r.Email, r.RequesterEmail)
		}
	})
}

func (c commands) accessReject() *cobra.Command {
	return c.decision(&cobra.Command{Use: "reject REQUEST", Short: c.Say("end a request without carrying it out (a keeper)")}, func(r request) {
		c.Print("Rejected: %s, as %s asked.", c.wish(r), r.RequesterEmail)
	})
}

func (c commands) accessWithdraw() *cobra.Command {
	return c.decision(&cobra.Command{Use: "withdraw REQUEST", Short: c.Say("take back a request of your own")}, func(r request) {
		c.Print("Withdrawn: %s.", c.wish(r))
	})
}

// wish is what a request asks for, and for whom.
func (c commands) wish(r request) string {
	switch r.Kind {
	case "role":
		return c.Say("role %s for %s", c.Say(r.Value), r.Email)
	case "domain":
		return c.Say("domain %s for the tenant", r.Value)
	default:
		return c.Say("address %s for %s", r.Value, r.Email)
	}
}

// decision completes a command that ends a request.
func (c commands) decision(cmd *cobra.Command, people func(request)) *cobra.Command {
	cmd.Args = c.Words("REQUEST")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cred, err := c.Credentials()
		if err != nil {
			return err
		}
		body := console.Decide{Credentials: cred}
		if err := body.Request.UnmarshalText([]byte(args[0])); err != nil {
			return cli.Usage(c.Say("%q is not the id of a request; siegel access list shows them", args[0]))
		}
		var r request
		if err := c.Call(cmd.Context(), "access/"+cmd.Name(), body, &r, nil); err != nil {
			return err
		}
		return c.Result(r, func() { people(r) })
	}
	return c.Person(cmd)
}

func (c commands) accessList() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "list", Args: c.Words(), Short: c.Say("list the requests"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var list []request
			if err := c.Call(cmd.Context(), "access/list", console.Signed{Credentials: cred}, &list, nil); err != nil {
				return err
			}
			return c.Result(list, func() {
				for _, r := range list {
					c.printRequest(r)
				}
			})
		},
	})
}

func (c commands) printRequest(r request) {
	_, _ = fmt.Fprintf(c.Out, "%s  %s  %s\n", r.ID, r.Created.Local().Format(time.DateTime), c.Say(r.State))
	c.Print("    %s, asked by %s", c.wish(r), r.RequesterEmail)
	switch {
	case r.Decided == nil:
	case r.DeciderEmail != "":
		c.Print("    %s by %s on %s", c.Say(r.State), r.DeciderEmail, r.Decided.Local().Format(time.DateTime))
	default:
		c.Print("    %s with the recovery kit on %s", c.Say(r.State), r.Decided.Local().Format(time.DateTime))
	}
	if r.NotBefore != nil {
		c.Print("    not before %s: who asked and this account come from one hand", r.NotBefore.Local().Format(moment))
	}
}

// moment is how a time is said in a sentence.
const moment = "2006-01-02 15:04 MST"

// recoverHelp says how the recovery kit makes a keeper.
func (c commands) recoverHelp() string {
	return c.Say("When the last keeper forgot her password: an administrator requests the role compliance for somebody else, and whoever has the recovery kit carries that out with siegel access recover. Then there is a keeper again, and the one before can be reset.")
}

func (c commands) accessRecover() *cobra.Command {
	var file, words, tenant string
	cmd := &cobra.Command{
		Use: "recover REQUEST", Args: c.Words("REQUEST"), Short: c.Say("carry out a request for the role compliance with the recovery kit"), Long: c.recoverHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := console.Recover{Tenant: tenant}
			if err := body.Request.UnmarshalText([]byte(args[0])); err != nil {
				return cli.Usage(c.Say("%q is not the id of a request; siegel access list shows them", args[0]))
			}
			var err error
			if body.File, err = c.Input("--recovery-file", file); err != nil {
				return err
			}
			if body.Words, err = c.Secret("--words-file", words, c.Say("Words of the recovery kit: ")); err != nil {
				return err
			}
			if err := c.Call(cmd.Context(), "access/recover", body, nil, nil); err != nil {
				return err
			}
			return c.Result(map[string]string{"request": args[0]}, func() { c.Print("Approved and carried out.") })
		},
	}
	cmd.Flags().StringVar(&file, "recovery-file", "", c.Say("file with the recovery kit"))
	cmd.Flags().StringVar(&words, "words-file", "", c.Say("file with its words (default: ask)"))
	cmd.Flags().StringVar(&tenant, "tenant", "", c.Say("tenant, where there are several"))
	return cmd
}

func (c commands) accessRepair() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "repair", Args: c.Words(), Short: c.Say("remove rows that claim access and do not stand in the ledger"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var out console.Repaired
			if err := c.Call(cmd.Context(), "access/repair", console.Signed{Credentials: cred}, &out, nil); err != nil {
				return err
			}
			return c.Result(out, func() { c.Print("%d rows were removed; siegel audit names them.", out.Removed) })
		},
	})
}
