package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/target"
	"siegel/cmd/siegel/transfer/part"
	"siegel/cmd/siegel/transfer/progress"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/durable"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
	"siegel/internal/proto/manifest"
	"siegel/internal/proto/parcel"
)

// exporting is the command line of an export.
type exporting struct {
	to         string // folder
	format     string
	encrypt    string
	reason     string
	secretFile string
	recipients string // file
	part       int    // messages of a part
}

// Export is the command.
func (c Commands) Export() *cobra.Command {
	var o exporting
	cmd := c.Person(&cobra.Command{
		Use: "export [WORDS…]", Args: cobra.ArbitraryArgs,
		Short: c.Say("take messages out of the archive, encrypted: EML or mbox, with a manifest"),
		Long: c.Say("WORDS are a search, as of siegel search; without any, all messages that you can read leave. The folder gets numbered parts, each complete in itself, with a manifest of the SHA-256 of every message. An export that was interrupted goes on when the same command is given again. It is entered in the audit log with every message.") +
			"\n\n" + c.Say("Parts are ZIP files encrypted by AES-256 (zip), or ZIP files within age files (age), or folders (none), which takes a reason. The password is generated; --secret-file says where it is written, or read again."),
		Example: "  siegel export --to ~/my-mail --as anna@clinic.example\n" +
			"  siegel export 'from:anna after:2026-01' --to case-7 --encrypt age --recipients lawyer.txt --reason 'case 7' --as keeper@clinic.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.runExport(cmd.Context(), o, strings.Join(args, " "))
		},
	})
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", c.Say("folder to write to; it is made, or empty, or that of an interrupted export"))
	f.StringVar(&o.format, "format", "eml", c.Say("eml: a file for each message; mbox: one file (mboxrd)"))
	f.StringVar(&o.encrypt, "encrypt", "zip", c.Say("zip, age or none"))
	f.StringVar(&o.reason, "reason", "", c.Say("why you take out what is not yours, or plain; kept in the audit log"))
	f.StringVar(&o.secretFile, "secret-file", "", c.Say("file for the generated password; one that is there is used again"))
	f.IntVar(&o.part, "part", 10_000, c.Say("messages of a part, at most %d", parcel.MaxMessages))
	f.StringVar(&o.recipients, "recipients", "", c.Say("file with age recipients, for age in place of a password"))
	return cmd
}

// state is what the folder of an export says of it: nothing of what was searched for.
type state struct {
	Format   string    `json:"format"`
	Export   mail.ID   `json:"export"`
	Command  []byte    `json:"command"`          // what the server calls who exports what, and how
	Secret   []byte    `json:"secret,omitempty"` // tells the password in --secret-file from others
	Before   time.Time `json:"before"`
	After    string    `json:"after"` // behind the last part
	Parts    int       `json:"parts"` // that are whole
	Messages int64     `json:"messages"`
	Octets   int64     `json:"octets"`
	Problems int64     `json:"problems"`
	// What the search could not look at, and what the person cannot open: neither is in
	// the parts.
	NotSearched int64 `json:"not_searched"`
	Former      int64 `json:"former"`

	Done bool             `json:"done"`
	Made []manifestOfPart `json:"made"`
}

// manifestOfPart ties a part to the state: the SHA-256 that its manifest ends with.
type manifestOfPart struct {
	Part   int    `json:"part"`
	SHA256 string `json:"sha256"`
}

const (
	stateFormat = "siegel export v1"
	nameState   = "export.json"
)

// outgoing is one run of an export.
type outgoing struct {
	Commands
	o      exporting
	query  string
	cred   console.Credentials
	state  state
	secret string
	to     []age.Recipient
	undo   []func() error // takes away what was made for an export that did not begin
	made   []func() error // takes away what was made, in order, where there was nothing to export
	packer packer
	bar    progress.Bar
}

func (c Commands) runExport(ctx context.Context, o exporting, query string) (err error) {
	x := &outgoing{Commands: c, o: o, query: query}
	if err := x.check(); err != nil {
		return err
	}
	if x.cred, err = c.Credentials(); err != nil {
		return err
	}
	defer func() {
		for _, f := range x.undo {
			err = errors.Join(err, f())
		}
	}()
	if err := x.folder(); err != nil {
		return err
	}
	if err := x.protect(); err != nil {
		return err
	}
	client, stop, err := c.Client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return x.run(ctx, client)
}

