package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"siegel/internal/front/console"
)

func (c *cli) personCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "person", Short: c.say("people: invite, accept, role, addresses, password, remove"), Args: cobra.ArbitraryArgs, RunE: c.group}
	cmd.AddCommand(c.personList(), c.personInvite(), c.personAccept(), c.personPassword(), c.personReset(),
		c.personRole(), c.personAddresses(), c.personRegrant(), c.personRemove())
	return cmd
}

// account is a person as the console lists her.
type account struct {
	ID        string   `json:"id"`
	Email     string   `json:"email"`
	Role      string   `json:"role"`
	State     string   `json:"state"`
	Addresses []string `json:"addresses"`
}

func (c *cli) personList() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "list", Args: c.words(), Short: c.say("list the people of the tenant"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.credentials()
			if err != nil {
				return err
			}
			var list []account
			if err := c.call(cmd.Context(), "person/list", console.Signed{Credentials: cred}, &list, nil); err != nil {
				return err
			}
			return c.result(list, func() {
				for _, p := range list {
					_, _ = fmt.Fprintf(c.out, "%-32s %-14s %-8s %s\n", p.Email, c.say(p.Role), c.say(p.State), strings.Join(p.Addresses, " "))
				}
			})
		},
	})
}

// about gives a command about a person and decodes its result.
func (c *cli) about(cmd *cobra.Command, command string, p console.Person, result any, progress func(console.Progress)) error {
	cred, err := c.credentials()
	if err != nil {
		return err
	}
	p.Credentials = cred
	return c.call(cmd.Context(), command, p, result, progress)
}

func (c *cli) personInvite() *cobra.Command {
	var role, dir string
	cmd := c.person(&cobra.Command{
		Use: "invite ADDRESS", Args: c.words("ADDRESS"), Short: c.say("make an account and its code (an administrator)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var inv invitation
			if err := c.checkCodes(dir, args[0]); err != nil {
				return err
			}
			if err := c.about(cmd, "person/invite", console.Person{Email: args[0], Role: role}, &inv, nil); err != nil {
				return err
			}
			return c.invited(inv, dir)
		},
	})
	cmd.Flags().StringVar(&role, "role", "reader", c.say("reader or administrator; other roles are requested afterwards"))
	cmd.Flags().StringVar(&dir, "codes", "", c.say("write each invitation's code to a file in this folder instead of printing it"))
	return cmd
}

func (c *cli) invited(inv invitation, dir string) error { return c.invitedAs(inv, dir, inv) }

// invitedAs prints an invitation, or v as JSON.
func (c *cli) invitedAs(inv invitation, dir string, v any) error {
	if dir != "" {
		if err := c.writeCodes(dir, []invitation{inv}); err != nil {
			return err
		}
	}
	return c.result(v, func() {
		c.printCodes([]invitation{inv}, dir)
		if inv.Role == "reader" {
			c.print("No mail is sealed to her yet. A keeper assigns an address with: siegel person addresses %s --add ADDRESS", inv.Email)
		}
	})
}

func (c *cli) personAccept() *cobra.Command {
	var codeFile string
	cmd := c.account(&cobra.Command{
		Use: "accept ADDRESS", Args: c.words("ADDRESS"), Short: c.say("take an invitation: set a password of your own"), Long: c.passwordRules(),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := c.secret("--code-file", codeFile, c.say("Code: "))
			if err != nil {
				return err
			}
			if err := console.CheckCode(code); err != nil {
				return err
			}
			password, err := c.newPassword("--password-file", c.passwordFile)
			if err != nil {
				return err
			}
			body := console.Accept{Tenant: c.tenant, Email: args[0], Code: code, Password: password}
			if err := c.call(cmd.Context(), "person/accept", body, nil, nil); err != nil {
				return err
			}
			return c.result(map[string]string{"email": args[0]}, func() { c.print("Your password is set. You can sign in with --as %s.", args[0]) })
		},
	}, c.say("file with the new password (default: ask)"))
	cmd.Flags().StringVar(&codeFile, "code-file", "", c.say("file with the code (default: ask)"))
	return cmd
}

// passwordRules are what a new password must have.
func (c *cli) passwordRules() string {
	return c.say("A password has at least %d characters in one line, among them an upper-case letter, a lower-case letter, a digit and a special character.", console.MinPassword)
}

// newPassword reads a new password, twice from a terminal.
func (c *cli) newPassword(option, file string) (string, error) {
	if file == "" && term.IsTerminal(int(c.in.Fd())) {
		fmt.Fprintln(c.err, c.passwordRules())
	}
	first, err := c.secret(option, file, c.say("New password: "))
	if err != nil || file != "" {
		return first, err
	}
	second, err := c.secret(option, "", c.say("Once more: "))
	if err == nil && first != second {
		err = usage(c.say("the two passwords differ; nothing was changed"))
	}
	return first, err
}

func (c *cli) personPassword() *cobra.Command {
	var file string
	cmd := c.person(&cobra.Command{
		Use: "password", Args: c.words(), Short: c.say("change your own password"), Long: c.passwordRules(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.credentials()
			if err != nil {
				return err
			}
			password, err := c.newPassword("--new-password-file", file)
			if err != nil {
				return err
			}
			if err := c.call(cmd.Context(), "person/password", console.Password{Credentials: cred, New: password}, nil, nil); err != nil {
				return err
			}
			return c.result(map[string]string{"email": c.as}, func() { c.print("Your password is changed.") })
		},
	})
	cmd.Flags().StringVar(&file, "new-password-file", "", c.say("file with the new password (default: ask)"))
	return cmd
}

// reset is an account that was reset.
type reset struct {
	invitation
	Ended   []string `json:"ended"`
	Keepers *int     `json:"keepers,omitempty"`
}

