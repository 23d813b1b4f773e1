package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// counted is what came in.
type counted struct {
	Received    int64            `json:"received"`
	Accepted    int64            `json:"accepted"`
	References  int64            `json:"references"`
	Octets      int64            `json:"octets"`
	Stored      int64            `json:"stored"`
	Reports     int64            `json:"reports"`
	Undecodable int64            `json:"undecodable"`
	Refused     int64            `json:"refused"`
	Reasons     map[string]int64 `json:"reasons"`
}

// state is a way in as the console lists it.
type state struct {
	added
	BuiltIn bool `json:"built_in,omitempty"`
	Ended   bool `json:"ended,omitempty"`
	Damaged bool `json:"damaged,omitempty"`

	Today  counted    `json:"today"`
	Week   counted    `json:"week"`
	All    counted    `json:"all"`
	Last   *time.Time `json:"last,omitempty"`
	Silent int64      `json:"silent_seconds"`
	Usual  int64      `json:"usual_seconds"`
	Alarm  bool       `json:"alarm,omitempty"`
}

// listed are the ways in of a tenant.
type listed struct {
	Sources []state `json:"sources"`
	Whole   struct {
		Sealed int64 `json:"sealed"`
		Log    int64 `json:"log"`
		From   int64 `json:"from"`
	} `json:"whole"`
	Space console.Space `json:"space"`
}

func (c commands) list() *cobra.Command {
	return c.Person(&cobra.Command{
		Use: "list", Args: c.Words(), Short: c.Say("list the ways in and what came in by them: counts, silence, completeness"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cred, err := c.Credentials()
			if err != nil {
				return err
			}
			var out listed
			if err := c.Call(cmd.Context(), "source/list", console.Signed{Credentials: cred}, &out, nil); err != nil {
				return err
			}
			if err := c.Result(out, func() { c.people(out) }); err != nil {
				return err
			}
			if out.Whole.Sealed != out.Whole.Log {
				return fault.New(fault.Damaged, "what the sources count is not what the message log has: run siegel ledger verify")
			}
			return nil
		},
	})
}

func (c commands) people(out listed) {
	refused := make(map[string]bool)
	for _, s := range out.Sources {
		c.print(s)
		for reason := range s.All.Reasons {
			refused[reason] = true
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		if means := c.means(reason); means != "" {
			_, _ = fmt.Fprintf(c.Out, "%s: %s\n", reason, means)
		}
	}
	c.Print("Together: %d sealed by the counts, %d in the message log from entry %d on.", out.Whole.Sealed, out.Whole.Log, out.Whole.From)
	const gib = 1 << 30
	switch s := out.Space; {
	case s.Store:
		c.Print("The objects lie in a bucket: how much it takes, its store decides.")
	case s.Empty:
		c.Print("%.1f GiB are free; nothing has arrived yet.", float64(s.Free)/gib)
	case s.Young:
		c.Print("%.1f GiB are free; for how long cannot be told yet, after less than a day.", float64(s.Free)/gib)
	case s.Days == nil:
		c.Print("%.1f GiB are free; nothing has come in for 7 days.", float64(s.Free)/gib)
	default:
		c.Print("%.1f GiB are free: full in %d {day|days} at the rate of the last 7 days (%.3f GiB a day).", float64(s.Free)/gib, *s.Days, float64(s.PerDay)/gib)
	}
}

func (c commands) print(s state) {
	switch {
	case s.BuiltIn:
		_, _ = fmt.Fprintf(c.Out, "%-20s %s\n", s.Name, c.Say("always there"))
	case s.Ended:
		_, _ = fmt.Fprintf(c.Out, "%-20s %s%s\n", s.Name, c.Say("has ended"), wasTo(s.Address))
	default:
		_, _ = fmt.Fprintf(c.Out, "%-20s %s  %s\n", s.Name, s.Address, s.Form)
	}
	if s.Damaged {
		c.Print("    its row is not as it was entered in the ledger; it gives nothing: run siegel ledger verify")
	}
	if len(s.Networks) > 0 {
		c.Print("    from %s", strings.Join(s.Networks, " "))
	}
	if s.Certificate != "" {
		c.Print("    with the certificate whose key has the SHA-256 %s", s.Certificate)
	}
	if s.User != "" {
		c.Print("    signs in as %s", s.User)
	}
	c.counts(c.Say("today"), s.Today)
	c.counts(c.Say("7 days"), s.Week)
	c.counts(c.Say("all"), s.All)
	if plain := s.Week.Accepted - s.Week.Reports - s.Week.Undecodable; s.Form == string(mail.Reports) && !s.Ended && plain > 0 {
		c.Print("    %d of 7 days {was|were} no journal {report|reports}; for plain copies remove the source and register it again with --form copies", plain)
	}
	c.silence(s)
}

// wasTo is where a source that has ended delivered to, where that is known.
func wasTo(address string) string {
	if address == "" {
		return ""
	}
	return "  (" + address + ")"
}

// means explains why something was refused; empty for what a newer server may say.
func (c commands) means(reason string) string {
	switch mail.Refusal(reason) {
	case mail.RefusedAuth:
		return c.Say("a secret that is wrong, or missing")
	case mail.RefusedRecipient:
		return c.Say("an address that is not one for this client, or nobody's")
	case mail.RefusedPolicy:
		return c.Say("a message that is not accepted")
	case mail.RefusedSize:
		return c.Say("a message that is too large")
	case mail.RefusedRoom:
		return c.Say("no room now on disk or in memory; the mail server tries again")
	case mail.RefusedLater:
		return c.Say("put off; the mail server tries again")
	}
	return ""
}

// span writes seconds for people, in the two greatest units, which are the same in both languages.
func span(seconds int64) string {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	switch {
	case seconds < minute:
		return fmt.Sprintf("%d s", seconds)
	case seconds < hour:
		return fmt.Sprintf("%d min", seconds/minute)
	case seconds < day:
		return fmt.Sprintf("%d h %d min", seconds/hour, seconds%hour/minute)
	default:
		return fmt.Sprintf("%d d %d h", seconds/day, seconds%day/hour)
	}
}

// counts prints that what was received is what became of it.
func (c commands) counts(when string, n counted) {
	line := c.Say("    %s: %d received = %d sealed + %d {reference|references} + %d refused", when, n.Received, n.Accepted, n.References, n.Refused)
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(n.Reasons)) {
		why = append(why, fmt.Sprintf("%s %d", reason, n.Reasons[reason]))
	}
	if len(why) > 0 {
		line += " (" + strings.Join(why, ", ") + ")"
	}
	if n.Reports > 0 || n.Undecodable > 0 {
		line += "; " + c.Say("%d {journal report|journal reports} unwrapped, %d kept as they came", n.Reports, n.Undecodable)
	}
	_, _ = fmt.Fprintln(c.Out, line)
}

func (c commands) silence(s state) {
	if s.Last == nil {
		c.Print("    nothing has come in yet")
		return
	}
	last, silent, usual := s.Last.Local().Format(time.DateTime), span(s.Silent), span(s.Usual)
	if s.Alarm {
		c.Print("    ALARM: silent since %s, for %s; usual are %s at most", last, silent, usual)
		return
	}
	c.Print("    last arrival %s, %s ago; up to %s are usual", last, silent, usual)
}
