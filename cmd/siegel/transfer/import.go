package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/output"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/text"
	"siegel/internal/proto/mbox"
)

// importing is the command line of an import.
type importing struct {
	owner   string // address of the mailbox
	variant string // of every mbox
	report  string // file
	dryRun  bool
}

// Import is the command.
func (c Commands) Import() *cobra.Command {
	var o importing
	cmd := c.Person(&cobra.Command{
		Use: "import PATH…", Args: c.some,
		Short: c.Say("bring mail from files into the archive: EML, mbox, Maildir"),
		Long: c.Say("A PATH is a message (.eml), an mbox, a Maildir, or a folder with any of them in it. Messages are archived octet for octet. What the archive has already is counted and not kept twice. An import that was interrupted goes on when the same command is given again. It needs a running server, and the role compliance.") +
			"\n\n" + c.Say("Nothing is asked of the header about who received a message: --for names the mailbox that the files are of, and its owner finds all of them."),
		Example: "  siegel import ~/Maildir --for anna@clinic.example --as keeper@clinic.example\n" +
			"  siegel import archive-2019.mbox eml/ --as keeper@clinic.example --report import.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error { return c.runImport(cmd.Context(), o, args) },
	})
	f := cmd.Flags()
	f.StringVar(&o.owner, "for", "", c.Say("address of the mailbox that the files are of"))
	f.StringVar(&o.variant, "mbox", "auto", c.Say("variant of mbox files: auto, mboxrd, mboxo, mboxcl or mboxcl2"))
	f.StringVar(&o.report, "report", "", c.Say("file to add a line of JSON to for each message and each file that is none"))
	f.BoolVar(&o.dryRun, "dry-run", false, c.Say("only read the files and count what would be taken"))
	cmd.AddCommand(c.importList())
	return cmd
}

// some takes one argument or more.
func (c Commands) some(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cli.Usage(c.Say("%s takes %s", cmd.CommandPath(), c.Say("PATH…")))
	}
	return nil
}

