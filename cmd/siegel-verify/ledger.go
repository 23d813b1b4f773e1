package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"siegel/cmd/siegel-verify/check"
	"siegel/internal/kit/plural"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/checkpoint/layout"
)

// ledgerReport is the verification of an exported ledger.
type ledgerReport struct {
	Verdict   bundle.Verdict `json:"verdict"`
	KeySHA256 string         `json:"key_sha256"`
	Logs      []logReport    `json:"logs"`
	Missing   []string       `json:"missing"` // logs of a tenant that are not there
}

// logReport is one log of it.
type logReport struct {
	Log         string         `json:"log"`
	Error       string         `json:"error,omitempty"`
	ErrorDE     string         `json:"error_de,omitempty"`
	Origin      string         `json:"origin,omitempty"`
	Size        int64          `json:"size"`
	Checkpoints int            `json:"checkpoints"`
	Entries     map[string]int `json:"entries,omitempty"` // by kind
}

// ledger verifies every log below a folder.
func (c *cli) ledger(dir string, key *checkpoint.Key) int {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return c.file(&check.Error{Both: check.Both{
			EN: dir + " is no folder; the folder of an exported ledger is wanted. A proof bundle is checked with: siegel-verify " + dir,
			DE: dir + " ist kein Ordner; verlangt ist der Ordner eines exportierten Journals. Ein Beweispaket prüft: siegel-verify " + dir,
		}})
	}
	r := ledgerReport{Verdict: bundle.Verified}
	if key == nil {
		b, err := os.ReadFile(filepath.Join(dir, layout.FileKey))
		if err != nil {
			return c.file(err)
		}
		if key, err = check.Key(check.Named(filepath.Join(dir, layout.FileKey)), b); err != nil {
			return c.file(err)
		}
		r.Verdict = bundle.Consistent
	}
	r.KeySHA256 = key.Fingerprint()
	list, err := os.ReadDir(dir)
	if err != nil {
		return c.file(err)
	}
	for _, d := range list {
		if !d.IsDir() {
			if d.Name() != layout.FileKey {
				r.Logs = append(r.Logs, logReport{Log: d.Name(), Error: "not a log", ErrorDE: "kein Log"})
			}
			continue
		}
		l := logReport{Log: d.Name()}
		if found, err := layout.Verify(os.DirFS(filepath.Join(dir, d.Name())), *key); err != nil {
			l.Error, l.ErrorDE = err.Error(), err.Error()
			var both *layout.Error
			if errors.As(err, &both) {
				l.ErrorDE = both.German()
			}
		} else {
			l.Origin, l.Size, l.Checkpoints, l.Entries = found.Checkpoint.Origin, found.Checkpoint.Size, found.Checkpoints, found.Kinds
		}
		r.Logs = append(r.Logs, l)
	}
	if len(r.Logs) == 0 || slices.ContainsFunc(r.Logs, func(l logReport) bool { return l.Error != "" }) {
		r.Verdict = bundle.Refused
	}
	r.Missing = missing(r.Logs)
	if c.json {
		return c.print(r, r.Verdict.Status())
	}
	return c.printLogs(r)
}

// missing returns which of a tenant's two logs are not there. The instance has
// one log of its own.
func missing(logs []logReport) []string {
	list := []string{}
	for _, name := range []string{"message", "audit"} {
		if !slices.ContainsFunc(logs, func(l logReport) bool { return l.Log == name || l.Log == "instance" }) {
			list = append(list, name)
		}
	}
	return list
}

// names lists the logs that were seen.
func (r *ledgerReport) names() string {
	var list []string
	for _, l := range r.Logs {
		list = append(list, l.Log)
	}
	return strings.Join(list, ", ")
}

func (c *cli) printLogs(r ledgerReport) int {
	for _, l := range r.Logs {
		if l.Error != "" {
			fmt.Fprintf(c.out, "%-8s %s: %s\n", c.outcome(bundle.Failed), l.Log, c.say(l.Error, l.ErrorDE))
			continue
		}
		fmt.Fprintf(c.out, "%-8s %s\n", c.outcome(bundle.OK), plural.Format(
			c.say("%s: %d {entry|entries}, %d signed {checkpoint|checkpoints}, %s", "%s: %d {Eintrag|Einträge}, %d {unterschriebener Prüfpunkt|unterschriebene Prüfpunkte}, %s"),
			l.Log, l.Size, l.Checkpoints, l.Origin))
	}
	for _, name := range r.Missing {
		fmt.Fprintf(c.out, "%-8s %s: %s\n", c.outcome(bundle.Warning), name, c.say(
			"this log is not in the folder, and nothing is proven about it; a log is exported when it has a checkpoint",
			"dieses Log liegt nicht im Ordner, und über es ist nichts bewiesen; ausgegeben wird ein Log, sobald es einen Prüfpunkt hat"))
	}
	fmt.Fprintln(c.out)
	switch r.Verdict {
	case bundle.Verified:
		fmt.Fprintf(c.out, c.say("VERIFIED against the key that you gave: %s\n", "BESTÄTIGT mit dem Schlüssel, den Sie angegeben haben: %s\n"), r.names())
	case bundle.Consistent:
		fmt.Fprintf(c.out, "%s\n  --ledger-key   SHA-256 %s\n", c.say("CONSISTENT, NOT AUTHENTICATED: "+r.names()+". Compare this with what you know from elsewhere:",
			"IN SICH STIMMIG, NICHT BEGLAUBIGT: "+r.names()+". Vergleichen Sie dies mit dem, was Sie von anderswo wissen:"), r.KeySHA256)
	default:
		fmt.Fprintln(c.out, c.say("REFUSED.", "ABGELEHNT."))
	}
	return r.Verdict.Status()
}
