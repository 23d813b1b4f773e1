package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
	"siegel/internal/kit/durable"
)

func (c *cli) tenantCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tenant", Short: c.say("make and list tenants (the operator)"), Args: cobra.ArbitraryArgs, RunE: c.group}
	cmd.AddCommand(c.tenantCreate(), c.tenantList())
	return cmd
}

// group is a command that only has others below it.
func (c *cli) group(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(c.say("there is no command %q; %s --help lists them", args[0], cmd.CommandPath()))
	}
	return cmd.Help()
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
	Email string `json:"email"`
	Role  string `json:"role"`
	Code  string `json:"code"`
}

// founding is what the founding ceremony is told.
type founding struct {
	console.CreateTenant
	recoveryFile string
	codesDir     string
}

func (c *cli) tenantCreate() *cobra.Command {
	var f founding
	cmd := &cobra.Command{
		Use: "create NAME", Args: c.words("NAME"),
		Short: c.say("the founding ceremony: domains, administrator, keepers, recovery kit"),
		Example: "  siegel tenant create clinic --domain clinic.example --administrator it@clinic.example \\\n" +
			"    --keeper compliance@clinic.example --reader anna@clinic.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name = args[0]
			return c.found(cmd.Context(), f)
		},
	}
	l := cmd.Flags()
	l.StringSliceVar(&f.Domains, "domain", nil, c.say("domain whose mail is archived (several allowed)"))
	l.StringSliceVar(&f.Administrators, "administrator", nil, c.say("e-mail address of an administrator: manages, reads nothing"))
	l.StringSliceVar(&f.Keepers, "keeper", nil, c.say("e-mail address of a keeper: holds the archive; one or two"))
	l.StringSliceVar(&f.Auditors, "auditor", nil, c.say("e-mail address of an auditor: reads everything"))
	l.StringSliceVar(&f.Readers, "reader", nil, c.say("e-mail address of a reader: reads mail with her address"))
	l.StringVar(&f.recoveryFile, "recovery-file", "", c.say("for scripts: write the recovery kit here and its words beside it (.words), without asking"))
	l.StringVar(&f.codesDir, "codes", "", c.say("write each invitation's code to a file in this folder instead of printing it"))
	return cmd
}

func (c *cli) found(ctx context.Context, f founding) (err error) {
	client, stop, err := c.client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var k kit
	if err := client.Call(ctx, "tenant/kit", struct{}{}, &k, nil); err != nil {
		return err
	}
	if f.recoveryFile != "" {
		f.Words, err = writeKit(f.recoveryFile, k)
	} else {
		f.Words, err = c.showKit(k, f.Name+"-recovery.age")
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
		return err
	}
	if f.codesDir != "" {
		if err := writeCodes(f.codesDir, out.Invitations); err != nil {
			return err
		}
	}
	return c.result(out, func() {
		c.print("The tenant %s is founded.", f.Name)
		c.printCodes(out.Invitations, f.codesDir)
		if len(f.Keepers) == 1 {
			c.print("There is one keeper. If that key is lost, only the recovery kit opens the archive: name a second keeper soon.")
		}
	})
}

// writeKit writes the kit for a script and answers for it.
func writeKit(file string, k kit) (words []string, err error) {
	if err := durable.CreateFile(file, k.File, 0o400); err != nil {
		return nil, err
	}
	if err := durable.CreateFile(file+".words", []byte(strings.Join(k.Words, " ")+"\n"), 0o400); err != nil {
		return nil, err
	}
	for _, at := range k.Ask {
		words = append(words, k.Words[at-1])
	}
	return words, nil
}

// showKit shows the kit once and has two words typed back.
func (c *cli) showKit(k kit, file string) (words []string, err error) {
	if err := durable.CreateFile(file, k.File, 0o400); err != nil {
		return nil, err
	}
	fmt.Fprintln(c.err, c.say("The recovery kit is the last way to the archive. The file %s is one half; print it or keep it in a safe.", file))
	fmt.Fprintln(c.err, c.say("The words are the other half. Write them down now, apart from the file; they are not shown again:"))
	for i, w := range k.Words {
		fmt.Fprintf(c.err, "  %2d %s\n", i+1, w)
	}
	for _, at := range k.Ask {
		w, err := c.ask(c.say("Type word %d: ", at))
		if err != nil {
			return nil, err
		}
		words = append(words, w)
	}
	return words, nil
}

func writeCodes(dir string, list []invitation) error {
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, inv := range list {
		if err := durable.CreateFile(filepath.Join(dir, inv.Email+".code"), []byte(inv.Code+"\n"), 0o400); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) printCodes(list []invitation, dir string) {
	c.print("Give everybody the code for her address only, by a way that nobody else reads:")
	for _, inv := range list {
		code := inv.Code
		if dir != "" {
			code = filepath.Join(dir, inv.Email+".code")
		}
		_, _ = fmt.Fprintf(c.out, "  %-14s %-32s %s\n", c.say(inv.Role), inv.Email, code)
	}
	c.print("Each sets a password of her own with: siegel person accept ADDRESS --code-file FILE")
}

func (c *cli) tenantList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: c.words(), Short: c.say("list the tenants"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []struct {
				ID      string   `json:"id"`
				Name    string   `json:"name"`
				Domains []string `json:"domains"`
			}
			if err := c.call(cmd.Context(), "tenant/list", struct{}{}, &list, nil); err != nil {
				return err
			}
			return c.result(list, func() {
				for _, t := range list {
					_, _ = fmt.Fprintf(c.out, "%-20s %s  %s\n", t.Name, t.ID, strings.Join(t.Domains, " "))
				}
			})
		},
	}
}
