package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"siegel/cmd/siegel/cli"
	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

func (c commands) personCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "person", Short: c.Say("people: invite, accept, role, addresses, password, remove"), Args: cobra.ArbitraryArgs, RunE: c.Group}
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

func (c commands) personList() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "list", Args: c.Words(), Short: c.Say("list the people of the tenant"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var list []account
			if err := c.Call(cmd.Context(), "person/list", console.Signed{Credentials: cred}, &list, nil); err != nil {
				return err
			}
			return c.Result(list, func() {
				for _, p := range list {
					_, _ = fmt.Fprintf(c.Out, "%-32s %-14s %-8s %s\n", p.Email, c.Say(p.Role), c.Say(p.State), strings.Join(p.Addresses, " "))
				}
			})
		},
	})
}

// about gives a command about a person and decodes its result.
func (c commands) about(cmd *cobra.Command, command string, p console.Person, result any, progress func(console.Progress)) error {
	cred, err := c.Credentials()
	if err != nil {
		return err
	}
	p.Credentials = cred
	return c.Call(cmd.Context(), command, p, result, progress)
}

func (c commands) personInvite() *cobra.Command {
	var role, dir, domain string
	cmd := c.Person(&cobra.Command{
		Use: "invite ADDRESS", Args: c.Words("ADDRESS"), Short: c.Say("make an account and its code (an administrator)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var inv invitation
			if err := c.checkCodes(dir, args[0]); err != nil {
				return err
			}
			err := c.about(cmd, "person/invite", console.Person{Email: args[0], Role: role, Domain: domain}, &inv, nil)
			if e, ok := errors.AsType[*console.Error](err); ok && e.Field == "confirm-domain" {
				e.Text += "\n" + c.Say("where it is meant, add %s", "--confirm-domain "+mail.NewAddress(args[0]).Domain().Readable())
			}
			if err != nil {
				return err
			}
			return c.invited(inv, dir)
		},
	})
	cmd.Flags().StringVar(&role, "role", "reader", c.Say("reader or administrator; other roles are requested afterwards"))
	cmd.Flags().StringVar(&dir, "codes", "", c.Say("write each invitation's code to a file in this folder instead of printing it"))
	cmd.Flags().StringVar(&domain, "confirm-domain", "", c.Say("domain of the address that is meant, although it looks like one of the tenant's"))
	return cmd
}

func (c commands) invited(inv invitation, dir string) error { return c.invitedAs(inv, dir, inv) }

// invitedAs prints an invitation, or v as JSON.
func (c commands) invitedAs(inv invitation, dir string, v any) error {
	if dir != "" {
		if err := c.writeCodes(dir, []invitation{inv}); err != nil {
			return err
		}
	}
	return c.Result(v, func() {
		c.printCodes([]invitation{inv}, dir)
		if inv.Role == "reader" {
			c.Print("No mail is sealed to her yet. A keeper assigns an address with: siegel person addresses %s --add ADDRESS", inv.Email.Readable())
		}
	})
}

func (c commands) personAccept() *cobra.Command {
	var codeFile string
	cmd := c.Account(&cobra.Command{
		Use: "accept ADDRESS", Args: c.Words("ADDRESS"), Short: c.Say("take an invitation: set a password of your own"), Long: c.passwordRules(),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := c.Secret("--code-file", codeFile, c.Say("Code: "))
			if err != nil {
				return err
			}
			if err := console.CheckCode(code); err != nil {
				return err
			}
			password, err := c.newPassword("--password-file", c.PasswordFile)
			if err != nil {
				return err
			}
			body := console.Accept{Tenant: c.Tenant, Email: args[0], Code: code, Password: password}
			if err := c.Call(cmd.Context(), "person/accept", body, nil, nil); err != nil {
				return err
			}
			return c.Result(map[string]string{"email": args[0]}, func() {
				with := args[0]
				if c.Tenant != "" {
					with += " --tenant " + c.Tenant
				}
				c.Print("Your password is set. You can sign in with --as %s.", with)
			})
		},
	}, c.Say("file with the new password (default: ask)"))
	cmd.Flags().StringVar(&codeFile, "code-file", "", c.Say("file with the code (default: ask)"))
	return cmd
}