func (c Commands) runImport(ctx context.Context, o importing, args []string) (err error) {
	run := &run{CLI: c.CLI, ctx: ctx, options: o}
	if run.variant, err = c.variant(o.variant); err != nil {
		return err
	}
	for _, a := range args {
		path, err := filepath.Abs(a)
		if err != nil {
			return err
		}
		run.paths = append(run.paths, path)
	}
	if err := run.something(); err != nil {
		return err
	}
	if o.report != "" {
		file, err := os.OpenFile(o.report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return cli.Usage(c.Say("the file %s cannot be written; check the folder and its mode", o.report))
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		run.report = file
	}
	if o.dryRun {
		return run.dry()
	}
	cred, err := c.Credentials()
	if err != nil {
		return err
	}
	client, err := c.Serving(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return run.real(client, cred)
}

func (c Commands) variant(name string) (mbox.Variant, error) {
	switch v := mbox.Variant(name); v {
	case mbox.RD, mbox.O, mbox.CL, mbox.CL2:
		return v, nil
	case "auto", "":
		return "", nil
	default:
		return "", cli.Usage(c.Say("there is no variant %q of mbox; take auto, mboxrd, mboxo, mboxcl or mboxcl2", name))
	}
}

// totals are what an import prints at its end.
type totals struct {
	Job      string `json:"job,omitempty"`
	Accepted int64  `json:"accepted"`
	There    int64  `json:"there"`
	Refused  int64  `json:"refused"`
	Octets   int64  `json:"octets"`
	Odd      int64  `json:"odd,omitempty"` // of this run: taken, although they do not begin like a message
	DryRun   bool   `json:"dry_run,omitempty"`
}

// real imports.
func (r *run) real(client *client.Client, cred console.Credentials) error {
	body := console.Import{Credentials: cred, For: r.options.owner}
	for _, p := range r.paths {
		body.Paths = append(body.Paths, []byte(p))
	}
	// Ctrl-C ends the sending; what was sent is settled all the same.
	stream, err := client.Import(context.WithoutCancel(r.ctx), body, r.told)
	if err != nil {
		return err
	}
	r.stream = stream
	if stream.Begun.Nobody {
		fmt.Fprintln(r.Err, r.Say("Nobody has the address %s: this mail stays with the keepers until the address is assigned (siegel person addresses) and a keeper re-grants older mail (siegel person regrant).", r.options.owner))
	}
	if err := r.resume(stream.Begun); err != nil {
		return errors.Join(err, stream.Break())
	}
	if r.bar.W == nil && term.IsTerminal(int(r.Out.Fd())) && !r.JSON {
		r.measure()
	}
	if err := r.walk(r); err != nil {
		return r.broken(err)
	}
	end, err := stream.Finish()
	r.bar.Clear()
	if err != nil {
		return r.goOn(err)
	}
	return r.finish(totals{Job: end.Job.String(), Accepted: end.Accepted, There: end.There, Refused: end.Refused, Octets: end.Octets})
}

// resume takes up the cursor of an earlier run.
func (r *run) resume(b console.Begun) error {
	r.since = time.Now().UnixNano()
	if len(b.Cursor) == 0 {
		return nil
	}
	var at spot
	if err := json.Unmarshal(b.Cursor, &at); err != nil {
		return err
	}
	r.cursor, r.since, r.base = &at, at.Since, at.Octets
	r.messages = b.Accepted + b.There
	if !r.JSON {
		fmt.Fprintln(r.Err, r.Say("An earlier import of these files was interrupted after %d {message|messages}; it goes on from there.", b.Accepted+b.There))
	}
	return nil
}

// broken ends an import that cannot go on.
func (r *run) broken(why error) error {
	ended := r.stream.Break()
	r.bar.Clear()
	if r.ctx.Err() != nil {
		fmt.Fprintln(r.Err, r.Say("The import goes on from here when the same command is given again."))
		return r.ctx.Err()
	}
	if _, ok := errors.AsType[*console.Error](why); ok {
		return why
	}
	if ended == nil {
		ended = why
	}
	return r.goOn(ended)
}

// goOn says with an error what to do about the import.
func (r *run) goOn(err error) error {
	var e *console.Error
	if !errors.As(err, &e) {
		e = &console.Error{Kind: "busy", Text: r.Say("the server ended before the import did")}
	}
	return &console.Error{Kind: e.Kind, Text: e.Text + "\n" + r.Say("The import goes on from here when the same command is given again.")}
}

// finish prints what became of everything.
func (r *run) finish(t totals) error {
	for _, line := range r.refused {
		fmt.Fprintln(r.Err, line)
	}
	if more := t.Refused - int64(len(r.refused)); more > 0 && len(r.refused) == maxShown {
		fmt.Fprintln(r.Err, r.Say("… and %d more; --report FILE has all of them", more))
	}
	t.Odd = r.odd
	err := r.Result(t, func() {
		if t.DryRun {
			r.Print("%d {message|messages} would be taken (%s); %d refused", t.Accepted, text.Size(t.Octets), t.Refused)
		} else {
			r.Print("%d accepted, %d already there, %d refused (%s)", t.Accepted, t.There, t.Refused, text.Size(t.Octets))
		}
		if t.Odd > 0 {
			r.Print("Note: %d of them {does|do} not begin like a message, with a header field, and {is|are} kept as {it is|they are}; --report FILE names {it|them}.", t.Odd)
		}
	})
	if err == nil && t.Refused > 0 {
		err = &console.Error{Kind: "refused", Text: r.Say("%d {file or message was|files or messages were} refused", t.Refused)}
	}
	return r.unreported(err)
}

// unreported returns an error, and with it that the report lacks lines.
func (r *run) unreported(err error) error {
	if r.reportErr == nil {
		return err
	}
	missing := &console.Error{Kind: "report", Text: r.Say("the report cannot be written, and lines of it are missing: %v", r.reportErr)}
	if own, ok := errors.AsType[*console.Error](err); ok {
		missing.Text = own.Text + "\n" + missing.Text
	}
	return errors.Join(missing, err)
}

// maxShown bounds what is printed of what was refused.
const maxShown = 20

// reported is a line of the report.
type reported struct {
	File    string `json:"file"`
	Offset  int64  `json:"offset,omitempty"`
	State   string `json:"state"` // accepted, there, refused
	Message string `json:"message,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Note    string `json:"note,omitempty"`   // what is odd about what was taken
	Folder  string `json:"folder,omitempty"` // of a Maildir
	Flags   string `json:"flags,omitempty"`
}

// reportOne reports one message or file that is none.
func (r *run) reportOne(l reported) {
	if l.State == "refused" && len(r.refused) < maxShown {
		where := l.File
		if l.Offset > 0 {
			where = r.Say("%s, offset %d", l.File, l.Offset)
		}
		r.refused = append(r.refused, output.Clip(where, 300)+": "+l.Reason)
	}
	if r.report == nil || r.reportErr != nil {
		return
	}
	b, err := json.Marshal(l)
	if err == nil {
		_, err = r.report.Write(append(b, '\n'))
	}
	r.reportErr = err
}

// importList is the command that lists imports.
func (c Commands) importList() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "list", Args: c.Words(),
		Short: c.Say("list imports and how far they came"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var list []console.ListedImport
			if err := c.Call(cmd.Context(), "import/list", console.Signed{Credentials: cred}, &list, nil); err != nil {
				return err
			}
			return c.Result(list, func() { c.printImports(list) })
		},
	})
}

func (c Commands) printImports(list []console.ListedImport) {
	for _, l := range list {
		_, _ = fmt.Fprintf(c.Out, "%s  %s  %-11s %s\n", l.ID, l.Begun.Local().Format(time.DateTime), c.Say(l.State), output.Clip(l.Email.String(), 60))
		_, _ = fmt.Fprintf(c.Out, "    %s\n", c.Say("%d accepted, %d already there, %d refused (%s)", l.Accepted, l.There, l.Refused, text.Size(l.Octets)))
		if l.For != "" {
			_, _ = fmt.Fprintf(c.Out, "    %s\n", c.Say("for %s", l.For))
		}
		_, _ = fmt.Fprintf(c.Out, "    %s\n", output.Clip(strings.Join(l.Paths, " "), 200))
	}
	if len(list) == 0 {
		c.Print("There was no import yet.")
	}
}