func (x *outgoing) check() error {
	switch {
	case x.o.to == "":
		return cli.Usage(x.Say("name a folder with %s", "--to"))
	case x.o.format != "eml" && x.o.format != "mbox":
		return cli.Usage(x.Say("an export has the format eml or mbox"))
	case x.o.encrypt != "zip" && x.o.encrypt != "age" && x.o.encrypt != "none":
		return cli.Usage(x.Say("an export is encrypted by zip or age, or plain: none"))
	case x.o.recipients != "" && x.o.encrypt != "age":
		return cli.Usage(x.Say("--recipients goes with --encrypt age"))
	case x.o.secretFile != "" && (x.o.encrypt == "none" || x.o.recipients != ""):
		return cli.Usage(x.Say("--secret-file goes with a password: --encrypt zip, or age without --recipients"))
	case x.o.secretFile != "" && target.Within(x.o.to, x.o.secretFile):
		return cli.Usage(x.Say("--secret-file would lie in the folder of the export: whoever got that would have the password with it; name a file elsewhere"))
	case x.o.part < 1 || x.o.part > parcel.MaxMessages:
		return cli.Usage(x.Say("--part takes a number from 1 to %d", parcel.MaxMessages))
	default:
		return nil
	}
}

// folder makes the folder, or takes up the one of an interrupted export. Whether that
// is of the same command is for the server to say.
func (x *outgoing) folder() error {
	_, there := os.Lstat(x.o.to)
	err := durable.Mkdir(x.o.to, 0o700)
	if err != nil {
		return x.unwritable()
	}
	if errors.Is(there, fs.ErrNotExist) {
		x.undo = append(x.undo, func() error { return os.Remove(x.o.to) })
	}
	names, err := os.ReadDir(x.o.to)
	if err != nil {
		return x.unwritable()
	}
	b, err := os.ReadFile(x.path(nameState))
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(names) == 0:
		x.state = state{Format: stateFormat}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return x.conflict(x.Say("the folder %s is not empty; name another", x.o.to))
	case err != nil:
		return x.unwritable()
	}
	if err := json.Unmarshal(b, &x.state); err != nil || x.state.Format != stateFormat || x.state.Parts < 0 {
		return x.conflict(x.Say("what %s says of an export cannot be read; name another folder", x.path(nameState)))
	}
	if x.state.Done {
		return x.conflict(x.Say("the folder %s has a whole export already; name another", x.o.to))
	}
	return nil
}

func (x *outgoing) path(name string) string { return filepath.Join(x.o.to, name) }

func (x *outgoing) conflict(text string) error { return &console.Error{Kind: "conflict", Text: text} }

func (x *outgoing) unwritable() error {
	return cli.Usage(x.Say("the folder %s cannot be written; check its mode", x.o.to))
}

// run exports.
func (x *outgoing) run(ctx context.Context, client *client.Client) error {
	x.packer = packer{parcel.New(parcel.Plan{
		Mbox: x.o.format == "mbox", Begin: x.begin, Finished: x.finished, Tick: x.tick, Most: x.o.part, Octets: parcel.MaxOctets, Part: x.state.Parts + 1,
	})}
	ask := console.Export{
		Credentials: x.cred, Query: x.query, Format: x.o.format, Encrypt: x.o.encrypt, Reason: x.o.reason,
		Job: x.state.Export, Name: x.state.Command, Before: x.state.Before, After: x.state.After,
	}
	err := client.Export(ctx, ask, x.begun, x.packer)
	if err == nil {
		err = x.packer.Close()
	}
	x.bar.Clear()
	if err != nil {
		err = errors.Join(err, x.packer.Abort())
		if !x.state.Export.IsZero() {
			fmt.Fprintln(x.Err, x.Say("The export goes on behind part %d when the same command is given again.", x.state.Parts))
		}
		return err
	}
	x.state.Done = true
	if x.state.Parts == 0 {
		return errors.Join(x.nothing(), x.report())
	}
	if err := x.save(); err != nil {
		return err
	}
	return x.report()
}

