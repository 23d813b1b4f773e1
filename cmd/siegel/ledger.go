package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"siegel/cmd/siegel/cli"
	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
)

func (c commands) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: c.Say("check and export the ledger"), Args: cobra.ArbitraryArgs, RunE: c.Group}
	cmd.AddCommand(c.ledgerVerify(), c.ledgerExport())
	return cmd
}

func (c commands) ledgerVerify() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "verify", Args: c.Words(),
		Short: c.Say("check logs, checkpoints, timestamps and packs; with --as KEEPER also what is inside"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := console.Ledger{Credentials: console.Credentials{Tenant: c.Tenant}}
			if c.As != "" {
				var err error
				if body.Credentials, err = c.Credentials(); err != nil {
					return err
				}
			}
			var list []console.Verified
			if err := c.Call(cmd.Context(), "ledger/verify", body, &list, c.Progress(c.Say("Opening"))); err != nil {
				return err
			}
			problems := 0
			for _, v := range list {
				problems += v.Found
			}
			err := c.Result(list, func() { c.printVerified(list) })
			if problems > 0 {
				return errors.Join(problemsFound(problems), err)
			}
			return err
		},
	})
}

func (c commands) printVerified(list []console.Verified) {
	for _, v := range list {
		tenant := v.Tenant
		if tenant == "" {
			tenant = "-"
		}
		_, _ = fmt.Fprintf(c.Out, "%-16s %-9s %-7s ", tenant, v.Log, c.Say(v.Depth))
		what := c.Say("%d {entry|entries}", v.Entries)
		if v.Signed {
			what += ", " + c.Say("%d {checkpoint|checkpoints}", v.Checkpoints) + ", " + c.Say("%d {timestamp|timestamps}", v.Stamps)
		}
		what += ": " + c.Say("%d {problem|problems}", v.Found)
		if len(v.Problems) < v.Found {
			what += ", " + c.Say("the first %d are listed", len(v.Problems))
		}
		_, _ = fmt.Fprintln(c.Out, what)
		for _, p := range v.Problems {
			what := p.What
			if p.Message != "" {
				what = c.Say("%s (message %s)", what, p.Message)
			}
			at := v.Log // damage of no single entry
			if p.Index >= 0 {
				at = strconv.FormatInt(p.Index, 10)
			}
			_, _ = fmt.Fprintf(c.Out, "    %s: %s\n", at, what)
		}
	}
}

func (c commands) ledgerExport() *cobra.Command {
	var force bool
	cmd := c.TenantFlag(&cobra.Command{
		Use: "export FOLDER", Args: c.Words("FOLDER"), Short: c.Say("write a tenant's ledger for siegel-verify ledger FOLDER"),
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
	cmd.Flags().BoolVar(&force, "force", false, c.Say("take away an earlier export in the folder first"))
	return cmd
}

// folder fails where an export would make folders above its own, or write over
// something.
func (c commands) folder(dir string, force bool) error {
	if info, err := os.Stat(filepath.Dir(dir)); err != nil || !info.IsDir() {
		return cli.Usage(c.Say("the folder %s is not there; make it first", filepath.Dir(dir)))
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || force {
		return nil
	}
	if err != nil || len(entries) > 0 {
		return &console.Error{Kind: "conflict", Text: c.Say("%s exists already; name another, or write over it with --force", dir)}
	}
	return nil
}

func (c commands) export(ctx context.Context, dir string) error {
	body := console.Ledger{Credentials: console.Credentials{Tenant: c.Tenant}, Dir: dir}
	var out console.Exported
	if err := c.Call(ctx, "ledger/export", body, &out, nil); err != nil {
		return err
	}
	return c.Result(out, func() {
		c.Print("The ledger is in %s.", dir)
		for _, u := range out.Unsigned {
			due := c.Say("soon")
			if u.Due != nil {
				due = u.Due.Local().Format(time.RFC3339)
			}
			switch {
			case u.Entries == 0:
				c.Print("The log %s is not in it: it has no entries yet.", u.Log)
			case u.Signed == 0:
				c.Print("The log %s is not in it: it has no checkpoint yet. The first is due at %s; export again then.", u.Log, due)
			default:
				c.Print("Of the log %s only %d of %d {entry is|entries are} in it: a checkpoint covers no more yet. The next is due at %s; export again then.", u.Log, u.Signed, u.Entries, due)
			}
		}
	})
}

// problemsFound is the error of a check that found something.
func problemsFound(n int) error {
	return fault.Newf(fault.Damaged, "%d {problem was|problems were} found", n)
}
