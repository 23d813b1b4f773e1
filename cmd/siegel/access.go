package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
)

// request is a request as the console lists it.
type request struct {
	ID      string    `json:"id"`
	Person  string    `json:"person"`
	Kind    string    `json:"kind"`
	Value   string    `json:"value"`
	State   string    `json:"state"`
	Created time.Time `json:"created"`
}

func (c *cli) accessCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "access", Short: c.say("access to the archive: request, approve, recover"), Args: cobra.ArbitraryArgs, RunE: c.group}
	cmd.AddCommand(c.accessRequest(), c.accessApprove(), c.accessList(), c.accessRecover())
	return cmd
}

func (c *cli) accessRequest() *cobra.Command {
	var role string
	cmd := c.person(&cobra.Command{
		Use: "request ADDRESS", Args: c.words("ADDRESS"), Short: c.say("ask the keepers to give a person the archive (an administrator)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r request
			if err := c.about(cmd, "access/request", console.Person{Email: args[0], Role: role}, &r, nil); err != nil {
				return err
			}
			return c.requested(requested{&r}, "")
		},
	})
	cmd.Flags().StringVar(&role, "role", "auditor", c.say("compliance or auditor"))
	return cmd
}

func (c *cli) accessApprove() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "approve REQUEST", Args: c.words("REQUEST"), Short: c.say("carry out a request (a keeper)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cred, err := c.credentials()
			if err != nil {
				return err
			}
			body := console.Approve{Credentials: cred}
			if err := body.Request.UnmarshalText([]byte(args[0])); err != nil {
				return usage(c.say("%q is not the id of a request; siegel access list shows them", args[0]))
			}
			var r request
			if err := c.call(cmd.Context(), "access/approve", body, &r, nil); err != nil {
				return err
			}
			return c.result(r, func() { c.print("Approved and carried out.") })
		},
	})
}

func (c *cli) accessList() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "list", Args: c.words(), Short: c.say("list the requests"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.credentials()
			if err != nil {
				return err
			}
			var list []request
			if err := c.call(cmd.Context(), "access/list", console.Signed{Credentials: cred}, &list, nil); err != nil {
				return err
			}
			return c.result(list, func() {
				for _, r := range list {
					_, _ = fmt.Fprintf(c.out, "%s  %-9s %-8s %s  %s\n", r.ID, c.say(r.State), c.say(r.Kind), r.Value, r.Created.Local().Format(time.DateTime))
				}
			})
		},
	})
}

func (c *cli) accessRecover() *cobra.Command {
	var file, words, tenant string
	cmd := &cobra.Command{
		Use: "recover REQUEST", Args: c.words("REQUEST"), Short: c.say("carry out a request for the role compliance with the recovery kit"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := console.Recover{Tenant: tenant}
			if err := body.Request.UnmarshalText([]byte(args[0])); err != nil {
				return usage(c.say("%q is not the id of a request; siegel access list shows them", args[0]))
			}
			var err error
			if body.File, err = c.input("--recovery-file", file); err != nil {
				return err
			}
			if body.Words, err = c.secret("--words-file", words, c.say("Words of the recovery kit: ")); err != nil {
				return err
			}
			if err := c.call(cmd.Context(), "access/recover", body, nil, nil); err != nil {
				return err
			}
			return c.result(map[string]string{"request": args[0]}, func() { c.print("Approved and carried out.") })
		},
	}
	cmd.Flags().StringVar(&file, "recovery-file", "", c.say("the recovery kit"))
	cmd.Flags().StringVar(&words, "words-file", "", c.say("file with its words (default: ask)"))
	cmd.Flags().StringVar(&tenant, "tenant", "", c.say("tenant, where there are several"))
	return cmd
}
