// Command siegel-verify checks proof bundles and exported ledgers without any
// connection: what it needs are the file, the ledger's public key and the root
// certificates of the timestamp authority. It is small, so that whoever relies
// on it can read it.
package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"siegel/cmd/siegel-verify/check"
	"siegel/internal/kit/text"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
)

// version is set by the linker.
//
//nolint:gochecknoglobals // the linker cannot set anything else
var version = "development"

// Exit statuses beside those of the verdicts.
const statusUsage = 2

func main() {
	out := &sink{w: os.Stdout}
	c := &cli{out: out, err: os.Stderr, lang: text.FromEnv(os.Getenv)}
	os.Exit(c.finish(c.run(os.Args[1:]), out.err))
}

// sink keeps the first error of writing: a report of which a part is lost must
// not pass for the whole.
type sink struct {
	w   io.Writer
	err error
}

// Write implements [io.Writer].
func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// finish returns the exit status of a call whose output was written, or was lost
// with an error. What was refused stays refused.
func (c *cli) finish(status int, lost error) int {
	if lost == nil {
		return status
	}
	fmt.Fprintf(c.err, "siegel-verify: %s: %v\n", c.say("the output cannot be written", "die Ausgabe lässt sich nicht schreiben"), lost)
	if status == bundle.Refused.Status() {
		return status
	}
	return statusUsage
}

// cli is one call.
type cli struct {
	out, err io.Writer
	lang     text.Lang

	key   string // file with the ledger's public key (vkey)
	roots string // file with root certificates (PEM)
	json  bool

	explain bool // tell the report to a judge, as the proof page does
}

// say chooses the sentence of the language.
func (c *cli) say(en, de string) string {
	if c.lang == text.German {
		return de
	}
	return en
}

func (c *cli) usage(w io.Writer) {
	fmt.Fprint(w, c.say(`siegel-verify checks what a Siegel archive gave out, without the archive.

  siegel-verify BUNDLE.zip… [--ledger-key FILE] [--tsa-roots FILE] [--explain | --json]
  siegel-verify ledger DIR [--ledger-key FILE] [--json]

  --ledger-key FILE   public key of the ledger (ledger.pub), from elsewhere than the bundle
  --tsa-roots FILE    root certificates of the timestamp authority (PEM), from elsewhere than the bundle
  --explain           each step of a bundle's check in plain sentences, and what was not checked
  --json              the report for programs
  --version

Exit status: 0 verified; 1 refused; 3 consistent, but not authenticated: key or roots were not given;
2 the command or a file is wrong, or the report cannot be written.
`, `siegel-verify prüft, was ein Siegel-Archiv herausgegeben hat, ohne das Archiv.

  siegel-verify PAKET.zip… [--ledger-key DATEI] [--tsa-roots DATEI] [--explain | --json]
  siegel-verify ledger ORDNER [--ledger-key DATEI] [--json]

  --ledger-key DATEI  öffentlicher Schlüssel des Journals (ledger.pub), von anderswo als aus dem Paket
  --tsa-roots DATEI   Wurzelzertifikate der Zeitstempelstelle (PEM), von anderswo als aus dem Paket
  --explain           jeder Schritt der Prüfung eines Pakets in klaren Sätzen, und was nicht geprüft wurde
  --json              der Bericht für Programme
  --version

Rückgabewert: 0 bestätigt; 1 abgelehnt; 3 in sich stimmig, aber nicht beglaubigt: Schlüssel oder Wurzeln
fehlten; 2 der Aufruf oder eine Datei ist falsch, oder der Bericht lässt sich nicht schreiben.
`))
}

// run returns the exit status.
func (c *cli) run(args []string) int {
	names, err := c.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.usage(c.out)
		return 0
	case errors.Is(err, errVersion):
		fmt.Fprintln(c.out, "siegel-verify", version)
		return 0
	case err != nil:
		return c.wrong(err)
	}
	ledger := len(names) > 0 && names[0] == "ledger"
	if len(names) == 0 || ledger && len(names) != 2 {
		c.usage(c.err)
		return statusUsage
	}
	key, err := c.readKey()
	if err != nil {
		return c.file(err)
	}
	if ledger {
		return c.ledger(names[1], key)
	}
	return c.bundles(names, key)
}

// bundles checks one bundle after the other. The status is that of the worst:
// refused, then a file that is wrong, then not authenticated.
func (c *cli) bundles(names []string, key *checkpoint.Key) int {
	severity := map[int]int{0: 0, 3: 1, statusUsage: 2, 1: 3}
	worst := 0
	for _, name := range names {
		if len(names) > 1 && !c.json {
			fmt.Fprintln(c.out, name)
		}
		if status := c.bundle(name, key); severity[status] > severity[worst] {
			worst = status
		}
	}
	return worst
}

var errVersion = errors.New("version")

// parse reads flags before, between and behind the names.
func (c *cli) parse(args []string) (names []string, err error) {
	f := flag.NewFlagSet("siegel-verify", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&c.key, "ledger-key", "", "")
	f.StringVar(&c.roots, "tsa-roots", "", "")
	f.BoolVar(&c.json, "json", false, "")
	f.BoolVar(&c.explain, "explain", false, "")
	show := f.Bool("version", false, "")
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if *show {
			return nil, errVersion
		}
		if f.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, f.Arg(0)), f.Args()[1:]
	}
}

