package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
	"siegel/internal/front/file"
	"siegel/internal/mail"
)

func (c commands) tenantCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tenant", Short: c.Say("make and list tenants (the operator), and ask for domains"), Args: cobra.ArbitraryArgs, RunE: c.Group}
	cmd.AddCommand(c.tenantCreate(), c.tenantCeremony(), c.tenantList(), c.tenantDomain())
	return cmd
}

// kit is a recovery kit as the console sends it.
type kit struct {
	ID    string   `json:"id"`
	File  []byte   `json:"file"`
	Words []string `json:"words"`
	Ask   []int    `json:"ask"`
}

// invitation is a code for a person.
type invitation struct {
	Email mail.Address `json:"email"`
	Role  string       `json:"role"`
	Code  string       `json:"code"`
}

// founding is what the founding ceremony is told.
type founding struct {
	console.CreateTenant
	recoveryFile string
	codesDir     string
}

func (c commands) tenantCreate() *cobra.Command {
	var f founding
	cmd := &cobra.Command{
		Use: "create NAME", Args: c.Words("NAME"),
		Short: c.Say("the founding ceremony: domains, administrator, keepers, recovery kit"),
		Example: "  siegel tenant create clinic --domain clinic.example --administrator it@clinic.example \\\n" +
			"    --keeper compliance@clinic.example --reader anna@clinic.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name = args[0]
			return c.found(cmd.Context(), f)
		},
	}
	l := cmd.Flags()
	l.StringSliceVar(&f.Domains, "domain", nil, c.Say("domain whose mail is archived"))
	l.StringSliceVar(&f.Administrators, "administrator", nil, c.Say("e-mail address of an administrator: manages, reads nothing"))
	l.StringSliceVar(&f.Keepers, "keeper", nil, c.Say("e-mail address of a keeper: holds the archive; one or two"))
	l.StringSliceVar(&f.Auditors, "auditor", nil, c.Say("e-mail address of an auditor: reads everything"))
	l.StringSliceVar(&f.Readers, "reader", nil, c.Say("e-mail address of a reader: reads mail with her address"))
	l.StringVar(&f.recoveryFile, "recovery-file", "", c.Say("for scripts: write the recovery kit here and its words beside it (.words), without asking"))
	l.StringVar(&f.codesDir, "codes", "", c.Say("write each invitation's code to a file in this folder instead of printing it"))
	return cmd
}

func (c commands) found(ctx context.Context, f founding) (err error) {
	client, stop, err := c.Client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	kitFile := f.recoveryFile
	if kitFile == "" {
		kitFile = file.KitName(f.Domains)
	}
	var checked console.CheckedTenant
	if err := client.Call(ctx, "tenant/check", f.CreateTenant, &checked, nil); err != nil {
		return err
	}
	for _, a := range checked.Strangers {
		fmt.Fprintln(c.Err, c.Say("%s is of none of the tenant's domains: see that it is spelled right.", a.Readable()))
	}
	if err := c.checkFounding(f, kitFile); err != nil {
		return err
	}
	var k kit
	if err := client.Call(ctx, "tenant/kit", struct{}{}, &k, nil); err != nil {
		return err
	}
	var written []string
	defer func() {
		if err != nil { // the kit of a founding that failed opens nothing
			err = errors.Join(err, removeAll(written))
		}
	}()
	if f.recoveryFile != "" {
		f.Words, written, err = c.writeKit(kitFile, k)
	} else {
		f.Words, written, err = c.showKit(k, kitFile)
	}
	if err != nil {
		return err
	}
	if err := f.Kit.UnmarshalText([]byte(k.ID)); err != nil {
		return err
	}
	var out struct {
		Tenant      json.RawMessage
		Invitations []invitation
	}
	if err := client.Call(ctx, "tenant/create", f.CreateTenant, &out, nil); err != nil {
		if !refused(err) { // the kit may be the tenant's: it stays
			written = nil
			fmt.Fprintln(c.Err, c.Say("It is not known whether the tenant was founded. Keep %s, and see with siegel tenant list.", kitFile))
		}
		return err
	}
	written = nil // commit point: from here on the kit is the tenant's
	if f.codesDir != "" {
		if err := c.writeCodes(f.codesDir, out.Invitations); err != nil {
			return err
		}
	}
	return c.Result(out, func() {
		c.Print("The tenant %s is founded.", f.Name)
		c.printCodes(out.Invitations, f.codesDir)
		if f.recoveryFile != "" {
			c.Print("The recovery kit has two halves: the file %s and the words in %s. Keep them in different places, away from this machine: whoever has both reads everything.", kitFile, kitFile+".words")
		}
		if len(f.Keepers) == 1 {
			c.Print("There is one keeper. If that key is lost, only the recovery kit opens the archive: name a second keeper soon.")
		}
	})
}

func (c commands) printCodes(list []invitation, dir string) {
	c.Print("Give everybody the code for her address only, by a way that nobody else reads:")
	for _, inv := range list {
		code := inv.Code
		if dir != "" {
			code = codeFile(dir, inv.Email.String())
		}
		_, _ = fmt.Fprintf(c.Out, "  %-14s %-32s %s\n", c.Say(inv.Role), inv.Email.Readable(), code)
	}
	c.Print("Each sets a password of her own with: siegel person accept ADDRESS --code-file FILE")
}

// tenantCeremony invites somebody to hold the founding ceremony in a browser.
func (c commands) tenantCeremony() *cobra.Command {
	return &cobra.Command{
		Use: "ceremony", Args: c.Words(), Short: c.Say("a link with which a tenant is founded in a browser, once"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out console.Ceremony
			if err := c.Call(cmd.Context(), "tenant/ceremony", struct{}{}, &out, nil); err != nil {
				return err
			}
			return c.Result(out, func() {
				if out.URL == "" {
					c.Print("The door for browsers is shut, or no server runs: set web.listen, and open /found there with this code: %s", out.Code)
				} else {
					c.Print("Who opens this link founds a tenant: %s", out.URL)
				}
				c.Print("It serves once, until %s.", out.Until.Format(time.RFC3339))
			})
		},
	}
}

func (c commands) tenantList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: c.Words(), Short: c.Say("list the tenants"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []struct {
				ID      string   `json:"id"`
				Name    string   `json:"name"`
				Domains []string `json:"domains"`
				Problem string   `json:"problem,omitempty"`
			}
			if err := c.Call(cmd.Context(), "tenant/list", struct{}{}, &list, nil); err != nil {
				return err
			}
			return c.Result(list, func() {
				if len(list) == 0 {
					c.Print("no tenants")
				}
				for _, t := range list {
					_, _ = fmt.Fprintf(c.Out, "%-20s %s  %s\n", t.Name, t.ID, strings.Join(t.Domains, " "))
					if t.Problem != "" {
						_, _ = fmt.Fprintf(c.Out, "  -> %s\n", t.Problem)
					}
				}
			})
		},
	}
}