// begun notes what is exported before anything of it comes.
func (x *outgoing) begun(e console.ExportBegun) error {
	if term.IsTerminal(int(x.Out.Fd())) && !x.JSON {
		x.bar = progress.Bar{W: x.Out, Say: x.Say, Total: e.Octets, Before: x.state.Octets, Begun: time.Now()}
	}
	if e.Damaged > 0 && x.query != "" {
		x.state.NotSearched = max(x.state.NotSearched, e.Damaged)
		fmt.Fprintln(x.Err, x.notSearched())
	}
	if e.Waiting+e.Unread > 0 && x.query != "" {
		fmt.Fprintln(x.Err, x.Say("of %d {message|messages} the attachments were not searched, since they are not read yet or cannot be read; siegel search --attachments waits for the former", e.Waiting+e.Unread))
	}
	x.state.Former = max(x.state.Former, e.Former)
	if e.Former > 0 {
		fmt.Fprintln(x.Err, x.Say("%d {message is|messages are} sealed to a former key of yours; a keeper can re-grant {it|them}", e.Former))
	}
	x.packer.Export, x.packer.PackedOctets, x.packer.PackedMessages = e.Job.String(), x.state.Octets, x.state.Messages
	x.state.Export, x.state.Command, x.state.Before = e.Job, e.Name, e.Before
	if err := x.noteSecret(); err != nil {
		return err
	}
	if err := errors.Join(part.Sweep(x.o.to, x.state.Parts+1), x.save()); err != nil {
		return err
	}
	x.made, x.undo = x.undo, nil
	return nil
}

// nothing takes away what was made for an export without any message: folder and
// password would look as if something were in them.
func (x *outgoing) nothing() error {
	err := os.Remove(x.path(nameState))
	for _, f := range slices.Backward(x.made) {
		err = errors.Join(err, f())
	}
	return err
}

func (x *outgoing) tick(octets, messages int64) { x.bar.Show(time.Now(), octets, messages) }

// begin begins a part.
func (x *outgoing) begin(number int) (parcel.Tree, error) {
	name := x.path(parcel.Name(number))
	switch {
	case x.o.encrypt == "none":
		return part.Folder(name)
	case x.o.encrypt == "zip":
		return part.Zip(name+".zip", x.secret)
	default:
		return part.Age(name+".zip.age", x.to)
	}
}

// finished notes that a part is whole.
func (x *outgoing) finished(number int, at string, e manifest.End) error {
	s := &x.state
	s.Parts, s.After = number, at
	s.Messages, s.Octets, s.Problems = s.Messages+e.Messages, s.Octets+e.Octets, s.Problems+e.Problems
	s.Made = append(s.Made, manifestOfPart{number, e.SHA256})
	return x.save()
}

func (x *outgoing) save() error {
	b, err := json.MarshalIndent(x.state, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(x.path(nameState), append(b, '\n'), 0o600)
}

func (x *outgoing) report() error {
	s := x.state
	err := x.Result(s, func() {
		if s.Parts == 0 {
			x.Print("There is no message to export: nothing was written.")
			return
		}
		x.Print("%d {message|messages} in %d {part|parts} in %s (%s)", s.Messages, s.Parts, x.o.to, text.Size(s.Octets))
		x.howToOpen()
	})
	if err != nil {
		return err
	}
	var bad []string
	if s.Problems > 0 {
		bad = append(bad, x.Say("%d {message|messages} could not be opened; the manifest names {it|them}", s.Problems))
	}
	if s.NotSearched > 0 {
		bad = append(bad, x.notSearched())
	}
	if len(bad) == 0 {
		return nil
	}
	return &console.Error{Kind: "damaged", Text: strings.Join(bad, "\n")}
}

// howToOpen says what opens the parts, and where the password is.
func (x *outgoing) howToOpen() {
	switch {
	case x.o.encrypt == "none":
	case x.o.recipients != "":
		x.Print("age -d -i KEY opens the parts, with the key of a recipient.")
	case x.o.encrypt == "age" && x.o.secretFile == "":
		x.Print("age -d opens the parts, with the password that was shown above.")
	case x.o.encrypt == "age":
		x.Print("age -d opens the parts; the password is in %s. Give it on by another way than the parts.", x.o.secretFile)
	case x.o.secretFile == "":
		x.Print("7-Zip opens the parts, with the password that was shown above.")
	default:
		x.Print("7-Zip opens the parts; the password is in %s. Give it on by another way than the parts.", x.o.secretFile)
	}
}

// notSearched says that what was searched for may be more than what the parts have.
func (x *outgoing) notSearched() string {
	return x.Say("%d {message was|messages were} not searched, since the index {record|records} did not open; run siegel ledger verify", x.state.NotSearched)
}

// packer packs what the server sends. It implements [client.Letters].
type packer struct{ *parcel.Packer }

// Begin implements [client.Letters].
func (p packer) Begin(l console.Letter) error {
	return p.Letter(parcel.Head{ID: l.ID.String(), SHA256: l.SHA256, Size: l.Size, Arrived: l.Arrived, Carried: l.Carried, At: l.At})
}

// Missing implements [client.Letters].
func (p packer) Missing(m console.Missing) error { return p.Packer.Missing(m.ID.String(), m.At, m.Why) }