// wrong says that the call is wrong.
func (c *cli) wrong(err error) int {
	what := err.Error()
	if name, ok := strings.CutPrefix(what, "flag provided but not defined: -"); ok {
		what = fmt.Sprintf(c.say("there is no option --%s", "es gibt keine Option --%s"), strings.TrimPrefix(name, "-"))
	} else if name, ok := strings.CutPrefix(what, "flag needs an argument: -"); ok {
		what = fmt.Sprintf(c.say("the option --%s needs a value", "die Option --%s braucht einen Wert"), strings.TrimPrefix(name, "-"))
	} else {
		what = c.say("the command line cannot be read", "der Aufruf ist nicht zu verstehen") + ": " + what
	}
	fmt.Fprintf(c.err, "siegel-verify: %s; %s\n", what, c.say("siegel-verify --help says what it takes", "siegel-verify --help sagt, was es annimmt"))
	return statusUsage
}

// file says that a file is wrong.
func (c *cli) file(err error) int {
	fmt.Fprintf(c.err, "siegel-verify: %s\n", c.why(err))
	return statusUsage
}

// why says in a plain sentence what is wrong with a file.
func (c *cli) why(err error) string {
	var at *fs.PathError
	plain, is := errors.AsType[*check.Error](err)
	switch {
	case is:
		return c.say(plain.EN, plain.DE)
	case !errors.As(err, &at):
		return c.say("this file cannot be used", "diese Datei ist nicht verwendbar") + ": " + err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf(c.say("there is no file or folder %s", "es gibt keine Datei und keinen Ordner %s"), at.Path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(c.say("you may not read %s", "Sie dürfen %s nicht lesen"), at.Path)
	default:
		return fmt.Sprintf(c.say("%s cannot be read", "%s ist nicht lesbar"), at.Path)
	}
}

// readKey returns nil where no key was given.
func (c *cli) readKey() (*checkpoint.Key, error) {
	if c.key == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.key)
	if err != nil {
		return nil, err
	}
	return check.Key(check.Named(c.key), b)
}

func (c *cli) bundle(name string, key *checkpoint.Key) int {
	var roots []*x509.Certificate
	if c.roots != "" {
		b, err := os.ReadFile(c.roots)
		if err != nil {
			return c.file(err)
		}
		if roots, err = check.Roots(check.Named(c.roots), b); err != nil {
			return c.file(err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return c.file(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c.file(err)
	}
	if info.IsDir() {
		return c.file(&check.Error{Both: check.Both{
			EN: name + " is a folder; give the ZIP file of a proof bundle itself, without unpacking it. An exported ledger is checked with: siegel-verify ledger " + name,
			DE: name + " ist ein Ordner; geben Sie die ZIP-Datei eines Beweispakets selbst an, ohne sie auszupacken. Ein exportiertes Journal prüft: siegel-verify ledger " + name,
		}})
	}
	r := check.Bundle(f, info.Size(), key, roots)
	if c.json {
		return c.print(r, r.Verdict.Status())
	}
	if c.explain {
		c.tell(check.Tell(r), r.Foreign)
		return r.Verdict.Status()
	}
	for _, l := range r.Lines {
		fmt.Fprintf(c.out, "%-8s %s\n", c.outcome(l.Outcome), c.say(l.EN, l.DE))
	}
	verdict := check.Verdict(r)
	fmt.Fprintln(c.out)
	fmt.Fprintln(c.out, c.say(verdict.EN, verdict.DE))
	return r.Verdict.Status()
}

// tell prints what the proof page shows. What is no bundle has no steps beside what is
// said of it.
func (c *cli) tell(a *check.Account, foreign bool) {
	fmt.Fprintln(c.out, c.say(a.Word.EN, a.Word.DE))
	for _, s := range a.Said {
		fmt.Fprintln(c.out, " ", c.say(s.EN, s.DE))
	}
	steps := a.Steps
	if foreign {
		steps = nil
	} else {
		fmt.Fprintln(c.out)
	}
	for _, s := range steps {
		fmt.Fprintf(c.out, "%-8s %s\n         %s\n", c.outcome(s.Outcome), c.say(s.Title.EN, s.Title.DE), c.say(s.Meaning.EN, s.Meaning.DE))
	}
	heading := c.say("Not checked:", "Nicht geprüft:")
	if a.Verdict == bundle.Refused {
		heading = c.say("This does not mean:", "Das heißt nicht:")
	}
	fmt.Fprintf(c.out, "\n%s\n", heading)
	for _, s := range a.Open {
		fmt.Fprintln(c.out, "  -", c.say(s.EN, s.DE))
	}
}

// print writes a report for programs.
func (c *cli) print(r any, status int) int {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return c.file(err)
	}
	fmt.Fprintf(c.out, "%s\n", b)
	return status
}

func (c *cli) outcome(o bundle.Outcome) string {
	switch o {
	case bundle.OK:
		return "ok"
	case bundle.Failed:
		return c.say("FAILED", "FALSCH")
	case bundle.Warning:
		return c.say("warning", "Warnung")
	case check.Unreached:
		return c.say("open", "offen")
	default:
		return c.say("note", "Hinweis")
	}
}