func (c *cli) personReset() *cobra.Command {
	var dir string
	cmd := c.person(&cobra.Command{
		Use: "reset ADDRESS", Args: c.words("ADDRESS"), Short: c.say("give an account a new key and code: for who forgot the password"),
		Long: c.say("Her role that reads the archive and her addresses end: no mail is sealed to her until a keeper assigns them again, and older mail stays unreadable for her until a keeper re-grants it."),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r reset
			if err := c.checkCodes(dir, args[0]); err != nil {
				return err
			}
			if err := c.about(cmd, "person/reset", console.Person{Email: args[0]}, &r, nil); err != nil {
				return err
			}
			if c.json {
				return c.invitedAs(r.invitation, dir, r)
			}
			if len(r.Ended) > 0 {
				c.print("No mail is sealed to %s any more. A keeper assigns her addresses again:", args[0])
				_, _ = fmt.Fprintf(c.out, "    siegel person addresses %s --add %s\n", args[0], strings.Join(r.Ended, " --add "))
			}
			c.print("What was sealed to %s so far stays unreadable for her until a keeper runs: siegel person regrant %s", args[0], args[0])
			c.print("A role that reads the archive has to be requested anew.")
			c.fewKeepers(r.Keepers)
			return c.invited(r.invitation, dir)
		},
	})
	cmd.Flags().StringVar(&dir, "codes", "", c.say("write each invitation's code to a file in this folder instead of printing it"))
	return cmd
}

func (c *cli) personRole() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "role ADDRESS ROLE", Args: c.words("ADDRESS", "ROLE"),
		Short: c.say("change a role: administrator, compliance, auditor, reader"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r requested
			if err := c.about(cmd, "person/role", console.Person{Email: args[0], Role: args[1]}, &r, nil); err != nil {
				return err
			}
			if err := c.requested(r, c.say("%s has the role %s now.", args[0], c.say(args[1]))); err != nil || c.json {
				return err
			}
			if r.Took {
				c.print("%s does not read the archive any more, and the archive has a new key.", args[0])
			}
			c.fewKeepers(r.Keepers)
			return nil
		},
	})
}

// requested is the result of what may have become a request.
type requested struct {
	Request *request `json:"request"`
	Took    bool     `json:"took_archive,omitempty"`
	Keepers *int     `json:"keepers,omitempty"`
}

// fewKeepers warns where one keeper is left, or none.
func (c *cli) fewKeepers(left *int) {
	switch {
	case left == nil || *left > 1:
	case *left == 1:
		c.print("Only one keeper is left: if that password is lost too, only the recovery kit helps. Request the role compliance for somebody else.")
	default:
		c.print("No keeper is left: request the role compliance for somebody, then use the recovery kit with: siegel access recover REQUEST")
	}
}

// requested prints what was done, or that a keeper has to approve.
func (c *cli) requested(r requested, done string) error {
	return c.result(r, func() {
		if r.Request == nil {
			_, _ = fmt.Fprintln(c.out, done)
			return
		}
		c.print("A keeper has to approve this: siegel access approve %s --as KEEPER", r.Request.ID)
		if r.Request.NotBefore != nil {
			c.print("You and this account come from one hand, less than 7 days ago: it can be approved from %s on, or another administrator asks.",
				r.Request.NotBefore.Local().Format(moment))
		}
	})
}

func (c *cli) personAddresses() *cobra.Command {
	var add, remove []string
	cmd := c.person(&cobra.Command{
		Use: "addresses ADDRESS", Args: c.words("ADDRESS"),
		Short: c.say("say whose mail is sealed to a person: at once by a keeper, requested by an administrator"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(add)+len(remove) == 0 {
				return usage(c.say("say which: --add ADDRESS or --remove ADDRESS"))
			}
			for _, a := range add {
				var r requested
				if err := c.about(cmd, "person/address/add", console.Person{Email: args[0], Address: a}, &r, nil); err != nil {
					return err
				}
				if err := c.requested(r, c.say("From now on mail with %s is sealed to %s. Older mail follows with: siegel person regrant %s", a, args[0], args[0])); err != nil {
					return err
				}
			}
			for _, a := range remove {
				if err := c.about(cmd, "person/address/remove", console.Person{Email: args[0], Address: a}, nil, nil); err != nil {
					return err
				}
				if err := c.requested(requested{}, c.say("Mail with %s is not sealed to %s any more. What she has stays hers.", a, args[0])); err != nil {
					return err
				}
			}
			return nil
		},
	})
	cmd.Flags().StringSliceVar(&add, "add", nil, c.say("address to add"))
	cmd.Flags().StringSliceVar(&remove, "remove", nil, c.say("address to remove"))
	return cmd
}

func (c *cli) personRegrant() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "regrant ADDRESS", Args: c.words("ADDRESS"), Short: c.say("give a person the older mail with her addresses (a keeper)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r console.Regranted
			if err := c.about(cmd, "person/regrant", console.Person{Email: args[0]}, &r, c.progress(c.say("Looking at"))); err != nil {
				return err
			}
			return c.result(r, func() { c.print("%s has gained %d {message|messages}.", args[0], r.Messages) })
		},
	})
}

func (c *cli) personRemove() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "remove ADDRESS", Args: c.words("ADDRESS"), Short: c.say("end an account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r requested
			if err := c.about(cmd, "person/remove", console.Person{Email: args[0]}, &r, nil); err != nil {
				return err
			}
			err := c.requested(r, c.say("%s is removed and opens nothing any more.", args[0]))
			if err == nil && !c.json {
				c.fewKeepers(r.Keepers)
			}
			return err
		},
	})
}