// passwordRules are what a new password must have.
func (c commands) passwordRules() string {
	return c.Say("A password has at least %d characters in one line, among them an upper-case letter, a lower-case letter, a digit and a special character.", console.MinPassword)
}

// newPassword reads a new password: from a file, or twice from a terminal, until it is
// good enough and the same both times.
func (c commands) newPassword(option, file string) (string, error) {
	if file != "" || !term.IsTerminal(int(c.In.Fd())) {
		return c.Secret(option, file, "")
	}
	fmt.Fprintln(c.Err, c.passwordRules())
	for {
		first, err := c.Secret(option, "", c.Say("New password: "))
		if err != nil {
			return "", err
		}
		if err := console.CheckPassword(first); err != nil {
			sentence, args := fault.Sentence(err)
			fmt.Fprintln(c.Err, c.Say(sentence, args...))
			continue
		}
		second, err := c.Secret(option, "", c.Say("Once more: "))
		if err != nil || first == second {
			return first, err
		}
		fmt.Fprintln(c.Err, c.Say("The two passwords differ."))
	}
}

func (c commands) personPassword() *cobra.Command {
	var file string
	cmd := c.Person(&cobra.Command{
		Use: "password", Args: c.Words(), Short: c.Say("change your own password"), Long: c.passwordRules(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			password, err := c.newPassword("--new-password-file", file)
			if err != nil {
				return err
			}
			if err := c.Call(cmd.Context(), "person/password", console.Password{Credentials: cred, New: password}, nil, nil); err != nil {
				return err
			}
			return c.Result(map[string]string{"email": c.As}, func() { c.Print("Your password is changed.") })
		},
	})
	cmd.Flags().StringVar(&file, "new-password-file", "", c.Say("file with the new password (default: ask)"))
	return cmd
}

// reset is an account that was reset.
type reset struct {
	invitation
	Ended   []string `json:"ended"`
	Keepers *int     `json:"keepers,omitempty"`
}

func (c commands) personReset() *cobra.Command {
	var dir string
	cmd := c.Person(&cobra.Command{
		Use: "reset ADDRESS", Args: c.Words("ADDRESS"), Short: c.Say("give an account a new key and code: for who forgot the password"),
		Long: c.Say("Her role that reads the archive and her addresses end: no mail is sealed to her until a keeper assigns them again, and older mail stays unreadable for her until a keeper re-grants it.") +
			"\n\n" + c.Say("The last keeper is not reset: with her nobody would read the archive.") + " " + c.recoverHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r reset
			if err := c.checkCodes(dir, args[0]); err != nil {
				return err
			}
			if err := c.about(cmd, "person/reset", console.Person{Email: args[0]}, &r, nil); err != nil {
				return err
			}
			if c.JSON {
				return c.invitedAs(r.invitation, dir, r)
			}
			if len(r.Ended) > 0 {
				c.Print("No mail is sealed to %s any more. A keeper assigns her addresses again:", args[0])
				_, _ = fmt.Fprintf(c.Out, "    siegel person addresses %s --add %s\n", args[0], strings.Join(r.Ended, " --add "))
			}
			c.Print("What was sealed to %s so far stays unreadable for her until a keeper runs: siegel person regrant %s", args[0], args[0])
			c.Print("A role that reads the archive has to be requested anew.")
			c.fewKeepers(r.Keepers)
			return c.invited(r.invitation, dir)
		},
	})
	cmd.Flags().StringVar(&dir, "codes", "", c.Say("write each invitation's code to a file in this folder instead of printing it"))
	return cmd
}

