package bundle

import (
	"encoding/json"
	"io"
	"time"

	"siegel/internal/kit/plural"
)

// Verdict is what a verification came to.
type Verdict int

// The verdicts. The zero Verdict refuses.
const (
	Refused    Verdict = iota // something does not fit
	Consistent                // all fits, but nobody vouched for the key or the roots
	Verified                  // all fits, against a key and roots that came from elsewhere
)

// String returns the verdict as scripts read it.
func (v Verdict) String() string {
	switch v {
	case Verified:
		return "verified"
	case Consistent:
		return "consistent"
	default:
		return "refused"
	}
}

// Status returns the exit status of the verifier: 0, 3 or 1.
func (v Verdict) Status() int {
	switch v {
	case Verified:
		return 0
	case Consistent:
		return 3
	default:
		return 1
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Outcome is what a check found.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "failed"
	Warning Outcome = "warning"
	Note    Outcome = "note"
)

// Line is one check in plain words.
type Line struct {
	Check   string  `json:"check"` // a word for scripts
	Outcome Outcome `json:"outcome"`
	EN      string  `json:"en"`
	DE      string  `json:"de"`
}

// Facts are what a bundle that was not refused proves, as far as the verdict
// goes.
type Facts struct {
	ID            string     `json:"id,omitempty"`
	Time          *time.Time `json:"time,omitempty"` // that the entry says
	Size          int64      `json:"size"`
	SHA256        string     `json:"sha256,omitempty"` // of the message
	Log           string     `json:"log,omitempty"`    // origin
	Index         int64      `json:"index"`            // of the entry in it
	Instance      string     `json:"instance,omitempty"`
	Envelope      []string   `json:"envelope,omitempty"` // lines that the bundle shows
	Source        string     `json:"source,omitempty"`
	Decision      string     `json:"decision,omitempty"`
	KeySHA256     string     `json:"key_sha256,omitempty"`      // fingerprint of the ledger's public key
	RootSHA256    string     `json:"tsa_root_sha256,omitempty"` // fingerprint of the authority's root certificate
	Authority     string     `json:"tsa,omitempty"`
	From          *time.Time `json:"from,omitempty"` // archived not before
	Until         *time.Time `json:"until,omitempty"`
	KeyTrusted    bool       `json:"key_trusted"`
	StampsTrusted bool       `json:"tsa_trusted"`
}

// Report is a verification, check by check. A check that failed is the last.
type Report struct {
	Verdict Verdict `json:"verdict"`
	Facts   Facts   `json:"facts"`
	Lines   []Line  `json:"lines"`
	// Foreign says that the file is something else than a bundle: no ZIP, or one that has
	// no bundle's manifest. One that was damaged is no foreign file.
	Foreign bool `json:"foreign,omitempty"`

	// Message is the message in the file that was verified, octets as received;
	// nil where the bundle has none, or was refused.
	Message *io.SectionReader `json:"-"`
}

// JSON returns the report for scripts.
func (r *Report) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// say adds a line. The arguments go into both texts.
func (r *Report) say(check string, o Outcome, en, de string, args ...any) {
	r.Lines = append(r.Lines, Line{check, o, plural.Format(en, args...), plural.Format(de, args...)})
}
