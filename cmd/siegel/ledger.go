package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
)

func (c *cli) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: c.say("check and export the ledger"), Args: cobra.ArbitraryArgs, RunE: c.group}
	cmd.AddCommand(c.ledgerVerify(), c.ledgerExport())
	return cmd
}

func (c *cli) ledgerVerify() *cobra.Command {
	return c.person(&cobra.Command{
		Use: "verify", Args: c.words(),
		Short: c.say("check logs, checkpoints, timestamps and packs; with --as KEEPER also what is inside"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := console.Ledger{Credentials: console.Credentials{Tenant: c.tenant}}
			if c.as != "" {
				var err error
				if body.Credentials, err = c.credentials(); err != nil {
					return err
				}
			}
			var list []console.Verified
			if err := c.call(cmd.Context(), "ledger/verify", body, &list, c.progress(c.say("Opening"))); err != nil {
				return err
			}
			problems := 0
			for _, v := range list {
				problems += len(v.Problems)
			}
			err := c.result(list, func() { c.printVerified(list) })
			if problems > 0 {
				return errors.Join(problemsFound(problems), err)
			}
			return err
		},
	})
}

func (c *cli) printVerified(list []console.Verified) {
	for _, v := range list {
		tenant := v.Tenant
		if tenant == "" {
			tenant = "-"
		}
		_, _ = fmt.Fprintf(c.out, "%-16s %-9s %-7s ", tenant, v.Log, c.say(v.Depth))
		_, _ = fmt.Fprintf(c.out, "%s, %s, %s: %s\n",
			c.say("%d {entry|entries}", v.Entries), c.say("%d {checkpoint|checkpoints}", v.Checkpoints),
			c.say("%d {timestamp|timestamps}", v.Stamps), c.say("%d {problem|problems}", len(v.Problems)))
		for _, p := range v.Problems {
			what := p.What
			if p.Message != "" {
				what = c.say("%s (message %s)", what, p.Message)
			}
			_, _ = fmt.Fprintf(c.out, "    %d: %s\n", p.Index, what)
		}
	}
}

func (c *cli) ledgerExport() *cobra.Command {
	var force bool
	cmd := c.tenantFlag(&cobra.Command{
		Use: "export FOLDER", Args: c.words("FOLDER"), Short: c.say("write a tenant's ledger for siegel-verify ledger FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if err := c.folder(dir, force); err != nil {
				return err
			}
			return c.export(cmd.Context(), dir)
		},
	})
	cmd.Flags().BoolVar(&force, "force", false, c.say("take away an earlier export in the folder first"))
	return cmd
}

// folder fails where an export would make folders above its own, or write over
// something.
func (c *cli) folder(dir string, force bool) error {
	if info, err := os.Stat(filepath.Dir(dir)); err != nil || !info.IsDir() {
		return usage(c.say("the folder %s is not there; make it first", filepath.Dir(dir)))
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || force {
		return nil
	}
	if err != nil || len(entries) > 0 {
		return &console.Error{Kind: "conflict", Text: c.say("%s exists already; name another, or write over it with --force", dir)}
	}
	return nil
}

func (c *cli) export(ctx context.Context, dir string) error {
	body := console.Ledger{Credentials: console.Credentials{Tenant: c.tenant}, Dir: dir}
	var out console.Exported
	if err := c.call(ctx, "ledger/export", body, &out, nil); err != nil {
		return err
	}
	return c.result(out, func() {
		c.print("The ledger is in %s.", dir)
		for _, u := range out.Unsigned {
			if u.Due == nil {
				c.print("The log %s is not in it: it has no entries yet.", u.Log)
				continue
			}
			c.print("The log %s is not in it: it has no checkpoint yet. The first is due at %s; export again then.", u.Log, u.Due.Local().Format(time.RFC3339))
		}
	})
}

// tenantFlag adds the flag that names a tenant, to a command of the operator.
func (c *cli) tenantFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&c.tenant, "tenant", "", c.say("tenant, where there are several"))
	return cmd
}

// problemsFound is the error of a check that found something.
func problemsFound(n int) error {
	return fault.Newf(fault.Damaged, "%d {problem was|problems were} found", n)
}