func (c commands) personRole() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "role ADDRESS ROLE", Args: c.Words("ADDRESS", "ROLE"),
		Short: c.Say("change a role: administrator, compliance, auditor, reader"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r requested
			if err := c.about(cmd, "person/role", console.Person{Email: args[0], Role: args[1]}, &r, nil); err != nil {
				return err
			}
			if err := c.requested(r, c.Say("%s has the role %s now.", args[0], c.Say(args[1]))); err != nil || c.JSON {
				return err
			}
			if r.Took {
				c.Print("%s does not read the archive any more, and the archive has a new key.", args[0])
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
	console.Unheld
}

// fewKeepers warns where one keeper is left. The last one is not taken away.
func (c commands) fewKeepers(left *int) {
	if left != nil && *left == 1 {
		c.Print("Only one keeper is left: if that password is lost too, only the recovery kit helps. Request the role compliance for somebody else.")
	}
}

// requested prints what was done, or that a keeper has to approve.
func (c commands) requested(r requested, done string) error {
	return c.Result(r, func() {
		if r.Request == nil {
			_, _ = fmt.Fprintln(c.Out, done)
			return
		}
		switch {
		case !r.Unheld.Unheld:
			c.Print("A keeper has to approve this: siegel access approve %s --as KEEPER", r.Request.ID)
		case r.Request.Value == "compliance":
			c.Print("There is no keeper with a password who could approve this. Carry it out with the recovery kit: siegel access recover %s --recovery-file FILE", r.Request.ID)
		default:
			c.Print("There is no keeper with a password who could approve this. Request the role compliance for somebody first, and carry that out with the recovery kit: siegel access recover REQUEST --recovery-file FILE")
		}
		if r.Request.NotBefore != nil {
			c.Print("You and this account come from one hand, less than 7 days ago: it can be approved from %s on, or another administrator asks.",
				r.Request.NotBefore.Local().Format(moment))
		}
	})
}

func (c commands) personAddresses() *cobra.Command {
	var add, remove []string
	cmd := c.Person(&cobra.Command{
		Use: "addresses ADDRESS", Args: c.Words("ADDRESS"),
		Short: c.Say("say whose mail is sealed to a person: at once by a keeper, requested by an administrator"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(add)+len(remove) == 0 {
				return cli.Usage(c.Say("say which: --add ADDRESS or --remove ADDRESS"))
			}
			for _, a := range add {
				var r requested
				if err := c.about(cmd, "person/address/add", console.Person{Email: args[0], Address: a}, &r, nil); err != nil {
					return err
				}
				if err := c.requested(r, c.Say("From now on mail with %s is sealed to %s. Older mail follows with: siegel person regrant %s", a, args[0], args[0])); err != nil {
					return err
				}
			}
			for _, a := range remove {
				if err := c.about(cmd, "person/address/remove", console.Person{Email: args[0], Address: a}, nil, nil); err != nil {
					return err
				}
				if err := c.requested(requested{}, c.Say("Mail with %s is not sealed to %s any more. What she has stays hers.", a, args[0])); err != nil {
					return err
				}
			}
			return nil
		},
	})
	cmd.Flags().StringSliceVar(&add, "add", nil, c.Say("address to add"))
	cmd.Flags().StringSliceVar(&remove, "remove", nil, c.Say("address to remove"))
	return cmd
}

func (c commands) personRegrant() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "regrant ADDRESS", Args: c.Words("ADDRESS"), Short: c.Say("give a person the older mail with her addresses (a keeper)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r console.Regranted
			if err := c.about(cmd, "person/regrant", console.Person{Email: args[0]}, &r, c.Progress(c.Say("Looking at"))); err != nil {
				return err
			}
			return c.Result(r, func() { c.Print("%s has gained %d {message|messages}.", args[0], r.Messages) })
		},
	})
}

func (c commands) personRemove() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "remove ADDRESS", Args: c.Words("ADDRESS"), Short: c.Say("end an account"),
		Long: c.Say("What goes, at once: her password and sessions, her access to the archive, her addresses (no mail is sealed to her from then on), and open requests of hers and for her.") +
			"\n\n" + c.Say("What stays: all mail, which the keepers read as before; what was sealed to her stays sealed to a key that nobody opens any more. The account stays listed as removed, and what she did stays in the audit log. Who is invited again is somebody new, whom a keeper gives the older mail with siegel person regrant."),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r requested
			if err := c.about(cmd, "person/remove", console.Person{Email: args[0]}, &r, nil); err != nil {
				return err
			}
			err := c.requested(r, c.Say("%s is removed and opens nothing any more.", args[0]))
			if err == nil && !c.JSON {
				c.fewKeepers(r.Keepers)
			}
			return err
		},
	})
}
