package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/checkpoint/layout"
)

// ledgerReport is the verification of an exported ledger.
type ledgerReport struct {
	Verdict   bundle.Verdict `json:"verdict"`
	KeySHA256 string         `json:"key_sha256"`
	Logs      []logReport    `json:"logs"`
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
	r := ledgerReport{Verdict: bundle.Verified}
	if key == nil {
		b, err := os.ReadFile(filepath.Join(dir, layout.FileKey))
		if err != nil {
			return c.file(err)
		}
		own, err := checkpoint.ParseKey(string(b))
		if err != nil {
			return c.file(fmt.Errorf("%s: %w", layout.FileKey, err))
		}
		key, r.Verdict = &own, bundle.Consistent
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
	if c.json {
		return c.print(r, r.Verdict.Status())
	}
	return c.printLogs(r)
}

func (c *cli) printLogs(r ledgerReport) int {
	for _, l := range r.Logs {
		if l.Error != "" {
			fmt.Fprintf(c.out, "%-8s %s: %s\n", c.outcome(bundle.Failed), l.Log, c.say(l.Error, l.ErrorDE))
			continue
		}
		fmt.Fprintf(c.out, "%-8s %s\n", c.outcome(bundle.OK), fmt.Sprintf(
			c.say("%[1]s: %[2]d entries, %[3]d signed checkpoints, %[4]s", "%[1]s: %[2]d Einträge, %[3]d unterschriebene Prüfpunkte, %[4]s"),
			l.Log, l.Size, l.Checkpoints, l.Origin))
	}
	fmt.Fprintln(c.out)
	switch r.Verdict {
	case bundle.Verified:
		fmt.Fprintln(c.out, c.say("VERIFIED against the key that you gave.", "BESTÄTIGT mit dem Schlüssel, den Sie angegeben haben."))
	case bundle.Consistent:
		fmt.Fprintf(c.out, "%s\n  --ledger-key   SHA-256 %s\n", c.say("CONSISTENT, NOT AUTHENTICATED. Compare this with what you know from elsewhere:",
			"IN SICH STIMMIG, NICHT BEGLAUBIGT. Vergleichen Sie dies mit dem, was Sie von anderswo wissen:"), r.KeySHA256)
	default:
		fmt.Fprintln(c.out, c.say("REFUSED.", "ABGELEHNT."))
	}
	return r.Verdict.Status()
}
